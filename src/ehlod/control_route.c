/* SPDX-License-Identifier: Apache-2.0 */
/* control_route: "route.list": each route, how many recipients wait for it,
 * and the destinations that there are links or waiting mail for; and
 * "route.pause", "route.resume" of a route or a domain, which stand in a file
 * beside the spool, so that a restart changes nothing.
 *
 *   main loop   ask ──────► count ─► (pause: file) ──► told ─► answer
 *   shards        count, slice by slice            pause
 */
#include "ehlod/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/domain.h"
#include "deliver/outbound.h"
#include "ehlod/queue_item.h"

#define SLICE   4096		/* messages counted in one turn */
#define OUT_MAX ((size_t)8 << 20)

struct routing;

struct routing_part {
	struct gather_part base;
	struct routing *routing;
	uint64_t *waiting;	/* recipients, by route; the last: of none */
	uint64_t of_item;	/* of what is to be paused */
	uint64_t unread;	/* messages whose recipients nobody knows yet */
	size_t store_at;	/* how far it has been counted */
	uint32_t at;
	struct buf out;		/* lines: destinations */
};

struct routing {
	struct gather gather;
	struct control *control;
	struct ctl_call *call;		/* NULL: the client has gone */
	struct conf *conf;
	struct pause_item item;		/* "": a list is asked for */
	bool is_paused, is_dry;
	struct pause *pause;		/* the new one */
	unsigned part_n;
	struct routing_part part[];
};

/* --- counting, on the shard's thread */

/* A recipient of the outside, or of a domain of ours that is paused. */
static void
count_rcpt(struct routing_part *part, const struct note *note,
    struct span address)
{
	const struct routing *routing = part->routing;
	const struct conf *conf = routing->conf;
	struct envelope_rcpt rcpt = { .address = address,
		.route = note_route(note) };
	const struct envelope envelope = { .sender = note_sender(note),
		.listener = note_listener(note), .rcpt = &rcpt, .rcpt_n = 1 };
	const char *at = memrchr(address.p, '@', address.len);
	struct span domain = at == NULL ? SPAN("") :
	    span_skip(address, (size_t)(at + 1 - address.p));
	struct route_target target;
	bool is_ours = conf_find_domain(conf, domain.p, domain.len) != NULL;

	route_find(conf, &envelope, 0, &target);
	if (!is_ours)
		part->waiting[target.route != NULL ? (size_t)(target.route -
		    conf->route) : conf->route_n]++;
	if (routing->item.is_domain ?
	    strcmp(routing->item.name, target.name) == 0 :
	    !is_ours && target.route != NULL &&
	    strcmp(routing->item.name, target.route->name) == 0)
		part->of_item++;
}

static void
count_message(struct routing_part *part, const struct store *store,
    const struct store_look *look)
{
	const struct note *note = look->note;
	struct span rcpt;
	size_t at = 0;

	if (note == NULL || note->is_bare) {
		part->unread++;
		return;
	}
	for (uint32_t i = 0; note_next_rcpt(note, &at, &rcpt); i++)
		if (rcpt.len != 0 && !store_is_settled(
		    (struct store *)(uintptr_t)store, look->entry.id, i))
			count_rcpt(part, note, rcpt);
}

static void
put_destination(void *arg, const struct outbound_told *told)
{
	struct routing_part *part = arg;
	struct buf *out = &part->out;
	size_t before = out->len;

	if (buf_printf(out, "{\"kind\":\"destination\",\"shard\":%u,"
	    "\"route\":", part->base.shard->number) == 0 &&
	    queue_put_string(out, told->route) == 0 &&
	    buf_append(out, SPAN(",\"name\":")) == 0 &&
	    queue_put_string(out, told->name) == 0 &&
	    buf_printf(out, ",\"links\":%u,\"links_max\":%u,\"parked\":%zu,"
		"\"closed_for\":%" PRIu64 ",\"why\":", told->links_n,
		told->links_max, told->waiting_n, told->closed_ms) == 0 &&
	    queue_put_string(out, told->why) == 0 &&
	    buf_append(out, SPAN("}\n")) == 0)
		return;
	out->len = before;	/* nothing half */
}

static void
end_part(struct routing_part *part)
{
	struct shard *shard = part->base.shard;

	for (size_t i = 0; i < shard->store_n && part->routing->item.name[0]
	    == '\0'; i++)
		delivery_each_destination(shard->store[i].delivery,
		    put_destination, part);
	gather_answer(&part->base);
}

