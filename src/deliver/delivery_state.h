/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_state: what delivery.c (the schedule, mailboxes of ours) and
 * delivery_out.c (what concerns others) share. Nobody else includes this. */
#ifndef DELIVER_DELIVERY_STATE_H
#define DELIVER_DELIVERY_STATE_H

#include "base/map.h"
#include "deliver/attempt.h"
#include "deliver/delivery.h"
#include "deliver/dispatch.h"
#include "deliver/note.h"
#include "deliver/pause.h"
#include "deliver/sched.h"

/* What somebody wants of a message's next attempt; few have one. */
struct wish {
	uint64_t id;
	bool is_returned;	/* it goes back */
	struct release *release;	/* what is held goes out; or NULL */
};

struct delivery {
	struct loop *loop;
	struct pool *pool;
	struct conf *conf;
	struct pause *pause;
	unsigned era;		/* one more with each of both */
	struct mover *mover;
	struct reasons reasons;
	struct store *store;	/* NULL until attached */
	struct sched sched;
	struct map wishes;	/* by id */
	uint64_t *waiting;	/* ids without a way to go */
	size_t waiting_n, waiting_cap;
	uint64_t recovered_max;	/* ids up to here may have been delivered
				 * by the process before us */
	struct maildir_batch *maildir;	/* the running job's, else ours */
	char *hostname;		/* in its files' names */
	struct job *running;
	size_t settling_n;	/* jobs, and parcels, whose settles are under
				 * way */
	struct unwritten *unwritten;	/* settles that the disk did not take
					 * (resettle.h) */
	struct dispatch *dispatch;	/* NULL: nothing goes out */
	struct map flying;	/* id to parcel: those being tried */
	struct timer timer;
	struct loop_job kick;
	bool is_kicked;
	bool is_stopped;
	bool has_twins;		/* an id may be in the schedule twice: an
				 * operator put it there again */
};

/* delivery.c */
/* Sees to it that what is due is tried. */
void delivery_plan(struct delivery *delivery);
void delivery_put_back(struct delivery *delivery, uint64_t id,
    enum store_state state, uint64_t due_ms);
/* It found no way in `era`: waits for the next one, or, if that has begun, is
 * tried again. Not longer than to `by_at` (0: for ever). */
void delivery_let_wait(struct delivery *delivery, uint64_t id, unsigned era,
    uint64_t by_at);
/* What waits may have a way now. */
void delivery_look_again(struct delivery *delivery);
/* An operator has held it while it was tried. */
bool delivery_is_held(const struct delivery *delivery, uint64_t id);

/* delivery_retry.c */
unsigned delivery_attempts(const struct delivery *delivery, uint64_t id);
/* One more attempt has failed: when is the next? Of mail `born` then (0: not
 * known) not behind the times at which its sender is to be told something, one
 * of which he may have named himself (`by_at`, or 0). */
uint64_t delivery_next_try(struct delivery *delivery, uint64_t id,
    uint64_t born, uint64_t by_at);
/* What that said last; 0: never. */
uint64_t delivery_last_due(const struct delivery *delivery, uint64_t id);
/* The same for what is put to those that wait: what it was stays known. */
uint64_t delivery_due_so_far(const struct delivery *delivery, uint64_t id);
/* It waits for somebody who may not come before `by_at`: it is looked at then,
 * whatever has happened. */
void delivery_wake(struct delivery *delivery, uint64_t id, uint64_t by_at);

/* delivery_operator.c */
/* It had its try by `release`: what is held is held again, unless somebody has
 * called anew. */
void delivery_hold_again(struct delivery *delivery, uint64_t id,
    const struct release *release);
/* For the mover: it has another envelope. */
void delivery_moved(void *arg, uint64_t id);
/* NULL: nobody wants anything. */
const struct wish *delivery_wish(const struct delivery *delivery,
    uint64_t id);
/* It is gone, or has had its attempt. */
void delivery_forget(struct delivery *delivery, uint64_t id);

/* delivery_out.c */
void delivery_take_parcel(struct delivery *delivery, struct parcel *parcel);
/* Is it being tried? Then it is tried again behind that. */
bool delivery_is_flying(struct delivery *delivery, uint64_t id);

#endif
