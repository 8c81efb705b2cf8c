/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: where a message goes back to when it has been looked at: into the
 * schedule, or to those that wait for a way to be there. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "deliver/delivery_state.h"

static int
compare_ids(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

/* What was released, and came back, is there twice. */
static void
drop_twins(struct delivery *delivery)
{
	uint64_t *id = delivery->waiting;
	size_t n = 0;

	if (delivery->waiting_n == 0)
		return;
	qsort(id, delivery->waiting_n, sizeof *id, compare_ids);
	for (size_t i = 0; i < delivery->waiting_n; i++)
		if (n == 0 || id[n - 1] != id[i])
			id[n++] = id[i];
	delivery->waiting_n = n;
}

static void
add_waiting(struct delivery *delivery, uint64_t id)
{
	bool is_full = delivery->waiting_n == delivery->waiting_cap;

	if (is_full)
		drop_twins(delivery);
	if (is_full && delivery->waiting_n >= delivery->waiting_cap / 4 * 3) {
		delivery->waiting_cap = delivery->waiting_cap != 0 ?
		    delivery->waiting_cap * 2 : 64;
		delivery->waiting = mem_grow_array(delivery->waiting,
		    delivery->waiting_cap, sizeof *delivery->waiting);
	}
	delivery->waiting[delivery->waiting_n++] = id;
}

void
delivery_put_back(struct delivery *delivery, uint64_t id,
    enum store_state state, uint64_t due_ms)
{
	switch (state) {
	case STORE_READY:
		sched_add(&delivery->sched, id, due_ms);
		break;
	case STORE_WAITING:
		add_waiting(delivery, id);
		break;
	case STORE_HELD:
		break;	/* an operator's */
	}
}

void
delivery_let_wait(struct delivery *delivery, uint64_t id, unsigned era,
    uint64_t by_at)
{
	if (era != delivery->era) {
		sched_add(&delivery->sched, id, clock_real_ms());
		return;
	}
	add_waiting(delivery, id);
	delivery_wake(delivery, id, by_at);
}

void
delivery_look_again(struct delivery *delivery)
{
	uint64_t now = clock_real_ms();

	while (delivery->waiting_n != 0)
		sched_add(&delivery->sched,
		    delivery->waiting[--delivery->waiting_n], now);
	free(delivery->waiting);
	delivery->waiting = NULL;
	delivery->waiting_cap = 0;
	delivery_plan(delivery);
}
