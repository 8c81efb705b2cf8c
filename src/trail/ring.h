/* SPDX-License-Identifier: Apache-2.0 */
/* ring: events on their way from many threads to one. Writers take turns by a
 * lock that is held for a copy of some hundred octets; the reader takes none
 * and never makes a writer wait. Private to trail/. */
#ifndef TRAIL_RING_H
#define TRAIL_RING_H

#include <pthread.h>
#include <stdatomic.h>

#include "trail/trail.h"

struct ring {
	pthread_mutex_t lock;	/* of the writers */
	char *bytes;
	size_t len;		/* a power of two */
	_Atomic uint64_t head;	/* octets ever written */
	_Atomic uint64_t tail;	/* octets ever read */
	_Atomic uint64_t dropped;	/* events */
};

void ring_init(struct ring *ring, size_t len);
void ring_free(struct ring *ring);
/* False (and counted) if there is no room. `*used` is how full it is now. */
bool ring_put(struct ring *ring, const struct trail_event *event,
    size_t *used);
/* The oldest event, whose spans point into `memory` or into the ring until
 * ring_drop(); false if there is none. */
#define RING_EVENT_MAX 16384
bool ring_peek(struct ring *ring, struct trail_event *event,
    char memory[RING_EVENT_MAX]);
void ring_drop(struct ring *ring);

#endif
