/* SPDX-License-Identifier: Apache-2.0 */
/* match: is the reply a server gives the one that is written down? What varies
 * from day to day and from host to host may differ; words, codes and their
 * order may not.
 *
 * May differ: dates and times; names of hosts; addresses, of the net and of
 * mail; ids with a digit in them, GUIDs, numbers; how dashes and quotes are
 * printed; spaces at the ends. */
#ifndef EHLO_MATCH_H
#define EHLO_MATCH_H

#include "base/span.h"

enum match_how {
	MATCH_EXACT,		/* "*" in what is expected is any text */
	MATCH_TOLERANT,
	MATCH_CODES		/* only the codes */
};

/* One line of a reply, code included. */
bool match_line(struct span expected, struct span got, enum match_how how);
/* Lines of a whole reply; an expected line whose .p is NULL stands for any
 * number of lines. `*at` is the first line of `expected` that found none. */
bool match_reply(const struct span *expected, size_t n_expected,
    const struct span *got, size_t n_got, enum match_how how, size_t *at);

#endif
