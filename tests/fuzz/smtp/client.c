/* SPDX-License-Identifier: Apache-2.0 */
/* The client engine, two ways. The first octet chooses:
 *
 *  - against the server engine, the bytes cut anywhere: the rest is a plan of
 *    what is sent and what is refused; pair.h names the properties;
 *  - against bytes of anybody: the same events however they are cut, every
 *    step told once at most, and nothing said holds a bare CR or LF.
 *
 * Seen to catch: a writer that did not double the dot behind a cut, RCPT
 * counted for the transaction before, a TEXT told twice. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool is_true, const char *what)
{
	if (is_true)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* --- with our own server */

static uint8_t
take(struct span *in)
{
	uint8_t byte = in->len != 0 ? (uint8_t)in->p[0] : 0;

	*in = span_skip(*in, 1);
	return byte;
}

static void
add_body(struct pair *pair, struct span *in, uint8_t how)
{
	struct span text = span_first(*in, take(in) % 100);

	*in = span_skip(*in, text.len);
	if (how & 1) {
		pair_add_chunk(pair, span_first(text, text.len / 2), false);
		pair_add_chunk(pair, span_skip(text, text.len / 2), true);
	} else {
		pair_add(pair, STEP_DATA, "DATA");
		pair_add_text(pair, text);
	}
	if (how & 2)
		pair_add(pair, STEP_RSET, "RSET");
}

static void
add_transaction(struct pair *pair, struct span *in)
{
	uint8_t how = take(in);

	/* or a MAIL that is refused leaves the one before it open */
	pair_add(pair, STEP_RSET, "RSET");
	pair_add(pair, STEP_MAIL, how & 128 ? "MAIL FROM:<a@b" :
	    "MAIL FROM:<a@b.example>");
	for (unsigned i = 0; i < (how >> 2 & 3u); i++)
		pair_add(pair, STEP_RCPT, "RCPT TO:<u%u@example.org>", i);
	if (how & 16)
		pair_add(pair, STEP_OTHER, "NOOP");
	add_body(pair, in, how >> 5 & 3);
}

static void
play_pair(uint8_t bits, struct span in)
{
	static const enum smtp_event_type questions[] = { SMTP_HELLO,
		SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_END };
	static struct pair pair;
	struct smtp_server_conf server = drive_conf();
	struct smtp_client_conf client = { .is_lmtp = (bits & 2) != 0,
		.no_pipelining = (bits & 4) != 0 };
	uint8_t refusals = take(&in);

	server.is_lmtp = client.is_lmtp;
	pair_init(&pair, &server, &client, (uint32_t)in.len * 2654435761u |
	    (bits & 8));
	for (unsigned i = 0; i < (refusals & 3u); i++)
		pair.drive.script[pair.drive.script_n++] =
		    (struct drive_script){
			.question = questions[(refusals >> 2) % 5],
			.nth = 1 + i, .reply = refusals & 128 ?
			REPLY_STORE_FULL : REPLY_RCPT_REFUSED };
	pair_add(&pair, STEP_GREETING, "%s", "");
	pair_add(&pair, STEP_HELLO, "%s c.example", client.is_lmtp ?
	    "LHLO" : "EHLO");
	for (unsigned i = 0; i < 4 && in.len != 0; i++)
		add_transaction(&pair, &in);
	pair_add(&pair, STEP_QUIT, "QUIT");
	pair_run(&pair);
	check(pair.broken == NULL, pair.broken);
	pair_free(&pair);
}

/* --- with bytes of anybody */

struct story {
	char memory[1 << 16];
	struct put told;
};

static void
add_line(struct smtp_client *client, struct smtp_step *step,
    enum smtp_step_type type, const char *line)
{
	*step = (struct smtp_step){ .type = type, .line = span_str(line) };
	smtp_client_add(client, step);
}

static void
plan(struct smtp_client *client, struct smtp_step step[static 8])
{
	add_line(client, &step[0], STEP_GREETING, "");
	add_line(client, &step[1], STEP_HELLO, "EHLO c");
	add_line(client, &step[2], STEP_MAIL, "MAIL FROM:<>");
	add_line(client, &step[3], STEP_RCPT, "RCPT TO:<a@b>");
	add_line(client, &step[4], STEP_RCPT, "RCPT TO:<b@b>");
	add_line(client, &step[5], STEP_DATA, "DATA");
	add_line(client, &step[6], STEP_TEXT, "");
	add_line(client, &step[7], STEP_QUIT, "QUIT");
}

static void
speak(struct smtp_client *client, struct story *story)
{
	struct span text = SPAN(".\n..\r\rx");
	char out[64];
	size_t len;

	while ((len = smtp_client_output(client, out, sizeof out)) != 0)
		put_bytes(&story->told, span_of(out, len));
	if (smtp_client_wants_text(client) == NULL)
		return;
	while (text.len != 0) {
		len = smtp_client_text(client, &text, out, 5);
		put_bytes(&story->told, span_of(out, len));
	}
	len = smtp_client_text_end(client, out);
	put_bytes(&story->told, span_of(out, len));
}

static void
tell(struct story *story, const struct smtp_client_event *event)
{
	put_char(&story->told, (char)('A' + event->type));
	if (event->step != NULL)
		put_u64(&story->told, event->step->type);
	if (event->answer != NULL) {
		put_u64(&story->told, event->answer->code);
		put_bytes(&story->told, answer_text(event->answer));
		put_u64(&story->told, event->answer->flaws);
	}
	if (event->why != NULL)
		put_str(&story->told, event->why);
}

/* `piece` 0: whole. What is not consumed is offered again with more. */
static void
play(struct span in, uint32_t piece, bool is_stubborn, struct story *story)
{
	const struct smtp_client_conf conf = { .is_stubborn = is_stubborn };
	static struct smtp_client client;
	struct smtp_step step[8];
	size_t seen = 0;

	story->told = put_init(story->memory, sizeof story->memory);
	smtp_client_init(&client, &conf);
	plan(&client, step);
	for (;;) {
		struct smtp_client_event event;
		size_t used;

		used = smtp_client_input(&client, span_first(in, seen),
		    &event);
		check(used <= seen, "it took more than there was");
		in = span_skip(in, used);
		seen -= used;
		if (event.type != CLIENT_MORE)
			tell(story, &event);
		if (event.type == CLIENT_BROKEN)
			return;
		speak(&client, story);
		if (event.type != CLIENT_MORE)
			continue;
		if (seen == in.len)
			return;
		if (piece != 0)
			piece = (piece * 1664525u + 1013904223u) | 1;
		seen += piece != 0 ? 1 + (piece >> 16) % 30 : in.len;
		if (seen > in.len)
			seen = in.len;
	}
}

static void
play_hostile(uint8_t bits, struct span in)
{
	static struct story whole, cut;

	play(in, 0, (bits & 2) != 0, &whole);
	play(in, (uint32_t)in.len * 2654435761u | 1, (bits & 2) != 0, &cut);
	check(span_eq(put_span(&whole.told), put_span(&cut.told)),
	    "the cut changes the story");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t bits = take(&in);

	if (bits & 1)
		play_pair(bits, in);
	else
		play_hostile(bits, in);
	return 0;
}
