/* SPDX-License-Identifier: Apache-2.0 */
/* link: the dialogue of a session, from the greeting to QUIT. What the engine
 * (smtp/client.h) tells goes to the function of the state that we are in. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/link_state.h"
#include "smtp/explain.h"

#define PART     ((size_t)16 << 10)
#define QUIT_MS  5000

static uint64_t
patience(const struct link *link, const struct smtp_step *step)
{
	const struct conf_route *route = link->target.route;
	uint64_t ms = smtp_client_patience(step);

	return route != NULL && route->timeout_ms != 0 &&
	    route->timeout_ms < ms ? route->timeout_ms : ms;
}

static void
set_deadline(struct link *link)
{
	const struct smtp_step *waits = smtp_client_waits(&link->client);
	struct smtp_step text = { .type = STEP_TEXT };

	if (link->state == LINK_IDLE)
		conn_deadline(link->conn, LINK_IDLE_MS);
	else if (link->state == LINK_QUITTING)
		conn_deadline(link->conn, QUIT_MS);
	else
		conn_deadline(link->conn, patience(link, waits != NULL ?
		    waits : &text));
}

void
link_talk_say(struct link *link)
{
	char part[PART];
	size_t n;

	while ((n = smtp_client_output(&link->client, part,
	    sizeof part)) != 0)
		conn_write(link->conn, span_of(part, n));
	set_deadline(link);
	if (smtp_client_wants_text(&link->client) != NULL)
		link_text_feed(link);
}

/* An answer that ends the session: whatever its first digit, it is the host's
 * trouble, not the message's. */
static void
fail_answer(struct link *link, const struct smtp_client_event *event,
    unsigned stage)
{
	struct outcome why;

	if (event->type == CLIENT_BROKEN) {
		link_fail_words(link, 4, 5, 0, event->why);
		return;
	}
	why = smtp_out_outcome(event->answer, stage, &link->peer);
	why.fate = FATE_LATER;
	why.status[0] = 4;
	link_fail(link, &why);
}

static bool
is_good(const struct smtp_client_event *event)
{
	return event->type == CLIENT_ANSWER &&
	    answer_class(event->answer) == 2;
}

/* --- work */

static void
quit(struct link *link)
{
	link->state = LINK_QUITTING;
	link->quit = (struct smtp_step){ .type = STEP_QUIT,
		.line = SPAN("QUIT") };
	smtp_client_add(&link->client, &link->quit);
	link_talk_say(link);
}

void
link_talk_go(struct link *link)
{
	for (;;) {
		/* one that another host could not carry comes first */
		struct transfer *transfer = link->transfer;

		link->state = LINK_BUSY;
		if (transfer == NULL && !link->is_retiring)
			transfer = link->hooks->next(link->arg);
		if (transfer == NULL)
			break;
		link->transfer = transfer;
		link->text_at = 0;
		if (smtp_out_begin(&link->out, transfer)) {
			link_talk_say(link);
			return;
		}
		link->transfer = NULL;
		link->carried_n++;
		link->hooks->carried(link->arg, transfer, true);
	}
	link->state = LINK_IDLE;
	if (link->is_retiring)
		quit(link);
	else
		set_deadline(link);
}

/* A transaction is over: more recipients of the same mail, or other mail. */
static void
end_transaction(struct link *link)
{
	struct transfer *transfer = link->transfer;

	link->text_at = 0;
	if (smtp_out_begin(&link->out, transfer)) {
		link_talk_say(link);
		return;
	}
	link->transfer = NULL;
	link->carried_n++;
	link->hooks->carried(link->arg, transfer, true);
	link_talk_go(link);
}

static void
take_busy(struct link *link, const struct smtp_client_event *event)
{
	switch (smtp_out_take(&link->out, event)) {
	case SMTP_OUT_GOING:
		return;
	case SMTP_OUT_OVER:
		end_transaction(link);
		return;
	case SMTP_OUT_CLOSE:
		break;
	}
	link_fail(link, &link->out.lost);
}

void
link_talk_ready(struct link *link)
{
	link_talk_go(link);
}

/* --- TLS */

static void
start_tls(struct link *link)
{
	link->state = LINK_TLS;
	link_tls_start(link);
	conn_deadline(link->conn, patience(link, &link->starttls));
}

