/* SPDX-License-Identifier: Apache-2.0 */
/* sts: what is kept, and what is asked for again. The test plays the name
 * system and the web server: it stands in for dns_ask() and https_get(). */
#include "../test.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "deliver/sts.h"
#include "deliver/sts_file.h"
#include "net/https.h"

#define GOOD "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 86400\n"
#define OTHER "version: STSv1\nmode: testing\nmx: b.test\nmax_age: 86400\n"

/* --- the name system */

struct dns_query {
	struct loop_job job;
	dns_done *done;
	void *arg;
};

static const char *records[4];	/* of TXT; none: DNS fails */

static void
answer(struct loop_job *job)
{
	struct dns_query *query = container_of(job, struct dns_query, job);
	struct dns_answer given = { .result = DNS_FAILED };
	struct dns_record record[countof(records)];
	char wire[countof(records)][128];

	for (size_t i = 0; records[i] != NULL; i++) {
		size_t len = strlen(records[i]);

		wire[i][0] = (char)len;
		memcpy(wire[i] + 1, records[i], len);
		record[i].data = span_of(wire[i], len + 1);
		given.result = DNS_OK;
		given.record_n = i + 1;
	}
	given.record = record;
	query->done(query->arg, &given);
	free(query);
}

struct dns_query *
dns_ask(struct dns *dns, struct loop *loop, struct span name,
    enum dns_type type, dns_done *done, void *arg)
{
	struct dns_query *query = mem_new(sizeof *query);

	(void)dns;
	assert_int_equal(type, DNS_TXT);
	assert_true(span_starts(name, SPAN("_mta-sts.")));
	query->job.run = answer;
	query->done = done;
	query->arg = arg;
	loop_post(loop, &query->job);
	return query;
}

void
dns_cancel(struct dns_query *query)
{
	(void)query;
	fail_msg("nothing is cancelled here");
}

struct dns_answer *
dns_ask_wait(struct dns *dns, struct span name, enum dns_type type)
{
	static const struct dns_record record = { { "\x7f\0\0\4", 4 } };
	struct dns_answer *given = mem_new(sizeof *given);

	(void)dns;
	must(span_starts(name, SPAN("mta-sts.")));
	given->result = type == DNS_A ? DNS_OK : DNS_NO_DATA;
	given->record = &record;
	given->record_n = type == DNS_A;
	return given;
}

void
dns_answer_free(struct dns_answer *given)
{
	free(given);
}

/* --- the web */

static const char *page;	/* NULL: it is not reached */
static atomic_uint gets;
static atomic_bool is_slow;

bool
https_init(void)
{
	return true;
}

enum https_result
https_get(const struct https_request *request, struct buf *body,
    char why[HTTPS_WHY_MAX])
{
	atomic_fetch_add(&gets, 1);
	must(request->address_n == 1 &&
	    strcmp(request->address[0], "127.0.0.4") == 0);
	while (atomic_load(&is_slow) && !atomic_load(request->is_stopping))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	snprintf(why, HTTPS_WHY_MAX, "nobody there");
	if (page == NULL)
		return HTTPS_FAILED;
	(void)buf_append(body, span_str(page));
	return HTTPS_OK;
}

/* --- asking */

static struct loop *loop;
static struct sts *sts;
static char folder[64];
static struct {
	unsigned n;
	enum sts_mode mode;
	bool has_copy, is_later;
	enum tlsrpt_result trouble;
	unsigned wanted;
} got;

static void
start(void)
{
	const struct sts_options options = { .folder = folder };

	loop = loop_new();
	sts = sts_new(&options);
	assert_non_null(sts);
}

static void
end(void)
{
	sts_stop(sts);
	loop_free(loop);
	sts_free(sts);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ehlo-sts-XXXXXX");
	assert_non_null(mkdtemp(folder));
	memset(records, 0, sizeof records);
	records[0] = "v=STSv1; id=one";
	page = GOOD;
	atomic_store(&gets, 0);
	atomic_store(&is_slow, false);
	start();
	return 0;
}

static int
teardown(void **state)
{
	char path[128];

	(void)state;
	end();
	snprintf(path, sizeof path, "%s/x.test", folder);
	unlink(path);
	return rmdir(folder);
}

static void
on_answer(void *arg, const struct sts_answer *given)
{
	(void)arg;
	got.n++;
	got.has_copy = given->copy != NULL;
	got.mode = got.has_copy ? given->copy->policy.mode : STS_MODE_NONE;
	got.is_later = given->is_later;
	got.trouble = given->trouble;
	if (got.n == got.wanted)
		loop_stop(loop);
}

static void
ask(unsigned times)
{
	memset(&got, 0, sizeof got);
	got.wanted = times;
	for (unsigned i = 0; i < times; i++)
		assert_non_null(sts_ask(sts, loop, "x.test", on_answer,
		    NULL));
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(got.n, times);
}

