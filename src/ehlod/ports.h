/* SPDX-License-Identifier: Apache-2.0 */
/* ports: the addresses we listen at, across reloads. A change of configuration
 * is first planned (every socket that is new is opened, or nothing is), then
 * carried out. Main thread only; shards see struct port. */
#ifndef EHLOD_PORTS_H
#define EHLOD_PORTS_H

#include "ehlod/shard.h"

struct ports {
	struct port *first;
	struct tally *tallies;
	unsigned shard_n;
};

struct ports_plan {
	struct shard_port_change *change;	/* shard s gets the n from
						 * s * n on */
	size_t n;
	unsigned shard_n;
};

/* Opens what is not open yet, for every shard. False if something could not
 * be: it has been logged, and nothing is left open. */
bool ports_make_plan(struct ports *ports, const struct conf *conf,
    struct ports_plan *plan);
/* Closes what it has opened. */
void ports_drop_plan(struct ports_plan *plan);
/* From now on the plan is what is open; says so in the log. The descriptors
 * are the caller's to hand on, and the plan's memory to free. */
void ports_take_plan(struct ports *ports, const struct conf *conf,
    const struct ports_plan *plan);
/* When no shard is left. */
void ports_free(struct ports *ports);

#endif
