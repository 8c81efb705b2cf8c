/* SPDX-License-Identifier: Apache-2.0 */
/* A small store, damaged at every bit and cut at every length. What is lost is
 * at most the record that was hit; nothing is invented, no message ever shows
 * a byte or a recipient that was not its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "lying_disk.h"
#include "spool/spool.h"

#define MAIL_N  8u
#define SEGMENT (64 * 1024u)
#define FILE_0  "/spool/segment-000000"

struct sent {
	uint64_t id;
	size_t len;
	bool is_ended;
	uint64_t from[4], until[4];	/* its records in the file */
	size_t record_n;
};

struct found {
	struct store_entry entry[2 * MAIL_N];
	size_t n;
};

static struct sent sent[MAIL_N];

static uint64_t
fixed_now(void)
{
	return 1700000000000;
}

static void
note_found(void *arg, const struct store_entry *entry)
{
	struct found *found = arg;

	assert_true(found->n < countof(found->entry));
	found->entry[found->n++] = *entry;
}

static struct store *
open_store(const struct lying_disk *disk, struct found *found)
{
	struct store_options options = { .path = "/spool", .reserve = 1,
		.segment_size = SEGMENT, .disk = lying_disk_table(disk),
		.now_ms = fixed_now };
	struct spool_tuning tuning = { .part_len = 200, .batch_max = 16384,
		.is_inline = true };
	char error[512];
	struct store *store;

	found->n = 0;
	store = spool_open(&options, &tuning, note_found, found, error,
	    sizeof error);
	if (store == NULL)
		fail_msg("%s", error);
	return store;
}

static void
fill_text(size_t i, char *out)
{
	for (size_t at = 0; at < sent[i].len; at++)
		out[at] = (char)('a' + (at + i * 7) % 26);
}

static size_t
fill_envelope(size_t i, char *out, size_t len)
{
	return (size_t)snprintf(out, len, "<from%zu> <to%zu>", i, i * 3);
}

static void
send_mail(struct store *store, size_t i)
{
	static const size_t len[MAIL_N] = { 0, 10, 199, 450, 90, 600, 64,
		33 };
	char text[1024], envelope[64];
	int error;
	struct store_msg *msg = store_begin(store, &error);

	assert_non_null(msg);
	sent[i] = (struct sent){ .id = store_msg_id(msg), .len = len[i] };
	fill_text(i, text);
	store_write(msg, span_of(text, len[i]));
	store_commit(msg, span_of(envelope, fill_envelope(i, envelope,
	    sizeof envelope)), NULL, NULL);
}

/* Where the records of a living message are. */
static void
note_records(struct store *store, size_t i)
{
	const struct index_entry *entry = index_find(&store->index,
	    sent[i].id);
	struct sent *mail = &sent[i];

	mail->record_n = 0;
	for (uint32_t k = 0; entry->extra != NULL &&
	    k < entry->extra->part_n; k++) {
		mail->from[mail->record_n] = entry->extra->part[k].at;
		mail->until[mail->record_n++] = entry->extra->part[k].at +
		    record_size_of(0, 0, entry->extra->part[k].len);
	}
	mail->from[mail->record_n] = entry->at;
	mail->until[mail->record_n++] = entry->at + record_size_of(
	    entry->meta_len, entry->head_len, entry->body_len);
}

/* Eight messages in three batches, two of them ended, one settled. */
static struct lying_disk *
make_store(bool is_closed)
{
	static const uint32_t rcpt[] = { 0 };
	static const enum store_outcome outcome[] = { STORE_DELIVERED };
	struct store_settle settle = { .rcpt = rcpt, .outcome = outcome,
		.rcpt_n = 1, .due_ms = 99, .reason = SPAN("busy") };
	struct lying_disk *disk = lying_disk_new(1);
	struct found found;
	struct store *store = open_store(disk, &found);

	for (size_t i = 0; i < MAIL_N; i++) {
		send_mail(store, i);
		if (i % 3 == 2)
			store_poll(store);
	}
	store_poll(store);
	for (size_t i = 0; i < MAIL_N; i++)
		note_records(store, i);
	assert_int_equal(store_remove(store, sent[1].id), 0);
	assert_int_equal(store_remove(store, sent[6].id), 0);
	settle.id = sent[2].id;
	store_settle(store, &settle, NULL, NULL);
	store_poll(store);
	sent[1].is_ended = sent[6].is_ended = true;
	if (!is_closed)
		lying_disk_fault(disk, LYING_CRASH, lying_disk_ops(disk) + 1,
		    1);
	store_close(store);
	lying_disk_restart(disk);
	return disk;
}

/* Reads a message that was found: 0 if it is as it was sent, -errno if the
 * store says that it is damaged. Anything else is a failure. */
