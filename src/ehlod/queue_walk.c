/* SPDX-License-Identifier: Apache-2.0 */
/* queue_walk: see queue_walk.h.
 *
 *   main loop     start ─┬──────────────── take ──ack──┬──── … ──► finish
 *                        │                  ▲          ▼
 *   shard's loop       slice ─► slice ─► chunk      slice ─► … done
 *                        │ ▲
 *   pool               read envelopes
 *
 * A part has one message under way, always: to its own shard (the next slice,
 * or "go on"), to the pool, or to the main loop (a chunk, or that it is done).
 */
#include "ehlod/queue_walk.h"

#include <stdlib.h>

#include "base/die.h"
#include "base/log.h"

#define SLICE_LOOKS 4096	/* messages looked at in one turn */
#define CHUNK_LEN   ((size_t)64 << 10)
#define CHUNK_MAX   ((size_t)16 << 20)	/* one item may be large */
#define READ_MAX    4096	/* envelopes read at once */
#define BUSY_MS     50		/* the pool is full */
#define NAP_MS      5		/* somebody else reads them */

struct reading {
	struct store_pin pin;
	struct note *note;	/* what was read; NULL: damaged */
};

/* The walk through one shard. */
struct queue_part {
	struct gather_part base;
	struct queue_walk *walk;
	struct pool_job pool_job;
	struct timer timer;
	size_t store;		/* where we are */
	uint32_t at;
	size_t id_at;
	uint64_t count;
	struct buf out;
	struct reading *reading;	/* READ_MAX of them */
	size_t reading_n;
	struct move_order move;
	bool is_napping;
	bool is_waiting;	/* a chunk is with a client that is slow */
};

struct queue_walk {
	struct gather gather;
	struct control *control;
	struct ctl_call *call;	/* NULL: the client has gone */
	json_t *request;	/* the filter's texts */
	struct queue_filter filter;
	struct queue_plan plan;
	bool is_warming;	/* for all who come after */
	atomic_bool is_cancelled;
	uint64_t items;		/* sent */
	unsigned part_n;
	struct queue_part part[];
};

static void run_slice(struct loop_job *job);
static void run_chunk(struct loop_job *job);

static void
send_part(struct queue_part *part, struct loop *loop,
    void (*run)(struct loop_job *job))
{
	part->base.job.run = run;
	loop_post(loop, &part->base.job);
}

/* --- on the shard's thread */

static void
act(struct queue_part *part, struct shard_store *at,
    const struct store_look *look, const struct note *note)
{
	struct queue_walk *walk = part->walk;
	const struct queue_seen seen = { at, look, note, &walk->filter,
		walk->plan.is_dry, &part->move };

	if (walk->plan.act(&seen, &part->out))
		part->count++;
}

/* For the pool to read; false if no more go into this batch. */
static bool
add_reading(struct queue_part *part, struct shard_store *at, uint64_t id)
{
	struct reading *reading;

	if (part->reading == NULL)
		part->reading = mem_new_array(READ_MAX,
		    sizeof *part->reading);
	reading = &part->reading[part->reading_n];
	if (store_pin(at->store, id, &reading->pin) == 0) {
		reading->note = NULL;
		part->reading_n++;
	}
	return part->reading_n < READ_MAX;
}

/* After a start all are read once: nobody else does that meanwhile. */
static bool
is_read_elsewhere(const struct queue_part *part)
{
	return part->base.shard->is_warming && !part->walk->is_warming &&
	    part->walk->filter.id_n == 0 && part->reading_n == 0;
}

/* False: stop here, envelopes must be read first. */
static bool
look_at(struct queue_part *part, struct shard_store *at,
    const struct store_look *look)
{
	const struct queue_walk *walk = part->walk;
	const struct queue_filter *filter = &walk->filter;
	bool wants = walk->plan.wants_note || queue_filter_wants_note(filter);
	const struct note *note = look->note;

	if (!queue_filter_look(filter, look))
		return true;
	if (wants && (note == NULL || note->is_bare ||
	    (note->is_cut && queue_filter_wants_rcpts(filter)))) {
		if (is_read_elsewhere(part)) {
			part->is_napping = true;
			return false;
		}
		return add_reading(part, at, look->entry.id);
	}
	if (!wants || queue_filter_note(filter, note))
		act(part, at, look, note);
	return true;
}

static struct shard_store *
store_at(const struct queue_part *part)
{
	struct shard *shard = part->base.shard;

	return part->store < shard->store_n ? &shard->store[part->store]
	    : NULL;
}

/* The ids that were named: each in whichever directory it is. */
static bool
slice_of_ids(struct queue_part *part)
{
	const struct queue_filter *filter = &part->walk->filter;
	struct shard *shard = part->base.shard;
	struct store_look look;

	for (; part->id_at < filter->id_n; part->id_at++)
		for (size_t i = 0; i < shard->store_n; i++) {
			struct shard_store *at = &shard->store[i];

			if (store_look(at->store, filter->id[part->id_at],
			    &look) != 0)
				continue;
			part->store = i;	/* whose readings these are */
			if (!look_at(part, at, &look) ||
			    part->reading_n != 0) {
				part->id_at++;
				return true;
			}
		}
	return false;
}

