/* SPDX-License-Identifier: Apache-2.0 */
/* loop: timers on a clock we turn by hand, events that became stale, posts
 * from other threads. */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/span.h"
#include "net/loop.h"

/* --- a clock that goes on by itself, a step at every look --- */

static uint64_t fake_now;
static uint64_t fake_step;

static uint64_t
fake_clock(void)
{
	return fake_now += fake_step;
}

static struct loop *
new_loop(uint64_t step)
{
	struct loop *loop = loop_new();

	assert_non_null(loop);
	fake_now = 1234567;
	fake_step = step;
	loop_use_clock(loop, fake_clock);
	return loop;
}

struct alarm {
	struct timer timer;
	struct loop *loop;
	uint64_t due;
	unsigned fired;
	unsigned *order, *next;		/* where to note who came when */
	unsigned id;
	struct alarm *victim;
};

static void
ring(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	assert_false(timer_is_set(timer));
	assert_true(loop_now(alarm->loop) >= alarm->due);
	alarm->fired++;
	if (alarm->order != NULL)
		alarm->order[(*alarm->next)++] = alarm->id;
}

static void
stop(struct timer *timer)
{
	loop_stop(container_of(timer, struct alarm, timer)->loop);
}

/* Runs for `ms` of the fake clock. */
static void
run_for(struct loop *loop, uint64_t ms)
{
	struct alarm end = { .timer.on_time = stop, .loop = loop };

	timer_set(loop, &end.timer, ms);
	assert_int_equal(loop_run(loop), 0);
}

static void
set(struct alarm *alarm, struct loop *loop, uint64_t in_ms)
{
	alarm->loop = loop;
	if (alarm->timer.on_time == NULL)
		alarm->timer.on_time = ring;
	timer_set(loop, &alarm->timer, in_ms);
	alarm->due = loop_now(loop) + in_ms;
}

static void
test_timers_fire_in_order(void **state)
{
	static const uint64_t in[] = { 5000, 300, 250000, 100, 120000, 0,
		102400, 700 };
	static const unsigned wanted[] = { 5, 3, 1, 7, 0, 6, 4, 2 };
	struct loop *loop = new_loop(10);
	struct alarm alarm[countof(in)] = { 0 };
	unsigned order[countof(in)], n = 0;

	(void)state;
	for (unsigned i = 0; i < countof(in); i++) {
		alarm[i] = (struct alarm){ .order = order, .next = &n,
			.id = i };
		set(&alarm[i], loop, in[i]);
	}
	run_for(loop, 300000);
	assert_int_equal(n, countof(in));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(order[i], wanted[i]);
	loop_free(loop);
}

/* Promise 2 on random settings, re-settings and stops; late by at most a slot
 * and a turn. Seen to catch: slots rounded down; a timer set to an earlier
 * time left where it was; one beyond the wheel's round fired a round early. */
static void
test_never_early_and_never_forgotten(void **state)
{
	enum { N = 500, ROUNDS = 3000 };
	struct loop *loop = new_loop(7);
	struct alarm *alarm = calloc(N, sizeof *alarm);

	(void)state;
	assert_non_null(alarm);
	srandom(1);
	for (int round = 0; round < ROUNDS; round++) {
		struct alarm *a = &alarm[random() % N];
		uint64_t in = (uint64_t)random() % (1u << random() % 19);

		if (random() % 10 == 0) {
			timer_stop(loop, &a->timer);
			assert_false(timer_is_set(&a->timer));
		} else {
			set(a, loop, in);
			assert_true(timer_is_set(&a->timer));
		}
		run_for(loop, (uint64_t)random() % 300);
		for (int i = 0; i < N; i++)
			assert_false(timer_is_set(&alarm[i].timer) &&
			    alarm[i].due + 130 < loop_now(loop));
	}
	run_for(loop, 1u << 19);
	for (int i = 0; i < N; i++)
		assert_false(timer_is_set(&alarm[i].timer));
	free(alarm);
	loop_free(loop);
}

static void
test_many_rearms_fire_once(void **state)
{
	struct loop *loop = new_loop(10);
	struct alarm alarm = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		set(&alarm, loop, 5000);
		run_for(loop, 100);
		assert_int_equal(alarm.fired, 0);
	}
	run_for(loop, 10000);
	assert_int_equal(alarm.fired, 1);
	loop_free(loop);
}

static void
kill_victim(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	alarm->fired++;
	if (alarm->victim == NULL)
		return;
	alarm->victim->victim = NULL;
	timer_stop(alarm->loop, &alarm->victim->timer);
	free(alarm->victim);
	alarm->victim = NULL;
}

