/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

bool
span_caseeq(struct span a, struct span b)
{
	return a.len == b.len && span_casestarts(a, b);
}

bool
span_casestarts(struct span s, struct span with)
{
	if (s.len < with.len)
		return false;
	for (size_t i = 0; i < with.len; i++)
		if (ascii_lower(s.p[i]) != ascii_lower(with.p[i]))
			return false;
	return true;
}

bool
text_u64(struct span s, uint64_t *n)
{
	uint64_t sum = 0;

	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (!ascii_is_digit(s.p[i]))
			return false;
		if (sum > (UINT64_MAX - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*n = sum;
	return true;
}

/* The length of the well-formed sequence at the start of `s`, 0 if it is
 * none; RFC 3629 4, the table of allowed second bytes. */
static size_t
utf8_sequence(struct span s)
{
	unsigned char c = (unsigned char)s.p[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		n = 2;
	else if (c >= 0xe0 && c <= 0xef)
		n = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4;
	else
		return 0;
	if (s.len < n)
		return 0;
	if (c == 0xe0)
		low = 0xa0;	/* overlong */
	else if (c == 0xed)
		high = 0x9f;	/* surrogates */
	else if (c == 0xf0)
		low = 0x90;	/* overlong */
	else if (c == 0xf4)
		high = 0x8f;	/* past U+10FFFF */
	for (size_t i = 1; i < n; i++) {
		unsigned char d = (unsigned char)s.p[i];

		if (d < low || d > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

bool
text_is_utf8(struct span s)
{
	while (s.len != 0) {
		size_t n = utf8_sequence(s);

		if (n == 0)
			return false;
		s = span_skip(s, n);
	}
	return true;
}

bool
text_is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
text_xtext_decode(struct span s, struct put *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c < 33 || c > 126 || c == '=')
			return false;
		if (c == '+') {
			if (s.len - i < 3 || hex_value(s.p[i + 1]) < 0 ||
			    hex_value(s.p[i + 2]) < 0)
				return false;
			c = (char)(hex_value(s.p[i + 1]) << 4 |
			    hex_value(s.p[i + 2]));
			i += 2;
		}
		put_char(out, c);
	}
	return !out->full;
}

void
text_xtext_encode(struct span s, struct put *out)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 33 || c > 126 || c == '=' || c == '+') {
			put_char(out, '+');
			put_char(out, digit[c >> 4]);
			put_char(out, digit[c & 15]);
		} else {
			put_char(out, (char)c);
		}
	}
}

/* Characters of UTF-8 that show nothing and make other text be shown in
 * another order or place: U+061C, U+200E-F, U+2028-E, U+2066-9. */
static bool
turns_text(struct span s, size_t n)
{
	unsigned char c[3] = { 0 };

	if (n != 2 && n != 3)
		return false;
	memcpy(c, s.p, n);
	if (n == 2)
		return c[0] == 0xd8 && c[1] == 0x9c;
	return c[0] == 0xe2 && (
	    (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f)) ||
	    (c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) ||
	    (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

void
text_quote(struct span s, struct put *out)
{
	while (s.len != 0) {
		char c = s.p[0];
		size_t n = utf8_sequence(s);
		bool is_c1 = n == 2 && (unsigned char)c == 0xc2 &&
		    (unsigned char)s.p[1] < 0xa0;
		bool is_bad = is_c1 || turns_text(s, n);

		if (n > 1 && !is_bad) {
			put_bytes(out, span_first(s, n));
		} else if (n == 0 || is_bad || ascii_is_cntrl(c)) {
			n = 1;
			put_char(out, '\\');
			if (c == '\n') {
				put_char(out, 'n');
			} else if (c == '\r') {
				put_char(out, 'r');
			} else if (c == '\t') {
				put_char(out, 't');
			} else {
				put_char(out, 'x');
				put_hex(out, span_of(&c, 1));
			}
		} else {
			if (c == '"' || c == '\\')
				put_char(out, '\\');
			put_char(out, c);
		}
		s = span_skip(s, n);
	}
}

void
text_lower(struct span s, struct put *out)
{
	for (size_t i = 0; i < s.len; i++)
		put_char(out, ascii_lower(s.p[i]));
}

unsigned
text_distance(struct span a, struct span b)
{
	enum { MAX = 32 };
	unsigned row[3][MAX + 1];

	if (a.len > MAX || b.len > MAX)
		return 99;
	for (size_t j = 0; j <= b.len; j++)
		row[0][j] = row[1][j] = row[2][j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *now = row[i % 3];
		const unsigned *last = row[(i + 2) % 3];
		const unsigned *older = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			char x = ascii_lower(a.p[i - 1]);
			char y = ascii_lower(b.p[j - 1]);
			unsigned best = last[j - 1] + (x != y);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) &&
			    y == ascii_lower(a.p[i - 2]) &&
			    older[j - 2] + 1 < best)
				best = older[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[a.len % 3][b.len];
}
