/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of `ehlo load`: percentiles, compared with a sorted list. */
#include "../test.h"

#include <stdlib.h>

#include "ehlo/load.h"

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* At most 1.6 % above, never below. */
static void
percentiles(void **state)
{
	static const double part[] = { 0, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
	static struct load_times times;
	static uint64_t value[5000];
	uint64_t seed = 4711;

	(void)state;
	for (size_t i = 0; i < countof(value); i++) {
		/* from a microsecond to hours */
		value[i] = test_random(&seed) >> (28 + test_random(&seed) %
		    36);
		load_times_add(&times, value[i]);
	}
	qsort(value, countof(value), sizeof value[0], by_value);
	assert_int_equal(times.n, countof(value));
	for (size_t i = 0; i < countof(part); i++) {
		size_t at = (size_t)((double)countof(value) * part[i]);
		uint64_t got = load_times_at(&times, part[i]);
		uint64_t want = value[at < countof(value) ? at :
		    countof(value) - 1];

		if (got < want || (double)got > (double)want * 1.016 + 1)
			fail_msg("%f: got %llu, expected %llu", part[i],
			    (unsigned long long)got,
			    (unsigned long long)want);
	}
	assert_int_equal(load_times_at(&times, 1), value[countof(value) - 1]);
}

static void
small_and_large(void **state)
{
	static struct load_times times;

	(void)state;
	assert_int_equal(load_times_at(&times, 0.5), 0);
	load_times_add(&times, 0);
	assert_int_equal(load_times_at(&times, 0.5), 0);
	load_times_add(&times, UINT64_MAX);
	assert_int_equal(load_times_at(&times, 0.999), UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles),
		cmocka_unit_test(small_and_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
