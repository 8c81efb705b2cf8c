/* SPDX-License-Identifier: Apache-2.0 */
/* option: the table of blocks and options (options.def), and a value's way
 * between text and its place in struct conf. Reading and writing a type stand
 * side by side here, so that they agree. Private to conf/. */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/span.h"
#include "conf/conf.h"

enum option_block {
	OPTION_TOP, OPTION_LISTENER, OPTION_TLS, OPTION_USERS, OPTION_ALIASES,
	OPTION_TRAIL, OPTION_DOMAIN, OPTION_ROUTE, OPTION_CAPTURE, OPTION_FAULT,
	OPTION_BLOCKS
};

enum option_type {
	OPTION_BOOL,		/* bool: yes, no */
	OPTION_COUNT,		/* unsigned */
	OPTION_SIZE,		/* uint64_t, octets */
	OPTION_DURATION,	/* uint64_t, milliseconds */
	OPTION_CHOICE,		/* an enum, in the order of `words` */
	OPTION_KEYWORD,		/* const char *, one of `words` */
	OPTION_DELIMITER,	/* const char *, one byte or "" */
	OPTION_NAME,		/* const char *, a word or "" */
	OPTION_HOST,		/* const char *, a domain name */
	OPTION_LABEL,		/* const char *, one as it is written; NULL */
	OPTION_PATH,		/* const char * */
	OPTION_FILE,		/* const char *, a path or "" */
	OPTION_TEXT,		/* const char *, printable or "" */
	OPTION_WORDS,		/* const char ** and a count, of texts */
	OPTION_DELIVER,		/* of struct conf_domain: maildir, lmtp */
	OPTION_VIA,		/* struct conf_via */
	OPTION_MAIL,		/* const char *, an address or "" */
	OPTION_RELAY,		/* unsigned, enum conf_relay bits */
	OPTION_MECHANISMS,	/* const char ** and a count */
	OPTION_ADDRESSES,	/* struct conf_address * and a count */
	OPTION_NETWORKS		/* struct conf_network * and a count */
};

struct option {
	enum option_block block;
	const char *name;
	enum option_type type;
	size_t field;		/* where the value goes in the block's struct */
	size_t count;		/* where a list's length goes */
	const char *normal;	/* the default, as one would write it; NULL:
				 * must be given (hostname: the machine's) */
	const char *example;	/* where there is no default */
	const char *const *words;	/* what may stand there, or NULL */
	uint64_t low, high;
	const char *meaning;	/* one line */
};

enum option_naming { OPTION_UNNAMED, OPTION_MAY_BE_NAMED, OPTION_NAMED };

struct option_block_kind {
	const char *name;	/* "" for the top level */
	enum option_naming naming;
	const char *example;	/* its name in an example */
	const char *meaning;
};

/* Indexed by enum option_block. */
extern const struct option_block_kind option_blocks[OPTION_BLOCKS];
#define OPTION_MAX 40	/* options of one block */

/* The i-th option of a block; NULL behind the last. */
const struct option *option_at(enum option_block block, size_t i);
/* Its place in its block: the i of option_at(). */
size_t option_index(const struct option *option);
const struct option *option_find(enum option_block block, struct span name);
/* OPTION_TOP if there is no block of that name. */
enum option_block option_find_block(struct span name);
/* Takes no more than one value. */
bool option_is_single(const struct option *option);
/* Must be given by the operator. */
bool option_is_required(const struct option *option);
/* "number", "size" … for the manual. */
const char *option_type_name(const struct option *option);

/* Keeps the nearest of the words shown to it, for "did you mean". */
struct option_guess {
	struct span word;
	const char *best;	/* NULL: nothing is near enough */
	unsigned distance;
};
void option_guess(struct option_guess *guess, const char *candidate);

/* The words behind an option's name, and who is told what is wrong with the
 * i-th of them. */
struct option_values {
	const struct span *word;
	size_t n;
	struct span folder;	/* relative paths begin here; "" or ends in / */
	struct arena *memory;	/* the strings' */
	void (*bad)(void *arg, size_t i, const char *text);
	void *arg;
};
/* Puts the value into `target` (the block's struct). False if something was
 * told to `bad`; the place is then as it was. */
bool option_set(const struct option *option, void *target,
    const struct option_values *values);
/* Sets the default, if there is one. */
void option_set_normal(const struct option *option, void *target,
    struct arena *memory);
/* Writes the value as it would be read back, without name and `;`. */
void option_print(const struct option *option, const void *target, FILE *out);
/* Writes one word, in quotes if it needs them. */
void option_print_word(const char *word, FILE *out);

#endif
