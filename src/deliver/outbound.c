/* SPDX-License-Identifier: Apache-2.0 */
/* outbound: see outbound.h.
 *
 *   outbound_send ─► queue (bounded) ─► link ─► done
 *        │             ▲
 *        └─► parked ───┘ wanted(): delivery reads it again and sends it anew
 */
#include "deliver/outbound_state.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"

#define KEEP_MS     UINT64_C(60000)	/* an unused destination is forgotten */
#define CLOSE_FIRST 5			/* parts of retry-first */
#define CLOSE_MAX   8			/* parts of retry-max */

static const struct outcome parked_outcome = { .fate = FATE_PARKED };

/* --- fates */

static void
decide(struct transfer *transfer, const struct outcome *outcome)
{
	struct parcel *parcel = transfer->parcel;

	for (size_t i = 0; i < transfer->rcpt_n; i++)
		if (parcel->outcome[transfer->rcpt[i]].fate == FATE_OPEN)
			parcel_set(parcel, transfer->rcpt[i], outcome);
}

static void
finish(struct outbound *outbound, struct transfer *transfer)
{
	outbound->transfers_n--;
	outbound->octets -= room_octets(transfer);
	transfer->done(transfer);
	room_kick(outbound);
}

static void
finish_with(struct outbound *outbound, struct transfer *transfer,
    const struct outcome *outcome)
{
	decide(transfer, outcome);
	finish(outbound, transfer);
}

static void
note(struct dest *dest, const struct outcome *why)
{
	char *words = mem_copy(why->words), *host = mem_copy(why->host);
	char *name = mem_copy(why->name);

	free(dest->words);
	free(dest->host);
	free(dest->name);
	dest->words = words;
	dest->host = host;
	dest->name = name;
	dest->trouble = *why;
	dest->trouble.words = span_str(words);
	dest->trouble.host = span_str(host);
	dest->trouble.name = span_str(name);
	dest->trouble.tls = SPAN("");
}

/* --- the queue */

static struct transfer *
take(struct dest *dest)
{
	struct transfer *transfer = dest->first;

	if (transfer == NULL)
		return NULL;
	dest->first = transfer->next;
	if (dest->first == NULL)
		dest->last = &dest->first;
	transfer->next = NULL;
	dest->queue_n--;
	return transfer;
}

static void
put_first(struct dest *dest, struct transfer *transfer)
{
	transfer->next = dest->first;
	if (dest->first == NULL)
		dest->last = &transfer->next;
	dest->first = transfer;
	dest->queue_n++;
}

static void
put_last(struct dest *dest, struct transfer *transfer)
{
	transfer->next = NULL;
	*dest->last = transfer;
	dest->last = &transfer->next;
	dest->queue_n++;
}

/* Asks for parked messages, so many that the queue is half full. */
static void
call_parked(struct dest *dest)
{
	struct outbound *outbound = dest->outbound;
	uint64_t id;

	if (outbound->is_stopped ||
	    lane_is_closed(&dest->lane, outbound->options.now_ms()))
		return;
	if (dest->queue_n == 0)
		dest->called_n = 0;	/* some may have gone */
	while (dest->queue_n + dest->called_n <
	    (room_queue_max(dest) + 1) / 2 && room_may_queue(dest) &&
	    (id = lane_unpark(&dest->lane)) != 0) {
		dest->called_n++;
		outbound->options.wanted(outbound->options.arg, id);
	}
	/* no room, and no transfer of its own that would ask again */
	if (dest->queue_n + dest->called_n == 0 &&
	    lane_parked(&dest->lane) != 0)
		room_want(dest);
}

/* --- destinations */

static struct lane_rules
rules_of(const struct outbound *outbound, const struct conf *conf,
    const struct route_target *target)
{
	unsigned max = target->route != NULL ? target->route->max_connections :
	    20;
	unsigned shards = outbound->options.shards;

	return (struct lane_rules){ .max = (max + shards - 1) / shards,
		.close_first_ms = conf->retry_first_ms / CLOSE_FIRST + 1,
		.close_max_ms = conf->retry_max_ms / CLOSE_MAX + 1 };
}

