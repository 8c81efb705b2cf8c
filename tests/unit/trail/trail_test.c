/* SPDX-License-Identifier: Apache-2.0 */
/* trail: events through the rings into a real database and out again; what is
 * old or too much goes, what is young stays. Seen to catch: young events taken
 * away with old ones; a story with another message's events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/put.h"
#include "trail/database.h"
#include "trail/read.h"

#define NOW UINT64_C(1795255200000)

static char file[64], folder[] = "/tmp/trail-test-XXXXXX";

static void
remove_files(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[80];

	for (size_t i = 0; i < countof(ends); i++) {
		snprintf(path, sizeof path, "%s%s", file, ends[i]);
		unlink(path);
	}
}

static void
start(uint64_t keep_ms, uint64_t size_max, size_t ring_len)
{
	const struct trail_options options = { file, keep_ms, size_max,
		ring_len };
	char error[512] = "";

	if (trail_start(&options, error, sizeof error) != 0)
		fail_msg("%s", error);
}

static int
tear_down(void **state)
{
	(void)state;
	trail_stop();
	remove_files();
	return 0;
}

static void
put_kind(void *arg, const struct trail_event *event)
{
	struct put *out = arg;

	if (out->len != 0 && out->p[out->len - 1] != ' ')
		put_char(out, ' ');
	put_u64(out, event->kind);
}

/* The stories of a word or an id, as "kind kind …; kind …". */
static const char *
told(const char *word, uint64_t id)
{
	static char text[4096];
	const struct trail_search search = { .id = id,
		.word = span_str(word), .max = 10 };
	struct trail_story *story;
	char error[512] = "";
	struct trail_reader *reader;
	struct put out = put_init(text, sizeof text);
	bool more;
	size_t n;

	trail_flush();
	reader = trail_open(file, error, sizeof error);
	assert_non_null(reader);
	if (trail_find(reader, &search, &story, &n, &more, error,
	    sizeof error) != 0)
		fail_msg("%s", error);
	for (size_t i = 0; i < n; i++) {
		if (i != 0)
			put_str(&out, "; ");
		assert_int_equal(trail_tell(reader, &story[i], put_kind,
		    &out, error, sizeof error), 0);
	}
	free(story);
	trail_close(reader);
	return put_cstr(&out);
}

static void
tell(enum trail_kind kind, uint64_t session, uint64_t message,
    const char *word)
{
	struct trail_event event = { .kind = kind, .session = session,
		.message = message };

	if (kind == TRAIL_ACCEPTED) {
		event.to = span_str(word);
		event.peer = SPAN("192.0.2.1");
		event.name = SPAN("anna");
	} else if (kind == TRAIL_CONNECT || kind == TRAIL_LATER) {
		event.peer = span_str(word);
	} else {
		event.name = span_str(word);
	}
	trail_event(&event);
}

static void
stories_are_told_apart(void **state)
{
	(void)state;
	start(1000000, 1 << 30, 0);
	tell(TRAIL_CONNECT, 1, 0, "192.0.2.1");
	tell(TRAIL_LOGIN, 1, 0, "anna");
	tell(TRAIL_ACCEPTED, 1, 101, "bert@b.example carl@c.example");
	tell(TRAIL_ACCEPTED, 1, 102, "dora@d.example");
	tell(TRAIL_LATER, 0, 101, "mx.b.example [198.51.100.1]");
	tell(TRAIL_RELAYED, 0, 101, "x");
	tell(TRAIL_CONNECT, 2, 0, "192.0.2.2");
	tell(TRAIL_LOGIN_FAILED, 2, 0, "anna");
	assert_string_equal(told("", 101), "1 3 16 20 19");
	assert_string_equal(told("", 102), "1 3 16");
	assert_string_equal(told("bert@b.example", 0), "1 3 16 20 19");
	assert_string_equal(told("@C.example", 0), "1 3 16 20 19");
	assert_string_equal(told("198.51.100.1", 0), "1 3 16 20 19");
	assert_string_equal(told("mx.b.example", 0), "1 3 16 20 19");
	assert_string_equal(told("192.0.2.1", 0), "1 3 16 20 19; 1 3 16");
	assert_string_equal(told("192.0.2.2", 0), "1 4");
	assert_string_equal(told("Anna", 0), "1 3 16 20 19; 1 3 16; 1 4");
	assert_string_equal(told("bert", 0), "");
	assert_string_equal(told("%", 0), "");
	assert_string_equal(told("ert@b.example", 0), "");
}

