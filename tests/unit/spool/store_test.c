/* SPDX-License-Identifier: Apache-2.0 */
/* The store as its callers see it, with its own thread, on the real disk. */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "spool/spool.h"

#define SEGMENT ((uint64_t)1 << 20)

struct world {
	char dir[64];
	struct store *store;
	struct store_entry found[64];
	size_t found_n;
	unsigned done_n;
	int result;
	char error[512];
};

static int
remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
note_found(void *arg, const struct store_entry *entry)
{
	struct world *world = arg;

	assert_true(world->found_n < countof(world->found));
	world->found[world->found_n++] = *entry;
}

static void
note_done(void *arg, int result)
{
	struct world *world = arg;

	world->done_n++;
	world->result = result;
}

static void
reopen(struct world *world)
{
	struct store_options options = { .path = world->dir, .shard = 3,
		.segment_size = SEGMENT, .reserve = 1 };

	if (world->store != NULL)
		store_close(world->store);
	world->found_n = 0;
	world->store = store_open(&options, note_found, world, world->error,
	    sizeof world->error);
	if (world->store == NULL)
		fail_msg("%s", world->error);
}

static int
setup(void **state)
{
	struct world *world = mem_new(sizeof *world);

	log_configure(LOG_TO_STDERR, LOG_LEVEL_WARNING);
	memcpy(world->dir, "/tmp/spool-test-XXXXXX",
	    sizeof "/tmp/spool-test-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	reopen(world);
	*state = world;
	return 0;
}

static int
teardown(void **state)
{
	struct world *world = *state;

	if (world->store != NULL)
		store_close(world->store);
	nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(world);
	return 0;
}

static void
wait_done(struct world *world, unsigned n)
{
	while (world->done_n < n) {
		store_wait(world->store);
		store_poll(world->store);
	}
}

/* Text that says which octet of which message it is. */
static char
text_at(uint64_t seed, uint64_t at)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15u + at / 8;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return (char)(x >> (8 * (at % 8)));
}

static uint64_t
send_mail(struct world *world, uint64_t seed, uint64_t len)
{
	char piece[5000], envelope[32];
	int error;
	struct store_msg *msg = store_begin(world->store, &error);
	uint64_t id;

	assert_non_null(msg);
	id = store_msg_id(msg);
	for (uint64_t at = 0; at < len;) {
		size_t n = len - at < sizeof piece ? (size_t)(len - at) :
		    sizeof piece;

		for (size_t i = 0; i < n; i++)
			piece[i] = text_at(seed, at + i);
		store_write(msg, span_of(piece, n));
		at += n;
	}
	snprintf(envelope, sizeof envelope, "envelope %llu",
	    (unsigned long long)seed);
	store_commit(msg, span_str(envelope), note_done, world);
	return id;
}