/* Two timers of one slot; whichever comes first frees the other. */
static void
test_timer_frees_its_neighbour(void **state)
{
	struct loop *loop = new_loop(0);
	struct alarm *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
	struct alarm keep = { 0 };

	(void)state;
	a->timer.on_time = b->timer.on_time = kill_victim;
	a->victim = b;
	b->victim = a;
	set(a, loop, 500);
	set(&keep, loop, 500);
	set(b, loop, 500);
	fake_step = 10;
	run_for(loop, 1000);
	assert_int_equal(keep.fired, 1);
	/* The last one set is in front of the list: it survives. */
	assert_int_equal(b->fired, 1);
	free(b);
	loop_free(loop);
}

static void
set_again(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	alarm->fired++;
	timer_set(alarm->loop, timer, 0);
}

/* A timer that sets itself to "now" comes once a turn, and does not keep the
 * loop from turning. */
static void
test_timer_sets_itself(void **state)
{
	struct loop *loop = new_loop(10);
	struct alarm alarm = { .timer.on_time = set_again };

	(void)state;
	set(&alarm, loop, 0);
	run_for(loop, 10000);
	assert_in_range(alarm.fired, 90, 110);
	timer_stop(loop, &alarm.timer);
	loop_free(loop);
}

/* --- descriptors --- */

struct ear {
	struct watch watch;
	struct loop *loop;
	struct ear *other;
	unsigned heard;
};

static void
close_other(struct watch *watch, uint32_t events)
{
	struct ear *ear = container_of(watch, struct ear, watch);

	(void)events;
	ear->heard++;
	watch_close(ear->loop, &ear->other->watch);
	watch_close(ear->loop, &ear->watch);
	free(ear->other);
	ear->other = NULL;
	loop_stop(ear->loop);
}

/* Promise 1. Seen to catch: watch_close() without the walk over the fetched
 * events (AddressSanitizer: use after free). */
static void
test_closed_watch_gets_no_event(void **state)
{
	struct loop *loop = loop_new();
	struct ear *ear[2];
	int pair[2][2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]),
		    0);
		assert_int_equal(write(pair[i][1], "x", 1), 1);
		ear[i] = calloc(1, sizeof *ear[i]);
		ear[i]->watch.on_ready = close_other;
		ear[i]->loop = loop;
		assert_int_equal(watch_open(loop, &ear[i]->watch, pair[i][0],
		    EPOLLIN), 0);
	}
	ear[0]->other = ear[1];
	ear[1]->other = ear[0];
	assert_int_equal(loop_run(loop), 0);
	/* Exactly one of them is left; epoll serves the first one first. */
	assert_null(ear[0]->other);
	assert_int_equal(ear[0]->heard, 1);
	free(ear[0]);
	loop_free(loop);
	for (int i = 0; i < 4; i++)
		close(pair[i / 2][i % 2]);
}

static void
park_other(struct watch *watch, uint32_t events)
{
	struct ear *ear = container_of(watch, struct ear, watch);

	(void)events;
	ear->heard++;
	assert_int_equal(watch_set(ear->loop, &ear->other->watch, 0), 0);
}

/* A parked watch is deaf even to the hang-up of its peer, and hears it when
 * it is woken. Seen to catch: EPOLL_CTL_MOD to no events. */
static void
test_parked_watch_is_deaf(void **state)
{
	struct loop *loop = new_loop(10);
	struct ear a = { .watch.on_ready = park_other, .loop = loop };
	int pair[2];

	(void)state;
	a.other = &a;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(watch_open(loop, &a.watch, pair[0], EPOLLIN), 0);
	assert_int_equal(watch_set(loop, &a.watch, 0), 0);
	close(pair[1]);
	run_for(loop, 1000);
	assert_int_equal(a.heard, 0);
	assert_int_equal(watch_set(loop, &a.watch, EPOLLIN), 0);
	run_for(loop, 1000);
	assert_int_equal(a.heard, 1);
	watch_close(loop, &a.watch);
	close(pair[0]);
	loop_free(loop);
}

static void
test_bad_descriptor_is_told(void **state)
{
	struct loop *loop = loop_new();
	struct watch watch = { .on_ready = NULL };

	(void)state;
	assert_int_equal(watch_open(loop, &watch, 9999, EPOLLIN), -EBADF);
	loop_free(loop);
}

/* --- messages --- */

