/* SPDX-License-Identifier: Apache-2.0 */
/* Captured mail: no name leads out of the folder, no two names share a
 * mailbox, and what is too much or too old goes, the oldest first.
 *
 * Seen to catch: a first dot let through, the newest removed instead of the
 * oldest, files beside new/ and cur/ removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"
#include "deliver/capture.h"

#define NOW_MS UINT64_C(1800000000000)
#define DAY_MS UINT64_C(86400000)

static char folder[64];
static struct conf conf;

static int
begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ehlo-capture-XXXXXX");
	assert_non_null(mkdtemp(folder));
	conf = (struct conf){ .capture_folder = folder, .capture_max = 5,
		.capture_age_ms = 7 * DAY_MS };
	return 0;
}

static int
end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* The name behind the folder, or "" if there is none. */
static const char *
path(struct span mailbox)
{
	static char out[PATH_MAX];

	if (capture_path(&conf, mailbox, out, sizeof out) != 0)
		return "";
	assert_memory_equal(out, folder, strlen(folder));
	return out + strlen(folder);
}

static void
paths(void **state)
{
	char many[400], one[PATH_MAX];

	(void)state;
	assert_string_equal(path(SPAN("/anna@Example.ORG")),
	    "/anna@example.org");
	assert_string_equal(path(SPAN("/../../etc")), "/%2e.%2f..%2fetc");
	assert_string_equal(path(SPAN("/..")), "/%2e.");
	assert_string_equal(path(SPAN("/.")), "/%2e");
	assert_string_equal(path(SPAN("/a/b")), "/a%2fb");
	assert_string_equal(path(SPAN("/a%2fb")), "/a%252fb");
	assert_string_equal(path(SPAN("/a\0\n\xc3\xbc b")),
	    "/a%00%0a%c3%bc%20b");
	assert_string_equal(path(SPAN("/")), "");
	memset(many, 'x', sizeof many);
	many[0] = '/';
	assert_int_equal(strlen(path(span_of(many, 241))), 241);
	/* of those that are longer, no two the same either */
	snprintf(one, sizeof one, "%s", path(span_of(many, 321)));
	assert_int_equal(strlen(one), 1 + 200 + 1 + 8);
	assert_string_equal(path(span_of(many, 321)), one);
	many[320] = 'X';
	assert_string_equal(path(span_of(many, 321)), one);
	many[320] = 'y';
	assert_string_not_equal(path(span_of(many, 321)), one);
	conf.capture_folder = "";
	assert_string_equal(path(SPAN("/anna")), "");
	assert_true(capture_is_one(SPAN("/a")));
	assert_false(capture_is_one(SPAN("a")));
	assert_false(capture_is_one(SPAN("")));
}

static void
make_box(const char *box)
{
	static const char *const parts[] = { "", "/new", "/cur", "/tmp" };
	char name[PATH_MAX];

	for (size_t i = 0; i < countof(parts); i++) {
		snprintf(name, sizeof name, "%s/%s%s", folder, box, parts[i]);
		assert_int_equal(mkdir(name, 0700), 0);
	}
}

static void
set_age(const char *name, uint64_t age_ms)
{
	const struct timespec at = { .tv_sec =
	    (time_t)((NOW_MS - age_ms) / 1000) };

	assert_int_equal(utimensat(AT_FDCWD, name,
	    (const struct timespec[]){ at, at }, 0), 0);
}

static void
make_file(const char *name, uint64_t age_ms)
{
	char full[PATH_MAX];
	int fd;

	snprintf(full, sizeof full, "%s/%s", folder, name);
	fd = open(full, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	set_age(full, age_ms);
}

static bool
is_there(const char *name)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, "%s/%s", folder, name);
	return access(full, F_OK) == 0;
}

static void
too_many(void **state)
{
	(void)state;
	make_box("anna");
	make_box("bert");
	make_file("anna/new/1", 9000);
	make_file("bert/new/2", 8000);
	make_file("anna/cur/3:2,S", 7000);
	make_file("anna/new/4", 6000);
	make_file("bert/cur/5:2,", 5000);
	assert_int_equal(capture_trim(&conf, NOW_MS), 0);
	make_file("bert/new/6", 4000);
	make_file("anna/new/7", 3000);
	assert_int_equal(capture_trim(&conf, NOW_MS), 2);
	assert_false(is_there("anna/new/1"));
	assert_false(is_there("bert/new/2"));
	assert_true(is_there("anna/cur/3:2,S"));
	assert_true(is_there("anna/new/7"));
	assert_int_equal(capture_trim(&conf, NOW_MS), 0);
}

static void
too_old(void **state)
{
	(void)state;
	make_box("anna");
	make_file("anna/new/1", 7 * DAY_MS + 1000);
	make_file("anna/new/2", 7 * DAY_MS);
	make_file("anna/cur/3", 8 * DAY_MS);
	assert_int_equal(capture_trim(&conf, NOW_MS), 2);
	assert_true(is_there("anna/new/2"));
}

/* What is not ours stays. */
static void
others_stay(void **state)
{
	(void)state;
	make_box("anna");
	make_file("notes", 90 * DAY_MS);
	make_file("anna/tmp/1", 90 * DAY_MS);
	make_file("anna/list", 90 * DAY_MS);
	make_file("anna/new/.hidden", 90 * DAY_MS);
	assert_int_equal(capture_trim(&conf, NOW_MS), 0);
	assert_true(is_there("notes"));
	assert_true(is_there("anna/tmp/1"));
	assert_true(is_there("anna/list"));
	assert_true(is_there("anna/new/.hidden"));
}

static void
empty_boxes(void **state)
{
	char name[PATH_MAX];

	(void)state;
	make_box("old");
	make_box("fresh");
	snprintf(name, sizeof name, "%s/old/new", folder);
	set_age(name, 8 * DAY_MS);
	snprintf(name, sizeof name, "%s/fresh/new", folder);
	set_age(name, 1000);
	assert_int_equal(capture_trim(&conf, NOW_MS), 0);
	assert_false(is_there("old"));
	assert_true(is_there("fresh/tmp"));
	conf.capture_folder = "/nonexistent";
	assert_int_equal(capture_trim(&conf, NOW_MS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths), TEST(too_many), TEST(too_old), TEST(others_stay),
		TEST(empty_boxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
