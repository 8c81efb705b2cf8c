/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: what is remembered of messages that failed, and when the next try
 * is. A message that has not failed is not remembered. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "deliver/delivery_state.h"

static struct span
key_of(const uint64_t *id)
{
	return span_of(id, sizeof *id);
}

unsigned
delivery_attempts(const struct delivery *delivery, uint64_t id)
{
	const struct retry *retry = map_find(&delivery->retries, key_of(&id));

	return retry != NULL ? retry->attempts : 0;
}

struct retry *
delivery_retry_of(struct delivery *delivery, uint64_t id)
{
	struct retry *retry = map_find(&delivery->retries, key_of(&id));

	if (retry == NULL) {
		retry = mem_new(sizeof *retry);
		retry->id = id;
		(void)map_put(&delivery->retries, key_of(&retry->id), retry);
	}
	return retry;
}

void
delivery_set_attempts(struct delivery *delivery, uint64_t id, unsigned attempts,
    uint64_t due_ms)
{
	struct retry *retry = delivery_retry_of(delivery, id);

	retry->attempts = attempts;
	retry->due_ms = due_ms;
}

void
delivery_forget(struct delivery *delivery, uint64_t id)
{
	free(map_take(&delivery->retries, key_of(&id)));
}

uint64_t
delivery_last_due(const struct delivery *delivery, uint64_t id)
{
	const struct retry *retry = map_find(&delivery->retries, key_of(&id));

	return retry != NULL ? retry->due_ms : 0;
}

/* `due`, or the time `wait` behind `born` if that lies before it. */
static uint64_t
not_behind(uint64_t due, uint64_t now, uint64_t born, uint64_t wait)
{
	uint64_t at = born + wait;

	return wait != 0 && at > now && at < due ? at : due;
}

uint64_t
delivery_next_try(struct delivery *delivery, uint64_t id, uint64_t born)
{
	unsigned attempts = delivery_attempts(delivery, id) + 1;
	const struct conf *conf = delivery->conf;
	uint64_t now = clock_real_ms();
	uint64_t due = sched_backoff(id, attempts, now, conf->retry_first_ms,
	    conf->retry_max_ms);

	if (born != 0) {
		due = not_behind(due, now, born, conf->warn_after_ms);
		due = not_behind(due, now, born, conf->expire_ms);
	}
	delivery_set_attempts(delivery, id, attempts, due);
	return due;
}
