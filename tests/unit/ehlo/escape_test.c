/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as they are typed in raw mode. */
#include "../test.h"

#include "ehlo/escape.h"

static void
check(struct span typed, enum escape_result expected, struct span bytes,
    size_t at)
{
	char memory[64];
	struct put out = put_init(memory, sizeof memory);
	size_t got_at = 0;

	assert_int_equal(escape_read(typed, &out, &got_at), expected);
	assert_span(put_span(&out), bytes);
	if (expected != ESCAPE_OK)
		assert_int_equal(got_at, at);
}

static void
test_every_escape(void **state)
{
	(void)state;
	check(SPAN("NOOP\\r\\n"), ESCAPE_OK, SPAN("NOOP\r\n"), 0);
	check(SPAN("a\\tb\\bc\\\\d\\0e"), ESCAPE_OK, SPAN("a\tb\bc\\d\0e"), 0);
	check(SPAN("\\x00\\x1b\\xFf\\xA0"), ESCAPE_OK,
	    SPAN("\0\x1b\xff\xa0"), 0);
	check(SPAN(""), ESCAPE_OK, SPAN(""), 0);
	check(SPAN("  plain, with \"quotes\"  "), ESCAPE_OK,
	    SPAN("  plain, with \"quotes\"  "), 0);
}

static void
test_what_is_wrong(void **state)
{
	(void)state;
	check(SPAN("ab\\q"), ESCAPE_UNKNOWN, SPAN("ab"), 2);
	check(SPAN("ab\\"), ESCAPE_UNKNOWN, SPAN("ab"), 2);
	check(SPAN("\\r\\x1"), ESCAPE_HEX, SPAN("\r"), 2);
	check(SPAN("\\x1g"), ESCAPE_HEX, SPAN(""), 0);
	check(SPAN("\\xg1"), ESCAPE_HEX, SPAN(""), 0);
}

static void
test_no_room(void **state)
{
	char memory[3];
	struct put out = put_init(memory, sizeof memory);
	size_t at;

	(void)state;
	assert_int_equal(escape_read(SPAN("\\r\\n\\r\\n"), &out, &at),
	    ESCAPE_LONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_escape),
		cmocka_unit_test(test_what_is_wrong),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