/* Counts the writes of this program to eventfds (linked with --wrap=write). */
static _Atomic unsigned mail_writes;
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (n == 8)
		mail_writes++;
	return __real_write(fd, p, n);
}

enum { POSTERS = 4, POSTS = 5000 };

struct letter {
	struct loop_job job;
	struct post_office *office;
	int from, number;
};

struct post_office {
	struct loop *loop;
	int last[POSTERS];
	int n, wanted;
};

static void
read_letter(struct loop_job *job)
{
	struct letter *letter = container_of(job, struct letter, job);
	struct post_office *office = letter->office;

	/* Letters of one sender arrive in their order. */
	assert_int_equal(letter->number, office->last[letter->from]++);
	free(letter);
	if (++office->n == office->wanted)
		loop_stop(office->loop);
}

static void
send_letter(struct post_office *office, int from, int number)
{
	struct letter *letter = calloc(1, sizeof *letter);

	assert_non_null(letter);
	*letter = (struct letter){ .job.run = read_letter, .office = office,
		.from = from, .number = number };
	loop_post(office->loop, &letter->job);
}

struct poster {
	pthread_t thread;
	struct post_office *office;
	int from;
};

static void *
post_many(void *arg)
{
	struct poster *poster = arg;

	for (int i = 0; i < POSTS; i++)
		send_letter(poster->office, poster->from, i);
	return NULL;
}

static void
test_posts_from_threads_all_arrive(void **state)
{
	struct post_office office = { .loop = loop_new(),
		.wanted = POSTERS * POSTS };
	struct poster poster[POSTERS];

	(void)state;
	for (int i = 0; i < POSTERS; i++) {
		poster[i] = (struct poster){ .office = &office, .from = i };
		assert_int_equal(pthread_create(&poster[i].thread, NULL,
		    post_many, &poster[i]), 0);
	}
	assert_int_equal(loop_run(office.loop), 0);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(poster[i].thread, NULL);
	assert_int_equal(office.n, office.wanted);
	loop_free(office.loop);
}

/* Promise 3. Seen to catch: a write for every post. */
static void
test_burst_costs_one_write(void **state)
{
	struct post_office office = { .loop = loop_new(), .wanted = 100 };
	unsigned before = mail_writes;

	(void)state;
	for (int i = 0; i < 100; i++)
		send_letter(&office, 0, i);
	assert_int_equal(loop_run(office.loop), 0);
	assert_int_equal(mail_writes - before, 1);
	loop_free(office.loop);
}

static void
reply_letter(struct loop_job *job)
{
	struct letter *letter = container_of(job, struct letter, job);

	if (++letter->number == 3)
		loop_stop(letter->office->loop);
	else
		loop_post(letter->office->loop, job);
}

static void
test_job_posts_itself(void **state)
{
	struct post_office office = { .loop = loop_new() };
	struct letter letter = { .job.run = reply_letter, .office = &office };

	(void)state;
	loop_post(office.loop, &letter.job);
	assert_int_equal(loop_run(office.loop), 0);
	assert_int_equal(letter.number, 3);
	loop_free(office.loop);
}

/* --- turns --- */

static void
count_turn(void *arg)
{
	++*(unsigned *)arg;
}

/* Every turn ends with the hook, the last one too. */
static void
test_turn_hook(void **state)
{
	struct post_office office = { .loop = loop_new() };
	struct letter letter = { .job.run = reply_letter, .office = &office };
	unsigned turns = 0;

	(void)state;
	loop_on_turn(office.loop, count_turn, &turns);
	loop_stop(office.loop);
	assert_int_equal(loop_run(office.loop), 0);
	assert_int_equal(turns, 1);
	loop_post(office.loop, &letter.job);
	assert_int_equal(loop_run(office.loop), 0);
	/* Before the first wait, and after each of three letters. */
	assert_int_equal(turns, 1 + 1 + 3);
	loop_free(office.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_fire_in_order),
		cmocka_unit_test(test_never_early_and_never_forgotten),
		cmocka_unit_test(test_many_rearms_fire_once),
		cmocka_unit_test(test_timer_frees_its_neighbour),
		cmocka_unit_test(test_timer_sets_itself),
		cmocka_unit_test(test_closed_watch_gets_no_event),
		cmocka_unit_test(test_parked_watch_is_deaf),
		cmocka_unit_test(test_bad_descriptor_is_told),
		cmocka_unit_test(test_posts_from_threads_all_arrive),
		cmocka_unit_test(test_burst_costs_one_write),
		cmocka_unit_test(test_job_posts_itself),
		cmocka_unit_test(test_turn_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
