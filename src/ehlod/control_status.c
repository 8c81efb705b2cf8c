/* SPDX-License-Identifier: Apache-2.0 */
/* control_status: "status": what the daemon is doing, shard by shard. Rates
 * are the asker's to make, from two answers. */
#include "ehlod/control.h"

#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "ehlod/queue_count.h"
#include "trail/trail.h"

#define SLICE         4096	/* messages counted in one turn */
#define DOMAINS_SHOWN 20

struct status_part {
	struct gather_part base;
	uint64_t sessions, sessions_total, accepted, refused, logins,
	    login_failures;
	struct store_stats store;	/* the sum of its directories' */
	struct queue_count count;
	size_t store_at;	/* how far it has been counted */
	uint32_t at;
};

struct status {
	struct gather gather;
	struct control *control;
	struct ctl_call *call;		/* NULL: the client has gone */
	unsigned part_n;
	struct status_part part[];
};

/* A slice of the counting; the next one is a turn later. */
static void
count_shard(struct loop_job *job)
{
	struct status_part *part = (struct status_part *)job;
	struct shard *shard = part->base.shard;
	struct store_look look;

	for (unsigned n = 0; n < SLICE; n++) {
		struct store *store;

		if (part->store_at == shard->store_n) {
			gather_answer(&part->base);
			return;
		}
		store = shard->store[part->store_at].store;
		if (store_walk(store, &part->at, &look)) {
			queue_count_add(&part->count, store, &look);
		} else {
			part->store_at++;
			part->at = 0;
		}
	}
	part->base.job.run = count_shard;
	loop_post(shard->loop, &part->base.job);
}

static void
ask_shard(struct loop_job *job)
{
	struct status_part *part = (struct status_part *)job;
	const struct shard *shard = part->base.shard;

	part->sessions = shard->sessions_n;
	part->sessions_total = shard->sessions_total;
	part->accepted = shard->accepted;
	part->refused = shard->refused;
	part->logins = shard->logins;
	part->login_failures = shard->login_failures;
	shard_sum_stores(shard, &part->store);
	count_shard(job);
}

static json_t *
json_of_part(const struct status_part *part)
{
	const struct store_stats *store = &part->store;

	return json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,"
	    "s:b}",
	    "shard", (int)part->base.shard->number,
	    "sessions", (json_int_t)part->sessions,
	    "sessions_total", (json_int_t)part->sessions_total,
	    "accepted", (json_int_t)part->accepted,
	    "refused", (json_int_t)part->refused,
	    "logins", (json_int_t)part->logins,
	    "login_failures", (json_int_t)part->login_failures,
	    "queued", (json_int_t)store->messages,
	    "live_bytes", (json_int_t)store->live_bytes,
	    "disk_bytes", (json_int_t)store->disk_bytes,
	    "memory_bytes", (json_int_t)store->memory_bytes,
	    "read_only", (int)store->is_read_only,
	    "full", (int)store->is_full);
}

static json_t *
json_of_disk(const char *spool)
{
	struct statvfs disk;

	if (statvfs(spool, &disk) != 0)
		return json_null();
	return json_pack("{s:s,s:I,s:I}", "spool", spool,
	    "free", (json_int_t)(disk.f_bavail * disk.f_frsize),
	    "size", (json_int_t)(disk.f_blocks * disk.f_frsize));
}

static void
add_recent(void *list, struct span line)
{
	(void)json_array_append_new(list, json_stringn(line.p, line.len));
}

static json_t *
json_of_recent(void)
{
	json_t *list = json_array();

	log_recent(add_recent, list);
	return list;
}

static json_t *
json_of_trail(void)
{
	uint64_t told = 0, dropped = 0;

	if (!trail_is_on())
		return json_null();
	trail_counts(&told, &dropped);
	return json_pack("{s:I,s:I}", "told", (json_int_t)told,
	    "dropped", (json_int_t)dropped);
}

static json_t *
json_of_status(struct status *status)
{
	const struct control *control = status->control;
	const struct conf *conf = control->snapshot->conf;
	json_t *shards = json_array();

	for (unsigned i = 0; i < status->part_n; i++) {
		(void)json_array_append_new(shards,
		    json_of_part(&status->part[i]));
		if (i != 0)
			queue_count_merge(&status->part[0].count,
			    &status->part[i].count);
	}
	return json_pack("{s:s,s:I,s:I,s:I,s:s,s:o,s:o,s:o,s:o,s:o}",
	    "version", EHLO_VERSION,
	    "pid", (json_int_t)getpid(),
	    "now", (json_int_t)clock_real_ms(),
	    "started", (json_int_t)control->started_ms,
	    "hostname", conf->hostname,
	    "disk", json_of_disk(conf->spool),
	    "trail", json_of_trail(),
	    "queue", queue_count_json(&status->part[0].count, DOMAINS_SHOWN),
	    "recent", json_of_recent(),
	    "shards", shards);
}

static void
on_all(struct gather *gather)
{
	struct status *status = container_of(gather, struct status, gather);
	struct control *control = status->control;

	if (status->call != NULL)
		ctl_end(status->call, json_of_status(status));
	for (unsigned i = 0; i < status->part_n; i++)
		queue_count_free(&status->part[i].count);
	free(status);
	control_end(control);
}

static void
on_gone(void *arg)
{
	struct status *status = arg;

	status->call = NULL;
}

static void
run_status(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct status *status = mem_new(sizeof *status +
	    control->shard_n * sizeof *status->part);

	status->gather.loop = control->loop;
	status->gather.done = on_all;
	status->control = control;
	status->call = call;
	status->part_n = control->shard_n;
	for (unsigned i = 0; i < status->part_n; i++)
		queue_count_init(&status->part[i].count);
	ctl_later(call, on_gone, NULL, status);
	control_begin(control);
	gather_start(&status->gather, control->shard, control->shard_n,
	    status->part, sizeof *status->part, ask_shard);
}

static const struct ctl_request rows[] = {
	{ .name = "status", .run = run_status },
};
const struct control_rows control_status_rows = { rows, countof(rows) };
