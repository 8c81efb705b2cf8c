/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/exam.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "ehlo/relay.h"

#define WORDS_MAX 160		/* octets of an answer that are shown */
#define HASTY_MS 3000		/* for what is only a guess */

bool
exam_place_set(struct exam_place *place, const char *host,
    const char *address, uint16_t port)
{
	char quoted[240];
	struct put put = put_init(quoted, sizeof quoted);
	bool is_v6 = strchr(host, ':') != NULL;

	*place = (struct exam_place){ .port = port };
	if (strlen(host) >= sizeof place->host ||
	    strlen(address) >= sizeof place->address)
		return false;
	snprintf(place->host, sizeof place->host, "%s", host);
	snprintf(place->address, sizeof place->address, "%s", address);
	place->is_implicit = port == 465;
	place->role = port == 25 ? EXAM_MX : port == 465 || port == 587 ?
	    EXAM_SUBMISSION : EXAM_OTHER;
	text_quote(span_str(host), &put);
	snprintf(place->label, sizeof place->label, "%s%s%s:%u",
	    is_v6 ? "[" : "", put_cstr(&put), is_v6 ? "]" : "", port);
	return true;
}

/* --- answers */

void
exam_keep(const struct session *session, enum session_result result,
    struct exam_answer *out)
{
	const struct answer *answer = session_answer(session);

	*out = (struct exam_answer){ .is_tried = true, .result = result };
	if (result == SESSION_OK) {
		struct put put = put_init(out->text, sizeof out->text);

		out->code = answer->code;
		memcpy(out->status, answer->status, sizeof out->status);
		put_bytes(&put, span_first(answer_text(answer),
		    sizeof out->text - 1));
		(void)put_cstr(&put);
	} else {
		snprintf(out->why, sizeof out->why, "%s",
		    session_why(session));
	}
}

void
exam_keep_hello(const struct session *session, struct exam_hello *out)
{
	const struct smtp_client *engine = session_engine(session);
	const struct answer *answer = session_answer(session);
	struct put put = put_init(out->text, sizeof out->text);

	out->is_tried = true;
	out->is_extended = engine->is_extended;
	out->code = answer->code;
	out->caps = engine->caps;
	snprintf(out->auth, sizeof out->auth, "%s", engine->auth);
	put_bytes(&put, span_first(answer_text(answer),
	    sizeof out->text - 1));
	(void)put_cstr(&put);
}

const char *
exam_words(const struct exam *exam, const struct exam_answer *answer)
{
	struct span text = span_str(answer->text);
	const char *quoted;

	if (!answer->is_tried)
		return "not tried";
	if (answer->result != SESSION_OK)
		return report_quote(exam->report, span_str(answer->why));
	quoted = report_quote(exam->report,
	    span_first(span_first(text, span_find(text, '\n')), WORDS_MAX));
	return report_text(exam->report, "%u %s", answer->code, quoted);
}

/* --- sessions */

enum session_result
exam_say(struct session *session, enum smtp_step_type type,
    struct exam_answer *out, const char *format, ...)
{
	char line[1024];
	va_list args;
	enum session_result result;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	result = session_say(session, type, span_str(line));
	exam_keep(session, result, out);
	return result;
}

/* From a connection to the depth that is wanted. */
static enum session_result
go_deeper(struct session *session, enum exam_depth depth, bool is_implicit)
{
	enum session_result result = session_connect(session);

	if (result == SESSION_OK && depth >= EXAM_GREETED)
		result = session_greeting(session);
	if (result != SESSION_OK || depth < EXAM_HELLO ||
	    session_answer(session)->code != 220)
		return result;
	result = session_hello(session);
	if (result != SESSION_OK || depth < EXAM_TLS || is_implicit)
		return result;
	result = session_starttls(session);
	if (result != SESSION_OK || session_answer(session)->code != 220)
		return result;
	return session_hello(session);
}

static bool
is_deep_enough(const struct session *session, enum exam_depth depth)
{
	const struct answer *answer = session_answer(session);

	switch (depth) {
	case EXAM_CONNECTED:
		return true;
	case EXAM_GREETED:
		return answer->code == 220;
	case EXAM_HELLO:
		return answer->code == 250;
	case EXAM_TLS:
		return answer->code == 250 &&
		    session_engine(session)->is_tls;
	}
	return false;
}

struct session *
exam_dial(const struct exam *exam, const struct exam_place *place,
    enum exam_depth depth, struct tls_client *tls, struct exam_answer *out)
{
	struct session_options options = exam->session;
	struct session *session;
	enum session_result result;

	options.host = place->address[0] != '\0' ? place->address :
	    place->host;
	options.tls_name = exam->session.tls_name != NULL ?
	    exam->session.tls_name : place->host;
	options.port = place->port;
	options.is_implicit_tls = place->is_implicit;
	options.tlsa = place->tlsa;
	options.tlsa_n = place->tlsa_n;
	if (tls != NULL)
		options.tls = tls;
	session = session_new(&options);
	result = go_deeper(session, depth, place->is_implicit);
	exam_keep(session, result, out);
	if (result == SESSION_OK && is_deep_enough(session, depth))
		return session;
	exam_hang_up(session);
	return NULL;
}

bool
exam_waits_for_tls(const struct exam *exam, const struct exam_place *place,
    const struct exam_answer *silence)
{
	struct exam hasty = *exam;
	struct exam_place other = *place;
	struct exam_answer answer;
	struct session *session;

	if (silence->result != SESSION_TIMEOUT || place->is_implicit)
		return false;
	other.is_implicit = true;
	if (hasty.session.connect_ms > HASTY_MS)
		hasty.session.connect_ms = HASTY_MS;
	if (hasty.session.answer_ms > HASTY_MS)
		hasty.session.answer_ms = HASTY_MS;
	session = exam_dial(&hasty, &other, EXAM_GREETED, NULL, &answer);
	exam_hang_up(session);
	return session != NULL;
}

void
exam_hang_up(struct session *session)
{
	if (session != NULL && session_fd(session) >= 0)
		(void)session_quit(session);	/* nothing hangs on it */
	session_free(session);
}

/* Somebody in the middle could be given the password. */
static bool
is_trusted(const struct session *session)
{
	const struct tls_facts *tls = session_tls(session);

	return tls == NULL || tls->trust == TLS_TRUSTED ||
	    tls->trust == TLS_TRUST_DANE;
}

enum session_result
exam_log_in(const struct exam *exam, struct session *session,
    struct exam_answer *out, const char **mech)
{
	struct login *login = exam->login;
	enum session_result result;

	*mech = "";
	if (!exam->trusts_anybody && !is_trusted(session)) {
		*out = (struct exam_answer){ .is_tried = true,
			.result = SESSION_LOCAL, .why = "the certificate is "
			"not right, so the password was not sent "
			"(--no-verify sends it)" };
		return SESSION_LOCAL;
	}
	result = session_auth(session, login->mech_n > 0 ? login->mech[0] :
	    NULL, &login->sasl, login->no_initial_response);
	exam_keep(session, result, out);
	*mech = session_mech(session) != NULL ? session_mech(session)->name :
	    "";
	return result;
}

/* --- progress */

/* A terminal that can wipe a line. */
static bool
is_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) != 0 && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

void
exam_progress(const char *format, ...)
{
	char line[160];
	va_list args;

	if (!is_terminal())
		return;
	if (format == NULL) {
		fputs("\r\033[K", stderr);
		return;
	}
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	fprintf(stderr, "\r\033[K%.78s", line);
	fflush(stderr);
}

void
exam_facts_free(struct exam_facts *facts)
{
	free(facts->relay);
	facts->relay = NULL;
}
