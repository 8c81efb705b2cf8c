/* SPDX-License-Identifier: Apache-2.0 */
/* queue_count: how many messages wait in which state and for which domains. A
 * bounded number of domains is counted by name, the rest together. */
#ifndef EHLOD_QUEUE_COUNT_H
#define EHLOD_QUEUE_COUNT_H

#include <jansson.h>

#include "base/map.h"
#include "deliver/note.h"

#define QUEUE_COUNT_STATES 3	/* enum store_state */

struct queue_count {
	uint64_t state[QUEUE_COUNT_STATES];
	uint64_t others;	/* recipients of domains beyond those known */
	struct map domains;
};

void queue_count_init(struct queue_count *count);
void queue_count_free(struct queue_count *count);
void queue_count_add(struct queue_count *count, struct store *store,
    const struct store_look *look);
void queue_count_merge(struct queue_count *into,
    const struct queue_count *from);
/* {"ready": n, …, "domains": [{"domain": …, "rcpts": n}, …]}, those with the
 * most first, at most `max` of them. */
json_t *queue_count_json(const struct queue_count *count, size_t max);

#endif
