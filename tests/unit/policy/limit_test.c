/* SPDX-License-Identifier: Apache-2.0 */
/* limit: counts by address, with the clock turned by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "policy/limit.h"

#define MINUTE 60000

static struct span
four(uint32_t n, char memory[4])
{
	memory[0] = 10;
	memory[1] = (char)(n >> 16);
	memory[2] = (char)(n >> 8);
	memory[3] = (char)n;
	return span_of(memory, 4);
}

static void
sessions_are_counted(void **state)
{
	struct limit *limit = limit_new();
	struct span one = SPAN("\x0a\0\0\1"), two = SPAN("\x0a\0\0\2");

	(void)state;
	assert_true(limit_open(limit, one, 2, 0));
	assert_true(limit_open(limit, one, 2, 0));
	assert_false(limit_open(limit, one, 2, 0));
	assert_false(limit_open(limit, one, 2, 0));	/* was not counted */
	assert_true(limit_open(limit, two, 2, 0));
	limit_close(limit, one);
	assert_true(limit_open(limit, one, 2, 0));
	assert_false(limit_open(limit, one, 2, 0));
	limit_close(limit, one);
	limit_close(limit, one);
	limit_close(limit, two);
	assert_false(limit_open(limit, two, 0, 0));
	assert_true(limit_open(limit, two, 1, 0));
	limit_free(limit);
}

/* One customer has a /64 and can take any address in it; IPv4 written in IPv6
 * is the same client. */
static void
neighbours_count_together(void **state)
{
	struct limit *limit = limit_new();
	struct span home =
	    SPAN("\x20\x01\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\1");
	struct span same =
	    SPAN("\x20\x01\x0d\xb8\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff");
	struct span other =
	    SPAN("\x20\x01\x0d\xb8\0\0\0\2\0\0\0\0\0\0\0\1");
	struct span mapped = SPAN("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1");
	struct span neighbour = SPAN("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\2");
	struct span four_bytes = SPAN("\x0a\0\0\1");

	(void)state;
	assert_true(limit_open(limit, home, 1, 0));
	assert_false(limit_open(limit, same, 1, 0));
	assert_true(limit_open(limit, other, 1, 0));
	assert_true(limit_open(limit, mapped, 1, 0));
	assert_false(limit_open(limit, four_bytes, 1, 0));
	assert_true(limit_open(limit, neighbour, 1, 0));
	assert_true(limit_open(limit, SPAN(""), 1, 0));	/* a local socket */
	assert_false(limit_open(limit, SPAN(""), 1, 0));
	limit_auth_failed(limit, same, 0);
	assert_int_equal(limit_auth_failures(limit, home, 0), 1);
	assert_int_equal(limit_auth_failures(limit, other, 0), 0);
	limit_free(limit);
}

/* Seen to catch: ten slots instead of eleven; turn() that empties the slot of
 * the old minute. */
static void
failures_slide(void **state)
{
	struct limit *limit = limit_new();
	struct span peer = SPAN("\x0a\0\0\1");
	uint64_t at = 1000 * (uint64_t)MINUTE + MINUTE - 1;

	(void)state;
	assert_int_equal(limit_auth_failures(limit, peer, at), 0);
	limit_auth_failed(limit, peer, at);
	limit_auth_failed(limit, peer, at + 1);
	limit_auth_failed(limit, peer, at + 5 * MINUTE);
	assert_int_equal(limit_auth_failures(limit, peer, at + 5 * MINUTE), 3);
	/* a full ten minutes later it is still known */
	assert_int_equal(limit_auth_failures(limit, peer, at + 10 * MINUTE), 3);
	assert_int_equal(limit_auth_failures(limit, peer,
	    at + 10 * MINUTE + 1), 2);
	assert_int_equal(limit_auth_failures(limit, peer,
	    at + 11 * MINUTE + 1), 1);
	/* another shard's clock is a minute behind */
	assert_int_equal(limit_auth_failures(limit, peer,
	    at + 10 * MINUTE), 1);
	limit_auth_failed(limit, peer, at + 10 * MINUTE);
	assert_int_equal(limit_auth_failures(limit, peer,
	    at + 11 * MINUTE + 1), 2);
	assert_int_equal(limit_auth_failures(limit, peer,
	    at + 1000000 * (uint64_t)MINUTE), 0);
	limit_free(limit);
}

/* A session that ends takes nothing with it: reconnecting is no way out. */
static void
failures_outlive_the_session(void **state)
{
	struct limit *limit = limit_new();
	struct span peer = SPAN("\x0a\0\0\1");

	(void)state;
	assert_true(limit_open(limit, peer, 9, 0));
	limit_auth_failed(limit, peer, 0);
	limit_close(limit, peer);
	assert_int_equal(limit_auth_failures(limit, peer, MINUTE), 1);
	assert_true(limit_open(limit, peer, 9, MINUTE));
	assert_int_equal(limit_auth_failures(limit, peer, MINUTE), 1);
	limit_free(limit);
}

/* 100,000 addresses are known; the oldest without a session goes first, and
 * one with a session never. Seen to catch: a busy entry left in the list. */
static void
memory_is_bounded(void **state)
{
	struct limit *limit = limit_new();
	char memory[4];

	(void)state;
	assert_true(limit_open(limit, four(0, memory), 1, 0));
	limit_auth_failed(limit, four(0, memory), 0);
	for (uint32_t i = 1; i <= 100000; i++)
		limit_auth_failed(limit, four(i, memory), 0);
	assert_int_equal(limit_auth_failures(limit, four(0, memory), 0), 1);
	assert_false(limit_open(limit, four(0, memory), 1, 0));
	assert_int_equal(limit_auth_failures(limit, four(1, memory), 0), 0);
	assert_int_equal(limit_auth_failures(limit, four(2, memory), 0), 1);
	assert_int_equal(limit_auth_failures(limit, four(100000, memory), 0),
	    1);
	limit_free(limit);
}

/* With a session from each of 100,000 addresses there is no room for more; one
 * that ends makes some. */
static void
all_may_be_busy(void **state)
{
	struct limit *limit = limit_new();
	char memory[4];

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		assert_true(limit_open(limit, four(i, memory), 1, 0));
	assert_false(limit_open(limit, four(100000, memory), 1, 0));
	limit_auth_failed(limit, four(100000, memory), 0);
	assert_int_equal(limit_auth_failures(limit, four(100000, memory), 0),
	    0);
	limit_close(limit, four(7, memory));
	assert_true(limit_open(limit, four(100000, memory), 1, 0));
	assert_false(limit_open(limit, four(7, memory), 1, 0));
	limit_free(limit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_counted),
		cmocka_unit_test(neighbours_count_together),
		cmocka_unit_test(failures_slide),
		cmocka_unit_test(failures_outlive_the_session),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(all_may_be_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
