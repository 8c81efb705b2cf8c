/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: what an operator says about one message. It stays in the schedule
 * where it was, and is passed over there. When it was due stays known, for
 * what its sender is to be told. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "deliver/delivery_state.h"
#include "deliver/note.h"

static struct span
key_of(const uint64_t *id)
{
	return span_of(id, sizeof *id);
}

static struct wish *
wish_of(struct delivery *delivery, uint64_t id)
{
	struct wish *wish = map_find(&delivery->wishes, key_of(&id));

	if (wish == NULL) {
		wish = mem_new(sizeof *wish);
		wish->id = id;
		(void)map_put(&delivery->wishes, key_of(&wish->id), wish);
	}
	return wish;
}

const struct wish *
delivery_wish(const struct delivery *delivery, uint64_t id)
{
	return map_find(&delivery->wishes, key_of(&id));
}

void
delivery_forget(struct delivery *delivery, uint64_t id)
{
	struct wish *wish = delivery->wishes.n == 0 ? NULL :
	    map_take(&delivery->wishes, key_of(&id));

	if (wish != NULL)
		release_unref(wish->release);
	free(wish);
}

void
delivery_hold_again(struct delivery *delivery, uint64_t id,
    const struct release *release)
{
	const struct wish *wish = delivery_wish(delivery, id);

	if (wish != NULL && release != NULL && wish->release == release &&
	    !wish->is_returned)
		delivery_forget(delivery, id);
}

int
delivery_hold(struct delivery *delivery, uint64_t id)
{
	struct store_look look;

	if (store_look(delivery->store, id, &look) != 0)
		return -ENOENT;
	/* it is still in the schedule, and passed over there */
	delivery->has_twins = true;
	return store_set_state(delivery->store, id, STORE_HELD,
	    look.entry.due_ms);
}

int
delivery_retry(struct delivery *delivery, uint64_t id)
{
	uint64_t now = clock_real_ms();
	struct store_look look;

	if (store_look(delivery->store, id, &look) != 0)
		return -ENOENT;
	(void)store_set_state(delivery->store, id, STORE_READY,
	    look.entry.due_ms < now ? look.entry.due_ms : now);
	delivery->has_twins = true;
	sched_add(&delivery->sched, id, now);
	delivery_plan(delivery);
	return 0;
}

int
delivery_release(struct delivery *delivery, uint64_t id,
    struct release *release)
{
	int error = delivery_retry(delivery, id);
	struct wish *wish;

	if (error != 0)
		return error;
	wish = wish_of(delivery, id);
	release_unref(wish->release);
	wish->release = release_ref(release);
	return 0;
}

int
delivery_bounce(struct delivery *delivery, uint64_t id)
{
	int error = delivery_retry(delivery, id);

	if (error == 0)
		wish_of(delivery, id)->is_returned = true;
	return error;
}

void
delivery_moved(void *arg, uint64_t id)
{
	struct delivery *delivery = arg;

	note_forget(delivery->store, id, &delivery->reasons);
	if (!delivery_is_held(delivery, id))
		(void)delivery_retry(delivery, id);	/* gone: well */
}

void
delivery_move(struct delivery *delivery, uint64_t id,
    struct move_order *order)
{
	mover_add(delivery->mover, id, order);
}

void
delivery_cancel(struct delivery *delivery, struct move_order *order)
{
	mover_cancel(delivery->mover, order);
}

int
delivery_remove(struct delivery *delivery, uint64_t id)
{
	return store_remove(delivery->store, id);
}