static int
read_mail(struct store *store, size_t i)
{
	char text[1024], envelope[64], expected[1024];
	struct store_pin pin;
	int error = store_pin(store, sent[i].id, &pin);
	int head_error;
	ssize_t n;

	if (error != 0)
		return error;
	assert_int_equal(pin.text_len, sent[i].len);
	assert_int_equal(pin.envelope_len, fill_envelope(i, expected,
	    sizeof expected));
	head_error = store_read_envelope(store, &pin, envelope);
	if (head_error == 0)
		assert_memory_equal(envelope, expected, pin.envelope_len);
	n = store_read_text(store, &pin, 0, text, sizeof text);
	fill_text(i, expected);
	if (n > 0)
		assert_memory_equal(text, expected, (size_t)n);
	if (n >= 0 && (size_t)n < sent[i].len)
		n = -EBADMSG;	/* a later part */
	store_unpin(store, &pin);
	return head_error != 0 ? head_error : n < 0 ? (int)n : 0;
}

/* Bit i: message i is there and sound; the rest must say that it is damaged.
 * What was ended may come back only if `may_return`. */
static unsigned
read_all(struct store *store, const struct found *found)
{
	unsigned sound = 0;

	for (size_t k = 0; k < found->n; k++) {
		size_t i = 0;
		int error;

		while (i < MAIL_N && sent[i].id != found->entry[k].id)
			i++;
		if (i == MAIL_N)
			fail_msg("invented %llx", (unsigned long long)
			    found->entry[k].id);
		error = read_mail(store, i);
		if (error == 0)
			sound |= 1u << i;
		else
			assert_true(error == -EBADMSG || error == -EIO);
	}
	return sound;
}

#define ALIVE 0xbdu	/* all but 1 and 6 */

/* What may be missing or come back when octet `at` is hit. */
static void
check_flip(const struct lying_disk *whole, uint64_t at, unsigned bit)
{
	struct lying_disk *disk = lying_disk_copy(whole);
	struct found found;
	struct store *store;
	unsigned sound, lost, back, hit = 0;
	char *bytes;
	size_t len, first;

	assert_string_equal(lying_disk_file(disk, 0, &bytes, &len), FILE_0);
	bytes[at] = (char)(bytes[at] ^ (1 << bit));
	lying_disk_put(disk, FILE_0, bytes, len);
	store = open_store(disk, &found);
	first = found.n;
	sound = read_all(store, &found);
	for (size_t i = 0; i < MAIL_N; i++)
		for (size_t k = 0; k < sent[i].record_n; k++)
			if (at >= sent[i].from[k] && at < sent[i].until[k])
				hit |= 1u << i;
	lost = ALIVE & ~sound;
	back = sound & ~ALIVE;
	if ((lost & ~hit) != 0)
		fail_msg("octet %llu bit %u: lost %x, hit %x",
		    (unsigned long long)at, bit, lost, hit);
	/* one END at most; then no message was hit */
	if ((back & (back - 1)) != 0 || (back != 0 && hit != 0))
		fail_msg("octet %llu bit %u: back %x", (unsigned long long)at,
		    bit, back);
	store_close(store);
	if (at % 8 == bit) {	/* promise 6 */
		store = open_store(disk, &found);
		assert_int_equal(found.n, first);
		store_close(store);
	}
	lying_disk_free(disk);
}

static void
flip_all(bool is_closed)
{
	struct lying_disk *disk = make_store(is_closed);
	char *bytes;
	size_t len;

	assert_non_null(lying_disk_file(disk, 0, &bytes, &len));
	/* all bits of the headers and of the first record, two of every other
	 * octet that is not zero, some of the rest */
	for (uint64_t at = 0; at < len; at++)
		for (unsigned bit = 0; bit < 8; bit++)
			if ((bytes[at] != 0 && (at < sent[1].until[0] ||
			    bit == at % 8 || bit == (at + 5) % 8)) ||
			    (at * 8 + bit) % 1009 == 0)
				check_flip(disk, at, bit);
	lying_disk_free(disk);
}

/* Seen to catch: tests/faults/spool-header-sum.patch,
 * spool-summary-sum.patch. */
static void
test_promise_2_any_bit_of_a_crashed_store(void **state)
{
	(void)state;
	flip_all(false);
}

static void
test_promise_2_any_bit_of_a_closed_store(void **state)
{
	(void)state;
	flip_all(true);
}

static void
check_prefix(const struct lying_disk *whole, size_t keep)
{
	struct lying_disk *disk = lying_disk_copy(whole);
	struct found found;
	struct store *store;
	unsigned sound;
	char *bytes;
	size_t len;

	assert_non_null(lying_disk_file(disk, 0, &bytes, &len));
	lying_disk_put(disk, FILE_0, bytes, keep);
	store = open_store(disk, &found);
	sound = read_all(store, &found);
	for (size_t i = 0; i < MAIL_N; i++) {
		bool is_whole = true;

		for (size_t k = 0; k < sent[i].record_n; k++)
			if (sent[i].until[k] > keep)
				is_whole = false;
		if (is_whole && !sent[i].is_ended && (sound >> i & 1) == 0)
			fail_msg("cut at %zu: %zu is lost", keep, i);
		if (!is_whole && (sound >> i & 1) != 0)
			fail_msg("cut at %zu: %zu is there", keep, i);
	}
	store_close(store);
	store = open_store(disk, &found);
	assert_int_equal(read_all(store, &found), sound);
	store_close(store);
	lying_disk_free(disk);
}

