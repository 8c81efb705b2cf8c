/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue of `ehlo send` around its transactions:
 *
 *   connect → hello → [XCLIENT] → [STARTTLS → hello] → [XCLIENT → hello] →
 *   [AUTH] → transaction … → QUIT
 *
 * Each part says whether it goes on; the first that does not ends it. */
#include <poll.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "ehlo/send_transaction.h"

#define HELLO_LINE_MAX 4096

struct dialogue {
	struct send *send;
	struct session *session;
	bool is_tls_tried;
};

static const char *
hello_name(const struct send *send)
{
	return send->target.session.is_lmtp ? "LHLO" :
	    send->target.is_helo ? "HELO" : "EHLO";
}

/* Is `point` where we stop, heard or not? */
static bool
stops_at(const struct send *send, enum send_point point)
{
	return send->stop == point && send->stop_how != SEND_DROP_UNHEARD;
}

static bool
drops_at(const struct send *send, enum send_point point)
{
	return send->stop == point && send->stop_how == SEND_DROP_UNHEARD;
}

static enum send_end
refused(struct dialogue *d, const char *step, enum smtp_step_type type)
{
	const struct answer *answer = session_answer(d->session);
	char memory[1500];
	struct put out = put_init(memory, sizeof memory);

	text_quote(span_first(answer_line(answer, answer->n_lines - 1), 300),
	    &out);
	send_blame(d->send, step, type, answer, "%u %.*s", answer->code,
	    SPAN_ARG(put_span(&out)));
	return SEND_REFUSED;
}

/* --- the parts */

static enum send_end
connect_to(struct dialogue *d)
{
	enum session_result result;

	show_begin(&d->send->show, "greeting");
	result = session_connect(d->session);
	if (result != SESSION_OK) {
		enum send_end end = send_lost(d->send, d->session,
		    result == SESSION_TLS_FAILED ? "TLS" : "connect", result);

		return result == SESSION_TIMEOUT ? SEND_NO_SERVER : end;
	}
	if (drops_at(d->send, SEND_CONNECT)) {
		show_note(&d->send->show, "dropped before the greeting");
		session_close(d->session);
		return SEND_STOPPED;
	}
	result = session_greeting(d->session);
	if (result != SESSION_OK)
		return send_lost(d->send, d->session, "greeting", result);
	if (session_answer(d->session)->code != 220)
		return refused(d, "greeting", STEP_GREETING);
	return stops_at(d->send, SEND_CONNECT) ? SEND_STOPPED : SEND_GOES_ON;
}

static enum send_end
hello(struct dialogue *d, enum send_point point)
{
	struct send *send = d->send;
	const char *name = hello_name(send);
	enum session_result result;
	char line[HELLO_LINE_MAX];
	struct put out = put_init(line, sizeof line);

	put_str(&out, name);
	put_char(&out, ' ');
	put_str(&out, session_own_name(d->session));
	if (drops_at(send, point))
		return send_unheard(send, d->session, put_span(&out));
	if (send->target.is_helo)
		result = session_say(d->session, STEP_HELLO, put_span(&out));
	else
		result = session_hello(d->session);
	if (result != SESSION_OK)
		return send_lost(send, d->session, name, result);
	if (answer_class(session_answer(d->session)) != 2)
		return refused(d, name, STEP_HELLO);
	return stops_at(send, point) ? SEND_STOPPED : SEND_GOES_ON;
}

/* The arguments of XCLIENT in the list that answered EHLO. */
static bool
offered_xclient(const struct answer *answer, struct span *args)
{
	for (unsigned i = 1; i < answer->n_lines; i++)
		if (cap_parse(answer_line(answer, i), args) == CAP_XCLIENT)
			return true;
	return false;
}

