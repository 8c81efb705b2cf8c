/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/send_transaction.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/die.h"
#include "base/text.h"
#include "ehlo/tell.h"
#include "smtp/explain.h"

#define LINES_MAX ((size_t)256 << 20)	/* of all commands together */
#define COMMAND_MAX 8192

struct transaction {
	struct send *send;
	struct session *session;
	struct arena arena;
	struct smtp_step **step;
	size_t step_n;
	bool is_8bit;		/* the message has octets above 127 */
	size_t read_at;
	bool is_read;
	unsigned rcpt_bad, text_bad, text_good;
	bool is_refused;
};

/* --- what is wrong */

static void
explain(enum smtp_step_type type, const struct answer *answer)
{
	struct explain explain;

	if (answer == NULL || answer->code == 0)
		return;
	if (answer->code < 400) {
		tell_note("%u is no answer to this (RFC 5321 4.3.2): what the "
		    "server means by it nobody can know", answer->code);
		return;
	}
	explain_answer(type, answer, &explain);
	tell_note("%s", explain.meaning);
	if (explain.advice[0] != '\0')
		tell_note("%s", explain.advice);
}

void
send_blame(struct send *send, const char *step, enum smtp_step_type type,
    const struct answer *answer, const char *format, ...)
{
	bool is_first = send->failed_step == NULL;
	char why[sizeof send->why];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof why, format, args);	/* or cut */
	va_end(args);
	if (is_first) {
		send->failed_step = step;
		memcpy(send->why, why, sizeof why);
	}
	if (send->silent != NULL && strcmp(send->silent, "3") == 0)
		return;
	if (span_starts(span_str(why), span_str(step)))
		tell_error("%s", why);
	else
		tell_error("%s: %s", step, why);
	if (is_first)
		explain(type, answer);
}

enum send_end
send_lost(struct send *send, struct session *session, const char *step,
    enum session_result result)
{
	char memory[1024];
	struct put out = put_init(memory, sizeof memory);
	const struct tls_facts *tls = session_tls(session);

	text_quote(span_str(session_why(session)), &out);
	if (result == SESSION_TLS_FAILED && tls != NULL && tls->cert_n != 0) {
		put_str(&out, "; ");
		text_quote(span_str(tls->verdict), &out);
	}
	send_blame(send, step, STEP_OTHER, NULL, "%.*s",
	    SPAN_ARG(put_span(&out)));
	return result == SESSION_UNREACHED ? SEND_NO_SERVER : SEND_LOST;
}

/* The answer in one line: "550 5.1.1 no such user". */
static struct span
in_words(const struct answer *answer, char *memory, size_t len)
{
	struct put out = put_init(memory, len);

	put_u64(&out, answer->code);
	put_char(&out, ' ');
	text_quote(span_first(answer_line(answer, answer->n_lines - 1), 300),
	    &out);
	return put_span(&out);
}

static void
blame_answer(struct transaction *t, const char *step,
    const struct smtp_step *said, const struct answer *answer)
{
	char reply[1500], line[400];
	struct put out = put_init(line, sizeof line);
	struct span words = in_words(answer, reply, sizeof reply);

	text_quote(span_first(said->line, 90), &out);
	t->is_refused = true;
	send_blame(t->send, step, said->type, answer, "%.*s%s%.*s",
	    SPAN_ARG(put_span(&out)), out.len != 0 ? ": " : "",
	    SPAN_ARG(words));
}

/* --- commands */

static struct smtp_step *
add_step(struct transaction *t, enum smtp_step_type type, struct span line)
{
	struct smtp_step *step = arena_alloc(&t->arena, sizeof *step);

	must(step != NULL);
	step->type = type;
	step->line = arena_copy(&t->arena, line);
	t->step = mem_grow_array(t->step, t->step_n + 1, sizeof *t->step);
	t->step[t->step_n++] = step;
	return step;
}

static bool
offers(const struct transaction *t, enum cap cap)
{
	return smtp_client_has(session_engine(t->session), cap);
}

/* Parameters that an extension brings are said in any case: how a server
 * takes those it does not offer may be the question. */
