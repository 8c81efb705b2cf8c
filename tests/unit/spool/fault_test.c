/* SPDX-License-Identifier: Apache-2.0 */
/* What the store says and does when the disk is full, read-only or fails at a
 * moment that a script does not find by chance. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "lying_disk.h"
#include "spool/spool.h"

#define SEGMENT (64 * 1024u)

struct world {
	struct lying_disk *disk;
	struct store *store;
	uint64_t found[64];
	size_t found_n;
};

static uint64_t now = 1700000000000;

static uint64_t
world_now(void)
{
	return now;
}

static void
note_found(void *arg, const struct store_entry *entry)
{
	struct world *world = arg;

	assert_true(world->found_n < countof(world->found));
	world->found[world->found_n++] = entry->id;
}

static void
open_store(struct world *world, uint64_t reserve)
{
	struct store_options options = { .path = "/spool",
		.segment_size = SEGMENT, .reserve = reserve,
		.disk = lying_disk_table(world->disk), .now_ms = world_now };
	struct spool_tuning tuning = { .part_len = 8192,
		.batch_max = 16384, .is_inline = true };
	char error[512];

	world->found_n = 0;
	world->store = spool_open(&options, &tuning, note_found, world,
	    error, sizeof error);
	if (world->store == NULL)
		fail_msg("%s", error);
}

static void
start(struct world *world, uint64_t seed)
{
	*world = (struct world){ .disk = lying_disk_new(seed) };
	open_store(world, 1);
}

static void
crash(struct world *world)
{
	lying_disk_fault(world->disk, LYING_CRASH,
	    lying_disk_ops(world->disk) + 1, 1);
	store_close(world->store);
	lying_disk_restart(world->disk);
	open_store(world, 1);
}

static void
stop(struct world *world)
{
	store_close(world->store);
	lying_disk_free(world->disk);
}

static bool
is_found(const struct world *world, uint64_t id)
{
	for (size_t i = 0; i < world->found_n; i++)
		if (world->found[i] == id)
			return true;
	return false;
}

static void
note_result(void *arg, int result)
{
	*(int *)arg = result;
}

/* Queues a message; `result` is 1 until it is answered. */
static uint64_t
send_mail(struct world *world, size_t len, int *result)
{
	static const char text[SEGMENT];
	int error;
	struct store_msg *msg = store_begin(world->store, &error);
	uint64_t id;

	assert_non_null(msg);
	id = store_msg_id(msg);
	store_write(msg, span_of(text, len));
	*result = 1;
	store_commit(msg, SPAN("envelope"), note_result, result);
	return id;
}

static void
settle(struct world *world, uint64_t id, uint32_t from, int *result)
{
	uint32_t rcpt[] = { from, from + 1 };
	enum store_outcome outcome[] = { STORE_DELIVERED, STORE_FAILED };

	*result = 1;
	store_settle(world->store, &(struct store_settle){ .id = id,
	    .rcpt = rcpt, .outcome = outcome, .rcpt_n = 2 }, note_result,
	    result);
}

static void
fail_next(struct world *world, enum lying_fault fault, uint64_t n)
{
	lying_disk_fault(world->disk, fault,
	    lying_disk_ops(world->disk) + 1, n);
}

/* The write fails, and so does the header that would cut it off: the next
 * segment has to say where it ended.
 * Seen to catch: tests/faults/spool-guard-forgotten.patch. */
static void
test_promise_1_what_was_refused_stays_refused(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct world world;
		uint64_t kept, refused, next;
		int result;

		start(&world, seed);
		kept = send_mail(&world, 100, &result);
		store_poll(world.store);
		assert_int_equal(result, 0);
		fail_next(&world, LYING_EIO, 2);
		refused = send_mail(&world, 5000, &result);
		store_poll(world.store);
		assert_int_equal(result, -EIO);
		next = send_mail(&world, 100, &result);
		store_poll(world.store);
		assert_int_equal(result, 0);
		for (int i = 0; i < 2; i++) {
			crash(&world);
			assert_true(is_found(&world, kept));
			assert_true(is_found(&world, next));
			assert_false(is_found(&world, refused));
		}
		stop(&world);
	}
}

/* The same, but the segment that says it has nothing else to say.
 * Seen to catch: tests/faults/spool-guard-freed.patch. */
