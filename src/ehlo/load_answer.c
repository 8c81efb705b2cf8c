/* SPDX-License-Identifier: Apache-2.0 */
/* What one connection of `ehlo load` makes of the answers it hears. */
#include "ehlo/load_priv.h"

static void
refuse(struct load_conn *conn, const char *step, const struct answer *answer)
{
	char what[48];

	(void)snprintf(what, sizeof what, "%s %u", step, answer->code);
	load_count_error(conn->load, what,
	    answer_line(answer, answer->n_lines - 1));
	conn->is_refused = true;
}

/* All is told of a message. */
static void
finish_message(struct load_conn *conn)
{
	struct load_totals *totals = &conn->load->totals;

	conn->in_message = false;
	if (conn->text_good != 0) {
		totals->sent++;
		totals->octets += conn->size;
		load_times_add(&totals->message,
		    load_now_us() - conn->begun_us);
		load_ready(conn);
		return;
	}
	if (!conn->is_refused)
		load_count_error(conn->load, "no recipient", SPAN(""));
	load_conn_add(conn, &conn->end, STEP_RSET, SPAN("RSET"));
}

/* After hello: what comes before the first message. */
static void
go_on(struct load_conn *conn)
{
	const struct load_options *o = conn->load->options;
	bool may_tls = smtp_client_has(&conn->engine, CAP_STARTTLS);
	bool wants_tls = o->tls_mode != TARGET_TLS_NONE &&
	    !conn->engine.is_tls;

	if (wants_tls && (may_tls || o->tls_mode == TARGET_TLS_REQUIRED)) {
		load_conn_add(conn, &conn->tls, STEP_STARTTLS,
		    SPAN("STARTTLS"));
		return;
	}
	if (o->login->need == LOGIN_NONE)
		load_ready(conn);
	else if (!load_auth_begin(conn))
		load_conn_close(conn, true);
}

static void
on_greeting(struct load_conn *conn, const struct answer *answer)
{
	struct load *load = conn->load;

	if (answer->code != 220) {
		refuse(conn, "greeting", answer);
		load_conn_close(conn, true);
		return;
	}
	load_times_add(&load->totals.greeting,
	    load_now_us() - conn->opened_us);
	conn->opened_us = 0;
	load_greeted(load);
}

static void
on_login(struct load_conn *conn, const struct answer *answer)
{
	if (!load_auth_answer(conn, answer)) {
		load_conn_close(conn, true);
		return;
	}
	if (answer->code == 334)
		return;
	load_auth_end(conn);
	load_ready(conn);
}

/* Refused on the way to the first message: nothing else can be done here. */
static void
give_up(struct load_conn *conn, const char *step, const struct answer *answer)
{
	refuse(conn, step, answer);
	load_conn_close(conn, true);
}

/* The server has had enough of this session (421, RFC 5321 3.8): no mail is
 * lost by that, the one that was begun goes over another. */
static void
on_enough(struct load_conn *conn)
{
	struct load_totals *totals = &conn->load->totals;

	totals->turned_away++;
	totals->begun--;
	conn->in_message = false;
	load_conn_close(conn, false);
}

static void
on_answer(struct load_conn *conn, const struct smtp_step *step,
    const struct answer *answer)
{
	bool is_good = answer_class(answer) == 2;

	switch (step->type) {
	case STEP_GREETING:
		on_greeting(conn, answer);
		break;
	case STEP_HELLO:
		if (is_good)
			go_on(conn);
		else
			give_up(conn, "EHLO", answer);
		break;
	case STEP_STARTTLS:
		if (answer->code != 220)
			give_up(conn, "STARTTLS", answer);
		break;		/* the handshake begins once all is read */
	case STEP_AUTH:
	case STEP_RESPONSE:
		on_login(conn, answer);
		break;
	case STEP_MAIL:
		if (answer->code == 421 && conn->sent_n > 1)
			on_enough(conn);
		else if (!is_good)
			refuse(conn, "MAIL", answer);
		break;
	case STEP_RCPT:
		if (!is_good) {
			refuse(conn, "RCPT", answer);
			conn->rcpt_bad++;
			conn->load->totals.rcpt_refused++;
		}
		break;
	case STEP_DATA:
		if (answer->code != 354)
			refuse(conn, "DATA", answer);
		break;
	case STEP_TEXT:
		/* behind nothing but refusals it is an empty one */
		if (is_good && conn->rcpt_bad <
		    conn->load->options->rcpt_n)
			conn->text_good++;
		else if (!is_good)
			refuse(conn, "text", answer);
		break;
	case STEP_RSET:
		load_ready(conn);
		break;
	case STEP_QUIT:
		load_conn_close(conn, false);
		break;
	default:
		break;
	}
}

static void
on_event(struct load_conn *conn, const struct smtp_client_event *event)
{
	switch (event->type) {
	case CLIENT_MORE:
		return;
	case CLIENT_UNASKED:
		refuse(conn, "unasked", event->answer);
		load_conn_close(conn, true);
		return;
	case CLIENT_BROKEN:
		load_conn_fail(conn, "no SMTP", span_str(event->why));
		return;
	case CLIENT_ANSWER:
		on_answer(conn, event->step, event->answer);
		break;
	case CLIENT_SKIPPED:
		break;
	}
	if (conn->watch.fd >= 0 && event->step == &conn->text &&
	    (conn->text.state == STEP_DONE ||
	    conn->text.state == STEP_SKIPPED))
		finish_message(conn);
}

/* True if anything was told, which may let more be said. */
bool
load_conn_digest(struct load_conn *conn)
{
	bool is_told = false;

	while (conn->watch.fd >= 0) {
		struct smtp_client_event event;
		size_t used = smtp_client_input(&conn->engine,
		    buf_span(&conn->in), &event);

		buf_consume(&conn->in, used);
		if (event.type == CLIENT_MORE)
			break;
		is_told = true;
		on_event(conn, &event);
	}
	return is_told;
}
