/* SPDX-License-Identifier: Apache-2.0 */
/* talk_own: the commands that are ours, not SMTP's. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/escape.h"
#include "ehlo/talk_priv.h"
#include "ehlo/transcript.h"
#include "ehlo/words.h"
#include "smtp/explain.h"

#define RAW_MAX 65536
#define WAIT_MS 10000

/* True if there is a connection; says so if not. */
static bool
has_connection(struct talk *talk)
{
	if (talk_is_open(talk))
		return true;
	talk_warn(talk, "there is no connection; /open makes one");
	talk->refused++;
	return false;
}

/* --- base64 */

static void
encode(struct talk *talk, struct span text)
{
	char memory[BASE64_LEN(4096)];
	struct put out = put_init(memory, sizeof memory);

	base64_encode(text, &out);
	if (out.full)
		talk_warn(talk, "that is too long");
	else
		screen_line(talk->screen, SCREEN_TEXT, put_span(&out));
}

static void
decode(struct talk *talk, struct span text)
{
	char memory[LOOK_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct look_base64 look;

	look_base64(text, &look, &out);
	if (out.len != 0)
		screen_line(talk->screen, SCREEN_TEXT, put_span(&out));
	if (look.trap != LOOK_SOUND && look.trap != LOOK_EMPTY)
		talk_warn(talk, "%s", look.why);
	mem_wipe(memory, sizeof memory);
}

/* --- exact bytes */

/* A login may be said byte by byte, too: that is no reason to keep it. */
static void
record_raw(struct talk *talk, struct span bytes)
{
	if (talk->record == NULL)
		return;
	if (!span_casestarts(bytes, SPAN("AUTH ")) && talk->last.code != 334)
		transcript_write_raw(talk->record, bytes);
	else
		transcript_write(talk->record, SESSION_SAID_SECRET,
		    span_first(bytes, span_find(bytes, '\r')));
}

static bool
say_raw(struct talk *talk, struct span typed)
{
	char memory[RAW_MAX];
	struct put out = put_init(memory, sizeof memory);
	size_t at = 0;
	enum escape_result result = escape_read(typed, &out, &at);
	enum session_result said;
	bool has_end = out.len != 0 && out.p[out.len - 1] == '\n';

	if (result != ESCAPE_OK) {
		talk_warn(talk, "nothing was sent: character %zu: %s", at + 1,
		    escape_why(result));
		talk->refused++;
		return true;
	}
	screen_busy(talk->screen, session_fd(talk->session));
	said = session_send_raw(talk->session, put_span(&out));
	(void)screen_ready(talk->screen);
	record_raw(talk, put_span(&out));
	if (said != SESSION_OK) {
		talk_failed(talk, said);
		return false;
	}
	talk->is_raw_sent = true;
	/* on a terminal the answer comes when it comes */
	if (has_end && !screen_is_terminal(talk->screen) &&
	    !talk_wait(talk, talk_patience(talk)) && talk_is_open(talk))
		talk_warn(talk, "no answer");
	return talk_is_open(talk);
}

static const char *
on_raw_prompt(void *arg, struct put *out)
{
	put_str(out, "raw> ");
	return talk_prompt_colour(arg);
}

static void
raw(struct talk *talk, struct span text)
{
	const struct screen_ask ask = { .mode = SCREEN_WORDS,
		.prompt = on_raw_prompt, .arg = talk };
	struct span typed;

	if (!has_connection(talk))
		return;
	if (text.len != 0) {
		(void)say_raw(talk, text);
		return;
	}
	talk_note(talk, "exactly what is typed, without CRLF; \\r \\n \\t \\b "
	    "\\0 \\\\ \\xHH; an empty line ends it");
	while (screen_read(talk->screen, &ask, &typed) == SCREEN_LINE &&
	    typed.len != 0)
		if (!say_raw(talk, typed))
			return;
}

void
talk_bdat(struct talk *talk, struct span line)
{
	struct talk_line read;
	struct span count;
	char memory[1024];
	struct put out = put_init(memory, sizeof memory);
	enum session_result result;
	uint64_t n;

	talk_line_read(line, &read);
	count = span_cut(&read.rest, ' ');
	if (!text_u64(count, &n) || n == 0) {
		(void)talk_say(talk, STEP_OTHER, line, false);
		return;
	}
	put_bytes(&out, line);
	put_str(&out, "\r\n");
	if (out.full) {
		talk_warn(talk, "that is too long");
		return;
	}
	result = session_send_raw(talk->session, put_span(&out));
	if (talk->record != NULL)
		transcript_write_raw(talk->record, put_span(&out));
	if (result != SESSION_OK) {
		talk_failed(talk, result);
		return;
	}
	talk->is_raw_sent = true;
	talk_note(talk, "the server now waits for %llu octets: /raw TEXT sends "
	    "them, its line ends as \\r\\n", (unsigned long long)n);
}

/* --- the transcript */

static void
record(struct talk *talk, struct span path)
{
	char *name;

	if (talk->record != NULL) {
		bool is_bad = ferror(talk->record) != 0;

		if (fclose(talk->record) != 0 || is_bad)
			talk_warn(talk, "the transcript could not be "
			    "written");
		else
			talk_note(talk, "the transcript is written");
		talk->record = NULL;
	}
	if (path.len == 0)
		return;
	name = mem_copy(path);
	talk->record = fopen(name, "we");
	if (talk->record == NULL) {
		talk_warn(talk, "%s: %s", name, log_errno(errno));
		talk->refused++;
	} else {
		(void)setvbuf(talk->record, NULL, _IOLBF, 0);
		transcript_write_head(talk->record,
		    talk->where.unix_path != NULL ? talk->where.unix_path :
		    talk->where.host, talk->where.unix_path != NULL ? 0 :
		    talk->where.port, talk->where.is_implicit_tls);
		if (talk_is_open(talk))
			transcript_write_joined(talk->record,
			    talk->state.is_tls &&
			    !talk->where.is_implicit_tls);
	}
	free(name);
}

/* --- the rest */

static void
open_anew(struct talk *talk, struct span where)
{
	unsigned port = 0;
	char *word = mem_copy(where), host[256];

	if (where.len != 0) {
		if (!target_split(word, host, &port)) {
			talk_warn(talk, "not a server; HOST, HOST:PORT or "
			    "[v6-address]:PORT is expected");
			talk->refused++;
			free(word);
			return;
		}
		memcpy(talk->host, host, sizeof host);
		talk->where.host = talk->host;
		talk->where.unix_path = NULL;
		if (port != 0) {
			talk->where.port = (uint16_t)port;
			talk->where.is_implicit_tls = port == 465;
		}
	}
	free(word);
	(void)talk_open(talk);
}

static void
hello(struct talk *talk, struct span name)
{
	char memory[512];
	struct put line = put_init(memory, sizeof memory);

	if (!has_connection(talk))
		return;
	if (name.len == 0) {
		(void)talk_hello(talk);
		return;
	}
	put_str(&line, talk->where.is_lmtp ? "LHLO " : "EHLO ");
	put_bytes(&line, name);
	if (!line.full)
		(void)talk_say(talk, STEP_HELLO, put_span(&line), false);
}

/* A code, or words, or the last reply. */
static void
explain(struct talk *talk, struct span text)
{
	struct explain_query query = { .stage = EXPLAIN_ANY, .text = text };
	struct explain explain;
	struct words words;
	uint64_t code;

	if (text.len == 0) {
		talk_explain(talk);
		return;
	}
	if (text.len >= 3 && text_u64(span_first(text, 3), &code)) {
		query.code = (unsigned)code;
		query.text = span_trim(span_skip(text, 3));
	}
	explain_reply(&query, &explain);
	words_init(&words, talk->json != NULL ? stderr : stdout);
	words_explain(&words, 2, &explain);
	(void)fflush(stdout);	/* the end will tell */
}

static void
show_help(struct talk *talk)
{
	const struct talk_own_row *row;

	screen_printf(talk->screen, SCREEN_TEXT, "Every line of SMTP goes out "
	    "as it is typed, with CRLF. Behind \"/\" stand our own:");
	for (size_t i = 0; (row = talk_own_at(i)) != NULL; i++) {
		char name[64];

		(void)snprintf(name, sizeof name, "%s%s%s", row->name,
		    row->arguments[0] != '\0' ? " " : "", row->arguments);
		screen_printf(talk->screen, SCREEN_TEXT, "  /%-24s %s", name,
		    row->help);
	}
	screen_printf(talk->screen, SCREEN_TEXT, "Tab completes, arrows and "
	    "Ctrl-R recall; in a login, what is typed goes out in base64 "
	    "(/raw TEXT as it is, * gives up).");
}

static void
wait_unasked(struct talk *talk, struct span seconds)
{
	uint64_t n = WAIT_MS / 1000;

	if (!has_connection(talk))
		return;
	if (seconds.len != 0 && (!text_u64(seconds, &n) || n > 3600)) {
		talk_warn(talk, "wait takes a number of seconds");
		talk->refused++;
		return;
	}
	if (!talk_wait(talk, (unsigned)n * 1000) && talk_is_open(talk))
		talk_note(talk, "nothing came");
}

void
talk_own(struct talk *talk, const struct talk_line *line)
{
	struct span user = line->rest, mech;

	switch (line->own) {
	case OWN_AUTH:
		mech = span_cut(&user, ' ');
		talk_auth_whole(talk, mech, span_trim(user));
		break;
	case OWN_CLOSE:
		talk_close(talk);
		talk_note(talk, "the connection is closed");
		break;
	case OWN_DATA:
		if (has_connection(talk))
			talk_data(talk, SPAN("DATA"));
		break;
	case OWN_DECODE:
		decode(talk, line->rest);
		break;
	case OWN_ENCODE:
		encode(talk, line->tail);
		break;
	case OWN_EXIT:
		talk_close(talk);
		talk->is_leaving = true;
		break;
	case OWN_EXPLAIN:
		explain(talk, line->rest);
		break;
	case OWN_HELLO:
		hello(talk, line->rest);
		break;
	case OWN_HELP:
		show_help(talk);
		break;
	case OWN_OPEN:
		open_anew(talk, line->rest);
		break;
	case OWN_QUIT:
		if (talk_is_open(talk))
			(void)talk_say(talk, STEP_QUIT, SPAN("QUIT"), false);
		talk->is_leaving = true;
		break;
	case OWN_RAW:
		raw(talk, line->tail);
		break;
	case OWN_RECORD:
		record(talk, line->rest);
		break;
	case OWN_SEND:
		if (has_connection(talk))
			talk_send(talk, line->rest);
		break;
	case OWN_STARTTLS:
		if (has_connection(talk))
			talk_starttls(talk, SPAN("STARTTLS"));
		break;
	case OWN_TLS:
		talk_show_tls(talk);
		break;
	case OWN_WAIT:
		wait_unasked(talk, line->rest);
		break;
	}
}
