/* SPDX-License-Identifier: Apache-2.0 */
/* text: numbers, UTF-8, xtext, quoting, distance. */
#include "../test.h"

static void
numbers(void **state)
{
	static const struct span bad[] = { { "", 0 }, { "-1", 2 }, { "+1", 2 },
		{ " 1", 2 }, { "1 ", 2 }, { "0x5", 3 }, { "1e3", 3 },
		{ "1.0", 3 }, { "1\0", 2 }, { "\xd9\xa1", 2 },
		{ "18446744073709551616", 20 }, { "18446744073709551620", 20 },
		{ "99999999999999999999", 20 },
		{ "184467440737095516150", 21 },
		{ "000000000000000000001", 21 } };
	uint64_t n = 42;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(text_u64(bad[i], &n));
	assert_int_equal(n, 42);
	assert_true(text_u64(SPAN("0"), &n) && n == 0);
	assert_true(text_u64(SPAN("007"), &n) && n == 7);
	assert_true(text_u64(SPAN("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
	assert_true(text_u64(SPAN("18446744073709551609"), &n));
	assert_true(n == UINT64_MAX - 6);
}

/* The point a sequence stands for, by arithmetic; UINT32_MAX if it is none.
 * RFC 3629 3: not longer than needed, no surrogate, at most U+10FFFF. */
static uint32_t
decode(const unsigned char *p, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t point = p[0];

	if (len == 1)
		return point < 0x80 ? point : UINT32_MAX;
	if ((len == 2 && p[0] >> 5 != 6) || (len == 3 && p[0] >> 4 != 14) ||
	    (len == 4 && p[0] >> 3 != 30))
		return UINT32_MAX;
	point &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return UINT32_MAX;
		point = point << 6 | (p[i] & 63u);
	}
	if (point < least[len] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return UINT32_MAX;
	return point;
}

/* All sequences of two and three bytes, and those of four whose ends matter.
 * Seen to catch: each row of the table of second bytes left out
 * (base-utf8-surrogate). */
static void
utf8_sequences(void **state)
{
	static const unsigned char end[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90,
		0x9f, 0xa0, 0xbf, 0xc0, 0xff };
	unsigned char p[4];

	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		p[0] = (unsigned char)a;
		assert_int_equal(text_is_utf8(span_of(p, 1)),
		    decode(p, 1) != UINT32_MAX);
		if (a < 0x80)
			continue;
		for (unsigned b = 0; b < 256; b++) {
			p[1] = (unsigned char)b;
			assert_int_equal(text_is_utf8(span_of(p, 2)),
			    decode(p, 2) != UINT32_MAX);
			if (decode(p, 2) != UINT32_MAX)
				continue;
			for (unsigned c = 0x7f; c < 0xc1; c++) {
				p[2] = (unsigned char)c;
				assert_int_equal(text_is_utf8(span_of(p, 3)),
				    decode(p, 3) != UINT32_MAX);
			}
			for (size_t i = 0; i < 100; i++) {
				p[2] = end[i / 10];
				p[3] = end[i % 10];
				if (a >= 0xf0)
					assert_int_equal(text_is_utf8(span_of(
					    p, 4)), decode(p, 4) != UINT32_MAX);
			}
		}
	}
}

static void
utf8_table(void **state)
{
	static const struct {
		struct span text;
		bool is_utf8;
	} row[] = {
		{ { "", 0 }, true }, { { "a\0b", 3 }, true },
		{ { "h\xc3\xa9h\xe2\x82\xac\xf0\x9f\x98\x80", 11 }, true },
		{ { "\xc2\x80", 2 }, true }, { { "\xdf\xbf", 2 }, true },
		{ { "\xe0\xa0\x80", 3 }, true },
		{ { "\xed\x9f\xbf", 3 }, true },
		{ { "\xee\x80\x80", 3 }, true },
		{ { "\xef\xbf\xbf", 3 }, true },
		{ { "\xf0\x90\x80\x80", 4 }, true },
		{ { "\xf4\x8f\xbf\xbf", 4 }, true },
		{ { "\x80", 1 }, false }, { { "\xbf", 1 }, false },
		{ { "\xc0\x80", 2 }, false },	/* NUL, overlong */
		{ { "\xc0\xae", 2 }, false },	/* the dot, overlong */
		{ { "\xc1\xbf", 2 }, false },
		{ { "\xe0\x9f\xbf", 3 }, false },
		{ { "\xed\xa0\x80", 3 }, false },	/* U+D800 */
		{ { "\xed\xbf\xbf", 3 }, false },	/* U+DFFF */
		{ { "\xf0\x8f\xbf\xbf", 4 }, false },
		{ { "\xf4\x90\x80\x80", 4 }, false },	/* U+110000 */
		{ { "\xf5\x80\x80\x80", 4 }, false },
		{ { "\xfe", 1 }, false }, { { "\xff", 1 }, false },
		{ { "\xc3", 1 }, false }, { { "\xe2\x82", 2 }, false },
		{ { "\xf0\x9f\x98", 3 }, false }, { { "\xc3" "a", 2 }, false },
		{ { "a\xe2\x82" "b", 4 }, false },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++)
		if (text_is_utf8(row[i].text) != row[i].is_utf8) {
			test_print("utf-8", row[i].text);
			fail();
		}
	assert_true(text_is_ascii(SPAN("a\0\x7f")));
	assert_false(text_is_ascii(SPAN("a\x80")));
}

static void
classes(void **state)
{
	(void)state;
	for (int i = -128; i < 128; i++) {
		char c = (char)i;
		bool is_upper = i >= 'A' && i <= 'Z';
		bool is_lower = i >= 'a' && i <= 'z';

		assert_int_equal(ascii_is_digit(c), i >= '0' && i <= '9');
		assert_int_equal(ascii_is_alpha(c), is_upper || is_lower);
		assert_int_equal(ascii_is_cntrl(c), (i >= 0 && i < 32) ||
		    i == 127);
		assert_int_equal(ascii_lower(c), is_upper ? i + 32 : i);
		assert_int_equal(ascii_upper(c), is_lower ? i - 32 : i);
	}
}

static void
xtext(void **state)
{
	static const struct span bad[] = { { "a b", 3 }, { "a=b", 3 },
		{ "+", 1 }, { "+4", 2 }, { "+4g", 3 }, { "+2b", 3 },
		{ "a\n", 2 }, { "a\0", 2 }, { "\x7f", 1 }, { "\xc3\xa9", 2 } };
	char memory[1024], plain[256], again[256];
	struct put out = put_init(memory, sizeof memory), back;

	(void)state;
	text_xtext_encode(SPAN("e=mc2+x y"), &out);
	assert_span(put_span(&out), SPAN("e+3Dmc2+2Bx+20y"));
	for (size_t i = 0; i < countof(bad); i++) {
		out = put_init(memory, sizeof memory);
		assert_false(text_xtext_decode(bad[i], &out));
	}
	for (int i = 0; i < 256; i++)
		plain[i] = (char)i;
	out = put_init(memory, sizeof memory);
	text_xtext_encode(span_of(plain, sizeof plain), &out);
	assert_false(out.full);
	back = put_init(again, sizeof again);
	assert_true(text_xtext_decode(put_span(&out), &back));
	assert_span(put_span(&back), span_of(plain, sizeof plain));
	back = put_init(again, sizeof again - 1);
	assert_false(text_xtext_decode(put_span(&out), &back));
}

static void
quote(struct span text, struct span want)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory);

	text_quote(text, &out);
	assert_span(put_span(&out), want);
}