static void
check_mail(struct world *world, uint64_t id, uint64_t seed, uint64_t len)
{
	char piece[7001], envelope[64] = "", expected[64];
	struct store_pin pin;
	uint64_t at = 0;
	ssize_t n;

	assert_int_equal(store_pin(world->store, id, &pin), 0);
	assert_int_equal(pin.text_len, len);
	assert_true(pin.envelope_len < sizeof envelope);
	assert_int_equal(store_read_envelope(world->store, &pin, envelope),
	    0);
	snprintf(expected, sizeof expected, "envelope %llu",
	    (unsigned long long)seed);
	assert_string_equal(envelope, expected);
	while ((n = store_read_text(world->store, &pin, at, piece,
	    sizeof piece)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (piece[i] != text_at(seed, at + (uint64_t)i))
				fail_msg("octet %llu of %llu differs",
				    (unsigned long long)at + (unsigned)i,
				    (unsigned long long)len);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, len);
	store_unpin(world->store, &pin);
}

static void
end_mail(struct world *world, uint64_t id)
{
	static const uint32_t rcpt[] = { 0 };
	static const enum store_outcome outcome[] = { STORE_DELIVERED };
	struct store_settle settle = { .id = id, .rcpt = rcpt,
		.outcome = outcome, .rcpt_n = 1, .is_last = true };

	store_settle(world->store, &settle, note_done, world);
}

static void
test_mail_is_read_back_and_survives(void **state)
{
	static const uint64_t len[] = { 0, 1, 4096, 100000, 262143, 262144,
		262145, 700000 };
	struct world *world = *state;
	uint64_t id[countof(len)];

	for (size_t i = 0; i < countof(len); i++)
		id[i] = send_mail(world, i, len[i]);
	wait_done(world, countof(len));
	assert_int_equal(world->result, 0);
	for (size_t i = 0; i < countof(len); i++) {
		assert_true(i == 0 || id[i] > id[i - 1]);
		check_mail(world, id[i], i, len[i]);
	}
	for (int round = 0; round < 2; round++) {
		reopen(world);
		assert_int_equal(world->found_n, countof(len));
		for (size_t i = 0; i < countof(len); i++) {
			assert_int_equal(world->found[i].id, id[i]);
			check_mail(world, id[i], i, len[i]);
		}
	}
}

static void
test_settled_mail_is_gone(void **state)
{
	struct world *world = *state;
	uint64_t id = send_mail(world, 1, 1000);
	uint64_t other = send_mail(world, 2, 1000);
	struct store_pin pin;

	assert_int_equal(store_pin(world->store, id, &pin), -ENOENT);
	wait_done(world, 2);
	end_mail(world, id);
	assert_int_equal(store_pin(world->store, id, &pin), -ENOENT);
	wait_done(world, 3);
	end_mail(world, id);	/* idempotent */
	wait_done(world, 4);
	assert_int_equal(world->result, 0);
	assert_int_equal(store_remove(world->store, id), -ENOENT);
	reopen(world);
	assert_int_equal(world->found_n, 1);
	assert_int_equal(world->found[0].id, other);
	check_mail(world, other, 2, 1000);
}

static void
test_a_part_of_the_recipients(void **state)
{
	static const uint32_t rcpt[] = { 0, 9 };
	static const enum store_outcome outcome[] = { STORE_DELIVERED,
		STORE_FAILED };
	struct world *world = *state;
	uint64_t id = send_mail(world, 1, 1000);
	struct store_settle settle = { .id = id, .rcpt = rcpt,
		.outcome = outcome, .rcpt_n = 2, .state = STORE_READY,
		.due_ms = 12345, .reason = SPAN("try again") };
	struct store_pin pin;

	wait_done(world, 1);
	store_settle(world->store, &settle, note_done, world);
	wait_done(world, 2);
	for (int round = 0; round < 2; round++) {
		assert_true(store_is_settled(world->store, id, 0));
		assert_false(store_is_settled(world->store, id, 1));
		assert_true(store_is_settled(world->store, id, 9));
		assert_int_equal(store_pin(world->store, id, &pin), 0);
		assert_int_equal(pin.rcpt_settled_n, 2);
		store_unpin(world->store, &pin);
		reopen(world);
		assert_int_equal(world->found[0].attempts, 1);
		assert_int_equal(world->found[0].due_ms, 12345);
	}
	assert_int_equal(store_set_state(world->store, id, STORE_HELD, 7), 0);
	reopen(world);
	assert_int_equal(world->found[0].state, STORE_HELD);
	assert_int_equal(world->found[0].due_ms, 7);
	assert_int_equal(world->found[0].attempts, 1);
	assert_true(store_is_settled(world->store, id, 9));
	assert_int_equal(store_remove(world->store, id), 0);
	reopen(world);
	assert_int_equal(world->found_n, 0);
}

static void
count_outcomes(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	unsigned *n = arg;

	assert_true(is_sound);
	if (record->type != RECORD_SETTLE && record->type != RECORD_END)
		return;
	for (uint32_t i = 0; i < record->meta_len; i += 4)
		n[le32_get(rest + i) >> 1]++;
}

/* What the log of a closed store says of each recipient. */
static void
read_outcomes(const char *dir, unsigned n[8])
{
	struct segment_walk walk = { .disk = &disk_real,
		.limit = SEGMENT, .record = count_outcomes, .arg = n };
	struct segment_header header;
	bool is_torn;
	char path[128];

	snprintf(path, sizeof path, "%s/segment-000000", dir);
	assert_int_equal(disk_real.open(NULL, path, DISK_READ, &walk.in), 0);
	assert_int_equal(segment_read_header(&disk_real, walk.in, &header,
	    &is_torn), 0);
	walk.life = header.life;
	segment_scan(&walk);
	disk_real.close(NULL, walk.in);
}

/* Seen to catch: tests/faults/spool-settled-twice.patch. */
static void
test_promise_3_each_recipient_once(void **state)
{
	static const uint32_t rcpt[][3] = { { 0, 2 }, { 0, 2, 3 },
		{ 1, 2, 0 } };
	static const enum store_outcome outcome[3] = { STORE_DELIVERED,
		STORE_FAILED, STORE_DELIVERED };
	struct world *world = *state;
	uint64_t id = send_mail(world, 1, 1000);
	unsigned n[8] = { 0 };

	wait_done(world, 1);
	for (size_t i = 0; i < countof(rcpt); i++) {
		struct store_settle settle = { .id = id, .rcpt = rcpt[i],
			.outcome = outcome, .rcpt_n = i == 0 ? 2 : 3,
			.is_last = i == 2 };

		store_settle(world->store, &settle, note_done, world);
	}
	wait_done(world, 4);
	store_close(world->store);
	world->store = NULL;
	read_outcomes(world->dir, n);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(n[i], 1);
}

/* Promise 5. Seen to catch: is_free() always false. */
static void
test_disk_use_returns_to_live_bytes(void **state)
{
	struct world *world = *state;
	struct store_stats stats;
	uint64_t kept[8], first = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 800; i++) {
		uint64_t id = send_mail(world, i, 30000);

		wait_done(world, ++n);
		check_mail(world, id, i, 30000);
		if (i % 100 == 0) {
			kept[i / 100] = id;
			continue;
		}
		end_mail(world, id);
		wait_done(world, ++n);
		first = first != 0 ? first : id;
	}
	for (;;) {	/* compaction ends by itself */
		store_stats(world->store, &stats);
		if (stats.disk_bytes <= 6 * SEGMENT)
			break;
		assert_int_not_equal(commit_out(&world->store->committer), 0);
		store_wait(world->store);
		store_poll(world->store);
	}
	assert_int_equal(stats.messages, 8);
	reopen(world);
	assert_int_equal(world->found_n, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(world->found[i].id, kept[i]);
		check_mail(world, kept[i], i * 100, 30000);
	}
}

