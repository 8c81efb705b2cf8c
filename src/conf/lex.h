/* SPDX-License-Identifier: Apache-2.0 */
/* lex: the configuration text as tokens, and mistakes as messages with the
 * line and a caret below it. */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include <stdio.h>

#include "base/span.h"

enum lex_kind { LEX_WORD, LEX_STRING, LEX_OPEN, LEX_CLOSE, LEX_END,
	LEX_FINISH };

struct lex_token {
	enum lex_kind kind;
	struct span text;	/* a string without its quotes */
	const char *at;		/* where it begins in the text */
};

struct lex {
	const char *name;	/* of the file */
	struct span text;
	const char *at;
	const char *last_end;	/* end of the last token, for "missing ;" */
	FILE *errors;
	unsigned errors_n;
};

#define LEX_ERRORS_MAX 50

void lex_init(struct lex *lex, const char *name, struct span text,
    FILE *errors);
/* LEX_FINISH at the end, again and again. Broken strings are told and given
 * as strings. */
struct lex_token lex_next(struct lex *lex);
/* "name:line:column: error: …", the line, carets below `mark`. */
__attribute__((format(printf, 3, 4)))
void lex_error(struct lex *lex, struct span mark, const char *format, ...);
__attribute__((format(printf, 3, 4)))
void lex_warning(struct lex *lex, struct span mark, const char *format, ...);
int lex_line_of(const struct lex *lex, const char *at);

#endif