static void
test_promise_1_the_guard_is_not_freed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct world world;
		uint64_t kept, refused, id;
		int result;

		start(&world, seed);
		/* so much that it is not evacuated */
		for (unsigned i = 0; i < 6; i++) {
			kept = send_mail(&world, 8000, &result);
			store_poll(world.store);
		}
		fail_next(&world, LYING_EIO, 2);
		refused = send_mail(&world, 100, &result);
		store_poll(world.store);
		assert_int_equal(result, -EIO);
		for (unsigned i = 0; i < 6; i++) {
			id = send_mail(&world, 6000, &result);
			store_poll(world.store);
			if (i < 5)
				(void)store_remove(world.store, id);
			store_poll(world.store);
			store_poll(world.store);
		}
		/* the first, the one that says where it ended, the last */
		assert_int_equal(world.store->segment_n, 3);
		crash(&world);
		assert_true(is_found(&world, kept));
		assert_false(is_found(&world, refused));
		stop(&world);
	}
}

/* Two settles wait; the first cannot be written, for the second there is a
 * new segment. The second leaves out what the first named.
 * Seen to catch: tests/faults/spool-settle-builds-on-failed.patch. */
static void
test_promise_3_no_settle_builds_on_a_failed_one(void **state)
{
	struct world world;
	int first, second, result;
	uint64_t id;

	(void)state;
	start(&world, 1);
	id = send_mail(&world, 100, &result);
	store_poll(world.store);
	/* the write, the header, a new file */
	fail_next(&world, LYING_EIO, 3);
	settle(&world, id, 0, &first);
	commit_run(&world.store->committer);
	/* queued before the owner knows */
	settle(&world, id, 1, &second);
	store_poll(world.store);
	assert_int_equal(first, -EIO);
	assert_int_equal(second, -EIO);
	assert_false(store_is_settled(world.store, id, 0));
	assert_false(store_is_settled(world.store, id, 1));
	settle(&world, id, 1, &second);
	store_poll(world.store);
	assert_int_equal(second, 0);
	crash(&world);
	assert_false(store_is_settled(world.store, id, 0));
	assert_true(store_is_settled(world.store, id, 1));
	assert_true(store_is_settled(world.store, id, 2));
	stop(&world);
}

/* What settles mail is written into a new segment when a write fails; only
 * new mail is refused. */
static void
test_a_settle_survives_a_failed_write(void **state)
{
	struct world world;
	int mail, end, result;
	uint64_t id;

	(void)state;
	start(&world, 1);
	id = send_mail(&world, 100, &result);
	store_poll(world.store);
	fail_next(&world, LYING_EIO, 1);
	(void)send_mail(&world, 100, &mail);
	settle(&world, id, 0, &end);
	store_poll(world.store);
	assert_int_equal(mail, -EIO);
	assert_int_equal(end, 0);
	crash(&world);
	assert_int_equal(world.found_n, 1);
	assert_true(store_is_settled(world.store, id, 1));
	stop(&world);
}

static void
expect_refusal(struct world *world, int expected)
{
	int error = 0;

	assert_null(store_begin(world->store, &error));
	assert_int_equal(error, expected);
}

static void
test_below_the_reserve_mail_is_refused(void **state)
{
	struct world world = { .disk = lying_disk_new(1) };
	struct store_stats stats;
	int result;
	uint64_t id;

	(void)state;
	open_store(&world, 1000000);
	lying_disk_set_space(world.disk, 1000000);
	id = send_mail(&world, 100, &result);
	store_poll(world.store);
	assert_int_equal(result, 0);
	store_stats(world.store, &stats);
	assert_false(stats.is_full);
	lying_disk_set_space(world.disk, 999999);
	store_stats(world.store, &stats);
	assert_true(stats.is_full);
	(void)send_mail(&world, 100, &result);	/* asked a moment ago */
	now += 1000;
	expect_refusal(&world, -ENOSPC);
	/* what settles mail goes on */
	settle(&world, id, 0, &result);
	store_poll(world.store);
	assert_int_equal(result, 0);
	lying_disk_set_space(world.disk, 1000000);
	now += 1000;
	(void)send_mail(&world, 100, &result);
	store_poll(world.store);
	assert_int_equal(result, 0);
	stop(&world);
}

/* No new segment can be made: the last quarter of the one there is takes no
 * mail, but what settles it. */