static void
say_hello(struct link *link)
{
	const struct conf_route *route = link->target.route;
	const char *name = route != NULL && route->hello[0] != '\0' ?
	    route->hello : link->conf->hostname;

	snprintf(link->hello_line, sizeof link->hello_line, "%s %s",
	    link->client.conf.is_lmtp ? "LHLO" : "EHLO", name);
	link->hello = (struct smtp_step){ .type = STEP_HELLO,
		.line = span_str(link->hello_line) };
	link->state = LINK_HELLO;
	smtp_client_add(&link->client, &link->hello);
}

static void
wait_greeting(struct link *link)
{
	link->state = LINK_GREETING;
	link->greeting = (struct smtp_step){ .type = STEP_GREETING };
	smtp_client_add(&link->client, &link->greeting);
}

/* Who insists, so that it is clear whom to ask. */
static void
fail_certificate(struct link *link, const char *flaw)
{
	bool is_sts = link_tls_is_enforced(link);
	char words[800];

	snprintf(words, sizeof words, "the server's certificate is not "
	    "accepted: %.400s%s%.255s%s", flaw, is_sts ? " (the policy of " :
	    "", is_sts ? link->target.name : "", is_sts ?
	    ", MTA-STS, wants it right)" : "");
	if (link_tls_is_required(link))
		link_fail_required(link, words);
	else
		link_fail_words(link, 4, 7, 5, words);
}

static void
on_tls(struct conn *conn, void *owner)
{
	struct link *link = owner;
	struct tls_facts *facts = mem_new(sizeof *facts);
	const char *flaw = link_tls_judge(link, facts);
	char words[sizeof facts->verdict];

	(void)conn;
	snprintf(words, sizeof words, "%s", flaw != NULL ? flaw : "");
	free(facts);
	if (flaw != NULL) {
		fail_certificate(link, words);
		return;
	}
	if (link->greeting.state == STEP_NEW)
		wait_greeting(link);
	else
		say_hello(link);
	smtp_client_tls_up(&link->client);
	link_talk_say(link);
}

static void
fail_clear(struct link *link)
{
	static const char words[] =
	    "the server offers no TLS, which is demanded here";

	if (link_tls_is_required(link))
		link_fail_required(link, words);
	else
		link_fail_words(link, 4, 7, 10, words);
}

/* Behind a good EHLO: TLS, the login, work. */
static void
after_hello(struct link *link)
{
	bool wants_tls = link_tls_is_wanted(link) && !link->is_plain &&
	    !link->client.is_tls;

	if (wants_tls && smtp_client_has(&link->client, CAP_STARTTLS)) {
		link->starttls = (struct smtp_step){ .type = STEP_STARTTLS,
			.line = SPAN("STARTTLS") };
		link->state = LINK_TLS;
		smtp_client_add(&link->client, &link->starttls);
		return;
	}
	if (wants_tls)
		link_tls_note(link, TLSRPT_NO_STARTTLS, "");
	if (link_tls_is_must(link) && !link->client.is_tls) {
		fail_clear(link);
		return;
	}
	/* RFC 8689 4.2.1: only what it says inside of TLS counts */
	if (link_tls_is_required(link) &&
	    !smtp_client_has(&link->client, CAP_REQUIRETLS)) {
		link_fail_required(link, "the server does not offer "
		    "REQUIRETLS");
		return;
	}
	if (link->target.route != NULL && link->target.route->login[0] != '\0')
		link_auth_begin(link);
	else
		link_talk_ready(link);
}

/* --- the states */

static void
take_greeting(struct link *link, const struct smtp_client_event *event)
{
	if (!is_good(event)) {
		fail_answer(link, event, EXPLAIN_GREETING);
		return;
	}
	say_hello(link);
}

static void
take_hello(struct link *link, const struct smtp_client_event *event)
{
	bool was_ehlo = span_casestarts(link->hello.line, SPAN("EHLO"));

	if (is_good(event)) {
		after_hello(link);
		return;
	}
	if (event->type != CLIENT_ANSWER || !was_ehlo ||
	    answer_class(event->answer) != 5) {
		fail_answer(link, event, EXPLAIN_HELLO);
		return;
	}
	/* RFC 5321 3.2: older than that */
	memcpy(link->hello_line, "HELO", 4);
	link->hello.state = STEP_NEW;
	smtp_client_add(&link->client, &link->hello);
}

