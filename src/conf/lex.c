/* SPDX-License-Identifier: Apache-2.0 */
/* lex: see lex.h. */
#include "conf/lex.h"

#include <stdarg.h>

#include "base/put.h"
#include "base/text.h"

void
lex_init(struct lex *lex, const char *name, struct span text, FILE *errors)
{
	*lex = (struct lex){ .name = name, .text = text, .at = text.p,
		.last_end = text.p, .errors = errors };
}

static const char *
end_of(const struct lex *lex)
{
	return lex->text.p + lex->text.len;
}

int
lex_line_of(const struct lex *lex, const char *at)
{
	int line = 1;

	for (const char *p = lex->text.p; p < at; p++)
		line += *p == '\n';
	return line;
}

/* The line that `at` stands in. */
static struct span
line_at(const struct lex *lex, const char *at)
{
	const char *from = at, *to = at;

	while (from > lex->text.p && from[-1] != '\n')
		from--;
	while (to < end_of(lex) && *to != '\n')
		to++;
	return span_of(from, (size_t)(to - from));
}

/* The source line as it may be shown (tabs as they are, so that the caret
 * line below can copy them), and the carets. */
static void
show(struct lex *lex, struct span mark)
{
	struct span line = line_at(lex, mark.p);
	size_t column = (size_t)(mark.p - line.p);

	if (line.len > 300)
		return;		/* nobody reads that */
	fputs("    ", lex->errors);
	for (size_t i = 0; i < line.len; i++)
		putc(ascii_is_cntrl(line.p[i]) && line.p[i] != '\t'
		    ? '?' : line.p[i], lex->errors);
	fputs("\n    ", lex->errors);
	for (size_t i = 0; i < column; i++)
		putc(line.p[i] == '\t' ? '\t' : ' ', lex->errors);
	putc('^', lex->errors);
	for (size_t i = 1; i < mark.len && column + i < line.len; i++)
		putc('~', lex->errors);
	putc('\n', lex->errors);
}

__attribute__((format(printf, 4, 0))) static void
tell(struct lex *lex, const char *kind, struct span mark, const char *format,
    va_list args)
{
	char text[512], quoted[1024];
	struct put out = put_init(quoted, sizeof quoted);
	struct span line = line_at(lex, mark.p);
	int n = vsnprintf(text, sizeof text, format, args);

	/* words of the file may hold anything */
	for (int i = 0; i < n && i < (int)sizeof text - 1; i++)
		put_char(&out, ascii_is_cntrl(text[i]) ? '?' : text[i]);
	fprintf(lex->errors, "%s:%d:%d: %s: %.*s\n", lex->name,
	    lex_line_of(lex, mark.p), (int)(mark.p - line.p) + 1, kind,
	    SPAN_ARG(put_span(&out)));
	show(lex, mark);
}

void
lex_error(struct lex *lex, struct span mark, const char *format, ...)
{
	va_list args;

	if (++lex->errors_n > LEX_ERRORS_MAX)
		return;
	va_start(args, format);
	tell(lex, "error", mark, format, args);
	va_end(args);
	if (lex->errors_n == LEX_ERRORS_MAX)
		fprintf(lex->errors, "%s: too many mistakes, the rest is not "
		    "shown\n", lex->name);
}

void
lex_warning(struct lex *lex, struct span mark, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(lex, "warning", mark, format, args);
	va_end(args);
}

static void
skip_space(struct lex *lex)
{
	while (lex->at < end_of(lex)) {
		if (*lex->at == '#')
			while (lex->at < end_of(lex) && *lex->at != '\n')
				lex->at++;
		else if (*lex->at == ' ' || *lex->at == '\t' ||
		    *lex->at == '\n' || *lex->at == '\r')
			lex->at++;
		else
			return;
	}
}

static struct lex_token
string(struct lex *lex)
{
	const char *from = lex->at++;
	struct lex_token token = { LEX_STRING, span_of(lex->at, 0), from };

	while (lex->at < end_of(lex) && *lex->at != '"' && *lex->at != '\n')
		lex->at++;
	token.text.len = (size_t)(lex->at - token.text.p);
	if (lex->at < end_of(lex) && *lex->at == '"')
		lex->at++;
	else
		lex_error(lex, span_of(from, 1),
		    "this quote is not closed on its line");
	return token;
}

static bool
ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' ||
	    c == '{' || c == '}' || c == '"' || c == '#';
}

struct lex_token
lex_next(struct lex *lex)
{
	struct lex_token token;

	skip_space(lex);
	token = (struct lex_token){ LEX_FINISH, span_of(lex->at, 1), lex->at };
	if (lex->at >= end_of(lex)) {
		token.text.len = 0;
		return token;
	}
	switch (*lex->at) {
	case '{':
		token.kind = LEX_OPEN;
		lex->at++;
		break;
	case '}':
		token.kind = LEX_CLOSE;
		lex->at++;
		break;
	case ';':
		token.kind = LEX_END;
		lex->at++;
		break;
	case '"':
		token = string(lex);
		break;
	default:
		token.kind = LEX_WORD;
		while (lex->at < end_of(lex) && !ends_word(*lex->at))
			lex->at++;
		token.text.len = (size_t)(lex->at - token.at);
		break;
	}
	lex->last_end = lex->at;
	return token;
}