static void
dest_free(struct dest *dest)
{
	struct outbound *outbound = dest->outbound;

	(void)map_take(&outbound->dests, span_str(dest->key));
	timer_stop(outbound->options.link->loop, &dest->timer);
	lane_free(&dest->lane);
	conf_unref(dest->order.conf);
	mem_wipe(dest->password, sizeof dest->password);
	free(dest->words);
	free(dest->host);
	free(dest->name);
	free(dest->key);
	free(dest);
}

static bool
is_unused(const struct dest *dest)
{
	return dest->seats == NULL && dest->first == NULL &&
	    lane_parked(&dest->lane) == 0 && !dest->is_wanting;
}

/* How long it is remembered that a destination was closed, so that it is asked
 * by one connection only, and closed for longer. */
static uint64_t
grudge_ms(const struct dest *dest, uint64_t now)
{
	const struct lane *lane = &dest->lane;
	uint64_t until = lane->closed_until_ms + lane->rules.close_max_ms;

	return lane->closings != 0 && until > now ? until - now : 0;
}

/* Forgets it in time; or opens it again. */
static void
set_timer(struct dest *dest)
{
	uint64_t now = dest->outbound->options.now_ms();
	uint64_t wait = KEEP_MS;

	if (lane_is_closed(&dest->lane, now))
		wait = dest->lane.closed_until_ms - now;
	else if (grudge_ms(dest, now) != 0)
		wait = grudge_ms(dest, now);
	timer_set(dest->outbound->options.link->loop, &dest->timer, wait);
}

/* --- links */

static bool
may_open(const struct dest *dest)
{
	return dest->queue_n > dest->connecting_n &&
	    (dest->is_proven || dest->connecting_n == 0) &&
	    lane_may_start(&dest->lane, dest->outbound->options.now_ms());
}

static void
open_link(struct dest *dest)
{
	struct seat *seat = mem_new(sizeof *seat);

	seat->dest = dest;
	seat->is_connecting = true;
	seat->is_trial = !dest->is_proven;
	seat->next = dest->seats;
	dest->seats = seat;
	dest->connecting_n++;
	dest->outbound->links_n++;
	dest->outbound->trials_n += seat->is_trial;
	lane_started(&dest->lane);
	dest->order.arg = seat;
	seat->link = link_open(dest->outbound->options.link, &dest->order);
}

static void
open_more(struct dest *dest)
{
	while (may_open(dest)) {
		if (!room_may_link(dest)) {
			room_want(dest);
			return;
		}
		open_link(dest);
	}
}

static void
end_connecting(struct seat *seat)
{
	struct outbound *outbound = seat->dest->outbound;

	if (!seat->is_connecting)
		return;
	seat->is_connecting = false;
	seat->dest->connecting_n--;
	outbound->trials_n -= seat->is_trial;
	room_kick(outbound);
}

/* Gives work to links that have none, and opens more of them. */
static void
run(struct dest *dest)
{
	struct seat *next;

	set_timer(dest);
	for (struct seat *seat = dest->seats; seat != NULL &&
	    dest->queue_n != 0; seat = next) {
		next = seat->next;
		if (link_is_idle(seat->link))
			link_wake(seat->link);
	}
	open_more(dest);
}

void
dest_continue(struct dest *dest)
{
	call_parked(dest);
	run(dest);
}

static void
on_timer(struct timer *timer)
{
	struct dest *dest = container_of(timer, struct dest, timer);
	uint64_t now = dest->outbound->options.now_ms();

	if (lane_is_closed(&dest->lane, now) ||
	    (is_unused(dest) && grudge_ms(dest, now) != 0)) {
		set_timer(dest);
		return;
	}
	if (is_unused(dest)) {
		dest_free(dest);
		return;
	}
	dest_continue(dest);
}

static struct transfer *
on_next(void *arg)
{
	struct seat *seat = arg;
	struct dest *dest = seat->dest;
	struct transfer *transfer;

	end_connecting(seat);
	room_leave_idle(seat);
	dest->is_proven = true;
	transfer = take(dest);
	call_parked(dest);
	if (transfer == NULL)
		room_join_idle(seat);
	return transfer;
}

static void
on_carried(void *arg, struct transfer *transfer, bool is_good)
{
	struct seat *seat = arg;
	struct dest *dest = seat->dest;

	if (is_good)
		lane_went(&dest->lane);
	finish(dest->outbound, transfer);
	open_more(dest);
}

