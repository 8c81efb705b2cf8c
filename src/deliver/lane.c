/* SPDX-License-Identifier: Apache-2.0 */
/* lane: see lane.h. A parked message's key is its place in virtual time: the
 * sender's last place plus one, but not before the place that is served now.
 * Who has much waiting is put far behind, who has nothing comes next. */
#include "deliver/lane.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/span.h"

#define WINDOW_FIRST 2

/* Which class each of twelve turns belongs to. */
static const unsigned char turns[] = {
	LANE_FRESH, LANE_FRESH, LANE_AGAIN, LANE_FRESH, LANE_FRESH, LANE_AGAIN,
	LANE_FRESH, LANE_FRESH, LANE_BOUNCE, LANE_FRESH, LANE_FRESH, LANE_AGAIN
};

void
lane_init(struct lane *lane, const struct lane_rules *rules)
{
	*lane = (struct lane){ .rules = *rules, .window = WINDOW_FIRST };
	must(rules->max > 0);
	if (lane->window > rules->max)
		lane->window = rules->max;
	for (size_t i = 0; i < LANE_CLASSES; i++)
		heap_init(&lane->parked[i]);
}

void
lane_free(struct lane *lane)
{
	for (size_t i = 0; i < LANE_CLASSES; i++)
		heap_free(&lane->parked[i]);
	free(lane->tag);
}

bool
lane_is_closed(const struct lane *lane, uint64_t now_ms)
{
	return now_ms < lane->closed_until_ms;
}

bool
lane_may_start(const struct lane *lane, uint64_t now_ms)
{
	return lane->active < lane->window && !lane_is_closed(lane, now_ms);
}

void
lane_started(struct lane *lane)
{
	lane->active++;
}

void
lane_open(struct lane *lane)
{
	lane->closed_until_ms = 0;
}

void
lane_ended(struct lane *lane)
{
	must(lane->active > 0);
	lane->active--;
}

void
lane_went(struct lane *lane)
{
	lane->failures = 0;
	lane->closings = 0;
	lane->closed_until_ms = 0;
	if (lane->window < lane->rules.max)
		lane->window++;
}

bool
lane_broke(struct lane *lane, uint64_t now_ms)
{
	uint64_t wait = lane->rules.close_first_ms;

	lane->window = lane->window > 2 ? lane->window / 2 : 1;
	lane->failures++;
	/* one that was closed has one try only */
	if (lane->failures < LANE_CLOSE_AFTER && lane->closings == 0)
		return false;
	if (lane_is_closed(lane, now_ms))
		return false;	/* said by another connection */
	for (unsigned i = 0; i < lane->closings &&
	    wait < lane->rules.close_max_ms; i++)
		wait *= 2;
	if (wait > lane->rules.close_max_ms)
		wait = lane->rules.close_max_ms;
	lane->closings++;
	lane->window = 1;
	lane->closed_until_ms = now_ms + wait;
	return true;
}

void
lane_park(struct lane *lane, uint64_t id, enum lane_class class,
    uint32_t sender)
{
	uint64_t *tag;

	if (lane->tag == NULL)
		lane->tag = mem_new_array((size_t)LANE_CLASSES * LANE_SENDERS,
		    sizeof *lane->tag);
	tag = &lane->tag[class * LANE_SENDERS + sender % LANE_SENDERS];
	if (*tag < lane->clock[class])
		*tag = lane->clock[class];
	++*tag;
	/* the place, and among equal ones the order in which they came */
	heap_add(&lane->parked[class], *tag << 32 |
	    (lane->order++ & UINT32_MAX), id);
}

static bool
take(struct lane *lane, unsigned class, uint64_t *id)
{
	struct heap_entry entry;

	if (!heap_take(&lane->parked[class], &entry))
		return false;
	lane->clock[class] = entry.key >> 32;
	*id = entry.item;
	return true;
}

uint64_t
lane_unpark(struct lane *lane)
{
	unsigned class = turns[lane->turn++ % countof(turns)];
	uint64_t id;

	if (take(lane, class, &id))
		return id;
	for (class = 0; class < LANE_CLASSES; class++)
		if (take(lane, class, &id))
			return id;
	free(lane->tag);
	lane->tag = NULL;
	for (class = 0; class < LANE_CLASSES; class++)
		lane->clock[class] = 0;
	return 0;
}

size_t
lane_parked(const struct lane *lane)
{
	size_t n = 0;

	for (size_t i = 0; i < LANE_CLASSES; i++)
		n += lane->parked[i].n;
	return n;
}
