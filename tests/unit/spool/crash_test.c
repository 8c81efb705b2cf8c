/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of spool.h on a disk that crashes or fails at its n-th
 * operation, for every n. What was seen to be caught is in tests/faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "world.h"

#define STEPS 260u

/* A script without faults: how many operations it takes. */
static uint64_t
count_ops(uint64_t seed)
{
	struct world world;
	uint64_t n;

	world_init(&world, seed);
	assert_true(world_open(&world));
	world_run(&world, STEPS);
	world_close(&world);
	assert_true(world_open(&world));
	world_finish(&world);
	n = lying_disk_ops(world.disk);
	world_free(&world);
	return n;
}

/* Recovers, however often the disk crashes meanwhile. */
static void
recover(struct world *world, unsigned crashes)
{
	while (crashes-- != 0) {
		lying_disk_fault(world->disk, LYING_CRASH,
		    lying_disk_ops(world->disk) + 1 +
		    lying_random(&world->seed) % 4, 1);
		if (world_open(world))
			world_run(world, 3);
		world_crash(world);
	}
	assert_true(world_open(world));
}

static void
crash_at(uint64_t seed, uint64_t n)
{
	struct world world;

	world_init(&world, seed);
	lying_disk_fault(world.disk, LYING_CRASH, n, 1);
	if (world_open(&world))
		world_run(&world, STEPS);
	world_crash(&world);
	recover(&world, (unsigned)(n % 3));
	world_run(&world, 40);
	world_check_mail(&world);
	world_crash(&world);
	recover(&world, 0);
	world_close(&world);
	assert_true(world_open(&world));
	world_finish(&world);
	world_free(&world);
}

static void
test_promises_1_to_6_at_every_crash(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		uint64_t n = count_ops(seed);

		assert_true(n > 100);
		for (uint64_t i = 1; i <= n; i++)
			crash_at(seed, i);
	}
}

static void
fail_at(uint64_t seed, enum lying_fault fault, uint64_t at, uint64_t n)
{
	struct world world;

	world_init(&world, seed);
	world.may_lie = n > 2;
	assert_true(world_open(&world));
	lying_disk_fault(world.disk, fault, at, n);
	if (at % 4 < 2) {
		world_run(&world, STEPS);
	} else {
		/* not long enough for compaction to clean up behind it */
		for (unsigned i = 0; i < STEPS &&
		    lying_disk_ops(world.disk) < at + n + 1; i++)
			world_run(&world, 1);
		world_run(&world, 3);
	}
	world_check_mail(&world);
	if (at % 2 == 0) {
		world_crash(&world);
	} else {
		world_close(&world);
		lying_disk_fault(world.disk, LYING_NONE, 0, 0);
	}
	assert_true(world_open(&world));
	world_run(&world, 40);
	world_check_mail(&world);
	world_finish(&world);
	world_free(&world);
}

/* A write that fails is final for its segment: what it carried is refused and
 * never comes back, all else goes on. */
static void
test_promises_1_and_2_at_every_failure(void **state)
{
	static const enum lying_fault fault[] = { LYING_EIO, LYING_ENOSPC,
		LYING_SHORT };

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		uint64_t n = count_ops(seed);

		for (size_t k = 0; k < countof(fault); k++)
			for (uint64_t i = 1; i <= n; i++) {
				fail_at(seed, fault[k], i, 1);
				fail_at(seed, fault[k], i, 2);
			}
	}
}

static void
test_promises_1_and_2_while_the_disk_fails_for_long(void **state)
{
	(void)state;
	for (uint64_t i = 1; i < 200; i++) {
		fail_at(3, LYING_EIO, i, 7);
		fail_at(3, LYING_ENOSPC, i, 100);
	}
}

/* Many scripts, long ones, a crash now and then. */
static void
test_promises_1_to_6_in_a_long_life(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 130; seed++) {
		struct world world;

		world_init(&world, seed);
		assert_true(world_open(&world));
		for (unsigned i = 0; i < 12; i++) {
			lying_disk_fault(world.disk, LYING_CRASH,
			    lying_disk_ops(world.disk) + 1 +
			    lying_random(&world.seed) % 200, 1);
			world_run(&world, 150);
			world_crash(&world);
			assert_true(world_open(&world));
		}
		world_check_mail(&world);
		world_finish(&world);
		world_free(&world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promises_1_to_6_at_every_crash),
		cmocka_unit_test(test_promises_1_and_2_at_every_failure),
		cmocka_unit_test(
		    test_promises_1_and_2_while_the_disk_fails_for_long),
		cmocka_unit_test(test_promises_1_to_6_in_a_long_life),
	};

	/* thousands of crashes are reported otherwise */
	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
