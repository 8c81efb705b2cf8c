/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: text. What text_quote() writes holds no control byte and can be
 * read back; xtext goes there and back; a number is its digits; distance is a
 * distance. */
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
hex(char c)
{
	return (unsigned)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
}

static void
unquote(struct span s, struct put *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		must(!ascii_is_cntrl(c) && c != '"');
		if (c != '\\') {
			put_char(out, c);
			continue;
		}
		must(++i < s.len);
		c = s.p[i];
		if (c == 'x') {
			must(i + 2 < s.len);
			c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			i += 2;
		} else if (c == '"') {
			;
		} else {
			c = c == 'n' ? '\n' : c == 'r' ? '\r' :
			    c == 't' ? '\t' : c;
		}
		put_char(out, c);
	}
}

static void
check_quote(struct span input, char *wide, char *back)
{
	struct put quoted = put_init(wide, input.len * 4);
	struct put plain = put_init(back, input.len);
	struct span rest;

	text_quote(input, &quoted);
	must(!quoted.full);
	must(text_is_utf8(put_span(&quoted)));
	/* an escaped quote is the only one */
	rest = put_span(&quoted);
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.p[i] == '\\')
			i++;
		else
			must(rest.p[i] != '"');
	}
	for (size_t i = 0; i + 1 < rest.len; i++)
		must((unsigned char)rest.p[i] != 0xc2 ||
		    (unsigned char)rest.p[i + 1] >= 0xa0);
	unquote(put_span(&quoted), &plain);
	must(span_eq(put_span(&plain), input));
}

static void
check_xtext(struct span input, char *wide, char *back)
{
	struct put encoded = put_init(wide, input.len * 3);
	struct put plain = put_init(back, input.len);

	text_xtext_encode(input, &encoded);
	must(!encoded.full && text_is_ascii(put_span(&encoded)));
	must(text_xtext_decode(put_span(&encoded), &plain));
	must(span_eq(put_span(&plain), input));

	plain = put_init(back, input.len);
	if (text_xtext_decode(input, &plain))
		must(plain.len <= input.len && text_is_ascii(input));
}

static void
check_number(struct span input)
{
	char digits[20];
	struct put out = put_init(digits, sizeof digits);
	uint64_t n;

	if (!text_u64(input, &n))
		return;
	must(input.len <= sizeof digits);
	put_u64_width(&out, n, (unsigned)input.len);
	must(span_eq(put_span(&out), input));
}

static void
check_distance(struct span input)
{
	struct span a = span_first(input, input.len / 2);
	struct span b = span_skip(input, a.len);
	unsigned d = text_distance(a, b);

	must(d == text_distance(b, a));
	if (a.len > 32 || b.len > 32) {
		must(d == 99);
		return;
	}
	must((d == 0) == span_caseeq(a, b));
	must(d <= (a.len > b.len ? a.len : b.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_of(data, size);
	char *wide = malloc(size * 4 + 1), *back = malloc(size + 1);

	must(wide != NULL && back != NULL);
	check_quote(input, wide, back);
	check_xtext(input, wide, back);
	check_number(input);
	if (size <= 80)
		check_distance(input);
	free(wide);
	free(back);
	return 0;
}
