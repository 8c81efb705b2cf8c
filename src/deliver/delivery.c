/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: takes what is due, tries it, settles the outcome; one a store.
 *
 *   sched ──take──► job ──pool──► attempt_run ──loop──► settle ──► gone
 *     ▲                                                   │
 *     ├────────────── due again (READY) ◄─────────────────┤
 *     └── reload ◄──── waiting list (WAITING) ◄───────────┘
 *
 * What concerns others (delivery_out.c) leaves the job as a parcel, and comes
 * back to the same three ends when all of its recipients are decided.
 *
 * One job is under way at a time: what becomes due meanwhile makes the next
 * one larger, so batches grow with the load by themselves. Settles of a job
 * may still be on their way to the disk while the next one runs. */
#include "deliver/delivery_state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/note.h"
#include "deliver/resettle.h"
#include "mail/trace.h"
#include "trail/trail.h"

#define JOB_MESSAGES  256
#define JOB_BYTES     ((uint64_t)16 << 20)	/* of texts */
#define JOB_ENVELOPES ((uint64_t)4 << 20)	/* octets */
#define ARENA_MAX     ((size_t)256 << 20)	/* envelopes when read */
#define BUSY_MS       200	/* the pool is full: ask again */
#define NAP_MAX_MS    60000	/* so a jump of the clock is noticed */

/* One message of a job and, when it has run, of its settle. */
struct item {
	struct job *job;
	enum store_state state;	/* if it is not the last settle */
	uint64_t due_ms;
	bool is_last;
};

struct job {
	struct pool_job pool_job;
	struct delivery *delivery;
	struct conf *conf;
	struct pause *pause;
	unsigned era;
	struct attempt_batch batch;
	struct arena arena;
	size_t settles_n;	/* not yet durable */
	struct attempt attempt[JOB_MESSAGES];
	struct item item[JOB_MESSAGES];
};

/* --- when */

/* Sees to it that run_due() is called when there is something for it. Not at
 * once: the caller may be about to add a hundred more. */
void
delivery_plan(struct delivery *delivery)
{
	uint64_t next = sched_next(&delivery->sched), now;

	if (delivery->is_stopped || delivery->is_kicked ||
	    delivery->store == NULL || delivery->running != NULL ||
	    next == UINT64_MAX)
		return;
	now = clock_real_ms();
	if (next <= now) {
		delivery->is_kicked = true;
		loop_post(delivery->loop, &delivery->kick);
		return;
	}
	timer_set(delivery->loop, &delivery->timer,
	    next - now < NAP_MAX_MS ? next - now : NAP_MAX_MS);
}

/* --- after an attempt */

static void
free_job(struct job *job)
{
	for (size_t i = 0; i < job->batch.n; i++) {
		free((void *)(uintptr_t)job->attempt[i].settled);
		release_unref(job->attempt[i].release);
	}
	/* of a job that nobody asked for its result */
	for (size_t i = 0; i < job->batch.n; i++)
		parcel_free(job->attempt[i].parcel);
	arena_reset(&job->arena);
	conf_unref(job->conf);
	pause_unref(job->pause);
	free(job);
}

static const struct attempt *
attempt_of(const struct item *item)
{
	return &item->job->attempt[item - item->job->item];
}

static uint64_t
id_of(const struct item *item)
{
	return attempt_of(item)->pin.id;
}

static void
retry_later(struct delivery *delivery, struct item *item)
{
	item->state = STORE_READY;
	item->due_ms = delivery_next_try(delivery, id_of(item),
	    attempt_of(item)->born_ms, attempt_of(item)->by_at);
}

/* The job is gone with its last settle. */
static void
end_settle(struct job *job)
{
	if (--job->settles_n != 0)
		return;
	job->delivery->settling_n--;
	free_job(job);
}

/* A settle that is not on disk means that the message will come again, now or
 * after a restart: under the same file name. */
