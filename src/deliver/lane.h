/* SPDX-License-Identifier: Apache-2.0 */
/* lane: how much may go to one destination at a time, and who is next. Pure:
 * the time is given, nothing is looked up.
 *
 *   window   connections at a time: 2 at first, one more with each success, up
 *            to `max`; half after a failure
 *   closed   after CLOSE_AFTER failures in a row nothing goes for a while, and
 *            twice as long each time; then one connection tries, and the
 *            window grows again from 1: who comes back is not flooded
 *   parked   ids of messages that wait for a turn, 16 bytes each
 *
 * Turns are shared: of twelve, eight are for mail that is tried for the first
 * time, three for mail tried again, one for bounces; what a class does not use
 * goes to the others. Inside a class senders take turns (start-time fair
 * queueing), so that a thousand mails of one do not delay the one of another.
 */
#ifndef DELIVER_LANE_H
#define DELIVER_LANE_H

#include <stdint.h>

#include "base/heap.h"

#define LANE_CLOSE_AFTER 3
#define LANE_SENDERS     256	/* hashes of senders told apart */

enum lane_class { LANE_FRESH, LANE_AGAIN, LANE_BOUNCE, LANE_CLASSES };

struct lane_rules {
	unsigned max;			/* connections */
	uint64_t close_first_ms, close_max_ms;
};

struct lane {
	struct lane_rules rules;
	unsigned window, active;
	unsigned failures;		/* in a row */
	unsigned closings;		/* in a row */
	uint64_t closed_until_ms;	/* 0: open */
	struct heap parked[LANE_CLASSES];	/* key: virtual time */
	uint64_t clock[LANE_CLASSES];	/* virtual time of the last one taken */
	uint64_t *tag;			/* [class][sender]; NULL until needed */
	unsigned turn;
	uint64_t order;			/* for equal keys: as they came */
};

void lane_init(struct lane *lane, const struct lane_rules *rules);
void lane_free(struct lane *lane);

/* May one more connection be opened? */
bool lane_may_start(const struct lane *lane, uint64_t now_ms);
bool lane_is_closed(const struct lane *lane, uint64_t now_ms);
void lane_started(struct lane *lane);
/* Somebody knows that it is there again: one connection may try. */
void lane_open(struct lane *lane);
/* A connection ended in peace. */
void lane_ended(struct lane *lane);
/* A message went through. */
void lane_went(struct lane *lane);
/* No connection came about, or it broke. Says whether the lane closes now. */
bool lane_broke(struct lane *lane, uint64_t now_ms);

/* Puts a message aside / takes the next one; 0: none is. */
void lane_park(struct lane *lane, uint64_t id, enum lane_class class,
    uint32_t sender);
uint64_t lane_unpark(struct lane *lane);
size_t lane_parked(const struct lane *lane);

#endif
