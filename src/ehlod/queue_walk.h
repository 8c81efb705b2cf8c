/* SPDX-License-Identifier: Apache-2.0 */
/* queue_walk: goes through the waiting messages of all shards, on their own
 * threads, a slice at a time, so that sessions are not held up by a million of
 * them; does something with those that a filter means, and sends what there is
 * to say to the client as fast as it reads. Envelopes that nobody has a note
 * of are read on a thread of the pool. */
#ifndef EHLOD_QUEUE_WALK_H
#define EHLOD_QUEUE_WALK_H

#include "base/buf.h"
#include "ehlod/control.h"
#include "ehlod/queue_filter.h"

struct queue_walk;

/* A message that is meant, on its shard's thread. `note` may be NULL if it is
 * not wanted. `out` takes items, one a line. Returns whether it counts. */
struct queue_seen {
	struct shard_store *at;
	const struct store_look *look;
	const struct note *note;
	const struct queue_filter *filter;
	bool is_dry;		/* only say whether it would count */
	struct move_order *move;	/* to the route that is asked for */
};
typedef bool queue_do(const struct queue_seen *seen, struct buf *out);

struct queue_plan {
	queue_do *act;
	bool wants_note;	/* also if the filter does not */
	bool is_dry;		/* nothing is done */
	bool starts_moves;	/* it is over when they are */
	uint64_t limit;		/* items; 0: all */
};

/* Answers `call` when it is over: {"count": n}. Refuses it if the filter is
 * none. */
void queue_walk_start(struct control *control, struct ctl_call *call,
    const struct queue_plan *plan);
/* Reads what nobody has a note of, so that the first question after a start
 * does not have to. */
void queue_walk_warm(struct control *control);

#endif
