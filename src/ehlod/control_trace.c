/* SPDX-License-Identifier: Apache-2.0 */
/* control_trace: "transcript": the dialogue of a session that is still in
 * memory; "trace": the dialogues with one peer from now on, as they happen,
 * until the client has had enough.
 *
 *   main loop   run_trace ──► add to each shard        on_gone ──► take away
 *                                  │ a line                            │
 *                    take_line ◄───┴── loop_post                 gather: free
 */
#include "ehlod/control.h"

#include <stdlib.h>

#include "base/buf.h"
#include "ehlod/queue_item.h"
#include "mail/trace.h"
#include "trail/trail.h"

#define LINES_MAX 2000		/* under way from the shards to the client */
#define ITEM_MAX  ((size_t)16 << 10)

/* --- items */

static void
put_item(struct buf *out, const struct transcript_line *line)
{
	char id[TRACE_ID_LEN];
	struct put put = put_init(id, sizeof id);

	trace_put_id(&put, line->session);
	/* a line of 1 KiB fits */
	(void)buf_printf(out, "{\"session\":\"%.*s\",\"at\":%llu,"
	    "\"ours\":%s", SPAN_ARG(put_span(&put)),
	    (unsigned long long)line->at_ms,
	    line->is_ours ? "true" : "false");
	if (line->peer.len != 0) {
		(void)buf_append(out, SPAN(",\"peer\":"));
		(void)queue_put_string(out, line->peer);
	}
	if (line->name.len != 0) {
		(void)buf_append(out, SPAN(",\"name\":"));
		(void)queue_put_string(out, line->name);
	}
	(void)buf_append(out, SPAN(",\"text\":"));
	(void)queue_put_string(out, span_first(line->text, 1000));
	(void)buf_append(out, SPAN("}"));
}

/* --- what was said before */

struct recall_part {
	struct gather_part base;
	uint64_t session;
	struct buf out;		/* items, one a line */
};

struct recall {
	struct gather gather;
	struct control *control;
	struct ctl_call *call;
	unsigned part_n;
	struct recall_part part[];
};

static void
add_line(void *arg, const struct transcript_line *line)
{
	struct buf *out = arg;

	put_item(out, line);
	(void)buf_append(out, SPAN("\n"));
}

static void
recall_shard(struct loop_job *job)
{
	struct recall_part *part = (struct recall_part *)job;

	transcript_each(part->base.shard->transcript, part->session,
	    add_line, &part->out);
	gather_answer(&part->base);
}

static void
recalled(struct gather *gather)
{
	struct recall *recall = container_of(gather, struct recall, gather);
	struct control *control = recall->control;

	for (unsigned i = 0; i < recall->part_n; i++) {
		struct span lines = buf_span(&recall->part[i].out);

		while (recall->call != NULL && lines.len != 0)
			ctl_item(recall->call, span_cut(&lines, '\n'));
		buf_free(&recall->part[i].out);
	}
	if (recall->call != NULL)
		ctl_end(recall->call, NULL);
	free(recall);
	control_end(control);
}

static void
recall_gone(void *arg)
{
	struct recall *recall = arg;

	recall->call = NULL;
}

static void
run_transcript(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct recall *recall;
	uint64_t session;

	if (!trace_parse_id(ctl_text(ctl_request_of(call), "session"),
	    &session)) {
		ctl_refuse(call, "this is no id of a session");
		return;
	}
	recall = mem_new(sizeof *recall +
	    control->shard_n * sizeof *recall->part);
	recall->gather = (struct gather){ .loop = control->loop,
		.done = recalled };
	recall->control = control;
	recall->call = call;
	recall->part_n = control->shard_n;
	for (unsigned i = 0; i < recall->part_n; i++) {
		recall->part[i].session = session;
		/* what fits between the client and us */
		buf_init(&recall->part[i].out, (size_t)1 << 20);
	}
	ctl_later(call, recall_gone, NULL, recall);
	control_begin(control);
	gather_start(&recall->gather, control->shard, control->shard_n,
	    recall->part, sizeof *recall->part, recall_shard);
}

/* --- what has happened: in the database when this is answered */

struct flush {
	struct pool_job pool_job;
	struct control *control;
	struct ctl_call *call;
};

static void
flush(struct pool_job *job)
{
	(void)job;
	trail_flush();
}

static void
flushed(struct pool_job *job)
{
	struct flush *flush = container_of(job, struct flush, pool_job);
	struct control *control = flush->control;

	if (flush->call != NULL)
		ctl_end(flush->call, NULL);
	free(flush);
	control_end(control);
}

static void
flush_gone(void *arg)
{
	struct flush *flush = arg;

	flush->call = NULL;
}

static void
run_flush(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct flush *job = mem_new(sizeof *job);

	job->pool_job.work = flush;
	job->pool_job.done = flushed;
	job->control = control;
	job->call = call;
	if (pool_add(control->shared->disk_pool, control->loop,
	    &job->pool_job) != 0) {
		free(job);
		ctl_refuse(call, "too busy");
		return;
	}
	ctl_later(call, flush_gone, NULL, job);
	control_begin(control);
}