static void
leave(struct seat *seat)
{
	struct dest *dest = seat->dest;
	struct seat **at = &dest->seats;

	while (*at != seat)
		at = &(*at)->next;
	*at = seat->next;
	end_connecting(seat);
	room_leave_idle(seat);
	lane_ended(&dest->lane);
	dest->outbound->links_n--;
	free(seat);
	room_kick(dest->outbound);
}

/* Those who wait for a turn get it when the destination is closed, too: each
 * is put off for a time of its own, warned of and expires when it is due,
 * instead of standing behind thousands. */
static void
call_all(struct dest *dest)
{
	uint64_t id;

	while ((id = lane_unpark(&dest->lane)) != 0)
		dest->outbound->options.wanted(dest->outbound->options.arg,
		    id);
	dest->called_n = 0;
}

static void
finish_queue(struct dest *dest, const struct outcome *outcome)
{
	struct transfer *transfer;

	while ((transfer = take(dest)) != NULL)
		finish_with(dest->outbound, transfer, outcome);
}

/* No session came about, or it broke: who was in it is put off; if there was
 * nobody, the first of the queue is, so that every failure counts for one. */
static void
take_trouble(struct dest *dest, struct transfer *transfer)
{
	struct outbound *outbound = dest->outbound;
	uint64_t now = outbound->options.now_ms();
	bool is_final = dest->trouble.fate == FATE_FAILED;
	bool is_closing = !is_final && lane_broke(&dest->lane, now);

	if (transfer == NULL)
		transfer = take(dest);
	if (transfer != NULL)
		finish_with(outbound, transfer, &dest->trouble);
	if (is_closing)
		log_notice("destination-closed", LOG_Z("destination",
		    dest->order.target.via->way == CONF_VIA_MX ?
		    dest->order.target.name : dest->order.target.via->host),
		    LOG_U("for-ms", dest->lane.closed_until_ms - now),
		    LOG_S("why", dest->trouble.words));
	if (is_final || is_closing) {
		dest->is_proven = false;
		finish_queue(dest, &dest->trouble);
	}
	if (is_closing)
		call_all(dest);
}

static void
on_over(void *arg, struct link *link, struct transfer *transfer,
    const struct link_trouble *trouble)
{
	struct seat *seat = arg;
	struct dest *dest = seat->dest;
	struct outbound *outbound = dest->outbound;

	(void)link;
	leave(seat);
	if (trouble->was_quiet && transfer != NULL)
		put_first(dest, transfer);
	if (outbound->is_stopped) {
		if (transfer != NULL && !trouble->was_quiet)
			finish_with(outbound, transfer, &parked_outcome);
		else if (transfer != NULL)
			finish_queue(dest, &parked_outcome);
		return;
	}
	if (!trouble->was_quiet) {
		note(dest, &trouble->outcome);
		take_trouble(dest, transfer);
	}
	dest_continue(dest);
}

static const struct link_hooks hooks = { on_next, on_carried, on_over };

static struct dest *
dest_new(struct outbound *outbound, const struct route_target *target,
    struct conf *conf, const char *key)
{
	struct dest *dest = mem_new(sizeof *dest);
	struct lane_rules rules = rules_of(outbound, conf, target);
	char error[512];

	dest->outbound = outbound;
	dest->key = mem_copy(span_str(key));
	dest->order = (struct link_order){ .conf = conf_ref(conf),
		.target = *target, .password = dest->password,
		.hooks = &hooks };
	dest->last = &dest->first;
	dest->queue_max = 2 * (size_t)rules.max + 8;
	dest->timer.on_time = on_timer;
	lane_init(&dest->lane, &rules);
	if (target->route != NULL && target->route->login[0] != '\0' &&
	    route_read_password(target->route, dest->password,
		sizeof dest->password, error, sizeof error) != 0)
		log_error("no-password", LOG_Z("route", target->route->name),
		    LOG_Z("why", error));
	(void)map_put(&outbound->dests, span_str(dest->key), dest);
	return dest;
}

/* --- public */

