/* SPDX-License-Identifier: Apache-2.0 */
/* loop: one epoll descriptor, one timing wheel, one mailbox.
 *
 * 1. An event fetched for a watch that was closed meanwhile is never
 *    delivered, nor is one that is no longer waited for.
 * 2. A timer never fires early. It sits in the slot of the time it was first
 *    set for; setting it later only stores the new time, and it moves on when
 *    its slot comes round.
 * 3. A burst of messages costs one write to the eventfd.
 *
 * The wheel has 1024 slots of 100 ms. A timer further away than one round
 * waits in the farthest slot and moves on from there. */
#include "net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/span.h"

#define SLOT_MS 100
#define SLOTS 1024
#define EVENTS_A_TURN 256

struct loop {
	int epoll_fd;
	int mail_fd;
	bool running, stopped;
	uint64_t now;
	uint64_t (*now_ms)(void);
	void (*turn)(void *arg);
	void *turn_arg;

	/* The events of this turn; those before `at` were delivered. */
	struct epoll_event event[EVENTS_A_TURN];
	int events, at;

	/* The wheel: `tick` is the last slot that was emptied, counted from
	 * the beginning of time; a bit of `used` is set where a list is not
	 * empty. */
	uint64_t tick;
	size_t timers;
	struct timer *slot[SLOTS];
	uint64_t used[SLOTS / 64];

	struct watch mail;
	pthread_mutex_t lock;		/* of the two below */
	struct loop_job *first, **end;
};

/* --- mailbox --- */

static void
run_mail(struct watch *watch, uint32_t events)
{
	struct loop *loop = container_of(watch, struct loop, mail);
	struct loop_job *job;
	uint64_t count;

	(void)events;
	if (read(loop->mail_fd, &count, sizeof count) < 0)
		return;		/* EAGAIN: somebody was here before */
	pthread_mutex_lock(&loop->lock);
	job = loop->first;
	loop->first = NULL;
	loop->end = &loop->first;
	pthread_mutex_unlock(&loop->lock);
	while (job != NULL) {
		struct loop_job *next = job->next;

		job->run(job);	/* may free it, or post it again */
		job = next;
	}
}

void
loop_post(struct loop *loop, struct loop_job *job)
{
	const uint64_t one = 1;
	bool was_empty;

	job->next = NULL;
	pthread_mutex_lock(&loop->lock);
	was_empty = loop->first == NULL;
	*loop->end = job;
	loop->end = &job->next;
	/* Inside the lock, so that the loop cannot be gone before: whoever
	 * sees the job has waited for this write. It fails only if the
	 * counter is full, that is, if the loop is being woken anyway. */
	if (was_empty && write(loop->mail_fd, &one, sizeof one) < 0)
		must(errno == EAGAIN);
	pthread_mutex_unlock(&loop->lock);
}

/* --- timers --- */

static void
timer_link(struct loop *loop, struct timer *timer)
{
	uint64_t tick = (timer->wake_ms + SLOT_MS - 1) / SLOT_MS;
	struct timer **head;

	if (tick <= loop->tick)
		tick = loop->tick + 1;
	if (tick > loop->tick + SLOTS - 1)
		tick = loop->tick + SLOTS - 1;
	timer->slot_ms = tick * SLOT_MS;
	head = &loop->slot[tick % SLOTS];
	loop->used[tick % SLOTS / 64] |= (uint64_t)1 << (tick % 64);
	timer->next = *head;
	if (timer->next != NULL)
		timer->next->prev = &timer->next;
	timer->prev = head;
	*head = timer;
	loop->timers++;
}

static void
timer_unlink(struct loop *loop, struct timer *timer)
{
	size_t i = timer->slot_ms / SLOT_MS % SLOTS;

	*timer->prev = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	timer->next = NULL;
	timer->prev = NULL;
	if (loop->slot[i] == NULL)
		loop->used[i / 64] &= ~((uint64_t)1 << (i % 64));
	loop->timers--;
}

void
timer_set(struct loop *loop, struct timer *timer, uint64_t in_ms)
{
	if (!loop->running)
		loop->now = loop->now_ms();
	timer->wake_ms = loop->now + in_ms;
	/* Our clock has whole milliseconds: the one under way is not over. */
	if (in_ms != 0)
		timer->wake_ms++;
	must(timer->wake_ms != 0);
	if (timer->prev != NULL && timer->wake_ms >= timer->slot_ms)
		return;		/* moves on when its slot comes round */
	if (timer->prev != NULL)
		timer_unlink(loop, timer);
	timer_link(loop, timer);
}

void
timer_stop(struct loop *loop, struct timer *timer)
{
	if (timer->prev != NULL)
		timer_unlink(loop, timer);
	timer->wake_ms = 0;
}

/* Empties the slot of loop->tick. A timer that fires may stop or free any
 * other: each is taken from a list that timer_stop() can repair. */
static void
run_slot(struct loop *loop)
{
	size_t i = loop->tick % SLOTS;
	struct timer *due = loop->slot[i];

	loop->slot[i] = NULL;
	loop->used[i / 64] &= ~((uint64_t)1 << (i % 64));
	if (due != NULL)
		due->prev = &due;
	while (due != NULL) {
		struct timer *timer = due;

		timer_unlink(loop, timer);
		if (timer->wake_ms > loop->tick * SLOT_MS) {
			timer_link(loop, timer);
			continue;
		}
		timer->wake_ms = 0;
		timer->on_time(timer);
	}
}