static void
test_promise_6_any_prefix_of_a_segment(void **state)
{
	(void)state;
	for (int is_closed = 0; is_closed < 2; is_closed++) {
		struct lying_disk *disk = make_store(is_closed != 0);
		char *bytes;
		size_t len;

		assert_non_null(lying_disk_file(disk, 0, &bytes, &len));
		while (bytes[len - 1] == 0)
			len--;
		/* every length where records end, some between */
		for (size_t keep = 0; keep <= len + 8; keep += keep %
		    DISK_BLOCK < 1500 && keep > SEGMENT_START ? 1 : 13)
			check_prefix(disk, keep);
		lying_disk_free(disk);
	}
}

/* A block that cannot be read costs what is in it; the rest is there. */
static void
test_promise_2_a_bad_block(void **state)
{
	(void)state;
	for (uint64_t block = SEGMENT_START; block < SEGMENT_START +
	    4 * DISK_BLOCK; block += DISK_BLOCK) {
		struct lying_disk *disk = make_store(false);
		struct found found;
		struct store *store;
		unsigned sound, hit = 0;

		lying_disk_bad_block(disk, block);
		store = open_store(disk, &found);
		sound = read_all(store, &found);
		for (size_t i = 0; i < MAIL_N; i++)
			for (size_t k = 0; k < sent[i].record_n; k++)
				if (sent[i].from[k] < block + DISK_BLOCK &&
				    sent[i].until[k] > block)
					hit |= 1u << i;
		assert_int_equal(ALIVE & ~sound & ~hit, 0);
		store_close(store);
		lying_disk_free(disk);
	}
}

/* Promise 7: a release that does not know the format touches nothing. */
static void
test_promise_7_a_newer_format_is_refused(void **state)
{
	struct store_options options = { .path = "/spool", .reserve = 1,
		.segment_size = SEGMENT, .now_ms = fixed_now };
	struct spool_tuning tuning = { .part_len = 200, .batch_max = 16384,
		.is_inline = true };
	struct lying_disk *disk = make_store(true);
	struct lying_disk *before;
	char error[512], *bytes, *other;
	size_t len, other_len;

	(void)state;
	assert_non_null(lying_disk_file(disk, 0, &bytes, &len));
	for (size_t at = 0; at < SEGMENT_START; at += DISK_BLOCK) {
		le32_put(bytes + at + 8, SEGMENT_VERSION + 1);
		le32_put(bytes + at + 124, crc32c(0, span_of(bytes + at,
		    124)));
	}
	lying_disk_put(disk, FILE_0, bytes, len);
	before = lying_disk_copy(disk);
	options.disk = lying_disk_table(disk);
	assert_null(spool_open(&options, &tuning, NULL, NULL, error,
	    sizeof error));
	assert_non_null(strstr(error, FILE_0));
	assert_non_null(strstr(error, "newer release"));
	assert_non_null(lying_disk_file(disk, 0, &bytes, &len));
	assert_non_null(lying_disk_file(before, 0, &other, &other_len));
	assert_int_equal(len, other_len);
	assert_memory_equal(bytes, other, len);
	lying_disk_free(disk);
	lying_disk_free(before);
}

/* Damage is set aside, not used again. */
static void
test_damage_is_kept_for_people(void **state)
{
	struct lying_disk *disk = make_store(false);
	struct found found;
	struct store *store;
	char *bytes;
	const char *path;
	size_t len, i = 0;
	bool is_there = false;

	(void)state;
	assert_non_null(lying_disk_file(disk, 0, &bytes, &len));
	bytes[sent[0].from[0] + 30] ^= 1;
	lying_disk_put(disk, FILE_0, bytes, len);
	store = open_store(disk, &found);
	for (i = 0; i < found.n; i++)
		assert_int_equal(store_remove(store, found.entry[i].id), 0);
	for (i = 0; i < 10; i++)
		store_poll(store);
	for (i = 0; (path = lying_disk_file(disk, i, &bytes, &len)) != NULL;
	    i++)
		is_there = is_there || strcmp(path, "/spool/damaged-000001")
		    == 0;
	assert_true(is_there);
	store_close(store);
	lying_disk_free(disk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promise_2_any_bit_of_a_crashed_store),
		cmocka_unit_test(test_promise_2_any_bit_of_a_closed_store),
		cmocka_unit_test(test_promise_6_any_prefix_of_a_segment),
		cmocka_unit_test(test_promise_2_a_bad_block),
		cmocka_unit_test(test_promise_7_a_newer_format_is_refused),
		cmocka_unit_test(test_damage_is_kept_for_people),
	};

	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