struct outbound *
outbound_new(const struct outbound_options *options)
{
	struct outbound *outbound = mem_new(sizeof *outbound);

	outbound->options = *options;
	outbound->links_max = room_links(options->shards);
	outbound->last_wanting = &outbound->wanting;
	outbound->last_idle = &outbound->idle;
	outbound->kick.run = room_on_kick;
	map_init(&outbound->dests);
	return outbound;
}

/* A lane of an earlier configuration keeps nothing: what it calls for does not
 * come back to it. */
static bool
is_outdated(const struct dest *dest)
{
	const struct conf *conf = dest->outbound->conf;

	return conf != NULL && dest->order.conf != conf;
}

static void
park(struct dest *dest, struct transfer *transfer)
{
	struct outbound *outbound = dest->outbound;
	uint64_t id = transfer->parcel->pin.id;
	bool is_kept = !is_outdated(dest);

	if (is_kept)
		lane_park(&dest->lane, id, transfer->class, transfer->sender);
	finish_with(outbound, transfer, &parked_outcome);
	if (!is_kept)
		outbound->options.wanted(outbound->options.arg, id);
}

void
outbound_reload(struct outbound *outbound, const struct conf *conf)
{
	size_t at = 0;
	void *value;
	uint64_t id;

	outbound->conf = conf;
	while (map_next(&outbound->dests, &at, NULL, &value)) {
		struct dest *dest = value;

		if (!is_outdated(dest))
			continue;
		while ((id = lane_unpark(&dest->lane)) != 0)
			outbound->options.wanted(outbound->options.arg, id);
	}
}

void
outbound_send(struct outbound *outbound, const struct route_target *target,
    struct transfer *transfer)
{
	struct conf *conf = transfer->parcel->conf;
	struct dest *dest;
	char key[512];

	route_key(conf, target, key);
	dest = map_find(&outbound->dests, span_str(key));
	if (dest == NULL)
		dest = dest_new(outbound, target, conf, key);
	outbound->transfers_n++;
	outbound->octets += room_octets(transfer);
	if (dest->called_n != 0)
		dest->called_n--;
	/* its site has just called */
	if (target->route != NULL && target->route->via.way == CONF_VIA_HOLD)
		lane_open(&dest->lane);
	if (lane_is_closed(&dest->lane, outbound->options.now_ms())) {
		finish_with(outbound, transfer, &dest->trouble);
		set_timer(dest);
		return;
	}
	if (outbound->is_stopped || !room_may_queue(dest)) {
		park(dest, transfer);
		if (dest->queue_n == 0)
			room_want(dest);
		return;
	}
	put_last(dest, transfer);
	run(dest);
}

void
outbound_stop(struct outbound *outbound)
{
	size_t at = 0;
	void *value;

	outbound->is_stopped = true;
	while (map_next(&outbound->dests, &at, NULL, &value)) {
		struct dest *dest = value;

		finish_queue(dest, &parked_outcome);
		for (struct seat *seat = dest->seats; seat != NULL;
		    seat = seat->next)
			link_retire(seat->link);
	}
}

void
outbound_abort(struct outbound *outbound)
{
	size_t at = 0;
	void *value;

	must(outbound->is_stopped);
	while (map_next(&outbound->dests, &at, NULL, &value)) {
		struct dest *dest = value;
		struct seat *seat, *next;

		for (seat = dest->seats; seat != NULL; seat = next) {
			next = seat->next;
			link_abort(seat->link);
		}
	}
}

bool
outbound_is_idle(const struct outbound *outbound)
{
	return outbound->transfers_n == 0;
}

void
outbound_free(struct outbound *outbound,
    void (*forget)(struct transfer *transfer))
{
	size_t at = 0;
	void *value;

	if (outbound == NULL)
		return;
	while (map_next(&outbound->dests, &at, NULL, &value)) {
		struct dest *dest = value;
		struct transfer *transfer;
		struct seat *seat;

		while ((transfer = take(dest)) != NULL)
			forget(transfer);
		while ((seat = dest->seats) != NULL) {
			transfer = link_drop(seat->link);
			if (transfer != NULL)
				forget(transfer);
			dest->seats = seat->next;
			free(seat);
		}
		dest_free(dest);
		at = 0;		/* taking moves entries */
	}
	map_free(&outbound->dests);
	free(outbound);
}
