/* SPDX-License-Identifier: Apache-2.0 */
/* escape: bytes as a person types them: \r \n \t \b \0 \\ and \xHH; everything
 * else is itself. */
#ifndef EHLO_ESCAPE_H
#define EHLO_ESCAPE_H

#include "base/put.h"
#include "base/span.h"

enum escape_result {
	ESCAPE_OK,
	ESCAPE_UNKNOWN,		/* a backslash and something else */
	ESCAPE_HEX,		/* \x without two hexadecimal digits */
	ESCAPE_LONG		/* does not fit into `out` */
};

/* `*at` is the place of the backslash that is wrong. */
enum escape_result escape_read(struct span text, struct put *out, size_t *at);
/* What is wrong, in words. */
const char *escape_why(enum escape_result result);

#endif