/* GOES_ON with `*may` false: nothing to say, and that is all right. */
static enum send_end
may_xclient(struct dialogue *d, bool *may)
{
	const struct xclient *x = &d->send->xclient;
	struct span offered = { NULL, 0 };
	const char *missing;

	*may = true;
	if (x->no_verify)
		return SEND_GOES_ON;
	if (!offered_xclient(session_answer(d->session), &offered)) {
		*may = false;
		if (x->is_optional || x->is_optional_strict)
			return SEND_GOES_ON;
		send_blame(d->send, "XCLIENT", STEP_OTHER, NULL,
		    "the server does not offer it to us");
		return SEND_REFUSED;
	}
	missing = xclient_missing(x, offered);
	if (missing == NULL)
		return SEND_GOES_ON;
	*may = false;
	if (x->is_optional)
		return SEND_GOES_ON;
	send_blame(d->send, "XCLIENT", STEP_OTHER, NULL,
	    "the server does not take %s", missing);
	return SEND_REFUSED;
}

static enum send_end
say_xclient(struct dialogue *d)
{
	char line[XCLIENT_LINE_MAX];
	size_t at = 0;

	for (;;) {
		struct put out = put_init(line, sizeof line);
		enum session_result result;

		if (!xclient_next(&d->send->xclient, &at, &out))
			return SEND_GOES_ON;
		if (drops_at(d->send, SEND_XCLIENT))
			return send_unheard(d->send, d->session,
			    put_span(&out));
		result = session_say(d->session, STEP_OTHER, put_span(&out));
		if (result != SESSION_OK)
			return send_lost(d->send, d->session, "XCLIENT",
			    result);
		if (answer_class(session_answer(d->session)) == 2)
			continue;
		if (d->send->xclient.is_optional)
			return SEND_GOES_ON;
		return refused(d, "XCLIENT", STEP_OTHER);
	}
}

/* After it the server greets anew, and wants a new hello. */
static enum send_end
xclient(struct dialogue *d)
{
	enum send_end end;
	bool may;

	if (!xclient_is_wanted(&d->send->xclient))
		return stops_at(d->send, SEND_XCLIENT) ? SEND_STOPPED :
		    SEND_GOES_ON;
	end = may_xclient(d, &may);
	if (end == SEND_GOES_ON && may)
		end = say_xclient(d);
	if (end != SEND_GOES_ON || !may)
		return end;
	if (stops_at(d->send, SEND_XCLIENT))
		return SEND_STOPPED;
	return hello(d, SEND_HELLO);
}

static bool
wants_starttls(const struct send *send)
{
	return send->target.tls == TARGET_TLS_AUTO ||
	    send->target.tls == TARGET_TLS_OPTIONAL ||
	    send->target.tls == TARGET_TLS_REQUIRED;
}

static enum send_end
starttls(struct dialogue *d)
{
	struct send *send = d->send;
	bool must_have = send->target.tls == TARGET_TLS_REQUIRED;
	enum session_result result;

	if (!wants_starttls(send))
		return SEND_GOES_ON;
	if (!smtp_client_has(session_engine(d->session), CAP_STARTTLS)) {
		if (!must_have)
			return SEND_GOES_ON;
		send_blame(send, "STARTTLS", STEP_OTHER, NULL,
		    "the server does not offer it");
		return SEND_REFUSED;
	}
	d->is_tls_tried = true;
	if (drops_at(send, SEND_STARTTLS))
		return send_unheard(send, d->session, SPAN("STARTTLS"));
	result = session_starttls(d->session);
	if (result != SESSION_OK)
		return send_lost(send, d->session, "STARTTLS", result);
	if (session_answer(d->session)->code == 220)
		return SEND_GOES_ON;
	if (send->target.tls == TARGET_TLS_OPTIONAL) {
		d->is_tls_tried = false;
		return SEND_GOES_ON;
	}
	return refused(d, "STARTTLS", STEP_STARTTLS);
}