static void
test_the_last_quarter_is_for_settles(void **state)
{
	struct world world;
	uint64_t id[32];
	int result[32], settled[32];
	size_t stored = 0;

	(void)state;
	start(&world, 1);
	id[0] = send_mail(&world, 3000, &result[0]);
	store_poll(world.store);
	lying_disk_fault(world.disk, LYING_FULL, 0, UINT64_MAX);
	/* all begun while there was room */
	for (size_t n = 1; n < countof(id); n++)
		id[n] = send_mail(&world, 3000, &result[n]);
	for (unsigned i = 0; i < 3; i++)
		store_poll(world.store);
	while (stored < countof(id) && result[stored] == 0)
		stored++;
	assert_in_range(stored, 10, SEGMENT / 3000 * 3 / 4);
	for (size_t n = stored; n < countof(id); n++)
		assert_int_equal(result[n], -ENOSPC);
	expect_refusal(&world, -ENOSPC);
	for (size_t n = 0; n < stored; n++)
		settle(&world, id[n], 0, &settled[n]);
	store_poll(world.store);
	for (size_t n = 0; n < stored; n++)
		assert_int_equal(settled[n], 0);
	crash(&world);
	assert_int_equal(world.found_n, stored);
	stop(&world);
}

/* Everything fails for a while: the store says that it is read-only, loses
 * nothing and goes on by itself. */
static void
test_read_only_and_back(void **state)
{
	struct world world;
	struct store_stats stats;
	uint64_t id;
	int result;

	(void)state;
	start(&world, 1);
	id = send_mail(&world, 100, &result);
	store_poll(world.store);
	fail_next(&world, LYING_EIO, 1000);
	(void)send_mail(&world, 100, &result);
	store_poll(world.store);
	assert_int_equal(result, -EIO);
	(void)send_mail(&world, 100, &result);
	store_poll(world.store);
	assert_int_equal(result, -EIO);
	store_stats(world.store, &stats);
	assert_true(stats.is_read_only);
	expect_refusal(&world, -EIO);
	lying_disk_fault(world.disk, LYING_NONE, 0, 0);
	store_poll(world.store);	/* tries again */
	store_stats(world.store, &stats);
	assert_false(stats.is_read_only);
	(void)send_mail(&world, 100, &result);
	store_poll(world.store);
	assert_int_equal(result, 0);
	crash(&world);
	assert_int_equal(world.found_n, 2);
	assert_true(is_found(&world, id));
	stop(&world);
}

static void
test_an_envelope_that_is_too_large(void **state)
{
	static const char envelope[SEGMENT];
	struct world world;
	struct store_msg *msg;
	int result = 1, error;

	(void)state;
	start(&world, 1);
	msg = store_begin(world.store, &error);
	store_commit(msg, span_of(envelope, sizeof envelope), note_result,
	    &result);
	store_poll(world.store);
	assert_int_equal(result, -EMSGSIZE);
	crash(&world);
	assert_int_equal(world.found_n, 0);
	stop(&world);
}

/* A text that turns out to be damaged is never given out; the message is held
 * from then on. */
static void
test_damage_that_is_met_when_reading(void **state)
{
	struct world world;
	struct store_pin pin;
	struct index_entry *entry;
	char text[100], *bytes;
	size_t len;
	uint64_t id;
	int result;

	(void)state;
	start(&world, 1);
	id = send_mail(&world, 100, &result);
	store_poll(world.store);
	crash(&world);		/* nothing is in memory now */
	entry = index_find(&world.store->index, id);
	assert_non_null(lying_disk_file(world.disk, 0, &bytes, &len));
	bytes[entry->at + RECORD_HEADER_LEN + entry->head_len + 50] ^= 1;
	assert_int_equal(store_pin(world.store, id, &pin), 0);
	assert_int_equal(store_read_envelope(world.store, &pin, text), 0);
	assert_int_equal(store_read_text(world.store, &pin, 0, text,
	    sizeof text), -EBADMSG);
	store_unpin(world.store, &pin);
	assert_int_equal(entry->state, STORE_HELD);
	assert_int_equal(store_pin(world.store, id, &pin), -EBADMSG);
	stop(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_promise_1_what_was_refused_stays_refused),
		cmocka_unit_test(test_promise_1_the_guard_is_not_freed),
		cmocka_unit_test(
		    test_promise_3_no_settle_builds_on_a_failed_one),
		cmocka_unit_test(test_a_settle_survives_a_failed_write),
		cmocka_unit_test(test_below_the_reserve_mail_is_refused),
		cmocka_unit_test(test_the_last_quarter_is_for_settles),
		cmocka_unit_test(test_read_only_and_back),
		cmocka_unit_test(test_an_envelope_that_is_too_large),
		cmocka_unit_test(test_damage_that_is_met_when_reading),
	};

	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
