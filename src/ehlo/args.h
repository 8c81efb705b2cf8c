/* SPDX-License-Identifier: Apache-2.0 */
/* args: the words of a command line, sorted into options and the rest.
 *
 *   --name VALUE   --name=VALUE   --flag   --   word …
 *
 * Options may stand anywhere before "--". Nothing is abbreviated; a word we do
 * not know is answered with the nearest one we do. */
#ifndef EHLO_ARGS_H
#define EHLO_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct args_option {
	const char *name;	/* with its dashes */
	const char **value;	/* where the value goes, or */
	bool *flag;		/* what becomes true; or neither, and */
	const char *refusal;	/* this is said instead */
};

/* Takes the options out of argv[1…]; what is left stands there in order, and
 * `*argc` is made to fit. Says what is wrong and returns false. */
bool args_parse(int *argc, char **argv, const struct args_option *option,
    size_t n);

/* The nearest of the `n` names, each `stride` bytes behind the other, or
 * NULL if none is near. */
const char *args_nearest(const char *word, const void *names, size_t n,
    size_t stride);

#endif
