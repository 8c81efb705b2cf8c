/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: with a real loop, a real pool and real Maildirs, on a store that
 * fails when told to. The loop runs until the store has seen what the test
 * waits for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "box.h"
#include "deliver/delivery.h"
#include "fake_conf.h"
#include "fake_store.h"

#define TEXT "Subject: x\r\n\r\ntext\r\n"

static const char *root;
static struct loop *loop;
static struct pool *pool;
static struct conf *conf;
static struct store *store;
static struct delivery *delivery;

static size_t wanted_gone, wanted_settles;

/* Posted behind what is there already: when it has run, that has too. */
static bool is_nudged;

static void
on_nudge(struct loop_job *job)
{
	(void)job;
	is_nudged = true;
}

static void
on_turn(void *arg)
{
	(void)arg;
	(void)store_poll(store);
	if (is_nudged && store->gone_n >= wanted_gone &&
	    store->settles_n >= wanted_settles && delivery_is_idle(delivery))
		loop_stop(loop);
}

static void
run_until(size_t gone, size_t settles)
{
	struct loop_job nudge = { .run = on_nudge };

	is_nudged = false;
	loop_post(loop, &nudge);
	wanted_gone = gone;
	wanted_settles = settles;
	assert_int_equal(loop_run(loop), 0);
}

static int
setup(void **state)
{
	(void)state;
	/* a fault that lets the loop wait for ever ends here */
	alarm(30);
	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	root = box_open();
	conf = fake_conf_new(root, "example.org");
	loop = loop_new();
	pool = pool_new(2, 4);
	store = fake_store_new();
	delivery = delivery_new(loop, pool, conf);
	loop_on_turn(loop, on_turn, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	delivery_stop(delivery);
	run_until(0, 0);
	assert_true(delivery_is_idle(delivery));
	pool_free(pool);
	delivery_free(delivery);
	fake_store_free(store);
	loop_free(loop);
	conf_unref(conf);
	assert_int_equal(fake_conf_living, 0);
	box_close();
	return 0;
}

/* The mailbox of an account, its folder, and what went wrong with it. */
static void
assert_reason(const char *reason, const char *account, const char *error)
{
	char expected[512], name[64];

	(void)snprintf(name, sizeof name, "example.org/%s", account);
	(void)snprintf(expected, sizeof expected, "mailbox of %s, %s: %s",
	    account, box_path(root, name), error);
	assert_string_equal(reason, expected);
}

/* --- messages: "a" is a mailbox of ours, "-" somebody of the outside */

static struct fake_message *
add_to_store(const char *mailboxes, struct span text)
{
	struct envelope_rcpt rcpt[FAKE_RCPTS] = { 0 };
	struct envelope envelope = { .sender = SPAN("s@example.net"),
		.session = SPAN("2222222222277"), .rcpt = rcpt };
	char address[FAKE_RCPTS][32];

	for (const char *p = mailboxes; *p != '\0'; p++) {
		size_t i = envelope.rcpt_n++;

		snprintf(address[i], sizeof address[i], "%c@example.%s",
		    *p == '-' ? 'x' : *p, *p == '-' ? "com" : "org");
		rcpt[i].address = span_str(address[i]);
		rcpt[i].mailbox = *p == '-' ? SPAN("") : span_of(p, 1);
	}
	return fake_store_add(store, &envelope, text);
}

static void
tell(const struct fake_message *message)
{
	struct store_entry entry = { .id = message->id };

	delivery_add(delivery, &entry);
}

static struct fake_message *
add(const char *mailboxes)
{
	struct fake_message *message = add_to_store(mailboxes, SPAN(TEXT));

	tell(message);
	return message;
}

static const char *
folder(const char *mailbox, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "example.org/%s/%s", mailbox, name);
	return box_path(root, path);
}

/* --- cases */

static void
test_delivers(void **state)
{
	struct fake_message *message;

	(void)state;
	delivery_attach(delivery, store);
	message = add("ab");
	run_until(1, 1);
	assert_true(message->is_gone);
	assert_true(message->is_settled[0] && message->is_settled[1]);
	assert_string_equal(box_read_only_file(folder("a", "new"), NULL),
	    "Return-Path: <s@example.net>\n"
	    "Delivered-To: a@example.org\n"
	    "Subject: x\n\ntext\n");
	assert_string_equal(box_read_only_file(folder("b", "new"), NULL),
	    "Return-Path: <s@example.net>\n"
	    "Delivered-To: b@example.org\n"
	    "Subject: x\n\ntext\n");
}