static void
on_settled(void *arg, int result)
{
	struct item *item = arg;
	struct job *job = item->job;
	struct delivery *delivery = job->delivery;
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	if (result != 0) {
		trace_put_id(&put, id_of(item));
		log_error("settle-failed", LOG_S("id", put_span(&put)),
		    LOG_ERRNO(result));
		item->is_last = false;
		retry_later(delivery, item);
	}
	if (item->is_last)
		delivery_forget(delivery, id_of(item));
	else
		delivery_hold_again(delivery, id_of(item),
		    attempt_of(item)->release);
	if (!item->is_last && item->state == STORE_WAITING)
		delivery_let_wait(delivery, id_of(item), job->era,
		    attempt_of(item)->by_at);
	else if (!item->is_last)
		delivery_put_back(delivery, id_of(item), item->state,
		    item->due_ms);
	end_settle(job);
	delivery_plan(delivery);
}

/* An operator has held it while it was tried. */
bool
delivery_is_held(const struct delivery *delivery, uint64_t id)
{
	struct store_look look;

	return store_look(delivery->store, id, &look) == 0 &&
	    look.entry.state == STORE_HELD;
}

/* The outcome as the store wants it; `item` gets what is to happen next. */
static struct store_settle
outcome_of(struct delivery *delivery, const struct attempt *attempt,
    struct item *item)
{
	item->is_last = attempt->failed_n == 0 && attempt->waiting_n == 0;
	item->state = STORE_WAITING;
	item->due_ms = delivery_due_so_far(delivery, attempt->pin.id);
	if (attempt->is_broken)
		item->state = STORE_HELD;
	else if (attempt->failed_n != 0)
		retry_later(delivery, item);
	if (!item->is_last && delivery_is_held(delivery, attempt->pin.id))
		item->state = STORE_HELD;
	return (struct store_settle){
		.id = attempt->pin.id,
		.rcpt = attempt->rcpt,
		.outcome = attempt->outcome,
		.rcpt_n = attempt->rcpt_n,
		.is_last = item->is_last,
		.is_no_attempt = item->state == STORE_WAITING,
		.state = item->state,
		.due_ms = item->due_ms,
		.reason = span_of(attempt->reason, attempt->reason_len),
	};
}

static void
log_waiting(const struct attempt *attempt)
{
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, attempt->pin.id);
	log_notice("waiting", LOG_S("id", put_span(&put)),
	    LOG_S("reason", span_of(attempt->reason, attempt->reason_len)));
	trail_event(&(struct trail_event){ .kind = TRAIL_WAITING,
		.message = attempt->pin.id, .words = span_of(attempt->reason,
		    attempt->reason_len) });
}

static void
on_job_done(struct pool_job *pool_job)
{
	struct job *job = container_of(pool_job, struct job, pool_job);
	struct delivery *delivery = job->delivery;
	size_t n = job->batch.n;

	delivery->running = NULL;
	delivery->settling_n++;
	job->settles_n = n + 1;
	for (size_t i = 0; i < n; i++) {
		struct attempt *attempt = &job->attempt[i];
		struct store_settle settle;

		if (attempt->parcel != NULL) {
			job->settles_n--;
			attempt->parcel->era = job->era;
			attempt->parcel->release =
			    release_ref(attempt->release);
			delivery_take_parcel(delivery, attempt->parcel);
			attempt->parcel = NULL;
			continue;
		}
		settle = outcome_of(delivery, attempt, &job->item[i]);
		if (!settle.is_last && settle.state == STORE_WAITING)
			log_waiting(attempt);
		store_unpin(delivery->store, &attempt->pin);
		if (!settle.is_last)
			note_set_reason(delivery->store, attempt->pin.id,
			    &delivery->reasons, settle.reason);
		store_settle(delivery->store, &settle, on_settled,
		    &job->item[i]);
	}
	end_settle(job);
	delivery_plan(delivery);
}

static void
work(struct pool_job *pool_job)
{
	struct job *job = container_of(pool_job, struct job, pool_job);

	attempt_run(&job->batch);
}

/* --- before an attempt */

/* Which recipients an earlier attempt has finished: the few messages that had
 * one are asked recipient by recipient. */
