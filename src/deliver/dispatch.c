/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: see dispatch.h.
 *
 *   parcel ─► one transfer a destination ─► outbound ─► all done ─► over
 */
#include "deliver/dispatch.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/map.h"
#include "deliver/tell.h"

struct dispatch {
	struct outbound *outbound;
	struct dispatch_hooks hooks;
	const struct bounce_env *notices;
	size_t parcels_n;
};

/* One destination's recipients, while they are gathered. */
struct group {
	struct transfer transfer;
	struct route_target *target;
	struct dispatch *dispatch;
	char key[512];
};

/* --- the end of a parcel */

static void
expire(struct parcel *parcel)
{
	uint64_t born = envelope_born(&parcel->envelope);
	uint64_t now = clock_real_ms();

	if (now < born || now - born < parcel->conf->expire_ms)
		return;
	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++)
		if (parcel->outcome[i].fate == FATE_LATER)
			parcel->outcome[i].fate = FATE_EXPIRED;
}

/* Its sender gave it until now: back it goes, or he is told. Whoever only
 * waits then is tried again like all others, so that he is told once. */
static void
mind_time(struct parcel *parcel)
{
	uint64_t now = clock_real_ms();
	enum param_by by = parcel_overdue(&parcel->envelope, now);
	struct outcome late = parcel_too_late();

	if (by == PARAM_BY_NONE)
		return;
	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++) {
		struct outcome *outcome = &parcel->outcome[i];

		if (outcome->fate != FATE_LATER &&
		    outcome->fate != FATE_WAITING &&
		    outcome->fate != FATE_PARKED)
			continue;
		if (by == PARAM_BY_RETURN)
			parcel_set(parcel, i, &late);
		else if (parcel_is_by_news(parcel, now))
			outcome->fate = FATE_LATER;
	}
}

/* What was released, and not taken, is held again: no mail grows too old while
 * its site sleeps. */
static void
hold_again(struct parcel *parcel)
{
	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++) {
		const struct route_target *target = parcel->target[i];

		if (parcel->outcome[i].fate == FATE_LATER && target != NULL &&
		    target->route != NULL &&
		    target->route->via.way == CONF_VIA_HOLD)
			parcel->outcome[i].fate = FATE_WAITING;
	}
}

static void
hand_back(struct dispatch *dispatch, struct parcel *parcel)
{
	dispatch->parcels_n--;
	dispatch->hooks.over(dispatch->hooks.arg, parcel);
}

/* Who failed without his sender being told is tried again: nobody vanishes. */
static void
on_told(void *arg, struct parcel *parcel, int result)
{
	struct outcome later = parcel_outcome(FATE_LATER, 4, 3, 0,
	    "the notice about its failure could not be stored");

	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++) {
		enum fate fate = parcel->outcome[i].fate;

		if (result == 0 || (fate != FATE_FAILED &&
		    fate != FATE_EXPIRED))
			continue;
		parcel_set(parcel, i, &later);
	}
	if (result != 0)
		log_error("notice-failed", LOG_S("to",
		    parcel->envelope.sender), LOG_ERRNO(result));
	hand_back(arg, parcel);
}

static void
end_parcel(struct dispatch *dispatch, struct parcel *parcel)
{
	hold_again(parcel);
	expire(parcel);
	mind_time(parcel);
	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++)
		tell_outcome(parcel, i);
	if (bounce_is_due(parcel, clock_real_ms()))
		bounce_begin(dispatch->notices, parcel, on_told, dispatch);
	else
		hand_back(dispatch, parcel);
}

static void
on_done(struct transfer *transfer)
{
	struct group *group = container_of(transfer, struct group, transfer);
	struct dispatch *dispatch = group->dispatch;
	struct parcel *parcel = transfer->parcel;

	must(parcel->transfers_n > 0);
	if (--parcel->transfers_n == 0)
		end_parcel(dispatch, parcel);
	else
		dispatch->hooks.progress(dispatch->hooks.arg, parcel);
}

/* --- the beginning */

static uint32_t
hash_of(struct span text)
{
	uint32_t hash = 2166136261u;	/* FNV-1a: only to spread senders */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.p[i]) * 16777619u;
	return hash;
}

static struct group *
new_group(struct dispatch *dispatch, struct parcel *parcel,
    struct route_target *target, const char *key)
{
	struct group *group = arena_alloc(&parcel->arena, sizeof *group);
	struct span sender = parcel->envelope.sender;

