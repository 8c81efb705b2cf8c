/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: when the next try is. What is known of earlier ones stands in the
 * store's index (how many, and when the last one said the next is due), so
 * that a message which has failed costs no more memory than another. */
#include "base/clock.h"
#include "deliver/delivery_state.h"

unsigned
delivery_attempts(const struct delivery *delivery, uint64_t id)
{
	struct store_look look;

	return store_look(delivery->store, id, &look) == 0 ?
	    look.entry.attempts : 0;
}

uint64_t
delivery_last_due(const struct delivery *delivery, uint64_t id)
{
	struct store_look look;

	return store_look(delivery->store, id, &look) == 0 &&
	    look.entry.attempts != 0 ? look.entry.due_ms : 0;
}

uint64_t
delivery_due_so_far(const struct delivery *delivery, uint64_t id)
{
	uint64_t due = delivery_last_due(delivery, id);

	return due != 0 ? due : clock_real_ms();
}

/* `due`, or `at` if that lies before it and is still to come. */
static uint64_t
not_behind(uint64_t due, uint64_t now, uint64_t at)
{
	return at > now && at < due ? at : due;
}

uint64_t
delivery_next_try(struct delivery *delivery, uint64_t id, uint64_t born,
    uint64_t by_at)
{
	unsigned attempts = delivery_attempts(delivery, id) + 1;
	const struct conf *conf = delivery->conf;
	uint64_t now = clock_real_ms();
	uint64_t due = sched_backoff(id, attempts, now, conf->retry_first_ms,
	    conf->retry_max_ms);

	if (born != 0) {
		due = not_behind(due, now, conf->warn_after_ms != 0 ?
		    born + conf->warn_after_ms : 0);
		due = not_behind(due, now, conf->expire_ms != 0 ?
		    born + conf->expire_ms : 0);
	}
	return not_behind(due, now, by_at);
}

void
delivery_wake(struct delivery *delivery, uint64_t id, uint64_t by_at)
{
	if (by_at <= clock_real_ms())
		return;
	delivery->has_twins = true;
	sched_add(&delivery->sched, id, by_at);
}
