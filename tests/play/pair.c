/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"

void
pair_init(struct pair *pair, const struct smtp_server_conf *server,
    const struct smtp_client_conf *client, uint32_t seed)
{
	memset(pair, 0, sizeof *pair);
	drive_init(&pair->drive, server, SPAN("192.0.2.7"), false);
	smtp_client_init(&pair->client, client);
	buf_init(&pair->accepted, 1 << 24);
	buf_init(&pair->chunks, 1 << 24);
	pair->seed = seed;
}

void
pair_free(struct pair *pair)
{
	drive_free(&pair->drive);
	buf_free(&pair->accepted);
	buf_free(&pair->chunks);
}

struct smtp_step *
pair_add(struct pair *pair, enum smtp_step_type type, const char *format, ...)
{
	struct smtp_step *step = &pair->step[pair->step_n];
	char *line = pair->line[pair->step_n++];
	va_list args;

	must(pair->step_n < PAIR_STEPS_MAX);
	va_start(args, format);
	must(vsnprintf(line, sizeof pair->line[0], format, args) <
	    (int)sizeof pair->line[0]);
	va_end(args);
	step->type = type;
	step->line = span_str(line);
	return step;
}

void
pair_add_text(struct pair *pair, struct span text)
{
	pair->text[pair->step_n] = text;
	pair_add(pair, STEP_TEXT, "%s", "");
}

void
pair_add_chunk(struct pair *pair, struct span chunk, bool is_last)
{
	struct smtp_step *step = pair_add(pair, STEP_BDAT, "BDAT %zu%s",
	    chunk.len, is_last ? " LAST" : "");

	step->chunk = chunk;
	step->is_last = is_last;
}

/* How many bytes pass now, of at most `max`. */
static size_t
cut(struct pair *pair, size_t max)
{
	size_t n;

	if (pair->seed == 0)
		return max;
	pair->seed = pair->seed * 1664525u + 1013904223u;
	n = 1 + (pair->seed >> 16) % 40;
	return n < max ? n : max;
}

/* What a text is when it has gone over the wire: CRLF ends every line. */
static void
append_lines(struct buf *out, struct span text)
{
	bool is_open = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '\n' || c == '\r') {
			must(buf_append(out, SPAN("\r\n")) == 0);
			if (c == '\r' && i + 1 < text.len &&
			    text.p[i + 1] == '\n')
				i++;
			is_open = false;
		} else {
			must(buf_append(out, span_of(&c, 1)) == 0);
			is_open = true;
		}
	}
	if (is_open)
		must(buf_append(out, SPAN("\r\n")) == 0);
}

static void
note_accepted(struct pair *pair, const struct smtp_client_event *event)
{
	const struct smtp_step *step = event->step;
	bool is_good = event->type == CLIENT_ANSWER &&
	    answer_class(event->answer) == 2;

	if (step->type == STEP_TEXT && is_good)
		append_lines(&pair->accepted, pair->text[step - pair->step]);
	if (step->type == STEP_MAIL)
		buf_clear(&pair->chunks);
	if (step->type != STEP_BDAT || !is_good)
		return;
	must(buf_append(&pair->chunks, step->chunk) == 0);
	if (step->is_last)
		must(buf_append(&pair->accepted,
		    buf_span(&pair->chunks)) == 0);
}

static void
take_event(struct pair *pair, const struct smtp_client_event *event)
{
	if (event->type == CLIENT_UNASKED)
		pair->unasked++;
	if (event->step == NULL)
		return;
	if (event->step->state != STEP_DONE &&
	    event->step->state != STEP_SKIPPED)
		return;		/* LMTP: more answers come */
	pair->told[event->step - pair->step]++;
	note_accepted(pair, event);
}

/* The server's words to the client; true if something happened. */
static bool
hear(struct pair *pair)
{
	struct span said = span_skip(buf_span(&pair->drive.said),
	    pair->heard);
	size_t limit = cut(pair, said.len);
	bool has_moved = false;

	for (;;) {
		struct smtp_client_event event;
		size_t used = smtp_client_input(&pair->client,
		    span_first(said, limit), &event);

		pair->heard += used;
		said = span_skip(said, used);
		limit -= used;
		has_moved |= used != 0;
		if (event.type == CLIENT_BROKEN) {
			pair->broken = event.why;
			return false;
		}
		if (event.type != CLIENT_MORE) {
			has_moved = true;
			take_event(pair, &event);
			continue;
		}
		if (limit == said.len)
			return has_moved;
		limit = said.len;	/* an unfinished line wants more */
	}
}

static bool
send_text(struct pair *pair, const struct smtp_step *step)
{
	struct span text = span_skip(pair->text[step - pair->step],
	    pair->text_done);
	struct span piece = span_first(text, cut(pair, text.len));
	size_t before = piece.len, len;
	char out[64];

	if (text.len == 0) {
		pair->text_done = 0;
		len = smtp_client_text_end(&pair->client, out);
	} else {
		len = smtp_client_text(&pair->client, &piece, out,
		    sizeof out);
		pair->text_done += before - piece.len;
	}
	drive_feed(&pair->drive, span_of(out, len));
	return true;
}

static bool
speak(struct pair *pair)
{
	const struct smtp_step *text;
	char out[256];
	size_t len;

	if (pair->drive.is_closed)
		return false;
	text = smtp_client_wants_text(&pair->client);
	if (text != NULL)
		return send_text(pair, text);
	len = smtp_client_output(&pair->client, out, cut(pair, sizeof out));
	drive_feed(&pair->drive, span_of(out, len));
	return len != 0;
}

static void
check(struct pair *pair)
{
	if (pair->broken != NULL)
		return;
	pair->broken = pair->drive.broken;
	if (!pair->drive.is_closed && pair->client.first != NULL)
		pair->broken = "a step was never told";
	for (size_t i = 0; i < pair->step_n; i++)
		if (pair->told[i] > 1)
			pair->broken = "a step was told twice";
	if (pair->unasked != 0 && !pair->drive.is_closed)
		pair->broken = "an answer that nobody waited for";
	if (pair->broken == NULL && !pair->client.conf.is_lmtp &&
	    !span_eq(buf_span(&pair->accepted),
	    buf_span(&pair->drive.delivered)))
		pair->broken = "they do not agree on what was delivered";
}

void
pair_run(struct pair *pair)
{
	bool has_moved = true;

	for (size_t i = 0; i < pair->step_n; i++)
		smtp_client_add(&pair->client, &pair->step[i]);
	while (has_moved && pair->broken == NULL) {
		has_moved = speak(pair);
		has_moved |= hear(pair);
	}
	check(pair);
}
