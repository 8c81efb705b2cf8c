/* SPDX-License-Identifier: Apache-2.0 */
/* sched: when is which message due? */
#include "deliver/sched.h"

#include "base/die.h"

void
sched_init(struct sched *sched)
{
	heap_init(&sched->due);
}

void
sched_free(struct sched *sched)
{
	heap_free(&sched->due);
}

void
sched_add(struct sched *sched, uint64_t id, uint64_t due_ms)
{
	must(id != 0);	/* 0 is sched_take's "nothing" */
	heap_add(&sched->due, due_ms, id);
}

uint64_t
sched_take(struct sched *sched, uint64_t now_ms)
{
	struct heap_entry entry;

	if (!heap_peek(&sched->due, &entry) || entry.key > now_ms)
		return 0;
	(void)heap_take(&sched->due, &entry);	/* it was there */
	return entry.item;
}

uint64_t
sched_next(const struct sched *sched)
{
	struct heap_entry entry;

	return heap_peek(&sched->due, &entry) ? entry.key : UINT64_MAX;
}

/* A number that looks like chance but is the same after a restart; the
 * finalizer of splitmix64. */
static uint64_t
mix(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

uint64_t
sched_backoff(uint64_t id, unsigned attempts, uint64_t now_ms,
    uint64_t first_ms, uint64_t max_ms)
{
	uint64_t wait = first_ms;
	uint64_t tenth;

	if (max_ms > UINT64_MAX / 2)
		max_ms = UINT64_MAX / 2;	/* room for the jitter */
	for (unsigned i = 1; i < attempts && wait < max_ms; i++)
		wait = wait > max_ms / 2 ? max_ms : wait * 2;
	if (wait > max_ms)
		wait = max_ms;
	tenth = wait / 10;
	/* messages that failed together do not come back together */
	wait += mix(id + attempts) % (2 * tenth + 1);
	wait -= tenth;
	return now_ms > UINT64_MAX - wait ? UINT64_MAX : now_ms + wait;
}
