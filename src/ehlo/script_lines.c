/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of what is written line by line for us: recorded sessions, .dlg
 * files, lists of corrections; and the door to the third kind, text. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/target.h"
#include "ehlo/script_private.h"

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

/* "! host mail.example.org:465 tls", "! lines lf", "! joined" (the recorder was
 * switched on in the middle), "! joined tls". Options that say what a listener
 * is like are none of ours. */
static bool
read_option(struct script *script, unsigned line, struct span text)
{
	struct span name = span_cut(&text, ' ');
	struct span value = span_cut(&text, ' ');
	char word[300];
	struct put out = put_init(word, sizeof word);

	if (span_eq(name, SPAN("lines")))
		script->is_lf = span_eq(value, SPAN("lf"));
	else if (span_eq(name, SPAN("tls")))
		script->is_implicit_tls = span_eq(value, SPAN("implicit"));
	else if (span_eq(name, SPAN("only")))
		script->is_engine_only = span_eq(value, SPAN("engine"));
	if (span_eq(name, SPAN("joined")) && script->n == 1) {
		script->item[0].text = SPAN("EHLO client.example");
		script->item[0].is_tls = span_eq(value, SPAN("tls"));
	}
	if (!span_eq(name, SPAN("host")))
		return true;
	put_bytes(&out, span_first(value, sizeof word - 1));
	if (!target_split(put_cstr(&out), script->host, &script->port))
		return script_bad(script, line,
		    "expected: ! host NAME:PORT");
	script->is_implicit_tls = span_eq(text, SPAN("tls"));
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
read_mark(struct script *script, unsigned number, struct span line)
{
	static const struct {
		char mark[3];
		enum script_kind kind;
	} kinds[] = {
		{ "C:", SCRIPT_SAYS }, { "C|", SCRIPT_SENDS },
		{ "C*", SCRIPT_SECRET }, { "S:", SCRIPT_HEARS },
		{ "S|", SCRIPT_HEARS }, { "S+", SCRIPT_REPLY },
	};
	struct span text = behind_mark(line);

	for (size_t i = 0; i < countof(kinds); i++) {
		if (!span_starts(line, span_of(kinds[i].mark, 2)))
			continue;
		if (kinds[i].mark[1] == '|')
			text = unescape(&script->arena, text);
		if (text.p == NULL)
			return script_bad(script, number,
			    "no such escape: \\r \\n \\t \\b \\\\ \\xHH");
		if (kinds[i].kind == SCRIPT_REPLY &&
		    script_reply_code(text) == 0)
			return script_bad(script, number,
			    "expected: S+ and a code");
		script_add(script, kinds[i].kind, number, text);
		return true;
	}
	if (span_eq(line, SPAN("T")))
		script_add(script, SCRIPT_TLS, number, SPAN(""));
	else if (span_eq(line, SPAN("X")))
		script_add(script, SCRIPT_CLOSED, number,
		    SPAN(""));
	else
		return script_bad(script, number,
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
read_marked(struct script *script, struct span text)
{
	unsigned number = 0;

	script_add(script, SCRIPT_SESSION, 1, SPAN(""));
	while (text.len != 0) {
		struct span line = cut_line(&text);

		number++;
		if (line.len == 0 || line.p[0] == '#' ||
		    (script->format == SCRIPT_DLG &&
		    is_for_engine(line)))
			continue;
		if (line.p[0] == '!') {
			if (!read_option(script, number,
			    span_trim(span_skip(line, 1))))
				return false;
		} else if (!read_mark(script, number, line)) {
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
read_is(struct span is, struct script_raw *raw)
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
		raw->text = span_trim(behind_mark(is));
	else if (raw->role == ROLE_SESSION && is.len > 7)
		raw->text = SPAN("tls");
	if (raw->role == ROLE_SERVER && script_reply_code(raw->text) == 0)
		return false;
	return true;
}

static bool
apply_fixes(struct script_fixes *fixes, struct script_raw *raw,
    struct script_raws *raws)
{
	for (size_t i = 0; fixes != NULL && i < fixes->n; i++) {
		struct script_fix *fix = &fixes->fix[i];

		if (!script_fits(fix->line, raw->text))
			continue;
		fix->used++;
		for (size_t j = 0; j < fix->n; j++) {
			struct script_raw made = *raw;

			(void)read_is(fix->is[j], &made);	/* was judged */
			script_raws_add(raws, made);
		}
		return true;
	}
	return false;
}

static void
read_text(struct script *script, struct span text,
    struct script_fixes *fixes)
{
	struct script_raws raws = { 0 };
	unsigned number = 0;

	if (span_starts(text, SPAN("\xef\xbb\xbf")))
		text = span_skip(text, 3);
	while (text.len != 0) {
		struct script_raw raw = { .line = ++number };

		raw.text = span_trim(cut_line(&text));
		if (!apply_fixes(fixes, &raw, &raws))
			script_raws_add(&raws, raw);
	}
	script->style = script_find_marks(&raws);
	if (script->style == NULL) {
		script->style = "telnet";
		script_find_roles(script, &raws);
	}
	script_build(script, &raws);
	free(raws.raw);
}

bool
script_read(struct script *script, struct span text,
    struct script_fixes *fixes)
{
	memset(script, 0, sizeof *script);
	arena_init(&script->arena, 4 * SCRIPT_FILE_MAX);
	if (text.len > SCRIPT_FILE_MAX)
		return script_bad(script, 0, "the file is too large");
	text = arena_copy(&script->arena, text);
	script->style = "";
	script->format = SCRIPT_RECORD;
	if (span_starts(text, SPAN("# ehlo transcript 1")))
		return read_marked(script, text);
	script->format = SCRIPT_DLG;
	if (is_dlg(text))
		return read_marked(script, text);
	script->format = SCRIPT_TEXT;
	read_text(script, text, fixes);
	return true;
}

/* --- lists of corrections */

static const char *
add_to_fix(struct script_fixes *fixes, struct span name, struct span value)
{
	struct script_fix *fix = fixes->n != 0 ?
	    &fixes->fix[fixes->n - 1] : NULL;
	struct script_raw raw;

	if (span_eq(name, SPAN("why"))) {
		fixes->fix = mem_grow_array(fixes->fix, fixes->n + 1,
		    sizeof *fixes->fix);
		fixes->fix[fixes->n++] = (struct script_fix){ value };
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
script_fixes_read(struct script_fixes *fixes, struct span text,
    unsigned *bad_line, const char **why)
{
	memset(fixes, 0, sizeof *fixes);
	arena_init(&fixes->arena, 2 * SCRIPT_FILE_MAX);
	*bad_line = 0;
	*why = "the file is too large";
	if (text.len > SCRIPT_FILE_MAX)
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
script_fixes_free(struct script_fixes *fixes)
{
	free(fixes->fix);
	fixes->fix = NULL;
	fixes->n = 0;
	arena_reset(&fixes->arena);
}
