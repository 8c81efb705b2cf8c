/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/escape.h"

#include "base/text.h"

static int
digit_of(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `text` begins behind the backslash. Writes the byte; takes off what it was
 * made of. */
static enum escape_result
read_one(struct span *text, struct put *out)
{
	static const char from[] = "rntb0\\", to[] = "\r\n\t\b\0\\";
	const char *at;
	int high, low;

	if (text->len == 0)
		return ESCAPE_UNKNOWN;
	at = text->p[0] != '\0' ? strchr(from, text->p[0]) : NULL;
	if (at != NULL) {
		put_char(out, to[at - from]);
		*text = span_skip(*text, 1);
		return ESCAPE_OK;
	}
	if (text->p[0] != 'x')
		return ESCAPE_UNKNOWN;
	if (text->len < 3)
		return ESCAPE_HEX;
	high = digit_of(text->p[1]);
	low = digit_of(text->p[2]);
	if (high < 0 || low < 0)
		return ESCAPE_HEX;
	put_char(out, (char)(high << 4 | low));
	*text = span_skip(*text, 3);
	return ESCAPE_OK;
}

enum escape_result
escape_read(struct span text, struct put *out, size_t *at)
{
	struct span rest = text;

	while (rest.len != 0) {
		struct span plain = span_first(rest, span_find(rest, '\\'));
		enum escape_result result;

		put_bytes(out, plain);
		rest = span_skip(rest, plain.len);
		*at = text.len - rest.len;
		if (rest.len == 0)
			break;
		rest = span_skip(rest, 1);
		result = read_one(&rest, out);
		if (result != ESCAPE_OK)
			return result;
	}
	return out->full ? ESCAPE_LONG : ESCAPE_OK;
}

const char *
escape_why(enum escape_result result)
{
	switch (result) {
	case ESCAPE_OK:
		return "";
	case ESCAPE_UNKNOWN:
		return "no escape; there are \\r \\n \\t \\b \\0 \\\\ \\xHH";
	case ESCAPE_HEX:
		return "\\x wants two hexadecimal digits";
	case ESCAPE_LONG:
		return "too long";
	}
	return "";
}
