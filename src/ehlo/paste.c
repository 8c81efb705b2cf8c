/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/paste.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/script.h"

#define REPLIES_MAX 10000

struct paste_reply *
paste_add(struct paste *paste, enum paste_source source, unsigned line)
{
	struct paste_reply *reply;

	if (paste->n == paste->room) {
		paste->room = paste->room * 2 + 32;
		paste->reply = mem_grow_array(paste->reply, paste->room,
		    sizeof *paste->reply);
	}
	reply = &paste->reply[paste->n];
	if (paste->n + 1 < REPLIES_MAX)
		paste->n++;
	*reply = (struct paste_reply){ .source = source, .line = line };
	return reply;
}

/* "5.7.1" at the beginning, three digits at most in a part. */
static bool
take_status(struct span *text, uint16_t status[3])
{
	struct span rest = *text, word = span_cut(&rest, ' ');

	for (size_t i = 0; i < 3; i++) {
		struct span part = span_cut(&word, '.');
		uint64_t n;

		if (part.len > 3 || !text_u64(part, &n))
			return false;
		status[i] = (uint16_t)n;
	}
	if (word.len != 0 || status[0] < 2 || status[0] > 5)
		return false;
	*text = rest;
	return true;
}

bool
paste_take_code(struct paste_reply *reply, struct span text)
{
	struct span rest;
	uint16_t status[3] = { 0 };

	reply->code = script_reply_code(span_first(text, 4));
	if (reply->code == 0)
		return false;
	reply->text = span_skip(text, 4);
	rest = reply->text;
	if (take_status(&rest, status))
		memcpy(reply->status, status, sizeof status);
	return true;
}

/* --- sessions */

struct asked {
	enum explain_stage stage;
	struct span said;
};

struct reading {
	struct paste *paste;
	struct asked asked[64];		/* not answered yet, a ring */
	unsigned first, last;
	struct span mech;		/* of the login under way */
	unsigned responses;		/* of it, so far */
	bool is_tls;
};

static enum explain_stage
stage_of(struct span line)
{
	static const struct {
		const char *verb;
		enum explain_stage stage;
	} stages[] = {
		{ "EHLO", EXPLAIN_HELLO }, { "HELO", EXPLAIN_HELLO },
		{ "LHLO", EXPLAIN_HELLO }, { "STARTTLS", EXPLAIN_STARTTLS },
		{ "AUTH", EXPLAIN_AUTH }, { "MAIL", EXPLAIN_MAIL },
		{ "RCPT", EXPLAIN_RCPT }, { "DATA", EXPLAIN_DATA },
		{ "BDAT", EXPLAIN_TEXT }, { "QUIT", EXPLAIN_QUIT },
	};

	for (size_t i = 0; i < countof(stages); i++)
		if (span_casestarts(line, span_str(stages[i].verb)))
			return stages[i].stage;
	return EXPLAIN_OTHER;
}

static void
push(struct reading *reading, enum explain_stage stage, struct span said)
{
	if (reading->last - reading->first < countof(reading->asked))
		reading->asked[reading->last++ % countof(reading->asked)] =
		    (struct asked){ stage, said };
}

static struct asked
pop(struct reading *reading)
{
	if (reading->first == reading->last)
		return (struct asked){ EXPLAIN_ANY, SPAN("") };
	return reading->asked[reading->first++ % countof(reading->asked)];
}

static void
add_login(struct reading *reading, unsigned line, bool is_ours,
    struct span text)
{
	struct paste *paste = reading->paste;

	if (paste->logins == PASTE_LOGINS_MAX || reading->mech.len == 0)
		return;
	paste->login[paste->logins++] = (struct paste_login){ .line = line,
		.is_ours = is_ours, .mech = reading->mech, .text = text,
		.is_password = is_ours && reading->responses > 0 };
	reading->responses += is_ours;
}

static void
read_client(struct reading *reading, const struct script_item *item)
{
	struct span rest = item->text;
	enum explain_stage stage = stage_of(rest);

	if (item->is_text) {
		if (span_eq(item->text, SPAN(".")))
			push(reading, EXPLAIN_TEXT, SPAN("."));
		return;
	}
	if (reading->mech.len != 0) {	/* it answers a challenge */
		push(reading, EXPLAIN_AUTH, SPAN(""));
		if (!item->is_decoded && item->kind == SCRIPT_SAYS)
			add_login(reading, item->line, true, item->text);
		return;
	}
	push(reading, stage, item->text);
	if (stage == EXPLAIN_AUTH) {
		(void)span_cut(&rest, ' ');
		reading->mech = span_cut(&rest, ' ');
		reading->responses = 0;
		if (rest.len != 0)
			add_login(reading, item->line, true, rest);
	}
}

