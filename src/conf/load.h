/* SPDX-License-Identifier: Apache-2.0 */
/* load: what the parser remembers of a file for the cross-checks: which
 * blocks there were, and where each option stood. Private to conf/. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include <stdatomic.h>

#include "base/map.h"
#include "conf/lexer.h"
#include "conf/option.h"

/* What struct conf keeps for itself. */
struct conf_private {
	atomic_uint refs;
	struct arena memory;	/* strings and lists */
	struct map domains;	/* name → struct conf_domain */
	struct given_option *given;
	size_t given_n;
};

/* Where an option stands in the file. */
struct given_option {
	enum option_block block;
	size_t item;
	const struct option *option;
	int line;
};

/* One block as it stands in the file. */
struct block {
	enum option_block kind;
	size_t item;		/* which listener, domain …, of its kind */
	struct place head;	/* its first word */
	struct place given[OPTION_MAX];	/* len 0: not given */
	bool has_unknown;	/* a name in it was not understood: what seems
				 * missing may only be misspelt */
	bool has_bad_value;
};

struct loader {
	struct mistakes mistakes;
	struct conf *conf;
	struct arena *memory;
	struct span folder;
	struct lexer lexer;
	struct block *block;	/* [0] is the top level */
	size_t block_n, block_cap;
	size_t at;		/* the block that is being read */
	struct map names[OPTION_BLOCKS];	/* name → index of the block */
	bool has[OPTION_BLOCKS];
	bool has_unknown_block;
	bool is_fault_only;	/* nothing but faults is wanted */
	/* the statement being read */
	struct token name;
	struct token *value;
	struct span *word;
	size_t value_n, value_cap;
};

struct conf *conf_new(const char *file);
/* Parses the whole text; parse.c. */
void conf_read(struct loader *loader);
/* After the last block: makes the conf searchable. */
void conf_finish(struct conf *conf);
/* Contradictions between options that are each right; check.c. */
void conf_check(struct loader *loader);
/* The same for the faults; check_fault.c. */
void conf_check_faults(struct loader *loader);

#endif