static void
find_settled(struct delivery *delivery, struct attempt *attempt)
{
	const struct store_pin *pin = &attempt->pin;
	uint32_t *settled;

	if (pin->rcpt_settled_n == 0)
		return;
	settled = mem_new_array(pin->rcpt_settled_n, sizeof *settled);
	/* an envelope has fewer recipients than octets */
	for (uint32_t i = 0; i < pin->envelope_len &&
	    attempt->settled_n < pin->rcpt_settled_n; i++)
		if (store_is_settled(delivery->store, pin->id, i))
			settled[attempt->settled_n++] = i;
	attempt->settled = settled;
}

/* Held meanwhile, there already, or due later: where that stands in the
 * schedule it is met again. */
static bool
is_passed_over(struct delivery *delivery, const struct job *job, uint64_t id)
{
	struct store_look look;

	/* a lane calls for mail that stands in the schedule, too */
	for (size_t i = 0; i < job->batch.n; i++)
		if (job->attempt[i].pin.id == id)
			return true;
	if (!delivery->has_twins || store_look(delivery->store, id, &look) != 0)
		return false;	/* store_pin says so, too */
	if (look.entry.state == STORE_READY &&
	    look.entry.due_ms > clock_real_ms()) {
		/* it need not stand there: a lane gives its mail back at once,
		 * and the clock may have been set back since that was due */
		sched_add(&delivery->sched, id, look.entry.due_ms);
		return true;
	}
	return look.entry.state == STORE_HELD;
}

/* Fills the job with what is due. */
static void
take_due(struct delivery *delivery, struct job *job)
{
	uint64_t now = clock_real_ms(), bytes = 0, envelopes = 0, id;

	while (job->batch.n < JOB_MESSAGES && bytes < JOB_BYTES &&
	    envelopes < JOB_ENVELOPES &&
	    (id = sched_take(&delivery->sched, now)) != 0) {
		struct attempt *attempt = &job->attempt[job->batch.n];
		const struct wish *wish;

		if (is_passed_over(delivery, job, id) ||
		    delivery_is_flying(delivery, id))
			continue;
		if (store_pin(delivery->store, id, &attempt->pin) != 0) {
			/* gone, or damaged and held: the store told */
			delivery_forget(delivery, id);
			continue;
		}
		attempt->is_again = id <= delivery->recovered_max ||
		    delivery_attempts(delivery, id) != 0;
		wish = delivery_wish(delivery, id);
		attempt->is_returned = wish != NULL && wish->is_returned;
		attempt->release = wish == NULL ? NULL :
		    release_ref(wish->release);
		find_settled(delivery, attempt);
		job->item[job->batch.n++].job = job;
		bytes += attempt->pin.text_len;
		envelopes += attempt->pin.envelope_len;
	}
}

/* The pool takes no more: all back, as if nothing had been. */
static void
give_up_job(struct delivery *delivery, struct job *job)
{
	uint64_t due_ms = clock_real_ms() + BUSY_MS;

	for (size_t i = 0; i < job->batch.n; i++) {
		struct store_pin *pin = &job->attempt[i].pin;

		sched_add(&delivery->sched, pin->id, due_ms);
		store_unpin(delivery->store, pin);
	}
	free_job(job);
	delivery_plan(delivery);
}

/* Open folders are kept from job to job, unless our name has changed. */
static struct maildir_batch *
get_maildir(struct delivery *delivery)
{
	const char *hostname = delivery->conf->hostname;

	if (delivery->maildir != NULL &&
	    strcmp(delivery->hostname, hostname) == 0)
		return delivery->maildir;
	maildir_batch_free(delivery->maildir);
	free(delivery->hostname);
	delivery->hostname = mem_copy(span_str(hostname));
	delivery->maildir = maildir_batch_new(hostname);
	return delivery->maildir;
}

static struct job *
new_job(struct delivery *delivery)
{
	struct job *job = mem_new(sizeof *job);

	job->delivery = delivery;
	job->conf = conf_ref(delivery->conf);
	job->pause = pause_ref(delivery->pause);
	job->era = delivery->era;
	job->pool_job.work = work;
	job->pool_job.done = on_job_done;
	arena_init(&job->arena, ARENA_MAX);
	job->batch.store = delivery->store;
	job->batch.conf = job->conf;
	job->batch.pause = job->pause;
	job->batch.maildir = get_maildir(delivery);
	job->batch.arena = &job->arena;
	job->batch.attempt = job->attempt;
	return job;
}

