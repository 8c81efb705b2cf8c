/* SPDX-License-Identifier: Apache-2.0 */
/* put: never past the end, and once full for good. */
#include "../test.h"

static void
fills_to_the_last_byte(void **state)
{
	char memory[5] = "....#";
	struct put out = put_init(memory, 4);

	(void)state;
	put_str(&out, "ab");
	put_char(&out, 'c');
	put_char(&out, 'd');
	assert_false(out.full);
	assert_span(put_span(&out), SPAN("abcd"));
	put_bytes(&out, SPAN(""));
	assert_false(out.full);
	put_char(&out, 'e');
	assert_true(out.full);
	assert_span(put_span(&out), SPAN("abcd"));
	assert_int_equal(memory[4], '#');
}

static void
stays_full(void **state)
{
	char memory[4];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	put_str(&out, "abcde");
	assert_true(out.full);
	assert_int_equal(out.len, 0);
	put_char(&out, 'x');	/* would fit, but no longer */
	assert_int_equal(out.len, 0);
}

static void
numbers(void **state)
{
	static const uint64_t number[] = { 0, 1, 9, 10, 99, 100, 4294967295u,
		4294967296u, UINT64_MAX - 1, UINT64_MAX };
	char memory[64], want[64];

	(void)state;
	for (size_t i = 0; i < countof(number); i++) {
		for (unsigned width = 0; width <= 20; width++) {
			struct put out = put_init(memory, sizeof memory);

			put_u64_width(&out, number[i], width);
			snprintf(want, sizeof want, "%0*llu", (int)width,
			    (unsigned long long)number[i]);
			assert_span(put_span(&out), span_str(want));
		}
	}
	for (size_t cap = 0; cap < 20; cap++) {
		struct put out = put_init(memory, cap);

		put_u64(&out, UINT64_MAX);
		assert_true(out.full);
	}
}

static void
hex_and_cstr(void **state)
{
	char memory[8];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	put_hex(&out, SPAN("\x00\x7f\xff"));
	assert_string_equal(put_cstr(&out), "007fff");
	assert_int_equal(out.len, 6);
	put_str(&out, "12");
	assert_false(out.full);
	assert_string_equal(put_cstr(&out), "007fff1");
	assert_true(out.full);
	out = put_init(memory, 0);
	assert_string_equal(put_cstr(&out), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_to_the_last_byte),
		cmocka_unit_test(stays_full),
		cmocka_unit_test(numbers),
		cmocka_unit_test(hex_and_cstr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
