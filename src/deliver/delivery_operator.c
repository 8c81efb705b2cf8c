/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: what an operator says about one message. It stays in the schedule
 * where it was, and is passed over there. */
#include "base/clock.h"
#include "deliver/delivery_state.h"

int
delivery_hold(struct delivery *delivery, uint64_t id)
{
	/* it is still in the schedule, and passed over there */
	delivery->has_twins = true;
	return store_set_state(delivery->store, id, STORE_HELD, UINT64_MAX);
}

int
delivery_retry(struct delivery *delivery, uint64_t id)
{
	uint64_t now = clock_real_ms();
	int error = store_set_state(delivery->store, id, STORE_READY, now);

	if (error != 0)
		return error;
	delivery->has_twins = true;
	sched_add(&delivery->sched, id, now);
	delivery_plan(delivery);
	return 0;
}

int
delivery_bounce(struct delivery *delivery, uint64_t id)
{
	int error = delivery_retry(delivery, id);

	if (error == 0)
		delivery_retry_of(delivery, id)->is_returned = true;
	return error;
}

int
delivery_remove(struct delivery *delivery, uint64_t id)
{
	return store_remove(delivery->store, id);
}

bool
delivery_is_returned(const struct delivery *delivery, uint64_t id)
{
	const struct retry *retry = map_find(&delivery->retries,
	    span_of(&id, sizeof id));

	return retry != NULL && retry->is_returned;
}