static void
test_abandoned_and_forgotten(void **state)
{
	struct world *world = *state;
	static char text[300000];
	int error;
	struct store_msg *msg = store_begin(world->store, &error);
	struct store_stats stats;
	uint64_t id;

	store_write(msg, span_of(text, sizeof text));
	store_write(msg, span_of(text, sizeof text));
	assert_true(store_is_full(msg));
	store_abandon(msg);
	id = send_mail(world, 1, 10);
	store_commit_forget(world->store, id);
	while (commit_out(&world->store->committer) != 0) {
		store_wait(world->store);
		store_poll(world->store);
	}
	assert_int_equal(world->done_n, 0);
	check_mail(world, id, 1, 10);
	reopen(world);
	assert_int_equal(world->found_n, 1);
	store_stats(world->store, &stats);
	assert_int_equal(stats.live_bytes,
	    record_size_of(0, strlen("envelope 1"), 10));
}

static void
on_drained(void *arg)
{
	*(bool *)arg = true;
}

static void
test_a_full_store_says_when_it_goes_on(void **state)
{
	struct world *world = *state;
	static char text[262144];
	int error;
	struct store_msg *msg = store_begin(world->store, &error);
	bool is_drained = false;

	store_on_drained(msg, on_drained, &is_drained);
	store_write(msg, span_of(text, sizeof text));
	assert_false(store_is_full(msg));
	store_write(msg, span_of(text, sizeof text));
	assert_true(store_is_full(msg));
	while (!is_drained) {
		assert_true(store_is_full(msg));
		store_wait(world->store);
		store_poll(world->store);
	}
	assert_false(store_is_full(msg));
	store_abandon(msg);
}