/* From the first line of a reply to its last: returns how many items. */
static size_t
read_reply(struct reading *reading, const struct script_item *item, size_t n)
{
	struct paste *paste = reading->paste;
	struct paste_reply *reply = paste_add(paste, PASTE_SESSION,
	    item->line);
	struct buf text;
	struct asked asked = pop(reading);
	size_t i = 0;
	bool is_more = true, is_whole = true;

	buf_init(&text, PASTE_MAX);
	(void)paste_take_code(reply, item->text);
	for (; i < n && is_more; i++) {
		struct span line = span_skip(item[i].text, 4);

		if (item[i].kind != SCRIPT_HEARS) {
			is_whole = false;
			continue;
		}
		(void)buf_append(&text, text.len != 0 ? SPAN("\n") : SPAN(""));
		(void)buf_append(&text, line);
		is_more = (item[i].text.len > 3 && item[i].text.p[3] == '-') ||
		    (i + 1 < n && item[i + 1].kind == SCRIPT_ELIDED);
	}
	reply->text = arena_copy(&paste->arena, buf_span(&text));
	buf_free(&text);
	reply->stage = asked.stage;
	reply->said = asked.said;
	if (reply->code == 334)
		add_login(reading, item->line, false, reply->text);
	else
		reading->mech = SPAN("");
	/* a list with holes tells nothing about what is missing */
	if (asked.stage == EXPLAIN_HELLO && reply->code == 250 && is_whole) {
		if (reading->is_tls)
			paste->tls = reply->text;
		else
			paste->clear = reply->text;
	}
	return i;
}

static void
read_session(struct paste *paste, const struct script *script)
{
	struct reading reading = { .paste = paste };

	for (size_t i = 0; i < script->n;) {
		const struct script_item *item = &script->item[i++];

		switch (item->kind) {
		case SCRIPT_SESSION:
			reading.first = reading.last = 0;
			reading.mech = SPAN("");
			reading.is_tls = item->is_tls ||
			    script->is_implicit_tls;
			if (item->text.len == 0)
				push(&reading, EXPLAIN_GREETING, SPAN(""));
			break;
		case SCRIPT_SAYS:
		case SCRIPT_SECRET:
		case SCRIPT_SENDS:
			read_client(&reading, item);
			break;
		case SCRIPT_HEARS:
			i += read_reply(&reading, item, script->n - i + 1) - 1;
			break;
		case SCRIPT_TLS:
			reading.is_tls = true;
			break;
		case SCRIPT_REPLY:
		case SCRIPT_ELIDED:
		case SCRIPT_CLOSED:
			break;
		}
	}
}

/* Which lines the session took; behind a wrapped one the next as well. */
static unsigned char *
cover(const struct script *script, size_t lines)
{
	unsigned char *covered = mem_new(lines + 3);

	for (size_t i = 0; i < script->n; i++)
		if (script->item[i].line <= lines)
			covered[script->item[i].line] = 1;
	return covered;
}

static size_t
count_lines(struct span text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	return n;
}

/* What was found here and there in the order of the lines. */
static void
sort(struct paste *paste)
{
	for (size_t i = 1; i < paste->n; i++) {
		struct paste_reply one = paste->reply[i];
		size_t j = i;

		for (; j > 0 && paste->reply[j - 1].line > one.line; j--)
			paste->reply[j] = paste->reply[j - 1];
		paste->reply[j] = one;
	}
}

static bool
contains(struct span text, struct span word)
{
	for (; text.len >= word.len; text = span_skip(text, 1))
		if (span_starts(text, word))
			return true;
	return false;
}

bool
paste_read(struct paste *paste, struct span text)
{
	struct script script;
	unsigned char *covered;

	memset(paste, 0, sizeof *paste);
	arena_init(&paste->arena, 8 * PASTE_MAX);
	paste->style = "";
	if (text.len > PASTE_MAX)
		return false;
	text = arena_copy(&paste->arena, text);
	/* a recorded session with a mistake is read as far as it goes */
	(void)script_read(&script, text, NULL);
	read_session(paste, &script);
	paste->style = script.style;
	covered = cover(&script, count_lines(text));
	for (size_t i = 0; i < paste->n; i++)
		paste->reply[i].said = arena_copy(&paste->arena,
		    paste->reply[i].said);
	for (size_t i = 0; i < paste->logins; i++) {
		paste->login[i].mech = arena_copy(&paste->arena,
		    paste->login[i].mech);
		paste->login[i].text = arena_copy(&paste->arena,
		    paste->login[i].text);
	}
	script_free(&script);
	paste_scan(paste, text, covered);
	sort(paste);
	paste->has_renegotiation = contains(text, SPAN("RENEGOTIATING"));
	free(covered);
	return true;
}

void
paste_free(struct paste *paste)
{
	free(paste->reply);
	paste->reply = NULL;
	paste->n = paste->room = 0;
	arena_reset(&paste->arena);
}
