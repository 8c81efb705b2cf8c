/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with what it needs before it, and
 * spans that print when they differ. */
#ifndef TEST_H
#define TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/put.h"
#include "base/span.h"
#include "base/text.h"

/* A reproducible sequence: xorshift64*. */
static inline uint64_t
test_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

static inline void
test_print(const char *what, struct span s)
{
	char text[4096];
	struct put out = put_init(text, sizeof text);

	text_quote(s, &out);
	print_error("%s (%zu) \"%.*s\"\n", what, s.len,
	    SPAN_ARG(put_span(&out)));
}

#define assert_span(got, expected) \
	test_span(got, expected, __FILE__, __LINE__)

static inline void
test_span(struct span got, struct span expected, const char *file, int line)
{
	if (span_eq(got, expected))
		return;
	test_print("got     ", got);
	test_print("expected", expected);
	_fail(file, line);
}

#endif