/* One mechanism: GOES_ON if it let us in, REFUSED if another may be tried. */
static enum send_end
log_in(struct dialogue *d, const struct sasl_client_mech *mech)
{
	struct login *login = &d->send->login;
	const struct smtp_client *engine = session_engine(d->session);
	enum session_result result;

	if (mech != NULL && (mech->flags & SASL_CLIENT_PLAINTEXT) != 0 &&
	    !engine->is_tls)
		show_note(&d->send->show, "%s shows the password to whoever "
		    "listens: there is no TLS", mech->name);
	result = session_auth(d->session, mech, &login->sasl,
	    login->no_initial_response);
	if (result == SESSION_LOCAL) {
		(void)send_lost(d->send, d->session, "AUTH", result);
		return SEND_REFUSED;
	}
	if (result != SESSION_OK)
		return send_lost(d->send, d->session, "AUTH", result);
	if (session_answer(d->session)->code == 235)
		return SEND_GOES_ON;
	return refused(d, "AUTH", STEP_AUTH);
}

/* Is one of the wanted mechanisms offered? */
static bool
is_offered(const struct dialogue *d, size_t *at)
{
	const struct login *login = &d->send->login;
	const struct smtp_client *engine = session_engine(d->session);

	if (login->mech_n == 0)
		return engine->auth[0] != '\0';
	while (*at < login->mech_n && !smtp_client_offers(engine,
	    span_str(login->mech[*at]->name)))
		++*at;
	return *at < login->mech_n;
}

static enum send_end
log_in_somehow(struct dialogue *d)
{
	const struct login *login = &d->send->login;
	enum send_end end = SEND_REFUSED;
	size_t at = 0;

	if (login->mech_n == 0)
		return log_in(d, NULL);
	/* one that was named is tried though it is not offered */
	if (login->mech_n == 1)
		return log_in(d, login->mech[0]);
	for (; is_offered(d, &at) && end == SEND_REFUSED; at++)
		end = log_in(d, login->mech[at]);
	return end;
}

static enum send_end
authenticate(struct dialogue *d)
{
	struct send *send = d->send;
	enum send_end end = SEND_GOES_ON;
	size_t at = 0;

	if (send->login.need == LOGIN_NONE)
		return stops_at(send, SEND_AUTH) ? SEND_STOPPED :
		    SEND_GOES_ON;
	if (drops_at(send, SEND_AUTH))
		return send_unheard(send, d->session, SPAN("AUTH LOGIN"));
	if (is_offered(d, &at) || (send->login.mech_n == 1 &&
	    send->login.need == LOGIN_REQUIRED)) {
		end = log_in_somehow(d);
	} else if (send->login.need == LOGIN_REQUIRED) {
		const char *auth = session_engine(d->session)->auth;

		send_blame(send, "AUTH", STEP_OTHER, NULL, "the server offers "
		    "%s%s", auth[0] != '\0' ? auth : "no login",
		    session_engine(d->session)->is_tls ? "" : " (no TLS)");
		end = SEND_REFUSED;
	}
	if (end == SEND_REFUSED && send->login.need == LOGIN_OPTIONAL) {
		send->failed_step = NULL;
		end = SEND_GOES_ON;
	}
	if (end == SEND_GOES_ON && stops_at(send, SEND_AUTH))
		return SEND_STOPPED;
	return end;
}

/* Everything before the first transaction. */
static enum send_end
open_session(struct dialogue *d)
{
	const struct send *send = d->send;
	bool is_first_last;
	enum send_end end = connect_to(d);

	if (end != SEND_GOES_ON)
		return end;
	/* TLS from the first byte stands by now */
	if (send->target.tls == TARGET_TLS_IMPLICIT &&
	    send->stop == SEND_STARTTLS)
		return SEND_STOPPED;
	is_first_last = !wants_starttls(send) &&
	    !xclient_is_wanted(&send->xclient) && send->stop == SEND_HELLO;
	end = hello(d, is_first_last ? SEND_HELLO : SEND_FIRST_HELLO);
	if (end == SEND_GOES_ON && send->xclient.is_before_tls)
		end = xclient(d);
	if (end == SEND_GOES_ON)
		end = starttls(d);
	if (end == SEND_GOES_ON && send->stop == SEND_STARTTLS)
		return SEND_STOPPED;
	if (end == SEND_GOES_ON && d->is_tls_tried)
		end = hello(d, SEND_HELLO);
	if (end == SEND_GOES_ON && !send->xclient.is_before_tls)
		end = xclient(d);
	if (end == SEND_GOES_ON && send->stop == SEND_HELLO)
		return SEND_STOPPED;
	return end == SEND_GOES_ON ? authenticate(d) : end;
}