static void
put_param(struct transaction *t, struct put *out, enum cap cap,
    const char *name, const char *value)
{
	if (!offers(t, cap))
		show_note(&t->send->show, "%s is said though the server does "
		    "not offer %s", name, cap_name(cap));
	put_char(out, ' ');
	put_str(out, name);
	if (value != NULL) {
		put_char(out, '=');
		put_str(out, value);
	}
}

static void
put_xtext(struct put *out, const char *name, const char *value)
{
	put_char(out, ' ');
	put_str(out, name);
	put_char(out, '=');
	text_xtext_encode(span_str(value), out);
}

static void
put_body(struct transaction *t, struct put *out)
{
	const struct send *send = t->send;

	if (send->body_kind != NULL) {
		put_param(t, out, CAP_8BITMIME, "BODY", send->body_kind);
	} else if (send->has_binarymime) {
		put_param(t, out, CAP_BINARYMIME, "BODY", "BINARYMIME");
	} else if (send->has_8bitmime) {
		put_param(t, out, CAP_8BITMIME, "BODY", "8BITMIME");
	} else if (t->is_8bit && offers(t, CAP_8BITMIME)) {
		put_str(out, " BODY=8BITMIME");
	} else if (t->is_8bit) {
		show_note(&t->send->show, "the message has 8-bit text, and "
		    "the server does not offer 8BITMIME");
	}
}

static void
put_extensions(struct transaction *t, struct put *out)
{
	const struct send *send = t->send;

	if (send->has_smtputf8)
		put_param(t, out, CAP_SMTPUTF8, "SMTPUTF8", NULL);
	if (send->ret != NULL)
		put_param(t, out, CAP_DSN, "RET", send->ret);
	if (send->envid != NULL)
		put_xtext(out, "ENVID", send->envid);
	if (send->has_requiretls)
		put_param(t, out, CAP_REQUIRETLS, "REQUIRETLS", NULL);
	if (send->deliver_by != NULL)
		put_param(t, out, CAP_DELIVERBY, "BY", send->deliver_by);
	if (send->hold_for != NULL)
		put_param(t, out, CAP_FUTURERELEASE, "HOLDFOR",
		    send->hold_for);
	if (send->hold_until != NULL)
		put_param(t, out, CAP_FUTURERELEASE, "HOLDUNTIL",
		    send->hold_until);
	if (send->priority != NULL) {
		put_str(out, " MT-PRIORITY=");
		put_str(out, send->priority);
	}
	if (send->mail_auth != NULL)
		put_xtext(out, "AUTH", send->mail_auth);
	for (size_t i = 0; i < send->mail_param.n; i++) {
		put_char(out, ' ');
		put_str(out, send->mail_param.word[i]);
	}
}

static bool
add_mail(struct transaction *t)
{
	const struct send *send = t->send;
	char memory[COMMAND_MAX];
	struct put out = put_init(memory, sizeof memory);

	put_str(&out, "MAIL FROM:<");
	put_bytes(&out, send->sender);
	put_char(&out, '>');
	if (send->size != NULL) {
		put_str(&out, " SIZE=");
		put_str(&out, send->size);
	} else if (offers(t, CAP_SIZE) && !send->no_size) {
		put_str(&out, " SIZE=");
		put_u64(&out, send->message.len);
	}
	put_body(t, &out);
	put_extensions(t, &out);
	if (!out.full)
		(void)add_step(t, STEP_MAIL, put_span(&out));
	return !out.full;
}

/* "auto" makes each recipient's own (RFC 3461 4.2). */
static void
put_orcpt(struct transaction *t, size_t i, struct put *out)
{
	const struct args_list *list = &t->send->orcpt;
	const char *typed = i < list->n ? list->word[i] : NULL;
	struct span value = span_str(typed);

	if (list->n == 1 && strcmp(list->word[0], "auto") == 0)
		value = t->send->rcpt[i];
	else if (typed == NULL)
		return;
	put_str(out, " ORCPT=");
	if (span_find(value, ';') == value.len) {
		put_str(out, text_is_ascii(value) ? "rfc822;" : "utf-8;");
	} else {
		size_t type = span_find(value, ';') + 1;

		put_bytes(out, span_first(value, type));
		value = span_skip(value, type);
	}
	text_xtext_encode(value, out);
}

