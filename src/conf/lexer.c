/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: see lexer.h. It never fails: a quote that is not closed is told, and
 * its text taken to end before the line's last `;` or `{`, so that one mistake
 * does not hide the next or invent others. */
#include "conf/lexer.h"

#include "base/die.h"
#include "base/text.h"

/* What editors put in front of UTF-8. */
#define BYTE_ORDER_MARK SPAN("\xef\xbb\xbf")

void
lexer_init(struct lexer *lexer, struct mistakes *mistakes,
    struct arena *memory)
{
	*lexer = (struct lexer){ .mistakes = mistakes, .memory = memory,
		.text = mistakes->text, .line = 1 };
	if (span_starts(lexer->text, BYTE_ORDER_MARK))
		lexer->at = BYTE_ORDER_MARK.len;
}

/* The first byte of a line that is no text, or the line's length. C1 controls
 * (U+0080 to U+009F) can steer a terminal like the others. */
static size_t
find_control(struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];
		unsigned char next = i + 1 < line.len
		    ? (unsigned char)line.p[i + 1] : 0;

		if (c == '\r' && i + 1 == line.len)
			continue;
		if ((ascii_is_cntrl(line.p[i]) && c != '\t') ||
		    (c == 0xc2 && next >= 0x80 && next < 0xa0))
			return i;
	}
	return line.len;
}

bool
lexer_check_text(struct mistakes *mistakes)
{
	struct span rest = mistakes->text;
	unsigned before = mistakes->errors;

	while (rest.len != 0) {
		size_t at = (size_t)(rest.p - mistakes->text.p), control;
		struct span line = span_cut(&rest, '\n');

		control = find_control(line);
		if (control != line.len)
			mistake_error(mistakes, (struct place){ at + control,
			    1 }, "a control character (0x%02x) stands here: "
			    "this must be a text file",
			    (unsigned char)line.p[control]);
		else if (!text_is_utf8(line))
			mistake_error(mistakes, (struct place){ at, 1 },
			    "this line is not UTF-8");
	}
	return mistakes->errors == before;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
ends_word(char c)
{
	return is_space(c) || c == ';' || c == '{' || c == '}' || c == '"';
}

static void
skip_space(struct lexer *lexer)
{
	while (lexer->at < lexer->text.len) {
		char c = lexer->text.p[lexer->at];

		if (c == '#') {
			lexer->at += span_find(span_skip(lexer->text,
			    lexer->at), '\n');
			continue;
		}
		if (!is_space(c))
			return;
		lexer->line += c == '\n';
		lexer->at++;
	}
}

/* Where a text ends whose quote is missing: before what ends the line. */
static size_t
guess_end(struct span line)
{
	while (line.len != 0 && is_space(line.p[line.len - 1]))
		line.len--;
	if (line.len != 0 && memchr(";{", line.p[line.len - 1], 2) != NULL)
		line.len--;
	while (line.len != 0 && is_space(line.p[line.len - 1]))
		line.len--;
	return line.len;
}

/* Cuts escapes out of a text. */
static struct span
unescape(struct lexer *lexer, struct span raw, size_t at)
{
	char *text = arena_alloc(lexer->memory, raw.len + 1);
	size_t len = 0;

	must(text != NULL);	/* bounded by the file's size */
	for (size_t i = 0; i < raw.len; i++) {
		char next = i + 1 < raw.len ? raw.p[i + 1] : '\0';

		if (raw.p[i] != '\\') {
			text[len++] = raw.p[i];
			continue;
		}
		if (next != '"' && next != '\\')
			mistake_error(lexer->mistakes, (struct place){ at + i,
			    1 }, "a backslash stands only before \" and "
			    "another backslash here: write \\\\ for one");
		else
			text[len++] = raw.p[++i];
	}
	return span_of(text, len);
}

/* A "text"; the lexer stands behind the first quote. */
static struct span
read_text(struct lexer *lexer)
{
	size_t begin = lexer->at;
	struct span line = span_first(span_skip(lexer->text, begin),
	    span_find(span_skip(lexer->text, begin), '\n'));
	size_t len = 0;
	bool has_escape = false;
	struct span raw;

	while (len < line.len && line.p[len] != '"') {
		has_escape = has_escape || line.p[len] == '\\';
		len += line.p[len] == '\\' && len + 1 < line.len ? 2 : 1;
	}
	if (len < line.len) {
		raw = span_first(line, len);
		lexer->at += len + 1;
	} else {
		mistake_error(lexer->mistakes, (struct place){ begin - 1, 1 },
		    "the \" opened here is not closed on this line");
		raw = span_first(line, guess_end(line));
		lexer->at += raw.len;
	}
	return has_escape ? unescape(lexer, raw, begin) : raw;
}

struct token
lexer_next(struct lexer *lexer)
{
	struct token token = { .kind = TOKEN_END };
	size_t begin;
	char c;

	skip_space(lexer);
	begin = lexer->at;
	token.line = lexer->line;
	token.place.at = begin;
	if (begin == lexer->text.len)
		return token;
	c = lexer->text.p[lexer->at++];
	if (c == '"') {
		token.kind = TOKEN_TEXT;
		token.text = read_text(lexer);
	} else if (c == ';' || c == '{' || c == '}') {
		token.kind = c == ';' ? TOKEN_SEMICOLON
		    : c == '{' ? TOKEN_OPEN : TOKEN_CLOSE;
	} else {
		token.kind = TOKEN_WORD;
		while (lexer->at < lexer->text.len &&
		    !ends_word(lexer->text.p[lexer->at]))
			lexer->at++;
	}
	token.place.len = lexer->at - begin;
	if (token.kind != TOKEN_TEXT)
		token.text = span_of(lexer->text.p + begin, token.place.len);
	return token;
}

void
lexer_unread(struct lexer *lexer, const struct token *token)
{
	lexer->at = token->place.at;
	lexer->line = token->line;
}
