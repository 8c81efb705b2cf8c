/* SPDX-License-Identifier: Apache-2.0 */
/* args: the words of a command line, sorted into options and the rest.
 *
 *   --name VALUE   --name=VALUE   --flag   -n VALUE   --   word …
 *
 * Options may stand anywhere before "--". One dash or two are the same.
 * Nothing is abbreviated or put together; a word we do not know is answered
 * with the nearest one we do. */
#ifndef EHLO_ARGS_H
#define EHLO_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum args_kind {
	ARGS_OPTIONAL = 1,	/* the value may be missing: the next word is
				 * one unless it begins with "-" ("-" alone
				 * does not). Missing, it is "", or NULL to
				 * `take` */
	ARGS_REPEATED = 2,	/* may be there twice: the last value counts */
	ARGS_PREFIX = 4,	/* `name` is the beginning of many names:
				 * "--header-"; `take` sees the whole */
	ARGS_NO_VALUE = 8	/* for `take`: called with NULL */
};

struct args_option {
	const char *name;	/* with its dashes */
	const char **value;	/* where the value goes, or */
	bool *flag;		/* what becomes true; or neither, and */
	const char *refusal;	/* this is said instead */
	const char *also;	/* other names of it, a space between; NULL */
	unsigned kind;		/* enum args_kind bits */
	/* Instead of `value` and `flag`: called each time it is there, in the
	 * order of the words, `name` as it was typed. Says what is wrong and
	 * returns false. */
	bool (*take)(void *arg, struct span name, const char *value);
	void *arg;
};

/* Takes the options out of argv[1…]; what is left stands there in order, and
 * `*argc` is made to fit. Says what is wrong and returns false. */
bool args_parse(int *argc, char **argv, const struct args_option *option,
    size_t n);

/* All values of an option that may be there often: `.take = args_take_list,
 * .arg = &list`. Zeroed at the beginning; args_list_free() at the end. */
struct args_list {
	const char **word;
	size_t n;
};
bool args_take_list(void *list, struct span name, const char *value);
void args_list_free(struct args_list *list);

/* Values, with a word about `name` if they are none: a number from `least` to
 * `most`; "30", "30s", "5m", "1h", "250ms" in milliseconds. */
bool args_number(const char *name, const char *value, unsigned long least,
    unsigned long most, unsigned long *out);
bool args_duration(const char *name, const char *value, unsigned *ms);

/* The nearest of the `n` names, each `stride` bytes behind the other, or
 * NULL if none is near. */
const char *args_nearest(const char *word, const void *names, size_t n,
    size_t stride);

#endif