/* Larger than a chunk, for two: both whole. Seen to catch: the first chunk of
 * the text given to the second recipient as if it were all. */
static void
test_large_text(void **state)
{
	const size_t len = 700000;
	char *text = malloc(len);
	const char *content;

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i / 7 % 26);
	delivery_attach(delivery, store);
	tell(add_to_store("ab", span_of(text, len)));
	/* and one that is read in several pieces but kept */
	tell(add_to_store("cd", span_of(text, 250000)));
	run_until(2, 2);
	for (const char *box = "abcd"; *box != '\0'; box++) {
		size_t expected = *box < 'c' ? len : 250000;

		content = box_read_only_file(folder((char[]){ *box, 0 },
		    "new"), NULL);
		assert_non_null(content);
		assert_non_null(strstr(content, ".org\n"));
		content = strstr(content, ".org\n") + 5;
		assert_int_equal(strlen(content), expected);
		assert_memory_equal(content, text, expected);
	}
	free(text);
}

static void
test_outside_waits(void **state)
{
	struct fake_message *message;

	(void)state;
	delivery_attach(delivery, store);
	message = add("-");
	run_until(0, 1);
	assert_false(message->is_gone);
	assert_int_equal(message->state, STORE_WAITING);
	/* when it was due stays known, for its sender */
	assert_true(message->due_ms != UINT64_MAX);
	assert_string_equal(message->reason,
	    "x@example.com: no route to the outside is configured");
	delivery_reload(delivery, conf);
	run_until(0, 2);
	assert_int_equal(message->settles_n, 2);
}

/* The local ones get it once, the others wait; a second look does not deliver
 * again. Seen to catch: settled recipients not asked for. */
static void
test_mixed(void **state)
{
	struct fake_message *message;

	(void)state;
	delivery_attach(delivery, store);
	message = add("-a-b");
	run_until(0, 1);
	assert_int_equal(message->state, STORE_WAITING);
	assert_false(message->is_settled[0] || message->is_settled[2]);
	assert_true(message->is_settled[1] && message->is_settled[3]);
	assert_int_equal(box_count(folder("a", "new")), 1);
	assert_int_equal(rename(folder("a", "new"), folder("a", "seen")), 0);
	delivery_reload(delivery, conf);
	run_until(0, 2);
	assert_int_equal(box_count(folder("a", "seen")), 1);
	assert_int_equal(box_count(folder("a", "new")), -1);
}

/* A domain that comes back with a reload takes what waited for it. */
static void
test_domain_comes_back(void **state)
{
	struct conf *other = fake_conf_new(root, "example.net");
	struct fake_message *message;

	(void)state;
	delivery_reload(delivery, other);
	conf_unref(other);
	delivery_attach(delivery, store);
	message = add("a");
	run_until(0, 1);
	assert_int_equal(message->state, STORE_WAITING);
	assert_string_equal(message->reason,
	    "a@example.org: its domain is not configured any more");
	delivery_reload(delivery, conf);
	run_until(1, 2);
	assert_int_equal(box_count(folder("a", "new")), 1);
}

