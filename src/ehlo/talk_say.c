/* SPDX-License-Identifier: Apache-2.0 */
/* talk_say: one command, its answer, and what comes of it; the connection's
 * beginning and end. */
#include <stdlib.h>

#include "base/text.h"
#include "ehlo/talk_hello.h"
#include "ehlo/talk_notes.h"
#include "ehlo/talk_priv.h"
#include "ehlo/transcript.h"

#define UNASKED_MAX (256u << 10)	/* octets between two commands */

/* --- the end */

void
talk_close(struct talk *talk)
{
	if (talk->session != NULL)
		session_close(talk->session);
	talk->state = (struct talk_state){ .is_open = false };
	talk->in_auth = false;
}

static void
lose(struct talk *talk)
{
	talk_close(talk);
	talk->was_lost = true;
}

static void
record_end(const struct talk *talk)
{
	if (talk->record != NULL && talk_is_open(talk))
		transcript_write_closed(talk->record);
}

void
talk_failed(struct talk *talk, enum session_result result)
{
	const char *why = session_why(talk->session);
	char memory[1024];
	struct put out = put_init(memory, sizeof memory - 1);

	screen_quote(span_str(why), &out);
	(void)put_cstr(&out);	/* terminated in `memory` */
	talk_warn(talk, "%s", memory);
	talk->in_auth = false;
	if (result == SESSION_LOCAL && session_fd(talk->session) >= 0) {
		talk->refused++;
		return;
	}
	if (result == SESSION_CLOSED)
		record_end(talk);
	lose(talk);
}

/* --- answers */

static void
on_note(void *arg, const char *text)
{
	talk_warn(arg, "%s", text);
}

static void
note_oddities(struct talk *talk, enum smtp_step_type step, struct span line)
{
	const struct smtp_client *engine = session_engine(talk->session);
	const struct talk_notes query = { .step = step, .line = line,
		.answer = &talk->last, .mechs = span_str(engine->auth),
		.is_tls = talk->state.is_tls,
		.is_lmtp = talk->where.is_lmtp,
		.is_local = talk_is_local(talk),
		.note = on_note, .arg = talk };

	talk_notes(&query);
}

/* A list has come: kept, and compared with the one before TLS. */
static void
keep_hello(struct talk *talk)
{
	bool is_tls = talk->state.is_tls;
	struct span here, there;
	char memory[1024];
	struct put out = put_init(memory, sizeof memory - 1);
	static const char *const words[] = { "new with TLS", "no more with "
		"TLS" };

	memcpy(talk->hello[is_tls], talk->last.text, talk->last.len);
	talk->hello_len[is_tls] = talk->last.len;
	if (!is_tls || talk->hello_len[0] == 0)
		return;
	here = span_of(talk->hello[0], talk->hello_len[0]);
	there = span_of(talk->hello[1], talk->hello_len[1]);
	for (unsigned i = 0; i < 2; i++) {
		out.len = 0;
		talk_hello_missing(i == 0 ? here : there,
		    i == 0 ? there : here, &out);
		memory[out.len] = '\0';
		if (out.len != 0)
			talk_note(talk, "%s: %s", words[i], memory);
	}
}

static void
keep_words(struct talk *talk, enum smtp_step_type step, struct span line)
{
	size_t n = line.len < sizeof talk->last_line - 1 ? line.len :
	    sizeof talk->last_line - 1;

	talk->last = *session_answer(talk->session);
	talk->last_step = step;
	if (n != 0)
		memcpy(talk->last_line, line.p, n);
	talk->last_line[n] = '\0';
}

void
talk_keep(struct talk *talk, enum smtp_step_type step, struct span line)
{
	keep_words(talk, step, line);
	talk_put_json(talk, false);
	if (answer_class(&talk->last) >= 4)
		talk->refused++;
}

void
talk_answered(struct talk *talk, enum smtp_step_type step, struct span line)
{
	bool is_secret = step == STEP_RESPONSE;

	talk_keep(talk, step, is_secret ? SPAN("") : line);
	talk_state_learn(&talk->state, step, line, talk->last.code);
	note_oddities(talk, step, line);
	if (step == STEP_HELLO && answer_class(&talk->last) == 2)
		keep_hello(talk);
	if (talk->options->explains)
		talk_explain(talk);
	if (talk->last.code != 421 && step != STEP_QUIT)
		return;
	record_end(talk);
	talk_close(talk);
	talk->was_lost = step != STEP_QUIT;
}

unsigned
talk_patience(const struct talk *talk)
{
	return talk->where.answer_ms != 0 ? talk->where.answer_ms : 300000;
}

void
talk_begin_wait(struct talk *talk)
{
	talk->is_speaking = true;
	talk->has_heard_all = false;
	screen_busy(talk->screen, session_fd(talk->session));
}

bool
talk_heard(struct talk *talk, enum session_result result,
    enum smtp_step_type step, struct span line)
{
	talk->is_speaking = false;
	if (screen_ready(talk->screen)) {
		talk_warn(talk, "interrupted: the connection is cut");
		lose(talk);
		return false;
	}
	if (result != SESSION_OK) {
		talk_failed(talk, result);
		return false;
	}
	talk_answered(talk, step, line);
	return true;
}

