/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: what is written is read as the same second; what is no date is not
 * read. */
#include "../test.h"

#include "base/stamp.h"

static void
expect(const char *text, uint64_t want)
{
	uint64_t got = 0;

	assert_true(stamp_read(span_str(text), &got));
	assert_int_equal(got, want);
}

static void
is_read(void **state)
{
	(void)state;
	expect("1970-01-01T00:00:00Z", 0);
	expect("2026-11-21T12:00:00Z", 1795262400);
	expect("2026-11-21t12:00:00z", 1795262400);
	expect("2026-11-21T13:30:00.25+01:30", 1795262400);
	expect("2026-11-21T07:00:00-05:00", 1795262400);
	expect("2024-02-29T23:59:60Z", 1709251200);
	expect("9999-12-31T23:59:59Z", 253402300799);
}

static void
is_refused(void **state)
{
	static const char *const bad[] = { "", "2026-11-21",
		"2026-11-21T12:00:00", "2026-11-21 12:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-11-31T00:00:00Z", "2026-11-21T24:00:00Z",
		"2026-11-21T12:60:00Z", "2026-11-21T12:00:61Z",
		"2026-11-21T12:00:00.Z", "2026-11-21T12:00:00+1:00",
		"2026-11-21T12:00:00+24:00", "2026-11-21T12:00:00Zx",
		"1969-12-31T23:59:59Z", "1900-01-01T00:00:00Z",
		"2026-1-21T12:00:00Z", "9999-12-31T23:59:59-00:01" };
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		if (stamp_read(span_str(bad[i]), &got))
			test_print("stamp", span_str(bad[i]));
		assert_false(stamp_read(span_str(bad[i]), &got));
	}
}

/* Every 37 days and some for four hundred years: each month's ends. */
static void
is_the_same(void **state)
{
	char memory[STAMP_LEN];

	(void)state;
	for (uint64_t at = 0; at < UINT64_C(253402300799); at += 86399 * 37) {
		struct put out = put_init(memory, sizeof memory);
		uint64_t got = 0;

		stamp_put(&out, at);
		assert_int_equal(out.len, STAMP_LEN);
		assert_true(stamp_read(put_span(&out), &got));
		assert_int_equal(got, at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read),
		cmocka_unit_test(is_refused),
		cmocka_unit_test(is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
