/* SPDX-License-Identifier: Apache-2.0 */
#include "base/put.h"

void
put_bytes(struct put *put, struct span bytes)
{
	if (put->full || bytes.len > put->cap - put->len) {
		put->full = true;
		return;
	}
	if (bytes.len != 0)
		memcpy(put->p + put->len, bytes.p, bytes.len);
	put->len += bytes.len;
}

void
put_str(struct put *put, const char *s)
{
	put_bytes(put, span_str(s));
}

void
put_char(struct put *put, char c)
{
	put_bytes(put, span_of(&c, 1));
}

void
put_u64(struct put *put, uint64_t n)
{
	put_u64_width(put, n, 1);
}

void
put_u64_width(struct put *put, uint64_t n, unsigned width)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0 || (sizeof digits - at < width && at > 0));
	put_bytes(put, span_of(digits + at, sizeof digits - at));
}

void
put_hex(struct put *put, struct span bytes)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		put_char(put, digit[c >> 4]);
		put_char(put, digit[c & 15]);
	}
}

const char *
put_cstr(struct put *put)
{
	if (put->cap == 0)
		return "";
	if (put->len == put->cap) {
		put->len--;
		put->full = true;
	}
	put->p[put->len] = '\0';
	return put->p;
}
