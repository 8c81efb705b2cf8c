/* SPDX-License-Identifier: Apache-2.0 */
/* outbound_state: what outbound.c (destinations, their queues and links) and
 * outbound_room.c (what they share) know of each other. Nobody else includes
 * this. */
#ifndef DELIVER_OUTBOUND_STATE_H
#define DELIVER_OUTBOUND_STATE_H

#include "deliver/outbound.h"

#include "base/map.h"

struct dest;

/* A link's place at its destination. */
struct seat {
	struct dest *dest;
	struct link *link;
	bool is_connecting;
	bool is_trial;		/* connecting to one that is not proven */
	struct seat *next;
	/* among the idle ones of all, while it has no work; else prev NULL */
	struct seat *idle_next, **idle_prev;
};

struct dest {
	struct outbound *outbound;
	struct link_order order;
	char *key;
	char password[256];
	struct lane lane;
	struct transfer *first, **last;
	size_t queue_n, queue_max;
	size_t called_n;		/* asked for, not yet here */
	struct seat *seats;
	unsigned connecting_n;
	bool is_proven;
	struct outcome trouble;		/* what went wrong last */
	char *words, *host, *name;	/* of it */
	struct timer timer;
	bool is_wanting;
	struct dest *next_wanting;
};

struct outbound {
	struct outbound_options options;
	struct map dests;		/* by key */
	unsigned links_n, links_max, trials_n;
	size_t transfers_n, octets;	/* queued or under way */
	struct seat *idle, **last_idle;	/* the oldest first */
	struct dest *wanting, **last_wanting;	/* for want of room */
	struct loop_job kick;
	bool is_kicked;
	const struct conf *conf;	/* in force since a reload, or NULL */
	bool is_stopped;
};

/* --- outbound_room.c */

/* How many links there may be. */
unsigned room_links(unsigned shards);
/* What a transfer holds in memory; what several share is counted for each. */
size_t room_octets(const struct transfer *transfer);
/* How many transfers a destination may queue; may it hold one more now? */
size_t room_queue_max(const struct dest *dest);
bool room_may_queue(const struct dest *dest);
/* May it have one more link? */
bool room_may_link(const struct dest *dest);
/* It waits for room. */
void room_want(struct dest *dest);
/* There is more room: who waits for it is looked at in a moment, by
 * dest_continue(). */
void room_kick(struct outbound *outbound);
void room_on_kick(struct loop_job *job);
/* A link has no work; it may be ended for others. It has some, or ends. */
void room_join_idle(struct seat *seat);
void room_leave_idle(struct seat *seat);

/* --- outbound.c */

/* Asks for what is parked, gives work to links, opens more of them. */
void dest_continue(struct dest *dest);

#endif
