/* SPDX-License-Identifier: Apache-2.0 */
/* loop: waits for descriptors, timers and messages from other threads; one
 * loop a thread. Thin: epoll, level-triggered; a lazy timing wheel; an eventfd
 * mailbox. Everything but loop_post() is called from the loop's own thread. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* The struct in which `pointer` points to the member `member`. */
#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Embedded in its owner; the owner keeps it until watch_close(). */
struct watch {
	int fd;
	uint32_t events;	/* EPOLLIN | EPOLLOUT, 0: parked */
	void (*on_ready)(struct watch *watch, uint32_t events);
};

/* Embedded in its owner, zeroed. Re-arming one for later is a store of 8
 * bytes. Granularity 100 ms, never early, counted from the turn's beginning. */
struct timer {
	struct timer *next, **prev;	/* private */
	uint64_t wake_ms, slot_ms;	/* private */
	void (*on_time)(struct timer *timer);
};

/* A message to a loop; embedded in its owner, who keeps it until `run`. */
struct loop_job {
	struct loop_job *next;	/* private */
	void (*run)(struct loop_job *job);
};

struct loop *loop_new(void);		/* NULL with errno */
/* Messages not yet run are forgotten; watches and timers are the owners'. */
void loop_free(struct loop *loop);
/* Runs until loop_stop(); 0 or -errno. May be run again. */
int loop_run(struct loop *loop);
/* The turn under way (or the first one) is the last. */
void loop_stop(struct loop *loop);
/* For tests: the time comes from `now_ms`, and the loop asks again and again
 * instead of sleeping. Before the first timer only. */
void loop_use_clock(struct loop *loop, uint64_t (*now_ms)(void));
/* The time at which this turn began, monotonic ms: no system call. */
uint64_t loop_now(const struct loop *loop);
/* Called at the end of every turn, before waiting: e.g. flush output, poll the
 * store. One a loop. */
void loop_on_turn(struct loop *loop, void (*turn)(void *arg), void *arg);

int watch_open(struct loop *loop, struct watch *watch, int fd,
    uint32_t events);
/* Changes what is waited for; 0 or -errno; free if nothing changes. */
int watch_set(struct loop *loop, struct watch *watch, uint32_t events);
/* Takes it out; does not close the descriptor. Events of this turn that were
 * already fetched for it are not delivered. */
void watch_close(struct loop *loop, struct watch *watch);

void timer_set(struct loop *loop, struct timer *timer, uint64_t in_ms);
void timer_stop(struct loop *loop, struct timer *timer);
static inline bool
timer_is_set(const struct timer *timer)
{
	return timer->wake_ms != 0;
}

/* Any thread: `job->run` is called once on the loop's thread. */
void loop_post(struct loop *loop, struct loop_job *job);

#endif
