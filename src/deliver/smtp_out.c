/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out: see smtp_out.h. The lines of all steps lie in one buffer, made
 * before the first of them is given to the engine, so that they stay where
 * they are. */
#include "deliver/smtp_out_lines.h"

#include "base/clock.h"
#include "base/die.h"
#include "base/text.h"
#include "smtp/explain.h"
#include "smtp/param.h"

#define LINES_MAX ((size_t)1 << 20)
#define LINE_MAX  4096

/* --- outcomes */

struct outcome
smtp_out_outcome(const struct answer *answer, unsigned stage,
    const struct peer *peer)
{
	unsigned class = answer_class(answer);
	struct outcome outcome = { .stage = (unsigned char)stage,
		.is_theirs = true, .code = answer->code,
		.words = answer_text(answer), .host = span_str(peer->text),
		.name = span_str(peer->name), .tls = span_str(peer->tls) };

	outcome.fate = class == 2 ? FATE_RELAYED : class == 5 ? FATE_FAILED :
	    FATE_LATER;
	if (answer->status[0] == class)
		memcpy(outcome.status, answer->status,
		    sizeof outcome.status);
	else
		outcome.status[0] = (uint16_t)(class == 2 || class == 5 ?
		    class : 4);
	return outcome;
}

static bool
is_open(const struct smtp_out *out, size_t i)
{
	return out->transfer->parcel->outcome[out->index[i]].fate ==
	    FATE_OPEN;
}

static void
decide(struct smtp_out *out, size_t i, const struct outcome *outcome)
{
	if (is_open(out, i))
		parcel_set(out->transfer->parcel, out->index[i], outcome);
}

static void
decide_all(struct smtp_out *out, const struct outcome *outcome,
    bool only_accepted)
{
	for (size_t i = 0; i < out->n; i++)
		if (!only_accepted || out->is_accepted[i])
			decide(out, i, outcome);
}

/* Why the connection is of no more use; kept for those who stay open. */
static void
note_loss(struct smtp_out *out, const struct outcome *outcome)
{
	struct span words = span_first(outcome->words, sizeof out->words);

	out->lost = *outcome;
	if (words.len != 0)
		memcpy(out->words, words.p, words.len);
	out->lost.words = span_of(out->words, words.len);
	out->lost.fate = FATE_LATER;
	if (out->lost.status[0] != 4)
		out->lost.status[0] = 4;
}

/* A line may hold neither CR nor LF, wherever it comes from. */
static bool
is_line(struct span line)
{
	return span_find(line, '\r') == line.len &&
	    span_find(line, '\n') == line.len &&
	    span_find(line, '\0') == line.len;
}

/* --- a transaction */

/* Picks those who are to be tried; the lines follow one another in the
 * buffer, whose memory may still move: steps get lengths first. */
static size_t
pick(struct smtp_out *out)
{
	const struct transfer *transfer = out->transfer;
	char memory[LINE_MAX];

	out->n = 0;
	for (size_t i = 0; i < transfer->rcpt_n &&
	    out->n < SMTP_OUT_RCPTS; i++) {
		struct put line = put_init(memory, sizeof memory);
		struct outcome why;

		out->index[out->n] = transfer->rcpt[i];
		if (!is_open(out, out->n))
			continue;
		smtp_out_put_rcpt(&line, out, transfer->rcpt[i]);
		if (line.full || !is_line(put_span(&line)))
			why = parcel_outcome(FATE_FAILED, 5, 1, 3,
			    "the address cannot be said in SMTP");
		else if (!smtp_out_cannot(out, transfer->rcpt[i], &why) &&
		    buf_append(&out->lines, put_span(&line)) == 0)
			why.fate = FATE_OPEN;
		if (why.fate != FATE_OPEN) {
			decide(out, out->n, &why);
			continue;
		}
		out->is_accepted[out->n] = false;
		out->rcpt[out->n] = (struct smtp_step){ .type = STEP_RCPT,
			.line = span_of(NULL, line.len) };
		out->n++;
	}
	return out->n;
}

static void
add_step(struct smtp_out *out, struct smtp_step *step)
{
	smtp_client_add(out->client, step);
	out->open_steps++;
}

static bool
is_binary(const struct smtp_out *out)
{
	return out->transfer->parcel->envelope.body == PARAM_BODY_BINARYMIME;
}

