/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: what concerns others: parcels on their way, and what they come
 * back with.
 *
 *   attempt ─► parcel ─► dispatch ─► over ─► settle ─► gone, or back
 *
 * While a parcel is away its message is `flying`: whoever asks for it in the
 * meantime (an operator, a lane) gets it tried again behind that, not twice at
 * the same time. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/delivery_state.h"
#include "deliver/note.h"
#include "deliver/resettle.h"
#include "deliver/tell.h"
#include "mail/trace.h"

#define PROGRESS_MS 2000	/* a settle in between costs a record */

/* A settle under way. */
struct closing {
	struct delivery *delivery;
	struct parcel *parcel;		/* NULL: one in between */
	uint64_t id;
	enum store_state state;
	uint64_t due_ms;
	bool is_last;
	bool is_parked;			/* only a lane brings it back */
};

static struct span
key_of(const struct parcel *parcel)
{
	return span_of(&parcel->pin.id, sizeof parcel->pin.id);
}

bool
delivery_is_flying(struct delivery *delivery, uint64_t id)
{
	struct parcel *parcel = map_find(&delivery->flying,
	    span_of(&id, sizeof id));

	if (parcel != NULL)
		parcel->is_wanted = true;
	return parcel != NULL;
}

/* The parcel is not needed any more. */
static void
land(struct delivery *delivery, struct parcel *parcel)
{
	bool is_wanted = parcel->is_wanted;
	uint64_t id = parcel->pin.id;

	(void)map_take(&delivery->flying, key_of(parcel));
	parcel_free(parcel);
	if (is_wanted)
		sched_add(&delivery->sched, id, clock_real_ms());
	delivery_plan(delivery);
}

/* --- settling */

static void
on_settled(void *arg, int result)
{
	struct closing *closing = arg;
	struct delivery *delivery = closing->delivery;
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	if (result != 0) {
		trace_put_id(&put, closing->id);
		log_error("settle-failed", LOG_S("id", put_span(&put)),
		    LOG_ERRNO(result));
		closing->is_last = closing->is_parked = false;
		closing->state = STORE_READY;
		closing->due_ms = delivery_next_try(delivery, closing->id, 0,
		    0);
	}
	delivery->settling_n--;
	if (closing->parcel != NULL) {
		if (closing->is_last)
			delivery_forget(delivery, closing->id);
		else if (closing->state == STORE_WAITING)
			delivery_let_wait(delivery, closing->id,
			    closing->parcel->era,
			    closing->parcel->envelope.by_at);
		else if (!closing->is_parked)
			delivery_put_back(delivery, closing->id,
			    closing->state, closing->due_ms);
		if (closing->is_last)
			closing->parcel->is_wanted = false;
		land(delivery, closing->parcel);
	}
	free(closing);
	delivery_plan(delivery);
}

/* What is over for this recipient, and not yet on disk. */
static bool
is_done(const struct outcome *outcome, enum store_outcome *as)
{
	switch (outcome->fate) {
	case FATE_DELIVERED:
	case FATE_RELAYED:
	case FATE_DISCARDED:
		*as = STORE_DELIVERED;
		return !outcome->is_told;
	case FATE_FAILED:
	case FATE_EXPIRED:
		*as = STORE_FAILED;
		return !outcome->is_told;
	case FATE_OPEN:
	case FATE_SETTLED:
	case FATE_LATER:
	case FATE_WAITING:
	case FATE_PARKED:
		break;
	}
	return false;
}

/* Why the message is still here: the first of those that are. */
static struct span
reason_of(const struct parcel *parcel, char *memory, size_t len)
{
	struct put out = put_init(memory, len);

	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++) {
		const struct outcome *outcome = &parcel->outcome[i];
		char words[256];

		if (outcome->fate != FATE_LATER &&
		    outcome->fate != FATE_WAITING)
			continue;
		put_bytes(&out, span_first(
		    parcel->envelope.rcpt[i].address, 120));
		put_str(&out, ": ");
		if (outcome->host.len != 0) {
			put_bytes(&out, span_first(outcome->host, 100));
			put_str(&out, ": ");
		}
		put_bytes(&out, tell_words(outcome, words, sizeof words));
		break;
	}
	return put_span(&out);
}

static void
settle(struct closing *closing, struct parcel *parcel, bool only_good)
{
	struct delivery *delivery = closing->delivery;
	size_t n = parcel->envelope.rcpt_n;
	uint32_t *rcpt = mem_new_array(n + 1, sizeof *rcpt);
	enum store_outcome *outcome = mem_new_array(n + 1, sizeof *outcome);
	char memory[512];
	struct store_settle all = { .id = closing->id, .rcpt = rcpt,
		.outcome = outcome, .is_last = closing->is_last,
		.is_no_attempt = closing->parcel == NULL ||
		    closing->state == STORE_WAITING || closing->is_parked,
		.state = closing->state, .due_ms = closing->due_ms };

	for (uint32_t i = 0; i < n; i++) {
		enum store_outcome as;

		if (!is_done(&parcel->outcome[i], &as) ||
		    (only_good && as != STORE_DELIVERED))
			continue;
		parcel->outcome[i].is_told = true;
		outcome[all.rcpt_n] = as;
		rcpt[all.rcpt_n++] = i;
	}
	if (!all.is_last) {
		all.reason = reason_of(parcel, memory, sizeof memory);
		note_set_reason(delivery->store, closing->id,
		    &delivery->reasons, all.reason);
	}
	delivery->settling_n++;
	resettle(delivery, &all, on_settled, closing);
	free(rcpt);
	free(outcome);
}

