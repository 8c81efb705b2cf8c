/* SPDX-License-Identifier: Apache-2.0 */
/* sched: the order of due times, and the back-off's bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "deliver/sched.h"

static void
test_order(void **state)
{
	struct sched sched;

	(void)state;
	sched_init(&sched);
	assert_true(sched_next(&sched) == UINT64_MAX);
	assert_int_equal(sched_take(&sched, UINT64_MAX), 0);
	sched_add(&sched, 7, 300);
	sched_add(&sched, 8, 100);
	sched_add(&sched, 9, 200);
	sched_add(&sched, 5, 100);
	assert_true(sched_next(&sched) == 100);
	assert_int_equal(sched_take(&sched, 99), 0);
	assert_int_equal(sched_take(&sched, 100), 5);
	assert_int_equal(sched_take(&sched, 100), 8);
	assert_int_equal(sched_take(&sched, 199), 0);
	assert_int_equal(sched_take(&sched, 1000), 9);
	assert_int_equal(sched_take(&sched, 1000), 7);
	assert_int_equal(sched_take(&sched, 1000), 0);
	sched_free(&sched);
}

/* Seen to catch: the doubling after the first attempt already; no limit; the
 * same moment for all messages. */
static void
test_backoff(void **state)
{
	const uint64_t first = 60000, max = 3600000;

	(void)state;
	for (uint64_t id = 1; id < 2000; id += 13) {
		uint64_t wait = first;

		for (unsigned attempts = 1; attempts < 100; attempts++) {
			uint64_t at = sched_backoff(id, attempts, 1000, first,
			    max);

			assert_in_range(at - 1000, wait - wait / 10,
			    wait + wait / 10);
			assert_true(at == sched_backoff(id, attempts, 1000,
			    first, max));
			wait = wait * 2 > max ? max : wait * 2;
		}
	}
}

static void
test_backoff_spreads(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	for (uint64_t id = 1; id <= 1000; id++) {
		uint64_t at = sched_backoff(id, 1, 0, 100000, 100000);

		least = at < least ? at : least;
		most = at > most ? at : most;
	}
	assert_in_range(least, 90000, 91000);
	assert_in_range(most, 109000, 110000);
}

static void
test_backoff_extremes(void **state)
{
	(void)state;
	assert_true(sched_backoff(1, 0, 5, 0, 0) == 5);
	assert_in_range(sched_backoff(1, 0, 0, 100, 1000), 90, 110);
	assert_in_range(sched_backoff(1, 9, 0, 5000, 1000), 900, 1100);
	assert_true(sched_backoff(1, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX,
	    UINT64_MAX) == UINT64_MAX);
	assert_true(sched_backoff(1, 1000000, 0, 1, UINT64_MAX) >=
	    UINT64_MAX / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_backoff_spreads),
		cmocka_unit_test(test_backoff_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