static void
a_bounce_is_in_both_stories(void **state)
{
	(void)state;
	start(1000000, 1 << 30, 0);
	tell(TRAIL_ACCEPTED, 1, 101, "bert@b.example");
	trail_event(&(struct trail_event){ .kind = TRAIL_BOUNCED,
		.message = 101, .other = 202 });
	trail_event(&(struct trail_event){ .kind = TRAIL_DELIVERED,
		.message = 202 });
	assert_string_equal(told("", 101), "16 23");
	assert_string_equal(told("", 202), "16 23; 23 18");
}

/* --- retention, without the thread */

static void
open_database(struct database *database, uint64_t keep_ms, uint64_t size_max)
{
	const struct trail_options options = { file, keep_ms, size_max, 0 };
	char error[512] = "";

	if (database_open(database, &options, error, sizeof error) != 0)
		fail_msg("%s", error);
}

static void
add_many(struct database *database, uint64_t at_ms, unsigned n)
{
	static char text[1000];

	memset(text, 'x', sizeof text);
	assert_int_equal(database_begin(database), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(database_add(database,
		    &(struct trail_event){ .kind = TRAIL_CONNECT,
			.at_ms = at_ms + i, .session = at_ms + i,
			.words = span_of(text, sizeof text) }), 0);
	assert_int_equal(database_commit(database), 0);
}

static int64_t
count_rows(struct database *database, const char *where)
{
	sqlite3_stmt *statement;
	char text[128];
	int64_t n;

	snprintf(text, sizeof text, "SELECT count(*) FROM event %s", where);
	assert_int_equal(sqlite3_prepare_v2(database->db, text, -1,
	    &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	n = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return n;
}

static void
what_is_old_goes_and_what_is_young_stays(void **state)
{
	struct database database;
	unsigned pieces = 0;

	(void)state;
	open_database(&database, 1000, 1 << 30);
	add_many(&database, NOW - 50000, 6000);
	add_many(&database, NOW - 500, 400);
	while (database_prune(&database, NOW) == 1)
		assert_true(++pieces < 100);
	assert_int_equal(count_rows(&database, ""), 400);
	assert_int_equal(database_prune(&database, NOW + 500), 0);
	assert_int_equal(database_prune(&database, NOW + 510), 1);
	assert_int_equal(count_rows(&database, ""), 390);
	database_close(&database);
}

static void
the_size_has_an_end(void **state)
{
	struct database database;
	struct stat st;

	(void)state;
	open_database(&database, UINT64_C(1) << 50, 2 << 20);
	for (unsigned i = 0; i < 20; i++) {
		add_many(&database, NOW + i * 1000, 1000);
		while (database_prune(&database, NOW) == 1)
			;
	}
	/* the newest are there, the oldest are not */
	assert_true(count_rows(&database, "WHERE at >= 1795255219000") >=
	    999);
	assert_int_equal(count_rows(&database, "WHERE at < 1795255210000"),
	    0);
	database_close(&database);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size < (5 << 20));
	assert_true((st.st_mode & 07) == 0);
}

static void
what_is_dropped_is_told(void **state)
{
	uint64_t in, dropped;

	(void)state;
	start(1000000, 1 << 30, 1);	/* the smallest rings */
	for (unsigned i = 0; i < 100000; i++)
		tell(TRAIL_CONNECT, i + 1, 0, "192.0.2.1");
	trail_flush();
	trail_counts(&in, &dropped);
	assert_int_equal(in + dropped, 100000);
	if (dropped != 0)
		assert_int_equal(trail_is_on(), true);
	trail_flush();
	trail_stop();
	struct database database;
	open_database(&database, UINT64_C(1) << 50, 1 << 30);
	assert_int_equal(count_rows(&database, "WHERE kind = 1"), in);
	assert_int_equal(count_rows(&database, "WHERE kind = 64") != 0,
	    dropped != 0);
	database_close(&database);
}

static void
without_a_start_nothing_happens(void **state)
{
	uint64_t in, dropped;

	(void)state;
	assert_false(trail_is_on());
	tell(TRAIL_CONNECT, 1, 0, "192.0.2.1");
	trail_flush();
	trail_stop();
	trail_counts(&in, &dropped);
	assert_int_equal(dropped, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_start_nothing_happens),
		cmocka_unit_test_teardown(stories_are_told_apart, tear_down),
		cmocka_unit_test_teardown(a_bounce_is_in_both_stories,
		    tear_down),
		cmocka_unit_test_teardown(
		    what_is_old_goes_and_what_is_young_stays, tear_down),
		cmocka_unit_test_teardown(the_size_has_an_end, tear_down),
		cmocka_unit_test_teardown(what_is_dropped_is_told,
		    tear_down),
	};
	int result;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(file, sizeof file, "%s/trail.db", folder);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return result;
}
