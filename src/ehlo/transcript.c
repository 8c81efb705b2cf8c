/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/transcript.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/transcript_private.h"

/* --- writing */

/* Printable ASCII and well-formed UTF-8 without controls may stand as it is;
 * a backslash means itself outside of escapes. */
static bool
is_plain(struct span line)
{
	if (!text_is_utf8(line))
		return false;
	for (size_t i = 0; i < line.len; i++) {
		if (ascii_is_cntrl(line.p[i]))
			return false;
		/* U+0080 to U+009F, the C1 controls */
		if (line.p[i] == '\xc2' && i + 1 < line.len &&
		    (unsigned char)line.p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static void
write_escaped(FILE *out, struct span bytes, const char *end)
{
	static const char from[] = "\r\n\t\b\\", to[] = "rntb\\";

	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.p[i];
		const char *at = c != '\0' ? strchr(from, c) : NULL;

		if (at != NULL)
			fprintf(out, "\\%c", to[at - from]);
		else if (c >= ' ' && c <= '~')
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)c);
	}
	fprintf(out, "%s\n", end);
}

void
transcript_write_head(FILE *out, const char *host, unsigned port,
    bool is_implicit_tls)
{
	bool is_v6 = strchr(host, ':') != NULL;

	fprintf(out, "# ehlo transcript 1\n! host %s%s%s", is_v6 ? "[" : "",
	    host, is_v6 ? "]" : "");
	if (port != 0)
		fprintf(out, ":%u", port);
	fprintf(out, "%s\n", is_implicit_tls ? " tls" : "");
}

/* "AUTH PLAIN AGd1eXQA…": who it was stays out as well. */
static void
write_secret(FILE *out, struct span line)
{
	struct span verb = span_cut(&line, ' ');
	struct span mech = span_cut(&line, ' ');
	bool is_auth = span_caseeq(verb, SPAN("AUTH")) && mech.len < 32;

	for (size_t i = 0; i < mech.len; i++)
		is_auth = is_auth && (ascii_is_alnum(mech.p[i]) ||
		    mech.p[i] == '-' || mech.p[i] == '_');
	if (is_auth)
		fprintf(out, "C* AUTH %.*s\n", SPAN_ARG(mech));
	else
		fprintf(out, "C*\n");
}

void
transcript_write(FILE *out, enum session_news news, struct span line)
{
	bool plain = is_plain(line);

	if (news == SESSION_SAID_SECRET) {
		write_secret(out, line);
	} else if (news == SESSION_SAID && !plain) {
		fprintf(out, "C| ");
		write_escaped(out, line, "\\r\\n");
	} else if (!plain) {
		fprintf(out, "%s", news == SESSION_NOTE ? "# " : "S| ");
		write_escaped(out, line, "");
	} else {
		fprintf(out, "%s%.*s\n", news == SESSION_NOTE ? "# " :
		    news == SESSION_SAID ? "C: " : "S: ", SPAN_ARG(line));
	}
}

void
transcript_write_raw(FILE *out, struct span bytes)
{
	fprintf(out, "C| ");
	write_escaped(out, bytes, "");
}

void
transcript_write_tls(FILE *out)
{
	fprintf(out, "T\n");
}

void
transcript_write_closed(FILE *out)
{
	fprintf(out, "X\n");
}

/* --- what was read */

#define ITEMS_MAX 100000u	/* more is no transcript */

struct transcript_item *
transcript_add(struct transcript *transcript, enum transcript_kind kind,
    unsigned line, struct span text)
{
	struct transcript_item *item;

	if (transcript->n == transcript->room) {
		transcript->room = transcript->room * 2 + 64;
		transcript->item = mem_grow_array(transcript->item,
		    transcript->room, sizeof *transcript->item);
	}
	item = &transcript->item[transcript->n];
	if (transcript->n < ITEMS_MAX)
		transcript->n++;
	*item = (struct transcript_item){ .kind = kind, .line = line,
		.text = text };
	return item;
}

void
transcript_raws_add(struct transcript_raws *raws, struct transcript_raw raw)
{
	if (raws->n == raws->room) {
		raws->room = raws->room * 2 + 64;
		raws->raw = mem_grow_array(raws->raw, raws->room,
		    sizeof *raws->raw);
	}
	raws->raw[raws->n++] = raw;
}

bool
transcript_bad(struct transcript *transcript, unsigned line, const char *why)
{
	transcript->bad_line = line;
	transcript->bad_why = why;
	return false;
}

void
transcript_free(struct transcript *transcript)
{
	free(transcript->item);
	transcript->item = NULL;
	transcript->n = transcript->room = 0;
	arena_reset(&transcript->arena);
}

unsigned
transcript_reply_code(struct span line)
{
	unsigned code = 0;

	if (line.len < 3 || (line.len > 3 && line.p[3] != ' ' &&
	    line.p[3] != '-'))
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (!ascii_is_digit(line.p[i]))
			return 0;
		code = code * 10 + (unsigned)(line.p[i] - '0');
	}
	/* RFC 5321 4.2.1: the second digit is 0 to 5 */
	return code >= 200 && code < 600 && code / 10 % 10 <= 5 ? code : 0;
}

unsigned
transcript_code(const struct transcript_item *item)
{
	if (item->kind != TRANSCRIPT_HEARS && item->kind != TRANSCRIPT_REPLY)
		return 0;
	return transcript_reply_code(item->text);
}

/* One "*" is remembered at a time: the last one may always be the one that
 * takes more (no text can make this slow). */
bool
transcript_fits(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = pattern.len, mark = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star < pattern.len) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}
