/* SPDX-License-Identifier: Apache-2.0 */
/* span: cutting at and past the ends, with and without memory behind. */
#include "../test.h"

static void
comparing(void **state)
{
	const struct span none = { NULL, 0 };

	(void)state;
	assert_true(span_eq(none, SPAN("")));
	assert_true(span_eq(SPAN("a\0b"), SPAN("a\0b")));
	assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(span_eq(SPAN("a"), SPAN("ab")));
	assert_true(span_starts(SPAN("abc"), SPAN("ab")));
	assert_true(span_starts(none, none));
	assert_true(span_starts(SPAN("abc"), none));
	assert_false(span_starts(SPAN("ab"), SPAN("abc")));
	assert_true(span_caseeq(SPAN("NoOp"), SPAN("nOoP")));
	assert_false(span_caseeq(SPAN("noop"), SPAN("noops")));
	assert_false(span_caseeq(SPAN("@"), SPAN("`")));	/* 64, 96 */
	assert_false(span_caseeq(SPAN("["), SPAN("{")));
	assert_false(span_caseeq(SPAN("\xc4"), SPAN("\xe4")));
	assert_true(span_casestarts(SPAN("IPv6:::1"), SPAN("ipV6:")));
	assert_false(span_casestarts(SPAN("IPv6"), SPAN("ipv6:")));
}

static void
cutting(void **state)
{
	struct span rest = SPAN("a,,b"), none = { NULL, 0 };

	(void)state;
	assert_span(span_cut(&rest, ','), SPAN("a"));
	assert_span(span_cut(&rest, ','), SPAN(""));
	assert_span(rest, SPAN("b"));
	assert_span(span_cut(&rest, ','), SPAN("b"));
	assert_int_equal(rest.len, 0);
	assert_span(span_cut(&rest, ','), SPAN(""));
	assert_span(span_cut(&none, ','), SPAN(""));
	assert_span(span_first(SPAN("abc"), 2), SPAN("ab"));
	assert_span(span_first(SPAN("abc"), SIZE_MAX), SPAN("abc"));
	assert_span(span_skip(SPAN("abc"), 2), SPAN("c"));
	assert_span(span_skip(SPAN("abc"), SIZE_MAX), SPAN(""));
	assert_int_equal(span_find(SPAN("a\0b"), 'b'), 2);
	assert_int_equal(span_find(SPAN("abc"), 'x'), 3);
	assert_int_equal(span_find(none, 'x'), 0);
	assert_span(span_trim(SPAN(" \t a b\t ")), SPAN("a b"));
	assert_span(span_trim(SPAN(" \t")), SPAN(""));
	assert_span(span_trim(none), SPAN(""));
	assert_span(span_str(NULL), SPAN(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing),
		cmocka_unit_test(cutting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
