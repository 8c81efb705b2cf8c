/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: the configuration's text as words, "texts", `;`, `{` and `}`. A `#`
 * where a word could begin starts a comment to the end of the line. Texts end
 * on the line they began; \" and \\ are their only escapes. Private to conf/.
 */
#ifndef CONF_LEXER_H
#define CONF_LEXER_H

#include "base/arena.h"
#include "conf/mistake.h"

enum token_kind {
	TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SEMICOLON, TOKEN_OPEN,
	TOKEN_CLOSE
};

struct token {
	enum token_kind kind;
	struct span text;	/* without quotes and escapes */
	struct place place;
	int line;
};

struct lexer {
	struct mistakes *mistakes;
	struct arena *memory;	/* texts with escapes live here */
	struct span text;
	size_t at;
	int line;
};

void lexer_init(struct lexer *lexer, struct mistakes *mistakes,
    struct arena *memory);
/* Is it text at all? Tells every line that is not (NUL, other control
 * characters, not UTF-8); such a file is not read further. */
bool lexer_check_text(struct mistakes *mistakes);
struct token lexer_next(struct lexer *lexer);
/* Goes back, so that the next token is this one. */
void lexer_unread(struct lexer *lexer, const struct token *token);

#endif