static void
count_shard(struct loop_job *job)
{
	struct routing_part *part = (struct routing_part *)job;
	struct shard *shard = part->base.shard;
	struct store_look look;

	for (unsigned n = 0; n < SLICE; n++) {
		struct store *store;

		if (part->store_at == shard->store_n) {
			end_part(part);
			return;
		}
		store = shard->store[part->store_at].store;
		if (store_walk(store, &part->at, &look)) {
			count_message(part, store, &look);
		} else {
			part->store_at++;
			part->at = 0;
		}
	}
	part->base.job.run = count_shard;
	loop_post(shard->loop, &part->base.job);
}

static void
pause_shard(struct loop_job *job)
{
	struct routing_part *part = (struct routing_part *)job;
	struct shard *shard = part->base.shard;

	for (size_t i = 0; i < shard->store_n; i++)
		delivery_pause(shard->store[i].delivery,
		    part->routing->pause);
	gather_answer(&part->base);
}

/* --- on the main loop */

static void
free_routing(struct routing *routing)
{
	struct control *control = routing->control;

	for (unsigned i = 0; i < routing->part_n; i++) {
		free(routing->part[i].waiting);
		buf_free(&routing->part[i].out);
	}
	conf_unref(routing->conf);
	free(routing);
	control_end(control);
}

static void
put_via(const struct conf_via *via, struct put *out)
{
	static const char *const names[] = { [CONF_VIA_NONE] = "",
		[CONF_VIA_MX] = "mx", [CONF_VIA_SMARTHOST] = "smarthost ",
		[CONF_VIA_LMTP] = "lmtp ", [CONF_VIA_HOLD] = "hold",
		[CONF_VIA_DISCARD] = "discard" };

	put_str(out, names[via->way]);
	if (via->way != CONF_VIA_SMARTHOST && via->way != CONF_VIA_LMTP)
		return;
	put_str(out, via->is_unix ? "unix:" : "");
	put_str(out, via->host);
	if (!via->is_unix) {
		put_char(out, ':');
		put_u64(out, via->port);
	}
}

static bool
is_route_paused(const struct routing *routing, const char *name)
{
	struct pause_item item = { .is_domain = false };

	snprintf(item.name, sizeof item.name, "%s", name);
	return pause_has(routing->control->shared->pause, &item);
}

static void
tell_routes(const struct routing *routing)
{
	const struct conf *conf = routing->conf;

	for (size_t i = 0; i < conf->route_n; i++) {
		const struct conf_route *route = &conf->route[i];
		char memory[512];
		struct put via = put_init(memory, sizeof memory - 1);
		uint64_t n = 0;

		put_via(&route->via, &via);
		for (unsigned p = 0; p < routing->part_n; p++)
			n += routing->part[p].waiting[i];
		ctl_item_json(routing->call, json_pack(
		    "{s:s,s:s,s:s%,s:b,s:I,s:i}", "kind", "route",
		    "name", route->name, "via", via.p, via.len,
		    "paused", (int)is_route_paused(routing, route->name),
		    "waiting", (json_int_t)n, "line", route->line));
	}
}

static void
tell_list(struct routing *routing)
{
	const struct pause *pause = routing->control->shared->pause;
	const struct pause_item *item;
	uint64_t none = 0, unread = 0;

	tell_routes(routing);
	for (size_t i = 0; (item = pause_at(pause, i)) != NULL; i++)
		if (item->is_domain)
			ctl_item_json(routing->call, json_pack("{s:s,s:s,s:b}",
			    "kind", "domain", "name", item->name,
			    "paused", 1));
	for (unsigned p = 0; p < routing->part_n; p++) {
		struct span lines = buf_span(&routing->part[p].out);

		while (lines.len != 0)
			ctl_item(routing->call, span_cut(&lines, '\n'));
		none += routing->part[p].waiting[routing->conf->route_n];
		unread += routing->part[p].unread;
	}
	ctl_end(routing->call, json_pack("{s:I,s:I}", "without_route",
	    (json_int_t)none, "unread", (json_int_t)unread));
}

static uint64_t
count_of_item(const struct routing *routing)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < routing->part_n; p++)
		n += routing->part[p].of_item;
	return n;
}

static void
on_told(struct gather *gather)
{
	struct routing *routing = container_of(gather, struct routing,
	    gather);

	if (routing->call != NULL)
		ctl_end(routing->call, json_pack("{s:I,s:b}", "count",
		    (json_int_t)count_of_item(routing), "changed",
		    (int)(routing->pause != NULL)));
	free_routing(routing);
}