/* True: there may be more. */
static bool
slice(struct queue_part *part)
{
	struct shard_store *at;
	struct store_look look;

	if (atomic_load(&part->walk->is_cancelled) ||
	    atomic_load(&part->walk->control->is_stopping))
		return false;
	if (part->walk->filter.id_n != 0)
		return slice_of_ids(part);
	at = store_at(part);
	for (unsigned n = 0; at != NULL && n < SLICE_LOOKS; n++) {
		if (!store_walk(at->store, &part->at, &look)) {
			/* a batch of readings is of one directory */
			if (part->reading_n == 0) {
				part->store++;
				part->at = 0;
			}
			return true;
		}
		if (!look_at(part, at, &look) ||
		    part->out.len >= CHUNK_LEN) {
			part->at -= part->is_napping;	/* it again */
			return true;
		}
	}
	return at != NULL;
}

static void
envelope_read(void *arg, size_t i, int error, struct span bytes)
{
	struct queue_part *part = arg;

	if (error == 0)
		part->reading[i].note = note_read(bytes, SIZE_MAX);
}

static void
read_envelopes(struct pool_job *job)
{
	struct queue_part *part =
	    container_of(job, struct queue_part, pool_job);
	const struct store_pin **pin = mem_new_array(part->reading_n + 1,
	    sizeof(struct store_pin *));

	for (size_t i = 0; i < part->reading_n; i++)
		pin[i] = &part->reading[i].pin;
	store_read_envelopes(store_at(part)->store, pin, part->reading_n,
	    envelope_read, part);
	free(pin);
}

/* Keeps what was read as a note, if there was none, unless it has more
 * recipients than notes keep. */
static void
keep_note(struct shard_store *at, const struct store_look *look,
    struct note *note)
{
	const struct note *old = look->note;

	if ((old == NULL || old->is_bare) &&
	    note->rcpts_len <= NOTE_RCPTS_MAX)
		store_set_note(at->store, look->entry.id, note);
	else
		note_free(note);
}

static void
take_reading(struct queue_part *part, struct shard_store *at,
    struct reading *reading)
{
	const struct queue_filter *filter = &part->walk->filter;
	uint64_t id = reading->pin.id;
	struct store_look look;
	char memory[NOTE_REASON_MAX];
	struct note *note = reading->note;

	store_unpin(at->store, &reading->pin);
	if (note == NULL || store_look(at->store, id, &look) != 0) {
		note_free(note);
		return;
	}
	if (look.note != NULL)
		note_put_reason(note, delivery_reasons(at->delivery),
		    note_reason(look.note, memory));
	if (queue_filter_note(filter, note))
		act(part, at, &look, note);
	/* what was done may have changed it */
	if (store_look(at->store, id, &look) == 0)
		keep_note(at, &look, note);
	else
		note_free(note);
}

static void
envelopes_read(struct pool_job *job)
{
	struct queue_part *part =
	    container_of(job, struct queue_part, pool_job);

	for (size_t i = 0; i < part->reading_n; i++)
		take_reading(part, store_at(part), &part->reading[i]);
	part->reading_n = 0;
	run_slice(&part->base.job);
}

static void
start_reading(struct queue_part *part)
{
	struct shard *shard = part->base.shard;

	if (pool_add(shard->shared->disk_pool, shard->loop,
	    &part->pool_job) != 0)
		timer_set(shard->loop, &part->timer, BUSY_MS);
}

static void
on_time(struct timer *timer)
{
	struct queue_part *part =
	    container_of(timer, struct queue_part, timer);

	if (part->reading_n != 0)
		start_reading(part);
	else
		run_slice(&part->base.job);
}

/* What it began is over, or has been given up. */
static bool
has_ended(struct queue_part *part)
{
	bool is_cancelled = atomic_load(&part->walk->is_cancelled) ||
	    atomic_load(&part->walk->control->is_stopping);
	struct shard *shard = part->base.shard;

	for (size_t i = 0; i < shard->store_n && is_cancelled; i++)
		delivery_cancel(shard->store[i].delivery, &part->move);
	if (part->move.due_n != 0)
		return false;
	if (part->walk->plan.starts_moves)
		part->count = part->move.moved_n;
	if (part->walk->is_warming)
		shard->is_warming = false;
	return true;
}

