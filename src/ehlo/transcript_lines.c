/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of what is written line by line for us: recorded sessions, .dlg
 * files, lists of corrections; and the door to the third kind, text. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/target.h"
#include "ehlo/transcript_private.h"

/* --- escapes */

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What "\r\n\t\b\\" and "\xHH" stand for; .p NULL: there is no such. What
 * comes out is never longer. */
static struct span
unescape(struct arena *arena, struct span text)
{
	static const char from[] = "rntb\\", to[] = "\r\n\t\b\\";
	char *memory = arena_alloc(arena, text.len + 1);
	struct put out = put_init(memory, text.len);

	if (memory == NULL)
		return (struct span){ NULL, 0 };
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '\\' && i + 3 < text.len && text.p[i + 1] == 'x' &&
		    hex_value(text.p[i + 2]) >= 0 &&
		    hex_value(text.p[i + 3]) >= 0) {
			c = (char)(hex_value(text.p[i + 2]) << 4 |
			    hex_value(text.p[i + 3]));
			i += 3;
		} else if (c == '\\') {
			const char *at = ++i < text.len &&
			    text.p[i] != '\0' ? strchr(from, text.p[i]) : NULL;

			if (at == NULL)
				return (struct span){ NULL, 0 };
			c = to[at - from];
		}
		put_char(&out, c);
	}
	return span_of(memory, out.len);
}

/* --- recorded sessions and .dlg files */

/* "! host mail.example.org:465 tls", "! lines lf". Options that say what a
 * listener is like are none of ours. */
static bool
read_option(struct transcript *transcript, unsigned line, struct span text)
{
	struct span name = span_cut(&text, ' ');
	struct span value = span_cut(&text, ' ');
	char word[300];
	struct put out = put_init(word, sizeof word);

	if (span_eq(name, SPAN("lines")))
		transcript->is_lf = span_eq(value, SPAN("lf"));
	else if (span_eq(name, SPAN("tls")))
		transcript->is_implicit_tls = span_eq(value, SPAN("implicit"));
	else if (span_eq(name, SPAN("only")))
		transcript->is_engine_only = span_eq(value, SPAN("engine"));
	if (!span_eq(name, SPAN("host")))
		return true;
	put_bytes(&out, span_first(value, sizeof word - 1));
	if (!target_split(put_cstr(&out), transcript->host, &transcript->port))
		return transcript_bad(transcript, line,
		    "expected: ! host NAME:PORT");
	transcript->is_implicit_tls = span_eq(text, SPAN("tls"));
	return true;
}

/* What is behind the mark "C: ". */
static struct span
behind_mark(struct span line)
{
	line = span_skip(line, 2);
	return line.len != 0 && line.p[0] == ' ' ? span_skip(line, 1) : line;
}

static bool
read_mark(struct transcript *transcript, unsigned number, struct span line)
{
	static const struct {
		char mark[3];
		enum transcript_kind kind;
	} kinds[] = {
		{ "C:", TRANSCRIPT_SAYS }, { "C|", TRANSCRIPT_SENDS },
		{ "C*", TRANSCRIPT_SECRET }, { "S:", TRANSCRIPT_HEARS },
		{ "S|", TRANSCRIPT_HEARS }, { "S+", TRANSCRIPT_REPLY },
	};
	struct span text = behind_mark(line);

	for (size_t i = 0; i < countof(kinds); i++) {
		if (!span_starts(line, span_of(kinds[i].mark, 2)))
			continue;
		if (kinds[i].mark[1] == '|')
			text = unescape(&transcript->arena, text);
		if (text.p == NULL)
			return transcript_bad(transcript, number,
			    "no such escape: \\r \\n \\t \\b \\\\ \\xHH");
		if (kinds[i].kind == TRANSCRIPT_REPLY &&
		    transcript_reply_code(text) == 0)
			return transcript_bad(transcript, number,
			    "expected: S+ and a code");
		transcript_add(transcript, kinds[i].kind, number, text);
		return true;
	}
	if (span_eq(line, SPAN("T")))
		transcript_add(transcript, TRANSCRIPT_TLS, number, SPAN(""));
	else if (span_eq(line, SPAN("X")))
		transcript_add(transcript, TRANSCRIPT_CLOSED, number,
		    SPAN(""));
	else
		return transcript_bad(transcript, number,
		    "what is this line? Expected: C: C| C* S: S| S+ T X ! #");
	return true;
}

