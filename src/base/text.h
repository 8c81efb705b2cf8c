/* SPDX-License-Identifier: Apache-2.0 */
/* text: ASCII classes, numbers, UTF-8, xtext and the quoting of log values.
 * Nothing here depends on the locale or allocates: usable in pure code. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdint.h>

#include "base/put.h"
#include "base/span.h"

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char
ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* Control characters 0-31 and 127. */
static inline bool
ascii_is_cntrl(char c)
{
	return (unsigned char)c < 32 || c == 127;
}

/* Digits only, at most 20, no sign, no space: false if anything else stands
 * there or the number does not fit. */
bool text_u64(struct span s, uint64_t *n);

/* Well-formed UTF-8 (RFC 3629): no overlong form, no surrogate. */
bool text_is_utf8(struct span s);
bool text_is_ascii(struct span s);

/* xtext, RFC 3461 4. Decoding: false if it is not xtext (or `out` is full). */
bool text_xtext_decode(struct span s, struct put *out);
void text_xtext_encode(struct span s, struct put *out);

/* A value as it may stand in a log or on a terminal: printable ASCII and
 * well-formed UTF-8 as they are, but for C1 controls and what turns the order
 * of letters around on a screen; everything else as \n \r \t or \xHH; `"` and
 * `\` escaped. Never a raw control byte. */
void text_quote(struct span s, struct put *out);

/* Copies with ASCII letters in lower case. */
void text_lower(struct span s, struct put *out);

/* Edits needed to make one of the other (insert, delete, change, swap of
 * neighbours), ASCII case ignored; for "did you mean". Words longer than 32
 * bytes count as 99 apart. */
unsigned text_distance(struct span a, struct span b);

/* Base64, RFC 4648 4. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
void base64_encode(struct span bytes, struct put *out);
enum base64_result {
	BASE64_OK,
	BASE64_BAD_CHAR,	/* `*at` is the place of the offending byte */
	BASE64_BAD_LENGTH,	/* not a multiple of four */
	BASE64_BAD_PADDING,	/* '=' in the middle, or unused bits set */
	BASE64_TOO_LONG		/* does not fit into `out` */
};
/* Strict: padding required, no white space, unused bits zero. `at` may be
 * NULL. On any error `out` holds what was decoded before it. */
enum base64_result base64_decode(struct span text, struct put *out,
    size_t *at);

#endif
