/* SPDX-License-Identifier: Apache-2.0 */
/* control_queue: requests about waiting messages, one or as many as a filter
 * means: "queue.list", and "queue.hold" … which answer with a count. With
 * "dry_run" nothing is done; who confirms a count gives the time of it as
 * "before", so that what came since is left alone. */
#include "ehlod/etrn.h"
#include "ehlod/queue_item.h"
#include "ehlod/queue_walk.h"
#include "trail/trail.h"

/* --- list */

/* Recipients that are settled are nobody's who looks for them. */
static bool
has_open_rcpt(const struct queue_seen *seen)
{
	struct span rcpt;
	size_t at = 0;

	if (!queue_filter_wants_rcpts(seen->filter))
		return true;
	for (uint32_t i = 0; note_next_rcpt(seen->note, &at, &rcpt); i++)
		if (queue_filter_rcpt(seen->filter, rcpt) &&
		    !store_is_settled(seen->at->store, seen->look->entry.id,
			i))
			return true;
	return false;
}

static bool
do_list(const struct queue_seen *seen, struct buf *out)
{
	size_t before = out->len;

	if (!has_open_rcpt(seen))
		return false;
	if (buf_append(out, SPAN("{")) == 0 &&
	    queue_put_members(out, seen->at->store, seen->look,
		seen->note) == 0 &&
	    buf_append(out, SPAN("}\n")) == 0)
		return true;
	/* too long to be told: at least nothing half */
	out->len = before;
	return true;
}

static void
run_list(void *arg, struct ctl_call *call)
{
	const struct queue_plan plan = { .act = do_list, .wants_note = true,
		.limit = ctl_number(ctl_request_of(call), "limit") };

	queue_walk_start(arg, call, &plan);
}

/* --- changes */

static void
tell_trail(const struct queue_seen *seen, const char *what)
{
	trail_event(&(struct trail_event){ .kind = TRAIL_OPERATOR,
		.message = seen->look->entry.id, .facts = span_str(what) });
}

static bool
do_hold(const struct queue_seen *seen, struct buf *out)
{
	(void)out;
	if (!has_open_rcpt(seen) || seen->look->entry.state == STORE_HELD)
		return false;
	if (seen->is_dry)
		return true;
	tell_trail(seen, "hold");
	return delivery_hold(seen->at->delivery, seen->look->entry.id) == 0;
}

/* `via hold` */
static bool
is_held_by_route(const struct queue_seen *seen)
{
	struct release *all;
	bool result;

	if (seen->look->entry.state != STORE_WAITING)
		return false;
	all = release_new(SPAN(""));
	result = etrn_is_held(seen->at->shard->snapshot->conf,
	    seen->at->store, seen->look, seen->note, all);
	release_unref(all);
	return result;
}

static bool
do_release(const struct queue_seen *seen, struct buf *out)
{
	struct shard_store *at = seen->at;
	struct release *all;
	int error;

	(void)out;
	if (!has_open_rcpt(seen) || (seen->look->entry.state != STORE_HELD &&
	    !is_held_by_route(seen)))
		return false;
	if (seen->is_dry)
		return true;
	tell_trail(seen, "release");
	if (seen->look->entry.state == STORE_HELD)
		return delivery_retry(at->delivery,
		    seen->look->entry.id) == 0;
	all = release_new(SPAN(""));
	error = delivery_release(at->delivery, seen->look->entry.id, all);
	release_unref(all);
	return error == 0;
}

/* What is held stays so until it is released. */
static bool
do_retry(const struct queue_seen *seen, struct buf *out)
{
	(void)out;
	if (!has_open_rcpt(seen) || seen->look->entry.state == STORE_HELD)
		return false;
	if (seen->is_dry)
		return true;
	tell_trail(seen, "retry");
	return delivery_retry(seen->at->delivery, seen->look->entry.id) == 0;
}