static bool
add_rcpt(struct transaction *t, size_t i)
{
	const struct send *send = t->send;
	char memory[COMMAND_MAX];
	struct put out = put_init(memory, sizeof memory);

	put_str(&out, "RCPT TO:<");
	put_bytes(&out, send->rcpt[i]);
	put_char(&out, '>');
	if (send->notify != NULL)
		put_param(t, &out, CAP_DSN, "NOTIFY", send->notify);
	put_orcpt(t, i, &out);
	for (size_t j = 0; j < send->rcpt_param.n; j++) {
		put_char(&out, ' ');
		put_str(&out, send->rcpt_param.word[j]);
	}
	if (!out.full)
		(void)add_step(t, STEP_RCPT, put_span(&out));
	return !out.full;
}

static bool
add_chunks(struct transaction *t)
{
	struct span rest = buf_span(&t->send->message);
	unsigned long size = rest.len;

	if (t->send->bdat[0] != '\0' && !args_number("--bdat", t->send->bdat,
	    1, SEND_MESSAGE_MAX, &size))
		return false;
	do {
		char line[64];
		struct put out = put_init(line, sizeof line);
		struct span chunk = span_first(rest, size);
		struct smtp_step *step;

		rest = span_skip(rest, chunk.len);
		put_str(&out, "BDAT ");
		put_u64(&out, chunk.len);
		if (rest.len == 0)
			put_str(&out, " LAST");
		step = add_step(t, STEP_BDAT, put_span(&out));
		step->chunk = chunk;
		step->is_last = rest.len == 0;
	} while (rest.len != 0);
	return true;
}

/* The steps up to where it stops; without the one that is only said, not
 * heard. */
static bool
add_steps(struct transaction *t)
{
	const struct send *send = t->send;
	enum send_point last = send->stop == SEND_NOWHERE ? SEND_DOT :
	    send->stop;
	bool is_unheard = send->stop != SEND_NOWHERE &&
	    send->stop_how == SEND_DROP_UNHEARD;
	size_t rcpt_n = send->rcpt_n;

	if (is_unheard && last == SEND_MAIL)
		return true;
	if (!add_mail(t))
		return false;
	if (last < SEND_RCPT)
		return true;
	/* the last of them is the one that is said and not heard */
	if (is_unheard && last == SEND_RCPT && rcpt_n != 0)
		rcpt_n--;
	for (size_t i = 0; i < rcpt_n; i++)
		if (!add_rcpt(t, i))
			return false;
	if (last == SEND_RCPT || (is_unheard && last == SEND_DATA))
		return true;
	if (send->bdat != NULL)
		return add_chunks(t);
	(void)add_step(t, STEP_DATA, SPAN("DATA"));
	if (last == SEND_DOT && !is_unheard)
		(void)add_step(t, STEP_TEXT, SPAN(""));
	return true;
}

/* --- the run */

static void
show_message(struct send *send)
{
	struct span text = buf_span(&send->message);

	if (send->show.shows_text)
		show_text(&send->show, text);
	else
		show_note(&send->show, "%zu octets of text", text.len);
}

static ssize_t
read_text(void *arg, char *out, size_t len)
{
	struct transaction *t = arg;
	struct span rest = span_skip(buf_span(&t->send->message),
	    t->read_at);

	if (t->read_at == 0 && !t->is_read) {
		show_message(t->send);
		t->is_read = true;
	}
	rest = span_first(rest, len);
	if (rest.len != 0)
		memcpy(out, rest.p, rest.len);
	else
		show_end(&t->send->show);
	t->read_at += rest.len;
	return (ssize_t)rest.len;
}

static void
judge_text(struct transaction *t, const struct smtp_client_event *event)
{
	if (answer_class(event->answer) == 2) {
		t->text_good++;
		return;
	}
	t->text_bad++;
	blame_answer(t, event->step->type == STEP_TEXT ? "text" : "BDAT",
	    event->step, event->answer);
}