static void
end_session(struct dialogue *d, enum send_end end)
{
	if (session_fd(d->session) < 0 || end == SEND_LOST ||
	    end == SEND_NO_SERVER)
		return;
	if (end == SEND_STOPPED && d->send->stop_how != SEND_QUIT) {
		show_note(&d->send->show, "dropped");
		session_close(d->session);
		return;
	}
	(void)session_quit(d->session);	/* whatever it answers */
}

static void
pause_ms(unsigned ms)
{
	(void)poll(NULL, 0, (int)ms);	/* a signal may shorten it */
}

/* Messages until it is enough, or something ends it. */
static enum send_end
send_all(struct dialogue *d, unsigned long *left)
{
	struct send *send = d->send;
	enum send_end end = SEND_GOES_ON;

	while (*left != 0 && (end == SEND_GOES_ON || end == SEND_REFUSED)) {
		if (send->message.len == 0 && !send_make_message(send))
			return SEND_REFUSED;
		end = send_transaction(send, d->session);
		buf_clear(&send->message);
		--*left;
		if (send->is_reconnecting && end == SEND_GOES_ON)
			break;
		if (*left != 0 && send->interval_ms != 0)
			pause_ms(send->interval_ms);
		/* a transaction that was refused half-way is open still */
		if (*left != 0 && end == SEND_REFUSED &&
		    session_say(d->session, STEP_RSET, SPAN("RSET")) !=
		    SESSION_OK)
			return SEND_LOST;
	}
	return end;
}

static void
save_certificate(struct dialogue *d)
{
	const char *path = d->send->cert_file;

	if (path != NULL && session_ssl(d->session) != NULL &&
	    !send_save_certificate(session_ssl(d->session), path))
		send_blame(d->send, "certificate", STEP_OTHER, NULL,
		    "%s: cannot be written", path);
}

static enum send_end
run_session(struct send *send, unsigned long *left)
{
	struct dialogue d = { .send = send };
	enum send_end end;

	d.session = session_new(&send->target.session);
	send->show.session = d.session;
	end = open_session(&d);
	save_certificate(&d);
	if (end == SEND_GOES_ON)
		end = send_all(&d, left);
	end_session(&d, end);
	send_note_session(send, d.session);
	send->show.session = NULL;
	session_free(d.session);
	return end;
}

/* One session; with --mx, with the first server that can be reached. */
static enum send_end
run_anywhere(struct send *send, unsigned long *left)
{
	enum send_end end = SEND_NO_SERVER;

	if (send->mx.n == 0)
		return run_session(send, left);
	for (size_t i = 0; i < send->mx.n && end == SEND_NO_SERVER; i++) {
		send->target.session.host = send->mx.host[i].address;
		if (send->target.tls_name == NULL)
			send->target.session.tls_name = send->mx.host[i].name;
		send->failed_step = NULL;
		show_note(&send->show, "server %s", send->mx.host[i].name);
		end = run_session(send, left);
	}
	return end;
}

int
send_run(struct send *send)
{
	unsigned long left = send->repeat;
	enum send_end end;

	do {
		end = run_anywhere(send, &left);
		if (left != 0 && end == SEND_GOES_ON)
			pause_ms(send->interval_ms);
	} while (left != 0 && end == SEND_GOES_ON && send->is_reconnecting);
	if (end == SEND_NO_SERVER)
		return CMD_UNREACHED;
	return send->failed_step != NULL ? CMD_FAILED : CMD_GOOD;
}
