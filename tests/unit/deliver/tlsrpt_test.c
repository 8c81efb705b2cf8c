/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt: the book counts, is bounded, survives, and gives out each domain of a
 * day that is over once. */
#include "../test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "deliver/tlsrpt.h"

#define DAY_MS UINT64_C(86400000)

static char folder[64];
static struct tlsrpt *book;

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ehlo-tlsrpt-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	book = tlsrpt_new(folder);
	return 0;
}

static int
teardown(void **state)
{
	DIR *dir;
	const struct dirent *entry;
	char path[400];

	(void)state;
	tlsrpt_free(book);
	dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	return rmdir(folder);
}

static void
note(const char *domain, enum tlsrpt_result result, const char *host)
{
	const struct tlsrpt_session session = { .domain = domain,
		.kind = TLSRPT_STS, .result = result,
		.policy = SPAN("version: STSv1\r\nmx: *.a.test\n"),
		.host = host, .address = "192.0.2.1", .local = "",
		.why = "bad\x1b[2J \xff" };

	tlsrpt_note(book, &session);
}

/* "good bad details first-count" of its only policy, or "-". */
static const char *
sums(const char *domain)
{
	static char text[64];
	json_t *all = tlsrpt_show(book), *policy = NULL, *summary, *details;
	const char *day, *key;
	json_t *domains, *value;

	json_object_foreach(all, day, domains)
		json_object_foreach(json_object_get(domains, domain), key,
		    value)
			policy = value;
	summary = json_object_get(policy, "summary");
	details = json_object_get(policy, "failure-details");
	snprintf(text, sizeof text, "%d %d %zu %d",
	    (int)json_integer_value(json_object_get(summary,
		"total-successful-session-count")),
	    (int)json_integer_value(json_object_get(summary,
		"total-failure-session-count")),
	    json_array_size(details), (int)json_integer_value(json_object_get(
		json_array_get(details, 0), "failed-session-count")));
	if (policy == NULL)
		snprintf(text, sizeof text, "-");
	json_decref(all);
	return text;
}

static void
test_counts(void **state)
{
	(void)state;
	note("a.test", TLSRPT_GOOD, "mx");
	note("a.test", TLSRPT_EXPIRED, "mx");
	note("a.test", TLSRPT_EXPIRED, "mx");
	assert_string_equal(sums("a.test"), "1 2 1 2");
	/* of what was merged and what is fresh */
	note("a.test", TLSRPT_EXPIRED, "mx");
	note("a.test", TLSRPT_EXPIRED, "mx2");
	note("a.test", TLSRPT_WRONG_HOST, "mx");
	assert_string_equal(sums("a.test"), "1 5 3 3");
	assert_string_equal(sums("b.test"), "-");
}

/* What is more stands in the sums only. */
static void
test_bounds(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < TLSRPT_DETAILS + 10; i++) {
		snprintf(name, sizeof name, "mx%d", i);
		note("a.test", TLSRPT_EXPIRED, name);
	}
	snprintf(name, sizeof name, "0 %d %d 1", TLSRPT_DETAILS + 10,
	    TLSRPT_DETAILS);
	assert_string_equal(sums("a.test"), name);
	for (int i = 0; i < TLSRPT_DOMAINS + 10; i++) {
		snprintf(name, sizeof name, "d%d.test", i);
		note(name, TLSRPT_GOOD, "mx");
	}
	assert_string_equal(sums(name), "-");
	assert_string_equal(sums("d1.test"), "1 0 0 0");
}

static void
test_survives(void **state)
{
	(void)state;
	note("a.test", TLSRPT_EXPIRED, "mx");
	tlsrpt_free(book);
	book = tlsrpt_new(folder);
	assert_string_equal(sums("a.test"), "0 1 1 1");
	note("a.test", TLSRPT_EXPIRED, "mx");
	tlsrpt_save(book);
	tlsrpt_free(book);
	book = tlsrpt_new(folder);
	assert_string_equal(sums("a.test"), "0 2 1 2");
}

/* Nothing of a stranger's is raw, and all is UTF-8. */
static void
test_printable(void **state)
{
	json_t *all;
	char *text;

	(void)state;
	note("a.test", TLSRPT_EXPIRED, "mx\n\xc3");
	all = tlsrpt_show(book);
	text = json_dumps(all, JSON_COMPACT);
	assert_non_null(text);
	assert_non_null(strstr(text, "bad\\\\x1b[2J \\\\xff"));
	for (const char *c = text; *c != '\0'; c++)
		assert_false(ascii_is_cntrl(*c));
	free(text);
	json_decref(all);
}

static void
write_day(uint64_t days_ago, const char *text)
{
	time_t at = (time_t)((clock_real_ms() - days_ago * DAY_MS) / 1000);
	char name[32], path[128];
	struct tm tm;
	FILE *file;

	gmtime_r(&at, &tm);
	strftime(name, sizeof name, "%Y-%m-%d.json", &tm);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
test_due_once(void **state)
{
	struct tlsrpt_due due = { "", "" };
	json_t *policies;

	(void)state;
	write_day(3, "{\"b.test\":{\"x\":{}},\"a.test\":{\"y\":{\"z\":1}}}");
	write_day(1, "{\"c.test\":{\"x\":{}}}");
	write_day(TLSRPT_DAYS + 2, "{\"old.test\":{\"x\":{}}}");
	write_day(2, "{\"torn.test\":");
	tlsrpt_free(book);
	book = tlsrpt_new(folder);
	tlsrpt_save(book);	/* forgets what is too old */
	note("now.test", TLSRPT_GOOD, "mx");
	assert_true(tlsrpt_next_due(book, clock_real_ms(), &due));
	assert_string_equal(due.domain, "a.test");
	policies = tlsrpt_policies(book, &due);
	assert_int_equal(json_array_size(policies), 1);
	json_decref(policies);
	tlsrpt_done(book, &due);
	assert_true(tlsrpt_next_due(book, clock_real_ms(), &due));
	assert_string_equal(due.domain, "b.test");	/* left as it is */
	assert_true(tlsrpt_next_due(book, clock_real_ms(), &due));
	assert_string_equal(due.domain, "c.test");
	tlsrpt_done(book, &due);
	assert_false(tlsrpt_next_due(book, clock_real_ms(), &due));
	/* what was done is done over a restart, too */
	tlsrpt_free(book);
	book = tlsrpt_new(folder);
	due = (struct tlsrpt_due){ "", "" };
	assert_true(tlsrpt_next_due(book, clock_real_ms(), &due));
	assert_string_equal(due.domain, "b.test");
	assert_false(tlsrpt_next_due(book, clock_real_ms(), &due));
	/* today is over tomorrow */
	due = (struct tlsrpt_due){ "", "" };
	assert_true(tlsrpt_next_due(book, clock_real_ms() + DAY_MS, &due));
	assert_true(tlsrpt_next_due(book, clock_real_ms() + DAY_MS, &due));
	assert_string_equal(due.domain, "now.test");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counts),
		TEST(test_bounds),
		TEST(test_survives),
		TEST(test_printable),
		TEST(test_due_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
