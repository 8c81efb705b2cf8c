/* SPDX-License-Identifier: Apache-2.0 */
/* move: waiting mail that an operator sends another way: its recipients are
 * given the name of a route, which counts more than what would fit them, in
 * the envelope in the spool. A few are read at a time, on a thread of the
 * pool; ids of those that wait cost 16 octets each.
 *
 * 1. A message is tried by its new route when the change is durable, not
 *    before; what is held stays held.
 * 2. Recipients of our own mailboxes stay where they are. */
#ifndef DELIVER_MOVE_H
#define DELIVER_MOVE_H

#include "net/loop.h"
#include "net/pool.h"
#include "spool/store.h"

/* What is wanted; its owner's until `due_n` is 0. */
struct move_order {
	struct span route;	/* ""; as configured */
	/* Is this recipient meant? On a thread of the pool. */
	bool (*fits)(const void *arg, struct span address);
	const void *arg;
	uint64_t due_n;		/* messages to be moved yet */
	uint64_t moved_n;
};

struct mover;

/* `moved` is told of each that is durable. */
struct mover *mover_new(struct loop *loop, struct pool *pool,
    void (*moved)(void *arg, uint64_t id), void *arg);
/* Before any message is given to it. */
void mover_attach(struct mover *mover, struct store *store);
void mover_add(struct mover *mover, uint64_t id, struct move_order *order);
/* What was not taken up yet stays as it is. */
void mover_cancel(struct mover *mover, struct move_order *order);
bool mover_is_idle(const struct mover *mover);
/* Idle, or with pool and store gone. */
void mover_free(struct mover *mover);

#endif