static void
on_event(void *arg, const struct smtp_client_event *event)
{
	struct transaction *t = arg;
	unsigned class;

	if (event->type != CLIENT_ANSWER)
		return;
	class = answer_class(event->answer);
	switch (event->step->type) {
	case STEP_MAIL:
		if (class != 2)
			blame_answer(t, "MAIL", event->step, event->answer);
		break;
	case STEP_RCPT:
		if (class != 2) {
			t->rcpt_bad++;
			blame_answer(t, "RCPT", event->step, event->answer);
		}
		break;
	case STEP_DATA:
		if (event->answer->code != 354)
			blame_answer(t, "DATA", event->step, event->answer);
		break;
	case STEP_TEXT:
		/* an empty one ends a DATA that nobody waits for */
		if (t->is_read || t->send->is_stubborn)
			judge_text(t, event);
		break;
	case STEP_BDAT:
		if (event->step->is_last || class != 2)
			judge_text(t, event);
		break;
	default:
		break;
	}
}

enum send_end
send_unheard(struct send *send, struct session *session, struct span line)
{
	char memory[COMMAND_MAX];
	struct put out = put_init(memory, sizeof memory);
	enum session_result result;

	put_bytes(&out, line);
	put_str(&out, "\r\n");
	show_tell(&send->show, SESSION_SAID, line);
	result = session_send_raw(session, put_span(&out));
	if (result != SESSION_OK)
		return send_lost(send, session, "drop", result);
	show_note(&send->show, "dropped without waiting for an answer");
	session_close(session);
	return SEND_STOPPED;
}

/* The text with its dot, and away. */
static enum send_end
drop_text(struct transaction *t)
{
	struct data_writer writer = { 0 };
	struct span text = buf_span(&t->send->message);
	char out[16384];
	enum session_result result = SESSION_OK;

	show_message(t->send);
	while (text.len != 0 && result == SESSION_OK) {
		size_t n = data_write(&writer, &text, out, sizeof out);

		result = session_send_raw(t->session, span_of(out, n));
	}
	if (result == SESSION_OK)
		result = session_send_raw(t->session, span_of(out,
		    data_write_end(&writer, out)));
	if (result != SESSION_OK)
		return send_lost(t->send, t->session, "text", result);
	show_note(&t->send->show, "dropped without waiting for an answer");
	session_close(t->session);
	return SEND_STOPPED;
}

static enum send_end
drop_unheard(struct transaction *t)
{
	size_t before = t->step_n;

	switch (t->send->stop) {
	case SEND_MAIL:
		if (!add_mail(t))
			return SEND_REFUSED;
		break;
	case SEND_RCPT:
		if (!add_rcpt(t, t->send->rcpt_n - 1))
			return SEND_REFUSED;
		break;
	case SEND_DATA:
		return send_unheard(t->send, t->session, SPAN("DATA"));
	default:
		return drop_text(t);
	}
	return send_unheard(t->send, t->session, t->step[before]->line);
}

static enum send_end
outcome(struct transaction *t, enum session_result result)
{
	struct send *send = t->send;

	send->refused_rcpt_n += t->rcpt_bad;
	if (t->text_good != 0)
		send->sent_n++;
	if (result != SESSION_OK)
		return send_lost(send, t->session, "transaction", result);
	if (t->is_refused && send->stop == SEND_NOWHERE)
		return SEND_REFUSED;
	if (send->stop == SEND_NOWHERE)
		return SEND_GOES_ON;
	if (t->is_refused && t->rcpt_bad == send->rcpt_n)
		return SEND_REFUSED;
	if (send->stop_how == SEND_DROP_UNHEARD)
		return drop_unheard(t);
	return t->is_refused ? SEND_REFUSED : SEND_STOPPED;
}

enum send_end
send_transaction(struct send *send, struct session *session)
{
	struct transaction t = { .send = send, .session = session };
	enum session_result result = SESSION_OK;
	enum send_end end;

	t.is_8bit = !text_is_ascii(buf_span(&send->message));
	arena_init(&t.arena, LINES_MAX);
	if (!add_steps(&t)) {
		send_blame(send, "command", STEP_OTHER, NULL,
		    "it would be longer than %d octets", COMMAND_MAX);
		end = SEND_REFUSED;
	} else {
		if (t.step_n != 0)
			result = session_run(session, t.step, t.step_n,
			    read_text, &t, on_event, &t);
		end = outcome(&t, result);
	}
	free(t.step);
	arena_reset(&t.arena);
	return end;
}
