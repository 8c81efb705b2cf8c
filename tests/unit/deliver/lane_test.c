/* SPDX-License-Identifier: Apache-2.0 */
/* lane: with a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "deliver/lane.h"

static struct lane lane;
static const struct lane_rules rules = { .max = 20, .close_first_ms = 1000,
	.close_max_ms = 6000 };

static int
setup(void **state)
{
	(void)state;
	lane_init(&lane, &rules);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	lane_free(&lane);
	return 0;
}

static unsigned
open_all(uint64_t now)
{
	unsigned n = 0;

	while (lane_may_start(&lane, now)) {
		lane_started(&lane);
		n++;
	}
	return n;
}

/* Two at first, one more with each success, never more than the maximum. */
static void
test_grows(void **state)
{
	(void)state;
	assert_int_equal(open_all(0), 2);
	lane_went(&lane);
	assert_int_equal(open_all(0), 1);
	for (int i = 0; i < 100; i++)
		lane_went(&lane);
	assert_int_equal(open_all(0), 17);
	assert_int_equal(lane.active, 20);
}

static void
end_all(void)
{
	while (lane.active != 0)
		lane_ended(&lane);
}

static void
test_shrinks(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		lane_went(&lane);
	assert_false(lane_broke(&lane, 0));
	assert_int_equal(open_all(0), 10);
	end_all();
	assert_false(lane_broke(&lane, 0));
	assert_int_equal(open_all(0), 5);
}

/* Closed after three failures, then one tries; each time it is closed for
 * longer, up to a maximum. Seen to catch: all of the window at once when it
 * opens again. */
static void
test_closes(void **state)
{
	uint64_t now = 100, wait = 1000;

	(void)state;
	assert_false(lane_broke(&lane, now));
	assert_false(lane_broke(&lane, now));
	assert_true(lane_broke(&lane, now));
	for (int i = 0; i < 6; i++) {
		assert_true(lane_is_closed(&lane, now + wait - 1));
		assert_int_equal(open_all(now + wait - 1), 0);
		now += wait;
		assert_false(lane_is_closed(&lane, now));
		assert_int_equal(open_all(now), 1);
		lane_ended(&lane);
		assert_true(lane_broke(&lane, now));
		wait = wait * 2 < 6000 ? wait * 2 : 6000;
	}
	now += wait;
	assert_int_equal(open_all(now), 1);
	lane_went(&lane);
	assert_int_equal(open_all(now), 1);
	lane_went(&lane);
	assert_int_equal(lane.window, 3);
}

/* Failures of connections that were opened before it closed close it once. */
static void
test_closes_once(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		assert_false(lane_broke(&lane, 0));
	assert_true(lane_broke(&lane, 0));
	for (int i = 0; i < 10; i++)
		assert_false(lane_broke(&lane, 500));
	assert_false(lane_is_closed(&lane, 1000));
}

/* A thousand of one sender do not delay the one of another. */
static void
test_senders_take_turns(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		lane_park(&lane, i, LANE_FRESH, 1);
	assert_int_equal(lane_unpark(&lane), 1);
	lane_park(&lane, 5000, LANE_FRESH, 2);
	lane_park(&lane, 6000, LANE_FRESH, 3);
	assert_int_equal(lane_unpark(&lane), 2);
	assert_int_equal(lane_unpark(&lane), 5000);
	assert_int_equal(lane_unpark(&lane), 6000);
	assert_int_equal(lane_unpark(&lane), 3);
	assert_int_equal(lane_parked(&lane), 997);
}

/* Of twelve turns eight, three and one; nothing is left behind. */
static void
test_classes(void **state)
{
	unsigned n[LANE_CLASSES] = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 120; i++)
		for (unsigned c = 0; c < LANE_CLASSES; c++)
			lane_park(&lane, c * 1000 + i, (enum lane_class)c,
			    (uint32_t)i);
	for (int i = 0; i < 120; i++)
		n[lane_unpark(&lane) / 1000]++;
	assert_int_equal(n[LANE_FRESH], 80);
	assert_int_equal(n[LANE_AGAIN], 30);
	assert_int_equal(n[LANE_BOUNCE], 10);
	for (int i = 0; i < 240; i++)
		assert_int_not_equal(lane_unpark(&lane), 0);
	assert_int_equal(lane_unpark(&lane), 0);
	assert_int_equal(lane_parked(&lane), 0);
}

/* A million that wait: 16 octets each, twice that while it grows. */
static void
test_memory(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 1000000; i++)
		lane_park(&lane, i, LANE_FRESH, (uint32_t)i);
	assert_true(lane.parked[LANE_FRESH].cap *
	    sizeof(struct heap_entry) <= 40u << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrinks, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_closes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closes_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_senders_take_turns,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_classes, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