/* Binary text has no lines: it goes in one chunk. */
static void
add_text(struct smtp_out *out)
{
	const struct parcel *parcel = out->transfer->parcel;
	char memory[64];
	struct put line = put_init(memory, sizeof memory);
	size_t at = out->lines.len;

	if (!is_binary(out)) {
		out->data = (struct smtp_step){ .type = STEP_DATA,
			.line = SPAN("DATA") };
		out->text = (struct smtp_step){ .type = STEP_TEXT };
		add_step(out, &out->data);
		add_step(out, &out->text);
		return;
	}
	put_str(&line, "BDAT ");
	put_u64(&line, parcel->pin.text_len);
	put_str(&line, " LAST");
	must(out->lines.cap - at > line.len);	/* reserved by begin */
	must(buf_append(&out->lines, put_span(&line)) == 0);
	out->bdat = (struct smtp_step){ .type = STEP_BDAT, .is_last = true,
		.line = span_of(buf_span(&out->lines).p + at, line.len),
		.chunk = span_of(parcel->text, (size_t)parcel->pin.text_len) };
	add_step(out, &out->bdat);
}

static void
add_steps(struct smtp_out *out, size_t mail_len)
{
	struct span rest;

	(void)buf_room(&out->lines, 256);	/* it does not move any more */
	rest = buf_span(&out->lines);
	if (!out->is_clean) {
		out->rset = (struct smtp_step){ .type = STEP_RSET,
			.line = SPAN("RSET") };
		add_step(out, &out->rset);
	}
	for (size_t i = 0; i < out->n; i++) {
		size_t len = out->rcpt[i].line.len;

		out->rcpt[i].line = span_first(rest, len);
		rest = span_skip(rest, len);
	}
	out->mail = (struct smtp_step){ .type = STEP_MAIL,
		.line = span_first(rest, mail_len) };
	add_step(out, &out->mail);
	for (size_t i = 0; i < out->n; i++)
		add_step(out, &out->rcpt[i]);
	add_text(out);
}

void
smtp_out_init(struct smtp_out *out, struct smtp_client *client,
    const struct peer *peer)
{
	*out = (struct smtp_out){ .client = client, .peer = peer,
		.is_clean = true };
	buf_init(&out->lines, LINES_MAX);
}

void
smtp_out_free(struct smtp_out *out)
{
	buf_free(&out->lines);
}

/* A transaction for those who were picked; false, and why, if this mail cannot
 * be said at all. */
static bool
begin_picked(struct smtp_out *out, struct outcome *why)
{
	char memory[LINE_MAX];
	struct put line = put_init(memory, sizeof memory);

	if (is_binary(out) && out->transfer->parcel->text == NULL) {
		*why = parcel_outcome(FATE_FAILED, 5, 3, 4, "binary text of "
		    "this size is not handed on");
		return false;
	}
	smtp_out_put_mail(&line, out);
	if (line.full || !is_line(put_span(&line)) ||
	    buf_append(&out->lines, put_span(&line)) != 0) {
		*why = parcel_outcome(FATE_FAILED, 5, 1, 7,
		    "the sender's address cannot be said in SMTP");
		return false;
	}
	add_steps(out, line.len);
	return true;
}

bool
smtp_out_begin(struct smtp_out *out, struct transfer *transfer)
{
	struct outcome why;

	must(out->open_steps == 0);
	out->transfer = transfer;
	out->accepted_n = 0;
	out->is_ended = false;
	out->has_answer = false;
	out->lost = (struct outcome){ 0 };
	out->now_ms = clock_real_ms();
	for (;;) {
		buf_clear(&out->lines);
		if (pick(out) == 0)
			return false;
		if (begin_picked(out, &why))
			return true;
		/* there may be more of them than are picked at a time */
		decide_all(out, &why, false);
	}
}

/* --- answers */

static bool
is_too_many(const struct smtp_out *out, unsigned code)
{
	return (code == 452 || code == 552) && out->accepted_n != 0;
}

static void
take_rcpt(struct smtp_out *out, size_t i, const struct answer *answer)
{
	struct outcome outcome = smtp_out_outcome(answer, EXPLAIN_RCPT,
	    out->peer);

	if (!is_open(out, i))
		return;		/* MAIL was refused: its words count */
	if (answer_class(answer) == 2) {
		out->is_accepted[i] = true;
		out->accepted_n++;
		return;
	}
	if (is_too_many(out, answer->code))
		return;		/* open: the next transaction's */
	if (answer->code == 552) {	/* RFC 5321 4.5.3.1.10 */
		outcome.fate = FATE_LATER;
		outcome.status[0] = 4;
	}
	decide(out, i, &outcome);
}