/* One bad mailbox comes again with back-off; others are not delayed. */
static void
test_bad_mailbox_is_tried_again(void **state)
{
	struct fake_message *bad, *good;

	(void)state;
	delivery_attach(delivery, store);
	good = add("a");
	run_until(1, 1);
	close(open(box_path(root, "example.org/b"),
	    O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	bad = add("ba");
	good = add("a");
	run_until(2, 3);
	assert_true(good->is_gone);
	assert_false(bad->is_gone);
	assert_true(bad->is_settled[1]);
	assert_int_equal(bad->state, STORE_READY);
	assert_reason(bad->reason, "b", "Not a directory");
	/* it goes on trying by itself */
	run_until(2, 6);
	assert_int_equal(bad->settles_n, 4);
	assert_int_equal(unlink(box_path(root, "example.org/b")), 0);
	run_until(3, 0);
	assert_int_equal(box_count(folder("b", "new")), 1);
	assert_int_equal(box_count(folder("a", "new")), 3);
	assert_int_equal(box_count(folder("b", "tmp")), 0);
}

/* The file system takes no more: nothing half is seen, all comes later. */
static void
test_no_space(void **state)
{
	struct rlimit before, tight;
	char text[5000];
	struct fake_message *message;

	(void)state;
	memset(text, 'x', sizeof text);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = before;
	tight.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	delivery_attach(delivery, store);
	message = add_to_store("a", span_of(text, sizeof text));
	tell(message);
	run_until(0, 2);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(message->is_gone);
	assert_reason(message->reason, "a", "File too large");
	assert_int_equal(box_count(folder("a", "new")), 0);
	assert_int_equal(box_count(folder("a", "tmp")), 0);
	run_until(1, 0);
	assert_int_equal(box_count(folder("a", "new")), 1);
}

static void
test_unreadable(void **state)
{
	char text[300000];
	struct fake_message *message, *large;

	(void)state;
	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	memset(text, 'x', sizeof text);
	delivery_attach(delivery, store);
	store->envelope_error = -EIO;
	message = add("a");
	run_until(0, 1);
	assert_int_equal(message->state, STORE_READY);
	assert_string_equal(message->reason,
	    "envelope cannot be read: Input/output error");
	store->envelope_error = 0;
	store->text_error = -EIO;
	large = add_to_store("bc", span_of(text, sizeof text));
	tell(large);
	run_until(0, 4);
	assert_int_equal(large->state, STORE_READY);
	assert_string_equal(large->reason,
	    "text cannot be read: Input/output error");
	assert_int_equal(box_count(folder("b", "tmp")), 0);
	assert_int_equal(box_count(folder("b", "new")), 0);
	store->text_error = 0;
	run_until(2, 0);
	assert_int_equal(box_count(folder("a", "new")), 1);
	assert_int_equal(box_count(folder("c", "new")), 1);
}

/* Damage does not go away: for an operator, and not tried in a circle. */
static void
test_damaged_is_held(void **state)
{
	struct fake_message *message;

	(void)state;
	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	delivery_attach(delivery, store);
	store->is_envelope_bad = true;
	message = add("a");
	run_until(0, 1);
	assert_int_equal(message->state, STORE_HELD);
	store->is_envelope_bad = false;
	add("b");
	run_until(1, 2);
	delivery_reload(delivery, conf);
	add("c");
	run_until(2, 3);
	assert_int_equal(message->settles_n, 1);
}

/* Not settled on disk: delivered again, and it is still one copy.
 * Seen to catch: the result of a settle not looked at. */
static void
test_failed_settle(void **state)
{
	(void)state;
	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	delivery_attach(delivery, store);
	store->settle_error = -EIO;
	add("ab");
	run_until(0, 3);
	store->settle_error = 0;
	run_until(1, 0);
	assert_int_equal(box_count(folder("a", "new")), 1);
	assert_int_equal(box_count(folder("b", "new")), 1);
}

/* Found by recovery, delivered before the crash, and read since. */
static void
test_recovered_was_delivered(void **state)
{
	struct fake_message *message = add_to_store("ab", SPAN(TEXT));
	char from[512], to[512], name[256];

	(void)state;
	/* another process delivers it and dies before its settle */
	delivery_attach(delivery, store);
	tell(message);
	run_until(1, 1);
	store->gone_n = store->settles_n = 0;
	message->is_gone = false;
	message->is_settled[0] = message->is_settled[1] = false;
	assert_non_null(box_read_only_file(folder("a", "new"), name));
	snprintf(from, sizeof from, "%s/%s", folder("a", "new"), name);
	snprintf(to, sizeof to, "%s/%s:2,S", folder("a", "cur"), name);
	assert_int_equal(rename(from, to), 0);
	delivery_free(delivery);
	delivery = delivery_new(loop, pool, conf);
	tell(message);		/* from inside store_open */
	delivery_attach(delivery, store);
	run_until(1, 1);
	assert_int_equal(box_count(folder("a", "new")), 0);
	assert_int_equal(box_count(folder("a", "cur")), 1);
	assert_int_equal(box_count(folder("b", "new")), 1);
}

/* Recovered in all its states: ready, waiting for a route that exists now. */
static void
test_recovered_states(void **state)
{
	struct store_entry entry = { .state = STORE_WAITING,
		.due_ms = UINT64_MAX };

	(void)state;
	entry.id = add_to_store("a", SPAN(TEXT))->id;
	delivery_add(delivery, &entry);
	entry.id = add_to_store("b", SPAN(TEXT))->id;
	entry.state = STORE_HELD;
	delivery_add(delivery, &entry);
	entry.id = add_to_store("c", SPAN(TEXT))->id;
	entry.state = STORE_READY;
	entry.due_ms = clock_real_ms() + 3600 * 1000;
	delivery_add(delivery, &entry);
	entry.id = add_to_store("d", SPAN(TEXT))->id;
	entry.due_ms = clock_real_ms() + 150;
	entry.attempts = 3;
	delivery_add(delivery, &entry);
	delivery_attach(delivery, store);
	run_until(2, 2);
	assert_int_equal(box_count(folder("a", "new")), 1);
	assert_int_equal(box_count(folder("b", "new")), -1);
	assert_int_equal(box_count(folder("c", "new")), -1);
	assert_int_equal(box_count(folder("d", "new")), 1);
	assert_true(clock_real_ms() >= entry.due_ms);
}

/* A message of two destinations may be called by the lane of one when it is due
 * for the other: it is tried once. Seen to catch: sent twice at a time. */
static void
test_twice_due(void **state)
{
	struct fake_message *message = add_to_store("a", SPAN(TEXT));

	(void)state;
	tell(message);
	tell(message);
	delivery_attach(delivery, store);
	run_until(1, 1);
	assert_int_equal(message->settles_n, 1);
	assert_int_equal(store->pins_max, 1);
}

/* The store says that it is due later than the schedule did: it is not
 * forgotten until the next start. Seen to catch: passed over for good. */
static void
test_due_later(void **state)
{
	struct fake_message *message = add_to_store("a", SPAN(TEXT));
	uint64_t due_ms = clock_real_ms() + 200;

	(void)state;
	delivery_attach(delivery, store);
	/* an operator has been here */
	assert_int_equal(delivery_hold(delivery,
	    add_to_store("b", SPAN(TEXT))->id), 0);
	message->due_ms = due_ms;
	tell(message);
	run_until(1, 1);
	assert_int_equal(box_count(folder("a", "new")), 1);
	assert_true(clock_real_ms() >= due_ms);
}

static void
test_gone_meanwhile(void **state)
{
	struct fake_message *message = add_to_store("a", SPAN(TEXT));

	(void)state;
	message->is_gone = true;	/* removed by an operator */
	delivery_attach(delivery, store);
	tell(message);
	add("b");
	run_until(1, 1);
	assert_int_equal(message->settles_n, 0);
}

/* What is added together is taken together, in bounded jobs. */
static void
test_batches(void **state)
{
	(void)state;
	delivery_attach(delivery, store);
	for (int i = 0; i < 1000; i++)
		add(i % 2 ? "a" : "b");
	run_until(1000, 1000);
	assert_int_equal(store->pins_max, 256);
	assert_int_equal(box_count(folder("a", "new")), 500);
	assert_int_equal(box_count(folder("b", "new")), 500);
}

/* The pool is full of slow work: nothing is lost. */
struct slow {
	struct pool_job job;
	int *gate;
};

static void
slow_work(struct pool_job *job)
{
	char byte;

	(void)!read(container_of(job, struct slow, job)->gate[0], &byte, 1);
}

static void
slow_done(struct pool_job *job)
{
	(void)job;
}

static void
test_full_pool(void **state)
{
	/* two for the threads, four for the queue; they outlive the test */
	static struct slow slow[6];
	size_t taken = 0;
	int gate[2];

	(void)state;
	assert_int_equal(pipe(gate), 0);
	while (taken < countof(slow)) {
		slow[taken].gate = gate;
		slow[taken].job.work = slow_work;
		slow[taken].job.done = slow_done;
		if (pool_add(pool, loop, &slow[taken].job) == 0)
			taken++;
		else
			sched_yield();	/* the threads take two */
	}
	delivery_attach(delivery, store);
	add("a");
	run_until(0, 0);
	assert_int_equal(store->settles_n, 0);
	assert_int_equal(store->pins_n, 0);
	assert_int_equal(write(gate[1], "123456", taken), (ssize_t)taken);
	run_until(1, 1);
	close(gate[0]);
	close(gate[1]);
}

static void
test_stop(void **state)
{
	(void)state;
	delivery_attach(delivery, store);
	delivery_stop(delivery);
	add("a");
	assert_true(delivery_is_idle(delivery));
	run_until(0, 0);
	assert_int_equal(store->settles_n, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_delivers),
		CASE(test_large_text),
		CASE(test_outside_waits),
		CASE(test_mixed),
		CASE(test_domain_comes_back),
		CASE(test_bad_mailbox_is_tried_again),
		CASE(test_no_space),
		CASE(test_unreadable),
		CASE(test_damaged_is_held),
		CASE(test_failed_settle),
		CASE(test_recovered_was_delivered),
		CASE(test_recovered_states),
		CASE(test_twice_due),
		CASE(test_due_later),
		CASE(test_gone_meanwhile),
		CASE(test_batches),
		CASE(test_full_pool),
		CASE(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
