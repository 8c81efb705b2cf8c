/* SPDX-License-Identifier: Apache-2.0 */
/* check and dump, on a store on the real disk: sound, hit in one place, and
 * with nothing left of its headers. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "spool/check.h"
#include "spool/dump.h"
#include "spool/spool.h"

#define MAIL_N  6u
#define SEGMENT ((uint64_t)1 << 20)
#define LARGE   ((size_t)600000)

struct world {
	char dir[64], file[128];
	uint64_t id[MAIL_N];
	uint64_t at[MAIL_N];	/* of the COMMITs */
	size_t len[MAIL_N];
	unsigned what[CHECK_UNREADABLE + 1];
	struct check_report report;
	char error[512];
};

static void
fill(char *text, size_t len, size_t i)
{
	for (size_t at = 0; at < len; at++)
		text[at] = (char)('A' + (at * 7 + at / 4096 + i) % 26);
}

static void
send_all(struct world *world, struct store *store)
{
	static char text[LARGE];

	for (size_t i = 0; i < MAIL_N; i++) {
		int error;
		struct store_msg *msg = store_begin(store, &error);

		assert_non_null(msg);
		world->id[i] = store_msg_id(msg);
		/* larger than a segment may hold beside the others */
		world->len[i] = i == 3 ? LARGE : 100 * i;
		fill(text, world->len[i], i);
		store_write(msg, span_of(text, world->len[i]));
		store_commit(msg, SPAN("an envelope"), NULL, NULL);
	}
	while (commit_out(&store->committer) != 0) {
		store_wait(store);
		store_poll(store);
	}
	for (size_t i = 0; i < MAIL_N; i++)
		world->at[i] = index_find(&store->index, world->id[i])->at;
	assert_int_equal(store_remove(store, world->id[2]), 0);
}

static int
setup(void **state)
{
	struct world *world = mem_new(sizeof *world);
	struct store_options options = { .segment_size = SEGMENT,
		.reserve = 1 };
	struct store *store;

	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	snprintf(world->dir, sizeof world->dir, "/tmp/check-test-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->file, sizeof world->file, "%s/segment-000000",
	    world->dir);
	options.path = world->dir;
	store = store_open(&options, NULL, NULL, world->error,
	    sizeof world->error);
	assert_non_null(store);
	send_all(world, store);
	store_close(store);
	*state = world;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct world *world = *state;

	nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(world);
	return 0;
}

static void
flip(const char *path, uint64_t at)
{
	int fd = open(path, O_RDWR);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
	c ^= 4;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

static void
on_finding(void *arg, const struct check_finding *finding)
{
	struct world *world = arg;

	world->what[finding->what]++;
	assert_true(check_words(finding->what)[0] != '\0');
	assert_non_null(strstr(finding->file, world->dir));
}

static int
check(struct world *world)
{
	memset(world->what, 0, sizeof world->what);
	world->report = (struct check_report){ 0 };
	return check_store(world->dir, NULL, on_finding, world,
	    &world->report, world->error, sizeof world->error);
}

static void
test_a_sound_store(void **state)
{
	struct world *world = *state;
	uint64_t octets = 0;

	assert_int_equal(check(world), 0);
	for (size_t i = 0; i < countof(world->what); i++)
		assert_int_equal(world->what[i], 0);
	for (size_t i = 0; i < MAIL_N; i++)
		octets += i == 2 ? 0 : world->len[i];
	assert_int_equal(world->report.messages, MAIL_N - 1);
	assert_int_equal(world->report.text_octets, octets);
	assert_int_equal(world->report.damaged, 0);
	/* COMMITs, two parts, one END, pads apart */
	assert_true(world->report.records >= MAIL_N + 3);
}

static void
test_what_was_hit_is_named(void **state)
{
	struct world *world = *state;

	flip(world->file, world->at[4] + RECORD_HEADER_LEN + 30);
	flip(world->file, 20);
	assert_int_equal(check(world), 0);
	assert_int_equal(world->what[CHECK_HEADER_COPY], 1);
	assert_int_equal(world->what[CHECK_MESSAGE], 1);
	assert_int_equal(world->what[CHECK_TEXT] +
	    world->what[CHECK_TORN], 1);
	assert_true(world->report.damaged >= 1);
}

static void
test_a_check_changes_nothing(void **state)
{
	struct world *world = *state;
	struct stat before, after;
	char *bytes[2];

	flip(world->file, world->at[1] + 30);
	flip(world->file, 4096 + 60);
	for (int i = 0; i < 2; i++) {
		int fd = open(world->file, O_RDONLY);

		bytes[i] = mem_new(SEGMENT);
		assert_int_equal(read(fd, bytes[i], SEGMENT), SEGMENT);
		assert_int_equal(fstat(fd, i == 0 ? &before : &after), 0);
		close(fd);
		assert_int_equal(check(world), 0);
	}
	assert_memory_equal(bytes[0], bytes[1], SEGMENT);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	free(bytes[0]);
	free(bytes[1]);
}

static void
test_a_store_in_use_is_left_alone(void **state)
{
	struct world *world = *state;
	struct store_options options = { .path = world->dir,
		.segment_size = SEGMENT, .reserve = 1 };
	struct store *store = store_open(&options, NULL, NULL, world->error,
	    sizeof world->error);

	assert_non_null(store);
	assert_int_not_equal(check(world), 0);
	assert_non_null(strstr(world->error, "stop it first"));
	store_close(store);
}

/* The text of every message that is not over, from what is left. */
static unsigned
read_back(struct world *world, const char *path)
{
	static char text[LARGE], expected[LARGE];
	struct dump *dump = dump_open(path, world->error,
	    sizeof world->error);
	const struct dump_item *item;
	unsigned seen = 0;

	assert_non_null(dump);
	for (size_t n = 0; (item = dump_item(dump, n)) != NULL; n++) {
		FILE *file;
		size_t i = 0;

		if (item->record.type != RECORD_COMMIT || item->is_over)
			continue;
		while (world->id[i] != item->record.id)
			i++;
		file = tmpfile();
		assert_non_null(file);
		assert_int_equal(dump_text(dump, n, file), 0);
		rewind(file);
		fill(expected, world->len[i], i);
		if (item->is_sound && item->is_complete) {
			assert_int_equal(item->text_len, world->len[i]);
			assert_int_equal(fread(text, 1, sizeof text, file),
			    world->len[i]);
			assert_memory_equal(text, expected, world->len[i]);
			seen |= 1u << i;
		}
		fclose(file);
	}
	dump_close(dump);
	return seen;
}

static void
test_dump_reads_what_is_left(void **state)
{
	struct world *world = *state;
	unsigned all = ((1u << MAIL_N) - 1) & ~(1u << 2);

	assert_int_equal(read_back(world, world->dir), all);
	/* no header at all: the file itself, by its records */
	flip(world->file, 20);
	flip(world->file, 4096 + 20);
	assert_int_equal(read_back(world, world->file) & 3, 3);
	assert_int_equal(read_back(world, world->dir) & 3, 3);
	flip(world->file, world->at[1] + 30);
	assert_int_equal(read_back(world, world->file) & 3, 1);
}

static void
test_dump_of_nothing(void **state)
{
	struct world *world = *state;

	assert_null(dump_open("/no/such/place", world->error,
	    sizeof world->error));
	assert_string_equal(world->error,
	    "/no/such/place: No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_a_sound_store),
		T(test_what_was_hit_is_named),
		T(test_a_check_changes_nothing),
		T(test_a_store_in_use_is_left_alone),
		T(test_dump_reads_what_is_left),
		T(test_dump_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
