/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_state: what delivery.c (the schedule, mailboxes of ours) and
 * delivery_out.c (what concerns others) share. Nobody else includes this. */
#ifndef DELIVER_DELIVERY_STATE_H
#define DELIVER_DELIVERY_STATE_H

#include "base/map.h"
#include "deliver/attempt.h"
#include "deliver/delivery.h"
#include "deliver/dispatch.h"
#include "deliver/sched.h"

/* A message that has failed; kept until it is delivered. */
struct retry {
	uint64_t id;
	unsigned attempts;
	uint64_t due_ms;	/* as settled */
	bool is_returned;	/* an operator wants it to go back */
};

struct delivery {
	struct loop *loop;
	struct pool *pool;
	struct conf *conf;
	struct store *store;	/* NULL until attached */
	struct sched sched;
	struct map retries;	/* by id */
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
/* It waits for another configuration than `conf`: put back, or, if there is one
 * by now, tried again. */
void delivery_let_wait(struct delivery *delivery, uint64_t id,
    const struct conf *conf);
/* An operator has held it while it was tried. */
bool delivery_is_held(const struct delivery *delivery, uint64_t id);

/* delivery_retry.c */
/* What is remembered of it; made if there is nothing yet. */
struct retry *delivery_retry_of(struct delivery *delivery, uint64_t id);
unsigned delivery_attempts(const struct delivery *delivery, uint64_t id);
void delivery_set_attempts(struct delivery *delivery, uint64_t id,
    unsigned attempts, uint64_t due_ms);
/* It is gone: nothing is remembered of it. */
void delivery_forget(struct delivery *delivery, uint64_t id);
/* One more attempt has failed: when is the next? Of mail `born` then (0: not
 * known) not behind the times at which its sender is to be told something. */
uint64_t delivery_next_try(struct delivery *delivery, uint64_t id,
    uint64_t born);
/* What that said last; 0: never. */
uint64_t delivery_last_due(const struct delivery *delivery, uint64_t id);

/* delivery_operator.c */
/* Shall it go back to its sender? */
bool delivery_is_returned(const struct delivery *delivery, uint64_t id);

/* delivery_out.c */
void delivery_take_parcel(struct delivery *delivery, struct parcel *parcel);
/* Is it being tried? Then it is tried again behind that. */
bool delivery_is_flying(struct delivery *delivery, uint64_t id);

#endif