static bool
do_bounce(const struct queue_seen *seen, struct buf *out)
{
	(void)out;
	if (!has_open_rcpt(seen))
		return false;
	if (seen->is_dry)
		return true;
	tell_trail(seen, "bounce");
	return delivery_bounce(seen->at->delivery, seen->look->entry.id) == 0;
}

static bool
do_remove(const struct queue_seen *seen, struct buf *out)
{
	(void)out;
	if (!has_open_rcpt(seen))
		return false;
	if (seen->is_dry)
		return true;
	tell_trail(seen, "remove");
	return delivery_remove(seen->at->delivery, seen->look->entry.id) == 0;
}

static bool
do_move(const struct queue_seen *seen, struct buf *out)
{
	(void)out;
	if (!has_open_rcpt(seen))
		return false;
	if (seen->is_dry)
		return true;
	tell_trail(seen, "move");
	delivery_move(seen->at->delivery, seen->look->entry.id, seen->move);
	return true;
}

static void
run_change(void *arg, struct ctl_call *call, queue_do *act)
{
	const struct queue_plan plan = { .act = act,
		.is_dry = ctl_flag(ctl_request_of(call), "dry_run") };

	queue_walk_start(arg, call, &plan);
}

static void
run_hold(void *arg, struct ctl_call *call)
{
	run_change(arg, call, do_hold);
}

static void
run_release(void *arg, struct ctl_call *call)
{
	const struct queue_plan plan = { .act = do_release,
		.wants_note = true,
		.is_dry = ctl_flag(ctl_request_of(call), "dry_run") };

	queue_walk_start(arg, call, &plan);
}

static void
run_retry(void *arg, struct ctl_call *call)
{
	run_change(arg, call, do_retry);
}

static void
run_bounce(void *arg, struct ctl_call *call)
{
	run_change(arg, call, do_bounce);
}

static void
run_remove(void *arg, struct ctl_call *call)
{
	run_change(arg, call, do_remove);
}

/* The route is one of the configuration; "" gives them back to what fits. */
static void
run_move(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	const struct conf *conf = control->snapshot->conf;
	const json_t *request = ctl_request_of(call);
	struct span route = ctl_text(request, "route");
	const struct queue_plan plan = { .act = do_move,
		.is_dry = ctl_flag(request, "dry_run"),
		.starts_moves = !ctl_flag(request, "dry_run") };

	for (size_t i = 0; i < conf->route_n; i++)
		if (route.len == 0 ||
		    span_eq(route, span_str(conf->route[i].name))) {
			queue_walk_start(control, call, &plan);
			return;
		}
	ctl_refuse(call, "no route of that name is configured; there %s",
	    conf->route_n != 0 ? "are others: see `ehlo route list`" :
	    "is none at all");
}

/* --- the table */

static const struct ctl_field list_fields[] = {
	QUEUE_FILTER_FIELDS, { "limit", CTL_NUMBER, false },
};
static const struct ctl_field change_fields[] = {
	QUEUE_FILTER_FIELDS, { "dry_run", CTL_FLAG, false },
};

static const struct ctl_field move_fields[] = {
	QUEUE_FILTER_FIELDS, { "dry_run", CTL_FLAG, false },
	{ "route", CTL_TEXT, true },
};

#define CHANGE(name_, run_) \
	{ .name = name_, .field = change_fields, \
	    .field_n = countof(change_fields), .is_change = true, \
	    .run = run_ }

static const struct ctl_request rows[] = {
	{ .name = "queue.list", .field = list_fields,
	    .field_n = countof(list_fields), .run = run_list },
	CHANGE("queue.hold", run_hold),
	CHANGE("queue.release", run_release),
	CHANGE("queue.retry", run_retry),
	CHANGE("queue.bounce", run_bounce),
	CHANGE("queue.remove", run_remove),
	{ .name = "queue.move", .field = move_fields,
	    .field_n = countof(move_fields), .is_change = true,
	    .run = run_move },
};
const struct control_rows control_queue_rows = { rows, countof(rows) };
