/* SPDX-License-Identifier: Apache-2.0 */
/* sched: when is which message due? Pure: the time is given. Small: a heap
 * entry of 16 bytes a waiting message. */
#ifndef DELIVER_SCHED_H
#define DELIVER_SCHED_H

#include <stdint.h>

#include "base/heap.h"

struct sched {
	struct heap due;	/* key: due_ms, item: id */
};

void sched_init(struct sched *sched);
void sched_free(struct sched *sched);
void sched_add(struct sched *sched, uint64_t id, uint64_t due_ms);
/* The next id that is due, or 0. It is out of the schedule until added. */
uint64_t sched_take(struct sched *sched, uint64_t now_ms);
/* When to ask again; UINT64_MAX if nothing waits. */
uint64_t sched_next(const struct sched *sched);
/* When to try again after `attempts` ones: first_ms after the first, twice as
 * long after each further one, at most max_ms; with a jitter of ±10 % made
 * from the id, so that it is the same after a restart. */
uint64_t sched_backoff(uint64_t id, unsigned attempts, uint64_t now_ms,
    uint64_t first_ms, uint64_t max_ms);

#endif