static void
take_tls(struct link *link, const struct smtp_client_event *event)
{
	if (event->type == CLIENT_BROKEN || event->type == CLIENT_UNASKED) {
		fail_answer(link, event, EXPLAIN_STARTTLS);
		return;
	}
	if (event->answer->code == 220)
		return;	/* begun when all input is looked at */
	link_tls_note(link, TLSRPT_NO_STARTTLS, "STARTTLS was refused");
	if (link_tls_is_must(link)) {
		fail_answer(link, event, EXPLAIN_STARTTLS);
		return;
	}
	link->is_plain = true;
	after_hello(link);
}

/* The session may be over afterwards, and the link gone. */
static void
take(struct link *link, const struct smtp_client_event *event)
{
	switch (link->state) {
	case LINK_BEGINNING:
	case LINK_ENDED:
		break;
	case LINK_GREETING:
		take_greeting(link, event);
		return;
	case LINK_HELLO:
		take_hello(link, event);
		return;
	case LINK_TLS:
		take_tls(link, event);
		return;
	case LINK_AUTH:
		link_auth_take(link, event);
		return;
	case LINK_BUSY:
		take_busy(link, event);
		return;
	case LINK_IDLE:		/* 421, most likely */
	case LINK_QUITTING:
		link_end(link);
		return;
	}
	must(!"a session has a state");
}

/* --- the connection */

static void
on_input(struct conn *conn, void *owner)
{
	struct link *link = owner;
	struct smtp_client_event event;
	bool is_gone = false, has_news = false;

	link->is_gone = &is_gone;
	for (;;) {
		size_t used = smtp_client_input(&link->client,
		    conn_input(conn), &event);

		conn_consume(conn, used);
		if (event.type == CLIENT_MORE && used == 0)
			break;
		if (event.type == CLIENT_MORE)
			continue;
		has_news = true;
		take(link, &event);
		if (is_gone)
			return;
	}
	link->is_gone = NULL;
	if (link->client.is_tls_due)
		start_tls(link);
	else if (has_news)	/* a part of an answer buys no time */
		link_talk_say(link);
}

static void
on_drained(struct conn *conn, void *owner)
{
	struct link *link = owner;

	(void)conn;
	if (smtp_client_wants_text(&link->client) == NULL)
		return;
	/* RFC 5321 4.5.3.2.5: a block of the text, not all of it, has to go
	 * in time */
	set_deadline(link);
	link_text_feed(link);
}

static void
on_time(struct conn *conn, void *owner)
{
	struct link *link = owner;

	(void)conn;
	if (link->state == LINK_IDLE) {
		quit(link);
		return;
	}
	if (link->state == LINK_QUITTING) {
		link_end(link);
		return;
	}
	link_fail_words(link, 4, 4, 2, "the server did not answer in time");
}

static void
on_closed(struct conn *conn, void *owner, enum conn_end end)
{
	struct link *link = owner;
	const char *error = conn_error(conn);
	char words[300];

	if (link->state == LINK_TLS && link->client.is_tls_due)
		link_tls_note(link, TLSRPT_VALIDATION, error);
	/* opportunistic: better in clear than not at all (RFC 7435) */
	if (link->state == LINK_TLS && !link_tls_is_must(link) &&
	    link->client.is_tls_due) {
		log_notice("tls-failed", LOG_Z("host", link->peer.text),
		    LOG_Z("why", error));
		link_again_plain(link);
		return;
	}
	snprintf(words, sizeof words, "%s%s%s", end == CONN_TOO_SLOW ?
	    "the server took nothing for too long" :
	    "the server closed the connection", error[0] != '\0' ? ": " : "",
	    error);
	link_fail_words(link, 4, 4, 2, words);
}

const struct conn_ops link_conn_ops = {
	.on_input = on_input, .on_drained = on_drained, .on_tls = on_tls,
	.on_time = on_time, .on_closed = on_closed,
};

void
link_talk_begin(struct link *link)
{
	const struct conf_route *route = link->target.route;
	struct smtp_client_conf conf = {
		.is_lmtp = link->target.via->way == CONF_VIA_LMTP };

	smtp_client_init(&link->client, &conf);
	link->greeting = (struct smtp_step){ .type = STEP_GREETING };
	if (route != NULL && route->implicit_tls && !link->is_plain) {
		start_tls(link);
		return;
	}
	wait_greeting(link);
	set_deadline(link);
}