bool
talk_say(struct talk *talk, enum smtp_step_type step, struct span line,
    bool is_secret)
{
	enum session_result result;

	/* what came before is no answer to this */
	while (talk_is_open(talk) && step != STEP_GREETING)
		if (talk_on_input(talk) || talk->has_heard_all)
			break;
	if (!talk_is_open(talk))
		return false;
	talk_begin_wait(talk);
	result = is_secret ? session_say_secret(talk->session, step, line) :
	    session_say(talk->session, step, line);
	return talk_heard(talk, result, step, line);
}

bool
talk_on_input(void *arg)
{
	struct talk *talk = arg;
	enum session_result result = session_hear(talk->session, 0);

	talk->has_heard_all = result == SESSION_TIMEOUT;
	if (result == SESSION_OK) {
		bool is_asked = talk->is_raw_sent;

		if (!is_asked)
			talk_warn(talk, "that came unasked");
		keep_words(talk, STEP_RAW, SPAN(""));
		talk_put_json(talk, !is_asked);
		if (answer_class(&talk->last) >= 4)
			talk->refused++;
		if (talk->options->explains)
			talk_explain(talk);
	}
	if (talk->unasked > UNASKED_MAX) {
		talk_warn(talk, "the server does not stop talking: the "
		    "connection is cut");
		lose(talk);
		return true;
	}
	if (result == SESSION_OK || result == SESSION_TIMEOUT)
		return false;
	talk_failed(talk, result);
	return true;
}

bool
talk_wait(struct talk *talk, unsigned ms)
{
	enum session_result result;

	screen_busy(talk->screen, session_fd(talk->session));
	result = session_hear(talk->session, ms);
	if (result == SESSION_TIMEOUT) {
		(void)screen_ready(talk->screen);
		return false;
	}
	return talk_heard(talk, result, STEP_RAW, SPAN(""));
}

bool
talk_is_local(const struct talk *talk)
{
	const char *peer = session_peer(talk->session);

	return peer[0] == '\0' || strncmp(peer, "127.", 4) == 0 ||
	    strcmp(peer, "::1") == 0;
}

/* --- EHLO and TLS */

bool
talk_hello(struct talk *talk)
{
	char memory[300];
	struct put line = put_init(memory, sizeof memory);

	put_str(&line, talk->where.is_lmtp ? "LHLO " : "EHLO ");
	put_str(&line, session_own_name(talk->session));
	if (!talk_say(talk, STEP_HELLO, put_span(&line), false))
		return false;
	if (answer_class(&talk->last) != 5 || talk->where.is_lmtp)
		return answer_class(&talk->last) == 2;
	memcpy(memory, "HELO", 4);	/* RFC 5321 3.2 */
	return talk_say(talk, STEP_HELLO, put_span(&line), false) &&
	    answer_class(&talk->last) == 2;
}

static bool
shake_hands(struct talk *talk)
{
	enum session_result result;

	screen_busy(talk->screen, session_fd(talk->session));
	result = session_start_tls(talk->session);
	if (screen_ready(talk->screen)) {
		talk_warn(talk, "interrupted: the connection is cut");
		lose(talk);
		return false;
	}
	if (result != SESSION_OK) {
		talk_failed(talk, result);
		if (session_tls(talk->session) != NULL)
			talk_show_tls(talk);
		lose(talk);	/* half a handshake is no connection */
		return false;
	}
	talk_state_tls(&talk->state);
	if (talk->record != NULL)
		transcript_write_tls(talk->record);
	talk_show_tls(talk);
	return true;
}

void
talk_starttls(struct talk *talk, struct span line)
{
	bool was_typed = talk->is_typed;

	if (!talk_say(talk, STEP_STARTTLS, line, false) ||
	    talk->last.code != 220)
		return;
	talk->is_typed = false;
	/* RFC 3207 4.2: what EHLO said is forgotten */
	if (shake_hands(talk))
		(void)talk_hello(talk);
	talk->is_typed = was_typed;
}

/* --- the beginning */

static void
write_head(struct talk *talk)
{
	const struct session_options *where = &talk->where;

	if (talk->record == NULL)
		return;
	if (where->unix_path != NULL)
		transcript_write_head(talk->record, where->unix_path, 0,
		    where->is_implicit_tls);
	else
		transcript_write_head(talk->record, where->host, where->port,
		    where->is_implicit_tls);
}

bool
talk_open(struct talk *talk)
{
	enum session_result result;

	talk_close(talk);
	session_free(talk->session);
	talk->where.is_stubborn = true;	/* what is typed is said */
	talk->where.tell = talk_tell;
	talk->where.tell_arg = talk;
	talk->session = session_new(&talk->where);
	talk->hello_len[0] = talk->hello_len[1] = 0;
	talk->last.code = 0;
	talk->was_lost = false;
	write_head(talk);
	screen_busy(talk->screen, -1);
	result = session_connect(talk->session);
	(void)screen_ready(talk->screen);
	if (result != SESSION_OK) {
		talk_failed(talk, result);
		if (session_tls(talk->session) != NULL)
			talk_show_tls(talk);
		return false;
	}
	talk->state.is_open = true;
	if (talk->where.is_implicit_tls) {
		talk_state_tls(&talk->state);
		talk_show_tls(talk);
	}
	return talk_say(talk, STEP_GREETING, SPAN(""), false);
}
