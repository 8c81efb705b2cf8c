/* SPDX-License-Identifier: Apache-2.0 */
/* ring: what goes in comes out, in order, however full and however often it
 * goes round; writers on several threads; what does not fit is counted. Seen
 * to catch: an event over the ring's end that is read a byte beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>

#include "trail/ring.h"

#define WRITERS 3
#define EVENTS  20000

static struct ring ring;
static char memory[RING_EVENT_MAX];

static int
set_up(void **state)
{
	(void)state;
	ring_init(&ring, 16384);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ring_free(&ring);
	return 0;
}

static void
an_event_comes_back_whole(void **state)
{
	const struct trail_event told = { .kind = TRAIL_LATER, .at_ms = 1,
		.session = 2, .message = 3, .other = 4, .number = 5,
		.peer = SPAN("peer"), .name = SPAN("name"),
		.from = SPAN(""), .to = SPAN("to\0nul"),
		.facts = SPAN("f"), .words = SPAN("words of theirs") };
	struct trail_event got;
	size_t used;

	(void)state;
	assert_false(ring_peek(&ring, &got, memory));
	/* round and round: every place in the ring is its end once */
	for (int i = 0; i < 1000; i++) {
		assert_true(ring_put(&ring, &told, &used));
		assert_true(ring_peek(&ring, &got, memory));
		assert_int_equal(got.kind, told.kind);
		assert_int_equal(got.at_ms, 1);
		assert_int_equal(got.session, 2);
		assert_int_equal(got.message, 3);
		assert_int_equal(got.other, 4);
		assert_int_equal(got.number, 5);
		assert_true(span_eq(got.peer, told.peer));
		assert_true(span_eq(got.name, told.name));
		assert_true(span_eq(got.from, told.from));
		assert_true(span_eq(got.to, told.to));
		assert_true(span_eq(got.facts, told.facts));
		assert_true(span_eq(got.words, told.words));
		ring_drop(&ring);
	}
	assert_false(ring_peek(&ring, &got, memory));
}

static void
long_texts_are_cut(void **state)
{
	static char text[9000];
	const struct span all = span_of(text, sizeof text);
	const struct trail_event told = { .kind = TRAIL_FAILED, .to = all,
		.words = all };
	struct trail_event got;
	size_t used;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_true(ring_put(&ring, &told, &used));
	assert_true(ring_peek(&ring, &got, memory));
	assert_int_equal(got.to.len, 4096);
	assert_int_equal(got.words.len, 1024);
}

static void
what_does_not_fit_is_counted(void **state)
{
	const struct trail_event told = { .kind = TRAIL_CONNECT,
		.peer = SPAN("192.0.2.1") };
	struct trail_event got;
	unsigned in = 0, out = 0;
	size_t used;

	(void)state;
	while (ring_put(&ring, &told, &used))
		in++;
	assert_true(in > 100);
	assert_int_equal(ring.dropped, 1);
	assert_false(ring_put(&ring, &told, &used));
	assert_int_equal(ring.dropped, 2);
	while (ring_peek(&ring, &got, memory)) {
		ring_drop(&ring);
		out++;
	}
	assert_int_equal(in, out);
	assert_true(ring_put(&ring, &told, &used));
}

static void *
write_many(void *arg)
{
	for (uint64_t i = 1; i <= EVENTS; i++) {
		char text[64];
		struct trail_event event = { .kind = TRAIL_CONNECT,
			.session = (uint64_t)(uintptr_t)arg, .number = i };
		size_t used;

		event.words = span_of(text, (size_t)snprintf(text,
		    sizeof text, "%llu of %p", (unsigned long long)i, arg));
		while (!ring_put(&ring, &event, &used))
			sched_yield();
	}
	return NULL;
}

/* Each writer's events come whole and in its order. */
static void
writers_do_not_mix(void **state)
{
	uint64_t last[WRITERS + 1] = { 0 };
	pthread_t thread[WRITERS];
	unsigned n = 0;

	(void)state;
	for (uintptr_t i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, write_many, (void *)(i + 1));
	while (n < WRITERS * EVENTS) {
		struct trail_event got;
		char text[64];

		if (!ring_peek(&ring, &got, memory)) {
			sched_yield();
			continue;
		}
		assert_in_range(got.session, 1, WRITERS);
		assert_int_equal(got.number, ++last[got.session]);
		snprintf(text, sizeof text, "%llu of %p",
		    (unsigned long long)got.number,
		    (void *)(uintptr_t)got.session);
		assert_true(span_eq(got.words, span_str(text)));
		ring_drop(&ring);
		n++;
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_comes_back_whole,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(long_texts_are_cut, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_counted,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(writers_do_not_mix, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
