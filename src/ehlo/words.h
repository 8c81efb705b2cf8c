/* SPDX-License-Identifier: Apache-2.0 */
/* words: what smtp/explain.h and sasl/look.h have found out, printed for
 * people (wrapped, with colours where there are some) and for programs. Text of
 * strangers comes out quoted. */
#ifndef EHLO_WORDS_H
#define EHLO_WORDS_H

#include <stdio.h>

#include "base/span.h"
#include "sasl/look.h"
#include "smtp/explain.h"

enum words_colour {
	WORDS_PLAIN, WORDS_DIM, WORDS_BOLD, WORDS_GOOD, WORDS_WARN, WORDS_BAD
};

struct words {
	FILE *out;
	bool has_colour;
	unsigned columns;	/* of the terminal; 79 if it is none */
};

void words_init(struct words *words, FILE *out);
/* "label  text …", the text wrapped and indented under itself. `label` NULL:
 * only indented. The text is ours: printable. */
void words_say(const struct words *words, unsigned indent, const char *label,
    enum words_colour colour, const char *text);
/* A line of strangers' text, quoted and not wrapped. */
void words_quote(const struct words *words, unsigned indent, const char *label,
    enum words_colour colour, struct span text);

/* What the reply means, whose fault it is, what to do. */
void words_explain(const struct words *words, unsigned indent,
    const struct explain *explain);
/* The members of a JSON object, without its braces. */
void words_explain_json(FILE *out, const struct explain *explain);

/* What a line of a login holds. `hides`: secrets are shown as dots. */
void words_look(const struct words *words, unsigned indent,
    const struct look *look, bool hides);
void words_look_json(FILE *out, const struct look *look);

/* The keywords of an EHLO answer (text as in struct answer), and the remarks
 * about one list or two; .p NULL: not known. */
void words_list(const struct words *words, unsigned indent, struct span text);
void words_remarks(const struct words *words, unsigned indent,
    struct span clear, struct span tls);

/* A JSON string of any bytes: what is no UTF-8 or a control is quoted. */
void words_json(FILE *out, struct span bytes);

#endif
