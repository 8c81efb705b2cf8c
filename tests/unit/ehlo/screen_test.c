/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger sends never reaches the terminal as it is; what is harmless
 * stays readable. */
#include "../test.h"

#include "ehlo/screen.h"

static void
check(struct span text, const char *expected)
{
	char memory[8192];
	struct put out = put_init(memory, sizeof memory);

	screen_quote(text, &out);
	assert_false(out.full);
	assert_span(put_span(&out), span_str(expected));
}

static void
test_harmless(void **state)
{
	(void)state;
	check(SPAN("250 2.1.0 \"guy\" <guy@cp.com>.... Sender OK "),
	    "250 2.1.0 \"guy\" <guy@cp.com>.... Sender OK ");
	check(SPAN("535 DOMAIN\\user"), "535 DOMAIN\\user");
	check(SPAN("220 \xc3\xa9\xe2\x80\xa2"), "220 \xc3\xa9\xe2\x80\xa2");
	check(SPAN(""), "");
}

static void
test_harmful(void **state)
{
	(void)state;
	check(SPAN("250 \x1b[2J"), "250 \\x1b[2J");
	/* what looks like an escape of ours is told from one */
	check(SPAN("250 \\x1b and \x1b \"q\""), "250 \\\\x1b and \\x1b \"q\"");
	check(SPAN("a\0b\rc\td\x7f"), "a\\x00b\\rc\\td\\x7f");
	check(SPAN("\x9b" "1m\xc2\x9b"), "\\x9b1m\\xc2\\x9b");
	check(SPAN("\xff\xc0\x80"), "\\xff\\xc0\\x80");
}

static void
test_long(void **state)
{
	char text[5000], memory[8192];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	memset(text, '\x1b', sizeof text);
	screen_quote(span_of(text, sizeof text), &out);
	assert_false(out.full);
	assert_true(out.len == 4 * 1000 + strlen(" ... (5000 octets)"));
	assert_memory_equal(out.p + 4000, " ... (5000 octets)", 18);
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.p[i] >= ' ' && out.p[i] <= '~');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_harmful),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