/* Lines that only tests of the engine look at. */
static bool
is_for_engine(struct span line)
{
	return line.len >= 2 && ((line.p[0] == '?' && line.p[1] == ' ') ||
	    (strchr("BNE", line.p[0]) != NULL &&
	    (line.p[1] == ':' || line.p[1] == '|')));
}

static struct span
cut_line(struct span *text)
{
	struct span line = span_cut(text, '\n');

	if (line.len != 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool
read_marked(struct transcript *transcript, struct span text)
{
	unsigned number = 0;

	transcript_add(transcript, TRANSCRIPT_SESSION, 1, SPAN(""));
	while (text.len != 0) {
		struct span line = cut_line(&text);

		number++;
		if (line.len == 0 || line.p[0] == '#' ||
		    (transcript->format == TRANSCRIPT_DLG &&
		    is_for_engine(line)))
			continue;
		if (line.p[0] == '!') {
			if (!read_option(transcript, number,
			    span_trim(span_skip(line, 1))))
				return false;
		} else if (!read_mark(transcript, number, line)) {
			return false;
		}
	}
	return true;
}

/* Does every line look like one of a .dlg file? */
static bool
is_dlg(struct span text)
{
	bool has_server = false;

	while (text.len != 0) {
		struct span line = cut_line(&text);
		bool is_mark = line.len >= 2 && (line.p[1] == ':' ||
		    line.p[1] == '|' || line.p[1] == '+') &&
		    strchr("CSBNE", line.p[0]) != NULL;

		if (line.len == 0 || line.p[0] == '#' || is_for_engine(line) ||
		    span_starts(line, SPAN("! ")) || span_eq(line, SPAN("T")) ||
		    span_eq(line, SPAN("X")))
			continue;
		if (!is_mark)
			return false;
		has_server |= line.p[0] == 'S';
	}
	return has_server;
}

/* --- text of any kind */

/* What a correction says a line is: "C: x", "S: x", "...", "T", "session", "-".
 */
static bool
read_is(struct span is, struct transcript_raw *raw)
{
	raw->text = SPAN("");
	raw->is_fixed = true;
	if (span_starts(is, SPAN("C: ")) || span_eq(is, SPAN("C:")))
		raw->role = ROLE_CLIENT;
	else if (span_starts(is, SPAN("S: ")))
		raw->role = ROLE_SERVER;
	else if (span_eq(is, SPAN("...")))
		raw->role = ROLE_ELIDED;
	else if (span_eq(is, SPAN("T")))
		raw->role = ROLE_TLS;
	else if (span_eq(is, SPAN("session")) ||
	    span_eq(is, SPAN("session tls")))
		raw->role = ROLE_SESSION;
	else if (span_eq(is, SPAN("-")))
		raw->role = ROLE_NONE;
	else
		return false;
	if (raw->role == ROLE_CLIENT || raw->role == ROLE_SERVER)
		raw->text = behind_mark(is);
	else if (raw->role == ROLE_SESSION && is.len > 7)
		raw->text = SPAN("tls");
	return true;
}

static bool
apply_fixes(struct transcript_fixes *fixes, struct transcript_raw *raw,
    struct transcript_raws *raws)
{
	for (size_t i = 0; fixes != NULL && i < fixes->n; i++) {
		struct transcript_fix *fix = &fixes->fix[i];

		if (!transcript_fits(fix->line, raw->text))
			continue;
		fix->used++;
		for (size_t j = 0; j < fix->n; j++) {
			struct transcript_raw made = *raw;

			(void)read_is(fix->is[j], &made);	/* was judged */
			transcript_raws_add(raws, made);
		}
		return true;
	}
	return false;
}

static void
read_text(struct transcript *transcript, struct span text,
    struct transcript_fixes *fixes)
{
	struct transcript_raws raws = { 0 };
	unsigned number = 0;

	if (span_starts(text, SPAN("\xef\xbb\xbf")))
		text = span_skip(text, 3);
	while (text.len != 0) {
		struct transcript_raw raw = { .line = ++number };

		raw.text = span_trim(cut_line(&text));
		if (!apply_fixes(fixes, &raw, &raws))
			transcript_raws_add(&raws, raw);
	}
	transcript->style = transcript_find_marks(&raws);
	if (transcript->style == NULL) {
		transcript->style = "telnet";
		transcript_find_roles(transcript, &raws);
	}
	transcript_build(transcript, &raws);
	free(raws.raw);
}

bool
transcript_read(struct transcript *transcript, struct span text,
    struct transcript_fixes *fixes)
{
	memset(transcript, 0, sizeof *transcript);
	arena_init(&transcript->arena, 4 * TRANSCRIPT_FILE_MAX);
	if (text.len > TRANSCRIPT_FILE_MAX)
		return transcript_bad(transcript, 0, "the file is too large");
	text = arena_copy(&transcript->arena, text);
	transcript->style = "";
	transcript->format = TRANSCRIPT_RECORD;
	if (span_starts(text, SPAN("# ehlo transcript 1")))
		return read_marked(transcript, text);
	transcript->format = TRANSCRIPT_DLG;
	if (is_dlg(text))
		return read_marked(transcript, text);
	transcript->format = TRANSCRIPT_TEXT;
	read_text(transcript, text, fixes);
	return true;
}

/* --- lists of corrections */

static const char *
add_to_fix(struct transcript_fixes *fixes, struct span name, struct span value)
{
	struct transcript_fix *fix = fixes->n != 0 ?
	    &fixes->fix[fixes->n - 1] : NULL;
	struct transcript_raw raw;

	if (span_eq(name, SPAN("why"))) {
		fixes->fix = mem_grow_array(fixes->fix, fixes->n + 1,
		    sizeof *fixes->fix);
		fixes->fix[fixes->n++] = (struct transcript_fix){ value };
		return value.len != 0 ? NULL : "a reason is wanted";
	}
	if (fix == NULL)
		return "a correction begins with \"why:\"";
	if (span_eq(name, SPAN("line"))) {
		if (fix->line.len != 0)
			return "one \"line:\" for each \"why:\"";
		fix->line = value;
		return value.len != 0 ? NULL : "which line?";
	}
	if (!span_eq(name, SPAN("is")))
		return "expected: why, line or is";
	if (fix->line.len == 0)
		return "\"line:\" comes before \"is:\"";
	if (fix->n == countof(fix->is))
		return "too many \"is:\"";
	if (!read_is(value, &raw))
		return "expected: C: …, S: …, ..., T, session, or -";
	fix->is[fix->n++] = value;
	return NULL;
}

bool
transcript_fixes_read(struct transcript_fixes *fixes, struct span text,
    unsigned *bad_line, const char **why)
{
	memset(fixes, 0, sizeof *fixes);
	arena_init(&fixes->arena, 2 * TRANSCRIPT_FILE_MAX);
	*bad_line = 0;
	*why = "the file is too large";
	if (text.len > TRANSCRIPT_FILE_MAX)
		return false;
	text = arena_copy(&fixes->arena, text);
	while (text.len != 0) {
		struct span line = span_trim(cut_line(&text)), name;

		++*bad_line;
		if (line.len == 0 || line.p[0] == '#')
			continue;
		name = span_cut(&line, ':');
		*why = add_to_fix(fixes, name, span_trim(line));
		if (*why != NULL)
			return false;
	}
	for (size_t i = 0; i < fixes->n; i++)
		if (fixes->fix[i].n == 0) {
			*why = "the last correction has no \"is:\"";
			return false;
		}
	*why = NULL;
	return true;
}

void
transcript_fixes_free(struct transcript_fixes *fixes)
{
	free(fixes->fix);
	fixes->fix = NULL;
	fixes->n = 0;
	arena_reset(&fixes->arena);
}