static void
test_two_stores_in_one_directory(void **state)
{
	struct world *world = *state;
	struct store_options options = { .path = world->dir };
	char error[512], expected[600];

	assert_null(store_open(&options, NULL, NULL, error, sizeof error));
	snprintf(expected, sizeof expected, "%s/lock: another ehlod (process "
	    "%ld) works on this spool; stop it first", world->dir,
	    (long)getpid());
	assert_string_equal(error, expected);
}

static void
expect_refusal(const char *path, const char *words)
{
	struct store_options options = { .path = path };
	char error[512] = "";

	assert_null(store_open(&options, NULL, NULL, error, sizeof error));
	if (strstr(error, words) == NULL || strstr(error, path) == NULL)
		fail_msg("expected \"%s\" about %s, got \"%s\"", words, path,
		    error);
}

static void
test_what_is_wrong_is_said_in_words(void **state)
{
	struct world *world = *state;
	char path[128];
	FILE *file;

	store_close(world->store);
	world->store = NULL;
	snprintf(path, sizeof path, "%s/file", world->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	expect_refusal(path, "is not a directory");
	snprintf(path, sizeof path, "%s/no/where", world->dir);
	expect_refusal(path, "cannot be made: No such file");
	assert_int_equal(chmod(world->dir, 0777), 0);
	expect_refusal(world->dir, "others may write there");
	assert_int_equal(chmod(world->dir, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(world->dir, 12, 12), 0);
		expect_refusal(world->dir, "belongs to another user (12)");
		assert_int_equal(chown(world->dir, 0, 0), 0);
	}
}

/* The thread tells an event loop, which then polls: nothing is ever lost
 * between the two. */
static void
wake_fd(void *arg)
{
	uint64_t one = 1;

	assert_int_equal(write(*(int *)arg, &one, sizeof one), sizeof one);
}

static void
test_wake_is_enough(void **state)
{
	struct world *world = *state;
	int fd = eventfd(0, EFD_CLOEXEC);
	struct store_options options = { .path = world->dir,
		.segment_size = SEGMENT, .reserve = 1, .wake = wake_fd,
		.wake_arg = &fd };
	unsigned n = 0;

	store_close(world->store);
	world->store = store_open(&options, NULL, NULL, world->error,
	    sizeof world->error);
	assert_non_null(world->store);
	for (unsigned i = 0; i < 300; i++) {
		for (unsigned k = 0; k <= i % 7; k++, n++)
			send_mail(world, n, 100);
		while (world->done_n < n) {
			struct pollfd wait = { .fd = fd, .events = POLLIN };
			uint64_t count;

			assert_int_equal(poll(&wait, 1, 60000), 1);
			assert_int_equal(read(fd, &count, sizeof count),
			    sizeof count);
			store_poll(world->store);
		}
	}
	store_close(world->store);
	world->store = NULL;
	close(fd);
}

static void
check_envelope(struct world *world, uint64_t id, const char *expected)
{
	char envelope[64] = "";
	struct store_pin pin;

	assert_int_equal(store_pin(world->store, id, &pin), 0);
	assert_int_equal(pin.envelope_len, strlen(expected));
	assert_int_equal(store_read_envelope(world->store, &pin, envelope),
	    0);
	assert_string_equal(envelope, expected);
	store_unpin(world->store, &pin);
}

/* Longer and shorter than it was; with its text, its recipients, its state. */
static void
test_an_envelope_is_rewritten(void **state)
{
	static const uint32_t rcpt[] = { 9 };
	static const enum store_outcome outcome[] = { STORE_DELIVERED };
	static const char *const text[] = { "a much longer envelope than the "
		"first", "short", "envelope 7" };
	struct world *world = *state;
	uint64_t id = send_mail(world, 7, 700000);
	struct store_settle settle = { .id = id, .rcpt = rcpt,
		.outcome = outcome, .rcpt_n = 1, .state = STORE_WAITING,
		.due_ms = 12345 };
	unsigned n = 2;

	assert_int_equal(store_rewrite(world->store, id, span_str("x"),
	    note_done, world), -ENOENT);
	wait_done(world, 1);
	store_settle(world->store, &settle, note_done, world);
	wait_done(world, 2);
	for (size_t i = 0; i < countof(text); i++) {
		assert_int_equal(store_rewrite(world->store, id,
		    span_str(text[i]), note_done, world), 0);
		assert_int_equal(store_rewrite(world->store, id,
		    span_str("too early"), note_done, world), -EBUSY);
		wait_done(world, ++n);
		assert_int_equal(world->result, 0);
		check_envelope(world, id, text[i]);
		reopen(world);
		assert_int_equal(world->found_n, 1);
		assert_int_equal(world->found[0].state, STORE_WAITING);
		assert_int_equal(world->found[0].due_ms, 12345);
		assert_true(store_is_settled(world->store, id, 9));
		check_envelope(world, id, text[i]);
	}
	check_mail(world, id, 7, 700000);
	/* its end waits for what is being written */
	assert_int_equal(store_rewrite(world->store, id, span_str("last"),
	    note_done, world), 0);
	assert_int_equal(store_remove(world->store, id), 0);
	wait_done(world, ++n);
	reopen(world);
	assert_int_equal(world->found_n, 0);
}

/* What was accepted a moment ago is still in memory, with its envelope. */
static void
test_a_rewritten_one_is_not_read_from_memory(void **state)
{
	struct world *world = *state;
	uint64_t id = send_mail(world, 7, 100);

	wait_done(world, 1);
	assert_int_equal(store_rewrite(world->store, id, span_str("newer"),
	    note_done, world), 0);
	wait_done(world, 2);
	check_envelope(world, id, "newer");
}

struct many {
	size_t n;
	uint64_t seed;
};

static void
take_envelope(void *arg, size_t i, int error, struct span bytes)
{
	struct many *many = arg;
	char expected[64];

	assert_int_equal(error, 0);
	assert_int_equal(i, many->n++);
	snprintf(expected, sizeof expected, "envelope %zu", i);
	assert_int_equal(bytes.len, strlen(expected));
	assert_memory_equal(bytes.p, expected, bytes.len);
}

/* Near each other and far, in several segments, in memory and not. */
static void
test_many_envelopes(void **state)
{
	enum { MANY = 60 };
	struct world *world = *state;
	struct store_pin pin[MANY];
	const struct store_pin *list[MANY];
	uint64_t id[MANY];

	for (size_t i = 0; i < MANY; i++)
		id[i] = send_mail(world, i, i % 7 == 0 ? 300000 : i * 97);
	wait_done(world, MANY);
	for (int round = 0; round < 2; round++) {
		struct many many = { 0 };

		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(store_pin(world->store, id[i],
			    &pin[i]), 0);
			list[i] = &pin[i];
		}
		store_read_envelopes(world->store, list, MANY, take_envelope,
		    &many);
		assert_int_equal(many.n, MANY);
		for (size_t i = 0; i < MANY; i++)
			store_unpin(world->store, &pin[i]);
		reopen(world);
	}
}

/* Accepted for later: that is what recovery says, too. */
static void
test_accepted_for_later(void **state)
{
	struct world *world = *state;
	int error;
	struct store_msg *msg = store_begin(world->store, &error);

	assert_non_null(msg);
	store_accept_as(msg, STORE_READY, 4102444800000);
	store_commit(msg, span_str("later"), note_done, world);
	wait_done(world, 1);
	reopen(world);
	assert_int_equal(world->found_n, 1);
	assert_int_equal(world->found[0].due_ms, 4102444800000);
	assert_int_equal(world->found[0].state, STORE_READY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_mail_is_read_back_and_survives),
		T(test_settled_mail_is_gone),
		T(test_a_part_of_the_recipients),
		T(test_promise_3_each_recipient_once),
		T(test_disk_use_returns_to_live_bytes),
		T(test_abandoned_and_forgotten),
		T(test_a_full_store_says_when_it_goes_on),
		T(test_two_stores_in_one_directory),
		T(test_what_is_wrong_is_said_in_words),
		T(test_wake_is_enough),
		T(test_an_envelope_is_rewritten),
		T(test_a_rewritten_one_is_not_read_from_memory),
		T(test_many_envelopes),
		T(test_accepted_for_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
