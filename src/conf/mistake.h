/* SPDX-License-Identifier: Apache-2.0 */
/* mistake: tells the operator what is wrong in his file, and where:
 *
 *   ehlod.conf:6:5: error: unknown option 'timout' in listener; did you …
 *       timout 5m;
 *       ^^^^^^
 *
 * All of them, up to a limit; columns count characters. Private to conf/. */
#ifndef CONF_MISTAKE_H
#define CONF_MISTAKE_H

#include <stdint.h>
#include <stdio.h>

#include "base/span.h"

#define MISTAKES_MAX 50	/* more are counted, not shown */

/* Bytes of the text that a message is about. */
struct place {
	size_t at, len;
};
/* About the file as a whole: no line is shown. */
#define PLACE_NOWHERE ((struct place){ SIZE_MAX, 0 })

struct mistakes {
	const char *file;
	struct span text;
	FILE *out;
	unsigned errors, warnings;
};

__attribute__((format(printf, 3, 4)))
void mistake_error(struct mistakes *mistakes, struct place place,
    const char *format, ...);
__attribute__((format(printf, 3, 4)))
void mistake_warning(struct mistakes *mistakes, struct place place,
    const char *format, ...);
/* Says how many were not shown. */
void mistakes_end(const struct mistakes *mistakes);
/* The line of a byte of the text, from 1. */
int mistake_line(const struct mistakes *mistakes, size_t at);

#endif