/* In force from here on, also after a restart. */
static bool
change_pause(struct routing *routing)
{
	struct shared *shared = routing->control->shared;
	char path[4096];
	struct pause *next = pause_with(shared->pause, &routing->item,
	    routing->is_paused);
	int error = -E2BIG;

	if (next != NULL) {
		snprintf(path, sizeof path, "%s/paused",
		    routing->conf->spool);
		error = pause_save(next, path);
	}
	if (error != 0) {
		if (routing->call != NULL)
			ctl_refuse(routing->call, "this cannot be written "
			    "down: %s", log_errno(error));
		routing->call = NULL;
		pause_unref(next);
		return false;
	}
	pause_unref(shared->pause);
	shared->pause = routing->pause = next;
	log_notice(routing->is_paused ? "paused" : "resumed",
	    LOG_Z("what", routing->item.is_domain ? "domain" : "route"),
	    LOG_Z("name", routing->item.name));
	return true;
}

static void
on_counted(struct gather *gather)
{
	struct routing *routing = container_of(gather, struct routing,
	    gather);
	struct control *control = routing->control;
	bool is_list = routing->item.name[0] == '\0';

	if (is_list && routing->call != NULL) {
		tell_list(routing);
		routing->call = NULL;
	}
	if (is_list || routing->is_dry || pause_has(control->shared->pause,
	    &routing->item) == routing->is_paused) {
		on_told(gather);
		return;
	}
	if (!change_pause(routing)) {
		free_routing(routing);
		return;
	}
	routing->gather.done = on_told;
	gather_start(&routing->gather, control->shard, control->shard_n,
	    routing->part, sizeof *routing->part, pause_shard);
}

static void
on_gone(void *arg)
{
	struct routing *routing = arg;

	routing->call = NULL;
}

static void
ask(struct control *control, struct ctl_call *call,
    const struct pause_item *item, bool is_paused)
{
	struct routing *routing = mem_new(sizeof *routing +
	    control->shard_n * sizeof *routing->part);

	routing->gather = (struct gather){ .loop = control->loop,
		.done = on_counted };
	routing->control = control;
	routing->call = call;
	routing->conf = conf_ref(control->snapshot->conf);
	routing->item = *item;
	routing->is_paused = is_paused;
	routing->is_dry = ctl_flag(ctl_request_of(call), "dry_run");
	routing->part_n = control->shard_n;
	for (unsigned i = 0; i < routing->part_n; i++) {
		routing->part[i].routing = routing;
		routing->part[i].waiting = mem_new_array(
		    routing->conf->route_n + 1, sizeof(uint64_t));
		buf_init(&routing->part[i].out, OUT_MAX);
	}
	ctl_later(call, on_gone, NULL, routing);
	control_begin(control);
	gather_start(&routing->gather, control->shard, control->shard_n,
	    routing->part, sizeof *routing->part, count_shard);
}

static void
run_list(void *arg, struct ctl_call *call)
{
	const struct pause_item none = { .is_domain = false };

	ask(arg, call, &none, false);
}

/* NULL, or what is wrong with it. */
static const char *
read_item(const struct control *control, const json_t *request,
    struct pause_item *item)
{
	struct span route = ctl_text(request, "route");
	struct span domain = ctl_text(request, "domain");
	const struct conf *conf = control->snapshot->conf;
	char name[256];

	*item = (struct pause_item){ .is_domain = domain.len != 0 };
	if ((route.len == 0) == (domain.len == 0))
		return "either a route or a domain is to be named";
	if (domain.len != 0) {
		if (!conf_domain_canon(domain, name))
			return "this is no domain";
		snprintf(item->name, sizeof item->name, "%s", name);
		return NULL;
	}
	if (route.len >= sizeof item->name)
		return "no route has so long a name";
	memcpy(item->name, route.p, route.len);
	for (size_t i = 0; i < conf->route_n; i++)
		if (strcmp(conf->route[i].name, item->name) == 0)
			return NULL;
	/* one that is not configured any more may be resumed */
	return pause_has(control->shared->pause, item) ? NULL :
	    "no route of that name is configured: see `ehlo route list`";
}

static void
run_change(void *arg, struct ctl_call *call, bool is_paused)
{
	struct pause_item item;
	const char *why = read_item(arg, ctl_request_of(call), &item);

	if (why != NULL)
		ctl_refuse(call, "%s", why);
	else
		ask(arg, call, &item, is_paused);
}

static void
run_pause(void *arg, struct ctl_call *call)
{
	run_change(arg, call, true);
}

static void
run_resume(void *arg, struct ctl_call *call)
{
	run_change(arg, call, false);
}

static const struct ctl_field fields[] = {
	{ "route", CTL_TEXT, false }, { "domain", CTL_TEXT, false },
	{ "dry_run", CTL_FLAG, false },
};

static const struct ctl_request rows[] = {
	{ .name = "route.list", .run = run_list },
	{ .name = "route.pause", .field = fields, .field_n = countof(fields),
	    .is_change = true, .run = run_pause },
	{ .name = "route.resume", .field = fields, .field_n = countof(fields),
	    .is_change = true, .run = run_resume },
};
const struct control_rows control_route_rows = { rows, countof(rows) };