static struct closing *
new_closing(struct delivery *delivery, const struct parcel *parcel)
{
	struct closing *closing = mem_new(sizeof *closing);

	closing->delivery = delivery;
	closing->id = parcel->pin.id;
	closing->state = STORE_READY;
	closing->due_ms = clock_real_ms();
	return closing;
}

/* --- what dispatch tells */

static void
on_wanted(void *arg, uint64_t id)
{
	struct delivery *delivery = arg;

	if (delivery_is_flying(delivery, id))
		return;
	sched_add(&delivery->sched, id, clock_real_ms());
	delivery_plan(delivery);
}

/* A crash from here on does not send again what is settled now. */
static void
on_progress(void *arg, struct parcel *parcel)
{
	struct delivery *delivery = arg;
	uint64_t now = loop_now(delivery->loop);
	enum store_outcome as;
	bool has_news = false;

	for (size_t i = 0; i < parcel->envelope.rcpt_n; i++)
		has_news = has_news || (is_done(&parcel->outcome[i], &as) &&
		    as == STORE_DELIVERED);
	if (!has_news || now - parcel->progress_at < PROGRESS_MS)
		return;
	parcel->progress_at = now;
	settle(new_closing(delivery, parcel), parcel, true);
}

static void
log_waiting(const struct parcel *parcel)
{
	char text[TRACE_ID_LEN], memory[512];
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, parcel->pin.id);
	log_notice("waiting", LOG_S("id", put_span(&put)), LOG_S("reason",
	    reason_of(parcel, memory, sizeof memory)));
}

static void
on_over(void *arg, struct parcel *parcel)
{
	struct delivery *delivery = arg;
	size_t later = parcel_count(parcel, FATE_LATER);
	size_t parked = parcel_count(parcel, FATE_PARKED);
	size_t waiting = parcel_count(parcel, FATE_WAITING);
	struct closing *closing;

	store_unpin(delivery->store, &parcel->pin);
	if (later + waiting + parcel_count(parcel, FATE_SETTLED) + parked ==
	    parcel->envelope.rcpt_n && parked != 0 && later == 0) {
		/* nothing new: its lane knows it */
		delivery_wake(delivery, parcel->pin.id,
		    parcel->envelope.by_at);
		land(delivery, parcel);
		return;
	}
	closing = new_closing(delivery, parcel);
	closing->parcel = parcel;
	closing->is_last = later + parked + waiting == 0;
	closing->is_parked = parked != 0 && later == 0;
	if (parked == 0 && !closing->is_last)
		delivery_hold_again(delivery, closing->id, parcel->release);
	if (later != 0) {
		closing->due_ms = delivery_next_try(delivery, closing->id,
		    envelope_born(&parcel->envelope),
		    parcel->envelope.by_at);
	} else if (waiting != 0 && parked == 0) {
		closing->state = STORE_WAITING;
		closing->due_ms = delivery_due_so_far(delivery, closing->id);
		log_waiting(parcel);
	}
	if (!closing->is_last && delivery_is_held(delivery, closing->id))
		closing->state = STORE_HELD;
	settle(closing, parcel, false);
}

static void
on_forget(void *arg, struct parcel *parcel)
{
	struct delivery *delivery = arg;

	(void)map_take(&delivery->flying, key_of(parcel));
	parcel_free(parcel);
}

/* --- public */

void
delivery_take_parcel(struct delivery *delivery, struct parcel *parcel)
{
	must(delivery->dispatch != NULL);
	parcel->progress_at = loop_now(delivery->loop);
	parcel->due_ms = delivery_last_due(delivery, parcel->pin.id);
	(void)map_put(&delivery->flying, key_of(parcel), parcel);
	dispatch_begin(delivery->dispatch, parcel);
}

void
delivery_use(struct delivery *delivery, const struct link_env *env,
    const struct bounce_env *notices, unsigned shards)
{
	struct dispatch_hooks hooks = { on_wanted, on_progress, on_over,
		on_forget, delivery };

	must(delivery->dispatch == NULL);
	delivery->dispatch = dispatch_new(env, notices, shards, &hooks);
}

void
delivery_each_destination(const struct delivery *delivery,
    void (*tell)(void *arg, const struct outbound_told *told), void *arg)
{
	if (delivery->dispatch != NULL)
		dispatch_each(delivery->dispatch, tell, arg);
}

void
delivery_abort(struct delivery *delivery)
{
	if (delivery->dispatch != NULL)
		dispatch_abort(delivery->dispatch);
}
