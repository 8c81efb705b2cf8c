/* SPDX-License-Identifier: Apache-2.0 */
/* outbound: all destinations of one delivery: for each a lane (how much at a
 * time), the transfers that wait for it, and its links.
 *
 * 1. A transfer is carried, put off (FATE_LATER) or parked (FATE_PARKED: it is
 *    asked for by `wanted` when its turn has come); `done` is called in any
 *    case, once, perhaps from inside outbound_send.
 * 2. One destination, dead or slow, takes nothing from the others: its window
 *    is its own, and of messages that wait for it only numbers are kept.
 * 3. Memory: a bounded number of transfers a destination, 16 bytes for each
 *    that is parked. */
#ifndef DELIVER_OUTBOUND_H
#define DELIVER_OUTBOUND_H

#include "deliver/link.h"

struct outbound;

struct outbound_options {
	const struct link_env *link;	/* may change; not its loop */
	unsigned shards;	/* that share a destination's connections */
	uint64_t (*now_ms)(void);
	/* A parked message may be tried now. */
	void (*wanted)(void *arg, uint64_t id);
	void *arg;
};

struct outbound *outbound_new(const struct outbound_options *options);
/* Takes `transfer` for `target`, which is of `transfer->parcel->conf`. */
void outbound_send(struct outbound *outbound,
    const struct route_target *target, struct transfer *transfer);
/* `conf` is in force: whatever is parked is asked for, and finds its way anew.
 */
void outbound_reload(struct outbound *outbound, const struct conf *conf);
/* A destination as it is told to people; the spans are the destination's. */
struct outbound_told {
	struct span route;	/* the route's name; "": of a domain of ours */
	struct span name;	/* the domain, or the host */
	unsigned links_n, links_max;
	size_t waiting_n;	/* messages that wait for their turn */
	uint64_t closed_ms;	/* nothing goes for so long; 0: open */
	struct span why;	/* what went wrong last, or empty */
};
void outbound_each(const struct outbound *outbound,
    void (*tell)(void *arg, const struct outbound_told *told), void *arg);
/* Opens nothing any more; idle links end. What is under way goes on. */
void outbound_stop(struct outbound *outbound);
/* Breaks off what is under way. */
void outbound_abort(struct outbound *outbound);
bool outbound_is_idle(const struct outbound *outbound);
/* The loop is not run again. Transfers that were under way are handed to
 * `forget`, their recipients open. */
void outbound_free(struct outbound *outbound,
    void (*forget)(struct transfer *transfer));

#endif