static void
quoting(void **state)
{
	(void)state;
	quote(SPAN("plain text"), SPAN("plain text"));
	quote(SPAN("a\r\nb\tc"), SPAN("a\\r\\nb\\tc"));
	quote(SPAN("say \"x\\y\""), SPAN("say \\\"x\\\\y\\\""));
	quote(SPAN("\0\x1b[2J\x7f"), SPAN("\\x00\\x1b[2J\\x7f"));
	quote(SPAN("j\xc3\xb6rg \xe2\x82\xac"),
	    SPAN("j\xc3\xb6rg \xe2\x82\xac"));
	quote(SPAN("\xc2\x9b" "31m"), SPAN("\\xc2\\x9b31m"));	/* C1: CSI */
	quote(SPAN("\xe9\xff"), SPAN("\\xe9\\xff"));
	quote(SPAN("\xe2\x82"), SPAN("\\xe2\\x82"));
	/* right-to-left override, isolate, mark; a joiner is innocent */
	quote(SPAN("a\xe2\x80\xae" "b"), SPAN("a\\xe2\\x80\\xae" "b"));
	quote(SPAN("\xe2\x81\xa6"), SPAN("\\xe2\\x81\\xa6"));
	quote(SPAN("\xd8\x9c"), SPAN("\\xd8\\x9c"));
	quote(SPAN("\xe2\x80\x8d"), SPAN("\xe2\x80\x8d"));
}