static void
run_due(struct delivery *delivery)
{
	struct job *job;

	if (delivery->is_stopped || delivery->running != NULL ||
	    delivery->unwritten != NULL)
		return;
	job = new_job(delivery);
	take_due(delivery, job);
	if (job->batch.n == 0) {
		free_job(job);
		delivery_plan(delivery);
		return;
	}
	if (pool_add(delivery->pool, delivery->loop, &job->pool_job) != 0)
		give_up_job(delivery, job);
	else
		delivery->running = job;
}

static void
on_kick(struct loop_job *kick)
{
	struct delivery *delivery = container_of(kick, struct delivery, kick);

	delivery->is_kicked = false;
	run_due(delivery);
}

static void
on_time(struct timer *timer)
{
	run_due(container_of(timer, struct delivery, timer));
}

/* --- public */

struct delivery *
delivery_new(struct loop *loop, struct pool *pool, struct conf *conf)
{
	struct delivery *delivery = mem_new(sizeof *delivery);

	delivery->loop = loop;
	delivery->pool = pool;
	delivery->conf = conf_ref(conf);
	delivery->pause = pause_new();
	reasons_init(&delivery->reasons);
	delivery->mover = mover_new(loop, pool, delivery_moved, delivery);
	delivery->timer.on_time = on_time;
	delivery->kick.run = on_kick;
	sched_init(&delivery->sched);
	map_init(&delivery->wishes);
	map_init(&delivery->flying);
	return delivery;
}

void
delivery_attach(struct delivery *delivery, struct store *store)
{
	must(delivery->store == NULL && store != NULL);
	delivery->store = store;
	mover_attach(delivery->mover, store);
	/* a restart reads the configuration anew, too */
	delivery_look_again(delivery);
}

void
delivery_add(struct delivery *delivery, const struct store_entry *entry)
{
	if (delivery->store == NULL && entry->id > delivery->recovered_max)
		delivery->recovered_max = entry->id;
	delivery_put_back(delivery, entry->id, entry->state, entry->due_ms);
	delivery_plan(delivery);
}

void
delivery_reload(struct delivery *delivery, struct conf *conf)
{
	struct conf *old = delivery->conf;

	delivery->conf = conf_ref(conf);
	if (delivery->dispatch != NULL)
		dispatch_reload(delivery->dispatch, conf);
	conf_unref(old);
	delivery->era++;
	delivery_look_again(delivery);
}

void
delivery_pause(struct delivery *delivery, struct pause *pause)
{
	struct pause *old = delivery->pause;

	delivery->pause = pause_ref(pause);
	pause_unref(old);
	delivery->era++;
	delivery_look_again(delivery);
}

struct reasons *
delivery_reasons(struct delivery *delivery)
{
	return &delivery->reasons;
}

void
delivery_stop(struct delivery *delivery)
{
	delivery->is_stopped = true;
	if (delivery->dispatch != NULL)
		dispatch_stop(delivery->dispatch);
	resettle_stop(delivery);
	timer_stop(delivery->loop, &delivery->timer);
}

bool
delivery_is_idle(const struct delivery *delivery)
{
	return delivery->running == NULL && delivery->settling_n == 0 &&
	    delivery->flying.n == 0 && mover_is_idle(delivery->mover);
}

void
delivery_free(struct delivery *delivery)
{
	struct span key;
	void *wish;
	size_t at = 0;

	if (delivery == NULL)
		return;
	must(delivery->settling_n == 0);	/* store_close() saw to it */
	dispatch_free(delivery->dispatch);
	map_free(&delivery->flying);
	if (delivery->running != NULL)
		free_job(delivery->running);	/* the pool is gone */
	while (map_next(&delivery->wishes, &at, &key, &wish)) {
		release_unref(((struct wish *)wish)->release);
		free(wish);
	}
	map_free(&delivery->wishes);
	maildir_batch_free(delivery->maildir);
	sched_free(&delivery->sched);
	conf_unref(delivery->conf);
	pause_unref(delivery->pause);
	mover_free(delivery->mover);
	reasons_free(&delivery->reasons);
	free(delivery->hostname);
	free(delivery->waiting);
	free(delivery);
}