/* --- what is being said */

struct trace_part {
	struct gather_part base;
	struct trace *trace;
	struct transcript_watch watch;
};

struct trace {
	struct gather gather;
	struct control *control;
	struct ctl_call *call;		/* NULL: the client has gone */
	char *peer;
	atomic_uint lines;		/* under way */
	atomic_uint_fast64_t dropped;
	bool is_leaving;
	unsigned part_n;
	struct trace_part part[];
};

struct trace_line {
	struct loop_job job;
	struct trace *trace;
	struct buf item;
};

static void
take_line(struct loop_job *job)
{
	struct trace_line *line = (struct trace_line *)job;
	struct trace *trace = line->trace;

	atomic_fetch_sub(&trace->lines, 1);
	if (trace->call != NULL && !ctl_is_full(trace->call))
		ctl_item(trace->call, buf_span(&line->item));
	else
		atomic_fetch_add(&trace->dropped, 1);
	buf_free(&line->item);
	free(line);
}

/* On the shard's thread, in the middle of a session's work: hands it over, or
 * drops it if the client is slower than the world. */
static void
on_line(struct transcript_watch *watch, const struct transcript_line *line)
{
	struct trace *trace =
	    container_of(watch, struct trace_part, watch)->trace;
	struct trace_line *copy;

	if (atomic_load(&trace->lines) >= LINES_MAX) {
		atomic_fetch_add(&trace->dropped, 1);
		return;
	}
	atomic_fetch_add(&trace->lines, 1);
	copy = mem_new(sizeof *copy);
	copy->job.run = take_line;
	copy->trace = trace;
	buf_init(&copy->item, ITEM_MAX);
	put_item(&copy->item, line);
	loop_post(trace->gather.loop, &copy->job);
}

static void
watch_shard(struct loop_job *job)
{
	struct trace_part *part = (struct trace_part *)job;

	part->watch.peer = span_str(part->trace->peer);
	part->watch.on_line = on_line;
	transcript_watch(part->base.shard->transcript, &part->watch);
	gather_answer(&part->base);
}

static void
unwatch_shard(struct loop_job *job)
{
	struct trace_part *part = (struct trace_part *)job;

	transcript_unwatch(part->base.shard->transcript, &part->watch);
	/* behind the lines that are on their way */
	gather_answer(&part->base);
}

static void
trace_ended(struct gather *gather)
{
	struct trace *trace = container_of(gather, struct trace, gather);
	struct control *control = trace->control;

	free(trace->peer);
	free(trace);
	control_end(control);
}

static void
leave(struct trace *trace)
{
	trace->gather.done = trace_ended;
	gather_start(&trace->gather, trace->control->shard,
	    trace->part_n, trace->part, sizeof *trace->part,
	    unwatch_shard);
}

static void
trace_begun(struct gather *gather)
{
	struct trace *trace = container_of(gather, struct trace, gather);

	trace->is_leaving = false;
	if (trace->call == NULL)
		leave(trace);
	else
		/* from here on nothing is missed */
		ctl_item(trace->call, SPAN("{\"watching\":true}"));
}

static void
trace_gone(void *arg)
{
	struct trace *trace = arg;

	trace->call = NULL;
	if (!trace->is_leaving)
		leave(trace);	/* or trace_begun() will */
}

static void
run_trace(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct span peer = ctl_text(ctl_request_of(call), "peer");
	struct trace *trace;

	if (peer.len == 0) {
		ctl_refuse(call, "peer is an address or a domain");
		return;
	}
	trace = mem_new(sizeof *trace +
	    control->shard_n * sizeof *trace->part);
	trace->gather = (struct gather){ .loop = control->loop,
		.done = trace_begun };
	trace->control = control;
	trace->call = call;
	trace->peer = mem_copy(peer);
	trace->is_leaving = true;	/* not before it has begun */
	trace->part_n = control->shard_n;
	for (unsigned i = 0; i < trace->part_n; i++)
		trace->part[i].trace = trace;
	ctl_later(call, trace_gone, NULL, trace);
	control_begin(control);
	gather_start(&trace->gather, control->shard, control->shard_n,
	    trace->part, sizeof *trace->part, watch_shard);
}

static const struct ctl_field recall_fields[] = {
	{ "session", CTL_TEXT, true },
};
static const struct ctl_field trace_fields[] = {
	{ "peer", CTL_TEXT, true },
};
static const struct ctl_request rows[] = {
	{ .name = "transcript", .field = recall_fields,
	    .field_n = countof(recall_fields), .run = run_transcript },
	{ .name = "trail.flush", .run = run_flush },
	{ .name = "trace", .field = trace_fields,
	    .field_n = countof(trace_fields), .is_change = true,
	    .run = run_trace },
};
const struct control_rows control_trace_rows = { rows, countof(rows) };
