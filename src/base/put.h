/* SPDX-License-Identifier: Apache-2.0 */
/* put: writes text and bytes into memory of the caller, never past its end.
 * Once something did not fit, `full` stays set and nothing more is written,
 * so a caller may check once, at the end. No allocation: usable in pure code.
 */
#ifndef BASE_PUT_H
#define BASE_PUT_H

#include <stdint.h>

#include "base/span.h"

struct put {
	char *p;
	size_t len;
	size_t cap;
	bool full;
};

static inline struct put
put_init(void *memory, size_t cap)
{
	return (struct put){ memory, 0, cap, false };
}

static inline struct span
put_span(const struct put *put)
{
	return (struct span){ put->p, put->len };
}

void put_bytes(struct put *put, struct span bytes);
void put_str(struct put *put, const char *s);
void put_char(struct put *put, char c);
void put_u64(struct put *put, uint64_t n);	/* decimal */
/* Decimal, with zeroes in front up to `width` digits (at most 20). */
void put_u64_width(struct put *put, uint64_t n, unsigned width);
/* Lower-case hexadecimal, two digits a byte. */
void put_hex(struct put *put, struct span bytes);
/* Ends the text with a NUL inside `cap` (cutting one byte if need be) and
 * returns it. For the edge of system calls only. */
const char *put_cstr(struct put *put);

#endif