static void
run_timers(struct loop *loop)
{
	uint64_t tick = loop->now / SLOT_MS;

	while (loop->tick < tick && loop->timers != 0) {
		loop->tick++;
		run_slot(loop);
	}
	if (loop->tick < tick)
		loop->tick = tick;
}

/* Milliseconds until the next slot with anything in it; -1: none. */
static int
time_to_wait(const struct loop *loop)
{
	uint64_t tick = loop->tick + 1;
	uint64_t now;

	if (loop->timers == 0)
		return -1;
	while ((loop->used[tick % SLOTS / 64] >> (tick % 64) & 1) == 0) {
		if (loop->used[tick % SLOTS / 64] == 0)
			tick = (tick | 63) + 1;
		else
			tick++;
	}
	now = loop->now_ms();
	return tick * SLOT_MS > now ? (int)(tick * SLOT_MS - now) : 0;
}

/* --- descriptors --- */

static int
control(struct loop *loop, int operation, struct watch *watch,
    uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) != 0)
		return -errno;
	watch->events = events;
	return 0;
}

int
watch_open(struct loop *loop, struct watch *watch, int fd, uint32_t events)
{
	watch->fd = fd;
	watch->events = 0;
	return watch_set(loop, watch, events);
}

/* A descriptor in the set reports EPOLLERR and EPOLLHUP even if nothing is
 * asked for: a parked one must be out, or a dead peer would make us spin. */
int
watch_set(struct loop *loop, struct watch *watch, uint32_t events)
{
	if (events == watch->events)
		return 0;
	if (events == 0)
		return control(loop, EPOLL_CTL_DEL, watch, 0);
	if (watch->events == 0)
		return control(loop, EPOLL_CTL_ADD, watch, events);
	return control(loop, EPOLL_CTL_MOD, watch, events);
}

void
watch_close(struct loop *loop, struct watch *watch)
{
	/* Fails only if the descriptor is gone already, and then it is out. */
	(void)watch_set(loop, watch, 0);
	watch->events = 0;
	for (int i = loop->at; i < loop->events; i++)
		if (loop->event[i].data.ptr == watch)
			loop->event[i].data.ptr = NULL;
}

static void
deliver(struct loop *loop)
{
	loop->at = 0;
	while (loop->at < loop->events) {
		struct epoll_event *event = &loop->event[loop->at++];
		struct watch *watch = event->data.ptr;
		uint32_t wanted;

		if (watch == NULL || watch->events == 0)
			continue;
		wanted = watch->events | EPOLLERR | EPOLLHUP;
		if ((event->events & wanted) != 0)
			watch->on_ready(watch, event->events & wanted);
	}
	loop->events = 0;
	loop->at = 0;
}

/* --- the loop --- */

struct loop *
loop_new(void)
{
	struct loop *loop = mem_new(sizeof *loop);
	int error;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->mail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = errno;
	if (loop->epoll_fd < 0 || loop->mail_fd < 0)
		goto failed;
	must(pthread_mutex_init(&loop->lock, NULL) == 0);
	loop->end = &loop->first;
	loop->mail.on_ready = run_mail;
	error = -watch_open(loop, &loop->mail, loop->mail_fd, EPOLLIN);
	if (error != 0)
		goto failed;
	loop_use_clock(loop, clock_mono_ms);
	return loop;
failed:
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->mail_fd >= 0)
		close(loop->mail_fd);
	free(loop);
	errno = error;
	return NULL;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	must(!loop->running);
	/* Nobody may post any more; whoever did has left the lock by now. */
	pthread_mutex_lock(&loop->lock);
	pthread_mutex_unlock(&loop->lock);
	pthread_mutex_destroy(&loop->lock);
	close(loop->epoll_fd);
	close(loop->mail_fd);
	free(loop);
}

void
loop_use_clock(struct loop *loop, uint64_t (*now_ms)(void))
{
	must(loop->timers == 0);
	loop->now_ms = now_ms;
	loop->now = now_ms();
	loop->tick = loop->now / SLOT_MS;
}

static int
run_turns(struct loop *loop)
{
	for (;;) {
		int wait, n;

		if (loop->turn != NULL)
			loop->turn(loop->turn_arg);
		if (loop->stopped)
			return 0;
		wait = loop->now_ms == clock_mono_ms ? time_to_wait(loop) : 0;
		n = epoll_wait(loop->epoll_fd, loop->event,
		    (int)countof(loop->event), wait);
		if (n < 0 && errno != EINTR)
			return -errno;
		loop->events = n < 0 ? 0 : n;
		loop->now = loop->now_ms();
		deliver(loop);
		run_timers(loop);
	}
}

int
loop_run(struct loop *loop)
{
	int error;

	must(!loop->running);
	loop->running = true;
	loop->now = loop->now_ms();
	error = run_turns(loop);
	loop->running = false;
	loop->stopped = false;
	return error;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

uint64_t
loop_now(const struct loop *loop)
{
	return loop->now;
}

void
loop_on_turn(struct loop *loop, void (*turn)(void *arg), void *arg)
{
	loop->turn = turn;
	loop->turn_arg = arg;
}