	if (group == NULL)
		return NULL;
	group->transfer.rcpt = arena_alloc(&parcel->arena,
	    parcel->envelope.rcpt_n * sizeof *group->transfer.rcpt);
	if (group->transfer.rcpt == NULL)
		return NULL;
	group->dispatch = dispatch;
	group->target = target;
	group->transfer.parcel = parcel;
	group->transfer.done = on_done;
	group->transfer.sender = hash_of(sender);
	group->transfer.class = sender.len == 0 ? LANE_BOUNCE :
	    parcel->is_again ? LANE_AGAIN : LANE_FRESH;
	memcpy(group->key, key, sizeof group->key);
	return group;
}

/* The recipient's group; NULL if there is no memory for so many. */
static struct group *
find_group(struct dispatch *dispatch, struct parcel *parcel, uint32_t rcpt,
    struct map *groups)
{
	char key[512] = "";
	struct group *group;

	route_key(parcel->conf, parcel->target[rcpt], key);
	group = map_find(groups, span_str(key));
	if (group != NULL)
		return group;
	group = new_group(dispatch, parcel, parcel->target[rcpt], key);
	if (group != NULL)
		(void)map_put(groups, span_str(group->key), group);
	return group;
}

static void
add(struct dispatch *dispatch, struct parcel *parcel, uint32_t rcpt,
    struct map *groups)
{
	struct outcome none = parcel_outcome(FATE_LATER, 4, 3, 1,
	    "too many destinations at once");
	struct group *group;

	if (parcel->outcome[rcpt].fate != FATE_OPEN)
		return;
	must(parcel->target[rcpt] != NULL);
	group = find_group(dispatch, parcel, rcpt, groups);
	if (group == NULL)
		parcel_set(parcel, rcpt, &none);
	else
		group->transfer.rcpt[group->transfer.rcpt_n++] = rcpt;
}

void
dispatch_begin(struct dispatch *dispatch, struct parcel *parcel)
{
	struct map groups;
	size_t at = 0;
	void *value;

	map_init(&groups);
	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++)
		add(dispatch, parcel, i, &groups);
	dispatch->parcels_n++;
	/* one more than there are, so that it does not end in between */
	parcel->transfers_n = 1 + (unsigned)groups.n;
	while (map_next(&groups, &at, NULL, &value)) {
		struct group *group = value;

		outbound_send(dispatch->outbound, group->target,
		    &group->transfer);
	}
	map_free(&groups);
	if (--parcel->transfers_n == 0)
		end_parcel(dispatch, parcel);
}

/* --- public */

struct dispatch *
dispatch_new(const struct link_env *env, const struct bounce_env *notices,
    unsigned shards, const struct dispatch_hooks *hooks)
{
	struct dispatch *dispatch = mem_new(sizeof *dispatch);
	struct outbound_options options = { .link = env, .shards = shards,
		.now_ms = clock_mono_ms, .wanted = hooks->wanted,
		.arg = hooks->arg };

	dispatch->hooks = *hooks;
	dispatch->notices = notices;
	dispatch->outbound = outbound_new(&options);
	return dispatch;
}

void
dispatch_reload(struct dispatch *dispatch, const struct conf *conf)
{
	outbound_reload(dispatch->outbound, conf);
}

void
dispatch_each(const struct dispatch *dispatch,
    void (*tell)(void *arg, const struct outbound_told *told), void *arg)
{
	outbound_each(dispatch->outbound, tell, arg);
}

void
dispatch_stop(struct dispatch *dispatch)
{
	outbound_stop(dispatch->outbound);
}

void
dispatch_abort(struct dispatch *dispatch)
{
	outbound_abort(dispatch->outbound);
}

bool
dispatch_is_idle(const struct dispatch *dispatch)
{
	return dispatch->parcels_n == 0;
}

static void
forget(struct transfer *transfer)
{
	struct group *group = container_of(transfer, struct group, transfer);
	struct dispatch *dispatch = group->dispatch;
	struct parcel *parcel = transfer->parcel;

	if (--parcel->transfers_n == 0)
		dispatch->hooks.forget(dispatch->hooks.arg, parcel);
}

void
dispatch_free(struct dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	outbound_free(dispatch->outbound, forget);
	free(dispatch);
}
