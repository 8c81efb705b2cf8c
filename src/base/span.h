/* SPDX-License-Identifier: Apache-2.0 */
/* span: a pointer and a length; bytes that somebody else owns.
 * A span is a value: pass it, cut it, keep it only as long as its owner
 * lives. It may hold any byte, NUL included, and is never terminated. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *p;
	size_t len;
};

/* A span over a string literal, usable as a constant expression. */
#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })
/* The two printf arguments for "%.*s". */
#define SPAN_ARG(s) (int)(s).len, (s).p

#define countof(array) (sizeof(array) / sizeof((array)[0]))

static inline struct span
span_of(const void *p, size_t len)
{
	return (struct span){ p, len };
}

static inline struct span
span_str(const char *s)
{
	return (struct span){ s, s != NULL ? strlen(s) : 0 };
}

static inline bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
span_starts(struct span s, struct span with)
{
	return s.len >= with.len &&
	    (with.len == 0 || memcmp(s.p, with.p, with.len) == 0);
}

/* The first `n` bytes, or all of them if there are fewer. */
static inline struct span
span_first(struct span s, size_t n)
{
	return (struct span){ s.p, n < s.len ? n : s.len };
}

/* What is left behind the first `n` bytes; empty if there are fewer. */
static inline struct span
span_skip(struct span s, size_t n)
{
	if (n > s.len)
		n = s.len;
	if (n == 0)
		return s;	/* p may be NULL, which nothing is added to */
	return (struct span){ s.p + n, s.len - n };
}

/* The position of the first `c`, or s.len if there is none. */
static inline size_t
span_find(struct span s, char c)
{
	const char *at = s.len ? memchr(s.p, c, s.len) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.len;
}

/* Cut `*s` at the first `c`: returns what stood before it and leaves what
 * stood behind it; without a `c` returns all and leaves nothing. */
static inline struct span
span_cut(struct span *s, char c)
{
	size_t n = span_find(*s, c);
	struct span head = span_first(*s, n);

	*s = span_skip(*s, n + 1);
	return head;
}

/* Without spaces and tabs at both ends. */
static inline struct span
span_trim(struct span s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_skip(s, 1);
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Equal but for ASCII case. */
bool span_caseeq(struct span a, struct span b);
bool span_casestarts(struct span s, struct span with);

#endif
