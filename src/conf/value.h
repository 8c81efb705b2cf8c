/* SPDX-License-Identifier: Apache-2.0 */
/* value: reads the values of one option into its field. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/arena.h"
#include "conf/lex.h"
#include "conf/table.h"

struct value_reader {
	struct lex *lex;
	struct arena *memory;	/* of the conf */
	struct span folder;	/* of the file, "" or "…/" */
};

/* Mistakes are told through the lexer; false then. `target` is the block's
 * struct. */
bool value_read(const struct value_reader *reader,
    const struct conf_option *option, const struct lex_token *value, size_t n,
    void *target);
/* The default of the option, which is good by construction. */
void value_default(const struct value_reader *reader,
    const struct conf_option *option, void *target);
/* The nearest of `words` (separated by spaces), empty if none is near. */
struct span value_nearest(struct span word, const char *words);

#endif