/* LMTP: the n-th of those accepted. */
static size_t
nth_accepted(const struct smtp_out *out, unsigned n)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->is_accepted[i] && n-- == 0)
			return i;
	must(!"an answer for somebody who was accepted");
	return 0;
}

static void
take_text(struct smtp_out *out, const struct smtp_client_event *event)
{
	struct outcome outcome = smtp_out_outcome(event->answer, EXPLAIN_TEXT,
	    out->peer);

	outcome.has_dsn = smtp_client_has(out->client, CAP_DSN);
	outcome.has_by = out->client->conf.is_lmtp ||
	    smtp_client_has(out->client, CAP_DELIVERBY);
	if (out->client->conf.is_lmtp && out->accepted_n != 0)
		decide(out, nth_accepted(out, event->rcpt), &outcome);
	else
		decide_all(out, &outcome, true);
}

static void
take_answer(struct smtp_out *out, const struct smtp_client_event *event)
{
	const struct answer *answer = event->answer;
	const struct smtp_step *step = event->step;
	struct outcome outcome;

	if (step == &out->rset)
		return;
	out->has_answer = true;
	if (step == &out->mail) {
		outcome = smtp_out_outcome(answer, EXPLAIN_MAIL, out->peer);
		if (answer_class(answer) != 2)
			decide_all(out, &outcome, false);
	} else if (step == &out->data) {
		outcome = smtp_out_outcome(answer, EXPLAIN_DATA, out->peer);
		if (answer->code != 354)
			decide_all(out, &outcome, true);
	} else if (step == &out->text || step == &out->bdat) {
		take_text(out, event);
		out->is_clean = true;
	} else {
		take_rcpt(out, (size_t)(step - out->rcpt), answer);
	}
}

static enum smtp_out_result
finish_step(struct smtp_out *out)
{
	return --out->open_steps == 0 ? SMTP_OUT_OVER : SMTP_OUT_GOING;
}

/* No server means this: one that answers more often than it is asked does, and
 * what comes next would be taken for the answer to something else. */
static bool
is_out_of_step(const struct smtp_out *out,
    const struct smtp_client_event *event)
{
	return answer_class(event->answer) == (event->step == &out->data ? 2 :
	    3);
}

static enum smtp_out_result
close_broken(struct smtp_out *out, const char *why)
{
	struct outcome outcome = parcel_outcome(FATE_LATER, 4, 5, 0, why);

	outcome.host = span_str(out->peer->text);
	outcome.name = span_str(out->peer->name);
	note_loss(out, &outcome);
	return SMTP_OUT_CLOSE;
}

enum smtp_out_result
smtp_out_take(struct smtp_out *out, const struct smtp_client_event *event)
{
	struct outcome outcome;

	switch (event->type) {
	case CLIENT_MORE:
		return SMTP_OUT_GOING;
	case CLIENT_SKIPPED:
		return finish_step(out);
	case CLIENT_BROKEN:
		return close_broken(out, event->why);
	case CLIENT_UNASKED:
	case CLIENT_ANSWER:
		break;
	}
	if (event->answer->code == 421 || event->type == CLIENT_UNASKED) {
		outcome = smtp_out_outcome(event->answer, EXPLAIN_ANY,
		    out->peer);
		note_loss(out, &outcome);
		/* it says what became of the text: nothing */
		out->is_ended = out->is_ended &&
		    event->type == CLIENT_UNASKED;
		return SMTP_OUT_CLOSE;
	}
	if (is_out_of_step(out, event)) {
		out->has_answer = true;
		return close_broken(out, "the server's answers do not fit "
		    "what was said");
	}
	if (event->step == &out->mail)
		out->is_clean = answer_class(event->answer) != 2;
	take_answer(out, event);
	return event->step->state == STEP_DONE ? finish_step(out) :
	    SMTP_OUT_GOING;
}

void
smtp_out_text_ended(struct smtp_out *out)
{
	out->is_ended = true;
}

bool
smtp_out_lost(struct smtp_out *out, const struct outcome *why)
{
	out->open_steps = 0;
	if (out->lost.fate == FATE_OPEN)
		note_loss(out, why);
	if (!out->is_ended || out->accepted_n == 0)
		return false;
	decide_all(out, &out->lost, true);
	return true;
}