static void
run_slice(struct loop_job *job)
{
	struct queue_part *part = (struct queue_part *)job;
	struct shard *shard = part->base.shard;
	bool has_more;

	shard->is_warming |= part->walk->is_warming;
	part->is_napping = false;
	has_more = slice(part);
	if (part->is_napping && part->out.len < CHUNK_LEN)
		timer_set(shard->loop, &part->timer, NAP_MS);
	else if (part->reading_n != 0)
		start_reading(part);
	else if (part->out.len >= CHUNK_LEN ||
	    (!has_more && part->out.len != 0))
		send_part(part, part->walk->gather.loop, run_chunk);
	else if (has_more)
		send_part(part, shard->loop, run_slice);
	else if (!has_ended(part))
		timer_set(shard->loop, &part->timer, NAP_MS);
	else
		gather_answer(&part->base);
}

/* --- on the main loop */

static void
cancel(struct queue_walk *walk)
{
	atomic_store(&walk->is_cancelled, true);
}

static void
send_items(struct queue_walk *walk, struct span lines)
{
	while (lines.len != 0 && walk->call != NULL) {
		struct span line = span_cut(&lines, '\n');

		if (walk->plan.limit != 0 &&
		    walk->items == walk->plan.limit) {
			cancel(walk);
			return;
		}
		ctl_item(walk->call, line);
		walk->items++;
	}
}

static void
go_on(struct queue_part *part)
{
	part->is_waiting = false;
	send_part(part, part->base.shard->loop, run_slice);
}

static void
run_chunk(struct loop_job *job)
{
	struct queue_part *part = (struct queue_part *)job;
	struct queue_walk *walk = part->walk;

	send_items(walk, buf_span(&part->out));
	buf_clear(&part->out);
	if (walk->call != NULL && ctl_is_full(walk->call))
		part->is_waiting = true;
	else
		go_on(part);
}

static void
on_room(void *arg)
{
	struct queue_walk *walk = arg;

	for (unsigned i = 0; i < walk->part_n; i++)
		if (walk->part[i].is_waiting)
			go_on(&walk->part[i]);
}

static void
on_gone(void *arg)
{
	struct queue_walk *walk = arg;

	walk->call = NULL;
	cancel(walk);
	on_room(walk);
}

static void
on_all(struct gather *gather)
{
	struct queue_walk *walk = container_of(gather, struct queue_walk,
	    gather);
	struct control *control = walk->control;
	uint64_t count = 0;

	for (unsigned i = 0; i < walk->part_n; i++) {
		count += walk->part[i].count;
		buf_free(&walk->part[i].out);
		free(walk->part[i].reading);
	}
	if (walk->call != NULL)
		ctl_end(walk->call, json_pack("{s:I,s:b}",
		    "count", (json_int_t)count,
		    "cut", (int)atomic_load(&walk->is_cancelled)));
	json_decref(walk->request);
	free(walk);
	control_end(control);
}

static bool
fits(const void *arg, struct span address)
{
	return queue_filter_rcpt(arg, address);
}

static struct queue_walk *
new_walk(struct control *control, const struct queue_plan *plan)
{
	struct queue_walk *walk = mem_new(sizeof *walk +
	    control->shard_n * sizeof *walk->part);

	walk->gather = (struct gather){ .loop = control->loop,
		.done = on_all };
	walk->control = control;
	walk->plan = *plan;
	walk->part_n = control->shard_n;
	for (unsigned i = 0; i < walk->part_n; i++) {
		struct queue_part *part = &walk->part[i];

		part->walk = walk;
		part->pool_job.work = read_envelopes;
		part->pool_job.done = envelopes_read;
		part->timer.on_time = on_time;
		part->move = (struct move_order){ .fits = fits,
			.arg = &walk->filter };
		buf_init(&part->out, CHUNK_MAX);
	}
	return walk;
}

static void
start(struct queue_walk *walk)
{
	struct control *control = walk->control;

	control_begin(control);
	gather_start(&walk->gather, control->shard, control->shard_n,
	    walk->part, sizeof *walk->part, run_slice);
}

void
queue_walk_start(struct control *control, struct ctl_call *call,
    const struct queue_plan *plan)
{
	struct queue_walk *walk = new_walk(control, plan);
	char memory[256];
	struct put error = put_init(memory, sizeof memory);

	walk->request = json_deep_copy(ctl_request_of(call));
	if (!queue_filter_read(&walk->filter, walk->request, &error)) {
		json_decref(walk->request);
		free(walk);
		ctl_refuse(call, "%s", put_cstr(&error));
		return;
	}
	for (unsigned i = 0; i < walk->part_n; i++)
		walk->part[i].move.route = ctl_text(walk->request, "route");
	walk->call = call;
	ctl_later(call, on_gone, on_room, walk);
	start(walk);
}

static bool
do_nothing(const struct queue_seen *seen, struct buf *out)
{
	(void)seen;
	(void)out;
	return false;
}

void
queue_walk_warm(struct control *control)
{
	const struct queue_plan plan = { .act = do_nothing,
		.wants_note = true };
	struct queue_walk *walk = new_walk(control, &plan);
	struct put nothing = put_init(NULL, 0);

	walk->request = json_object();
	walk->is_warming = true;
	/* it asks for nothing: it is good */
	must(queue_filter_read(&walk->filter, walk->request, &nothing));
	start(walk);
}