/* Whatever goes in, no control byte and no broken UTF-8 comes out. Seen to
 * catch: DEL passed on, C1 controls passed on (base-quote-c1). */
static void
quoting_random(void **state)
{
	char bytes[64], memory[4 * sizeof bytes];
	uint64_t seed = 77;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = test_random(&seed) % sizeof bytes;
		struct put out = put_init(memory, sizeof memory);
		struct span got;

		for (size_t i = 0; i < len; i++) {
			bytes[i] = (char)test_random(&seed);
			if (round % 2 == 0 && test_random(&seed) % 2 == 0)
				bytes[i] = "\xc2\x85\xe2\x80\xa8\"\\"
				    [test_random(&seed) % 7];
		}
		text_quote(span_of(bytes, len), &out);
		assert_false(out.full);
		got = put_span(&out);
		assert_true(text_is_utf8(got));
		for (size_t i = 0; i < got.len; i++) {
			assert_false(ascii_is_cntrl(got.p[i]));
			if (i + 1 < got.len && got.p[i] == '\xc2')
				assert_true((unsigned char)got.p[i + 1] >=
				    0xa0);
		}
	}
}

static void
distance(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned want;
	} row[] = {
		{ "", "", 0 }, { "", "abc", 3 }, { "mail", "MAIL", 0 },
		{ "mial", "mail", 1 }, { "frrom", "from", 1 },
		{ "fom", "from", 1 }, { "quit", "quiz", 1 },
		{ "ehlo", "helo", 1 }, { "data", "atad", 2 },
		{ "kitten", "sitting", 3 }, { "ca", "abc", 3 },
		{ "starttls", "startls", 1 }, { "abcdef", "ghijkl", 6 },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		assert_int_equal(text_distance(span_str(row[i].a),
		    span_str(row[i].b)), row[i].want);
		assert_int_equal(text_distance(span_str(row[i].b),
		    span_str(row[i].a)), row[i].want);
	}
	assert_int_equal(text_distance(SPAN("12345678901234567890123456789012"),
	    SPAN("")), 32);
	assert_int_equal(text_distance(
	    SPAN("123456789012345678901234567890123"), SPAN("")), 99);
}

static void
lower(void **state)
{
	char memory[8];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	text_lower(SPAN("AZaz@[\xc4"), &out);
	assert_span(put_span(&out), SPAN("azaz@[\xc4"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(utf8_table),
		cmocka_unit_test(utf8_sequences),
		cmocka_unit_test(classes),
		cmocka_unit_test(xtext),
		cmocka_unit_test(quoting),
		cmocka_unit_test(quoting_random),
		cmocka_unit_test(distance),
		cmocka_unit_test(lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