/* A good policy is known. */
static void
learn(void)
{
	ask(1);
	assert_true(got.has_copy);
	assert_int_equal(got.mode, STS_MODE_ENFORCE);
	assert_int_equal(atomic_load(&gets), 1);
}

/* --- cases */

static void
test_one_request_for_all(void **state)
{
	(void)state;
	ask(5);
	assert_true(got.has_copy);
	assert_int_equal(atomic_load(&gets), 1);
	ask(1);
	assert_int_equal(atomic_load(&gets), 1);
}

/* Who stands in between cannot talk us out of it. */
static void
test_kept_without_record(void **state)
{
	(void)state;
	learn();
	records[0] = NULL;
	page = NULL;
	ask(1);
	assert_int_equal(got.mode, STS_MODE_ENFORCE);
	end();
	start();
	ask(1);
	assert_int_equal(got.mode, STS_MODE_ENFORCE);
	assert_int_equal(atomic_load(&gets), 1);
}

static void
test_kept_if_the_new_one_fails(void **state)
{
	(void)state;
	learn();
	records[0] = "v=STSv1; id=two";
	page = NULL;
	for (int i = 0; i < 3; i++) {
		ask(1);
		assert_int_equal(got.mode, STS_MODE_ENFORCE);
		assert_int_equal(got.trouble, TLSRPT_STS_FETCH);
		/* and it is not asked for again at once */
		assert_int_equal(atomic_load(&gets), 2);
	}
	/* but for yet another one */
	records[0] = "v=STSv1; id=three";
	page = OTHER;
	ask(1);
	assert_int_equal(got.mode, STS_MODE_TESTING);
	assert_int_equal(got.trouble, TLSRPT_GOOD);
	assert_int_equal(atomic_load(&gets), 3);
}

static void
test_none(void **state)
{
	(void)state;
	page = "version: STSv1\n";
	for (int i = 0; i < 2; i++) {
		ask(1);
		assert_false(got.has_copy || got.is_later);
		assert_int_equal(got.trouble, TLSRPT_STS_INVALID);
		assert_int_equal(atomic_load(&gets), 1);
	}
	records[0] = "v=spf1 -all";
	ask(1);
	assert_false(got.has_copy);
	assert_int_equal(got.trouble, TLSRPT_GOOD);
	assert_int_equal(atomic_load(&gets), 1);
}

/* RFC 8461 3.1 */
static void
test_two_records_are_none(void **state)
{
	(void)state;
	records[1] = "v=STSv1; id=two";
	ask(1);
	assert_false(got.has_copy);
	records[1] = "v=STSv1; id=-";
	ask(1);
	assert_false(got.has_copy);
	records[2] = "v=STSv1; id=three";
	ask(1);
	assert_false(got.has_copy);
	assert_int_equal(atomic_load(&gets), 0);
	records[1] = "google-site-verification=x";
	records[2] = NULL;
	learn();
}

static void
write_file(uint64_t age_s, const char *text)
{
	const struct sts_file file = { .domain = "x.test", .id = "one",
		.fetched_at = clock_real_ms() - age_s * 1000,
		.text = span_str(text) };

	end();
	assert_int_equal(sts_file_write(folder, &file), 0);
	start();
}

static void
test_run_out(void **state)
{
	(void)state;
	page = NULL;
	write_file(86300, GOOD);
	ask(1);
	assert_true(got.has_copy);
	write_file(86401, GOOD);
	ask(1);
	assert_false(got.has_copy);
}

/* Past half of its time it is got again, but nobody waits for that. */
static void
test_refreshed_beside(void **state)
{
	(void)state;
	atomic_store(&is_slow, true);
	page = OTHER;
	write_file(50000, GOOD);
	ask(3);
	assert_int_equal(got.mode, STS_MODE_ENFORCE);
	atomic_store(&is_slow, false);
	do
		ask(1);
	while (got.mode != STS_MODE_TESTING);
	assert_int_equal(atomic_load(&gets), 1);
}

static void
on_time(struct timer *timer)
{
	(void)timer;
	sts_stop(sts);
}

static void
test_going_down(void **state)
{
	struct timer timer = { .on_time = on_time };

	(void)state;
	atomic_store(&is_slow, true);
	page = NULL;
	timer_set(loop, &timer, 100);
	ask(2);
	assert_true(got.is_later);
	assert_false(got.has_copy);
	ask(1);
	assert_true(got.is_later);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_request_for_all),
		TEST(test_kept_without_record),
		TEST(test_kept_if_the_new_one_fails),
		TEST(test_none),
		TEST(test_two_records_are_none),
		TEST(test_run_out),
		TEST(test_refreshed_beside),
		TEST(test_going_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
