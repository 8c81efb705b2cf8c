/* SPDX-License-Identifier: Apache-2.0 */
/* shard: see shard.h. Other threads talk to it only by jobs in its mailbox. */
#include "ehlod/shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/capture.h"
#include "ehlod/drop.h"
#include "ehlod/notice.h"
#include "ehlod/reports.h"
#include "ehlod/session.h"

enum { STARTING, READY, FAILED, ENDED };

#define LAST_WORD_MS 2000
#define TRIM_MS      60000

/* --- the spool */

static void
poll_store(struct loop_job *job)
{
	struct shard_store *at = (struct shard_store *)((char *)job -
	    offsetof(struct shard_store, wake));

	/* cleared first: what comes durable from here on wakes us again */
	atomic_store(&at->is_woken, false);
	store_poll(at->store);
}

/* Called on the committer's thread. */
static void
wake_shard(void *arg)
{
	struct shard_store *at = arg;

	if (!atomic_exchange(&at->is_woken, true))
		loop_post(at->shard->loop, &at->wake);
}

static void
found_message(void *arg, const struct store_entry *entry)
{
	struct shard_store *at = arg;

	delivery_add(at->delivery, entry);
}

static void
set_outside(struct shard_store *at)
{
	struct shard *shard = at->shard;
	const struct outside *outside = &shard->shared->outside;

	at->env = (struct link_env){
		.resolve = { .loop = shard->loop, .dns = outside->dns },
		.loop = shard->loop, .conns = shard->conns,
		.pool = shard->shared->disk_pool, .tls = outside->tls,
		.sts = outside->sts, .book = outside->book };
}

static int
open_store(struct shard *shard, struct shard_store *at, unsigned number)
{
	struct store_options options = { .shard = number };
	char path[4096];
	struct store_stats stats;

	snprintf(path, sizeof path, "%s/shard-%03u",
	    shard->snapshot->conf->spool, number);
	at->shard = shard;
	at->number = number;
	at->wake.run = poll_store;
	at->delivery = delivery_new(shard->loop, shard->shared->disk_pool,
	    shard->snapshot->conf);
	set_outside(at);
	at->notices = notice_env(at);
	delivery_use(at->delivery, &at->env, &at->notices, shard->shards_n);
	options.path = path;
	options.wake = wake_shard;
	options.wake_arg = at;
	options.free_note = note_free;
	delivery_pause(at->delivery, shard->shared->pause);
	at->store = store_open(&options, found_message, at, shard->error,
	    sizeof shard->error);
	if (at->store == NULL)
		return -1;
	delivery_attach(at->delivery, at->store);
	store_stats(at->store, &stats);
	if (stats.messages != 0)
		log_info("recovered", LOG_Z("spool", path),
		    LOG_U("messages", stats.messages),
		    LOG_U("bytes", stats.live_bytes));
	return 0;
}

/* Every spool directory has an owner, also after a restart with fewer
 * shards: directory d belongs to shard d modulo their number. */
static int
open_stores(struct shard *shard)
{
	char path[4096];
	struct stat st;

	for (unsigned d = shard->number; d < SHARDS_MAX; d += shard->shards_n) {
		struct shard_store *at;

		snprintf(path, sizeof path, "%s/shard-%03u",
		    shard->snapshot->conf->spool, d);
		if (d != shard->number && stat(path, &st) != 0)
			continue;
		at = &shard->store[shard->store_n++];
		if (open_store(shard, at, d) != 0)
			return -1;
	}
	return 0;
}

static void
close_stores(struct shard *shard)
{
	for (size_t i = 0; i < shard->store_n; i++) {
		struct shard_store *at = &shard->store[i];

		if (at->store != NULL)
			store_close(at->store);
		delivery_free(at->delivery);
	}
}

/* --- the end */

static bool
is_all_delivered(const struct shard *shard)
{
	for (size_t i = 0; i < shard->store_n; i++)
		if (!delivery_is_idle(shard->store[i].delivery))
			return false;
	return true;
}

static void
end_if_idle(struct shard *shard)
{
	if (!shard->is_stopping || shard->sessions_n != 0 ||
	    shard->logins_running != 0 || shard->trimming != NULL ||
	    (shard->reports != NULL && !tlsrpt_run_is_idle(shard->reports)))
		return;
	if (is_all_delivered(shard))
		loop_stop(shard->loop);
	else
		timer_set(shard->loop, &shard->patience, 100);
}

static void
on_patience(struct timer *timer)
{
	end_if_idle((struct shard *)((char *)timer -
	    offsetof(struct shard, patience)));
}

static void
on_grace_over(struct timer *timer)
{
	struct shard *shard = (struct shard *)((char *)timer -
	    offsetof(struct shard, grace));

	if (!shard->is_late) {
		/* told, and given time to hear it */
		shard->is_late = true;
		timer_set(shard->loop, &shard->grace, LAST_WORD_MS);
		session_end_all(shard, SESSION_END_TOLD);
	} else {
		session_end_all(shard, SESSION_END_NOW);
		for (size_t i = 0; i < shard->store_n; i++)
			delivery_abort(shard->store[i].delivery);
	}
	end_if_idle(shard);
}

void
shard_work_gone(struct shard *shard)
{
	end_if_idle(shard);
}

uint64_t
shard_session_id(struct shard *shard)
{
	uint64_t id = shard->next_session;

	shard->next_session += SHARDS_MAX;
	return id;
}

/* --- captured mail grows old */

struct shard_trim {
	struct pool_job job;	/* first: the pool gives it back */
	struct shard *shard;
	struct conf *conf;
};

static void
trim(struct pool_job *job)
{
	struct shard_trim *trimming = (struct shard_trim *)job;

	(void)capture_trim(trimming->conf, clock_real_ms());
}

static void
on_trimmed(struct pool_job *job)
{
	struct shard_trim *trimming = (struct shard_trim *)job;
	struct shard *shard = trimming->shard;

	shard->trimming = NULL;
	conf_unref(trimming->conf);
	free(trimming);
	if (!shard->is_stopping)
		timer_set(shard->loop, &shard->trim, TRIM_MS);
	end_if_idle(shard);
}

static void
on_trim(struct timer *timer)
{
	struct shard *shard = (struct shard *)((char *)timer -
	    offsetof(struct shard, trim));
	struct shard_trim *trimming;

	if (*shard->snapshot->conf->capture_folder == '\0') {
		timer_set(shard->loop, &shard->trim, TRIM_MS);
		return;
	}
	trimming = mem_new(sizeof *trimming);
	trimming->job.work = trim;
	trimming->job.done = on_trimmed;
	trimming->shard = shard;
	trimming->conf = conf_ref(shard->snapshot->conf);
	shard->trimming = trimming;
	if (pool_add(shard->shared->disk_pool, shard->loop,
	    &trimming->job) != 0)
		on_trimmed(&trimming->job);	/* busy: next time */
}

/* --- the thread */

static void
on_turn(void *arg)
{
	struct shard *shard = arg;

	conn_pool_flush(shard->conns);
}

static void
tell_state(struct shard *shard, int state)
{
	pthread_mutex_lock(&shard->lock);
	shard->state = state;
	pthread_cond_signal(&shard->changed);
	pthread_mutex_unlock(&shard->lock);
}

static void
stop_port(struct shard *shard, struct shard_port *port)
{
	struct shard_port **link = &shard->ports;

	while (*link != port)
		link = &(*link)->next;
	*link = port->next;
	listen_stop(port->accepting);
	free(port);
}

static void *
run(void *arg)
{
	struct shard *shard = arg;
	char name[16];

	snprintf(name, sizeof name, "shard-%u", shard->number);
	pthread_setname_np(pthread_self(), name);
	if (open_stores(shard) != 0) {
		close_stores(shard);
		tell_state(shard, FAILED);
		return NULL;
	}
	if (shard->number == 0) {
		timer_set(shard->loop, &shard->trim, 1);
		shard->reports = reports_start(shard);
	}
	drop_recover_shard(shard);
	tell_state(shard, READY);
	/* it fails only if we misuse it; a daemon that lacks a shard, with
	 * jobs of its in the pools, is worse than one started again */
	must(loop_run(shard->loop) == 0);
	while (shard->ports != NULL)
		stop_port(shard, shard->ports);
	session_end_all(shard, SESSION_END_NOW);
	tlsrpt_run_free(shard->reports);
	close_stores(shard);
	tell_state(shard, ENDED);
	return NULL;
}

struct shard *
shard_new(unsigned number, unsigned shards_n, struct shared *shared,
    struct snapshot *snapshot)
{
	struct shard *shard = mem_new(sizeof *shard);

	shard->number = number;
	shard->shards_n = shards_n;
	shard->shared = shared;
	shard->snapshot = snapshot_ref(snapshot);
	shard->store = mem_new_array(SHARDS_MAX / shards_n + 1,
	    sizeof *shard->store);
	shard->transcript = transcript_new((size_t)
	    snapshot->conf->trail_transcripts);
	shard->next_session = clock_real_ms() << 20 | number;
	shard->grace.on_time = on_grace_over;
	shard->patience.on_time = on_patience;
	shard->trim.on_time = on_trim;
	pthread_mutex_init(&shard->lock, NULL);
	pthread_cond_init(&shard->changed, NULL);
	return shard;
}

int
shard_start(struct shard *shard)
{
	int error;

	shard->loop = loop_new();
	if (shard->loop == NULL)
		return -errno;
	shard->conns = conn_pool_new(shard->loop);
	loop_on_turn(shard->loop, on_turn, shard);
	error = pthread_create(&shard->thread, NULL, run, shard);
	return -error;
}

int
shard_wait_ready(struct shard *shard)
{
	int state;

	pthread_mutex_lock(&shard->lock);
	while (shard->state == STARTING)
		pthread_cond_wait(&shard->changed, &shard->lock);
	state = shard->state;
	pthread_mutex_unlock(&shard->lock);
	return state == READY ? 0 : -1;
}

void
shard_join(struct shard *shard)
{
	pthread_join(shard->thread, NULL);
}

void
shard_free(struct shard *shard)
{
	conn_pool_free(shard->conns);
	loop_free(shard->loop);
	transcript_free(shard->transcript);
	snapshot_unref(shard->snapshot);
	free(shard->store);
	free(shard);
}

/* --- jobs from the main thread */

struct change_job {
	struct loop_job job;
	struct shard *shard;
	struct snapshot *snapshot;
	size_t n;
	struct shard_port_change change[];
};

static void
on_accepted(void *arg, int fd)
{
	struct shard_port *port = arg;

	session_open(port, fd);
}

static struct shard_port *
find_port(struct shard *shard, const struct port *port)
{
	struct shard_port *at = shard->ports;

	while (at != NULL && at->port != port)
		at = at->next;
	return at;
}

static void
take_port(struct shard *shard, const struct shard_port_change *change)
{
	struct shard_port *at = find_port(shard, change->port);

	if (at == NULL) {
		at = mem_new(sizeof *at);
		at->shard = shard;
		at->port = change->port;
		at->accepting = listen_start(shard->loop, change->fd,
		    on_accepted, at);
		if (at->accepting == NULL)
			log_error("cannot-listen",
			    LOG_Z("listener", change->port->tally->name),
			    LOG_Z("address", change->port->text),
			    LOG_ERRNO(errno));
		at->next = shard->ports;
		shard->ports = at;
	}
	at->listener = change->listener;
}

static bool
is_kept(const struct change_job *job, const struct port *port)
{
	for (size_t i = 0; i < job->n; i++)
		if (job->change[i].port == port)
			return true;
	return false;
}

static void
run_change(struct loop_job *base)
{
	struct change_job *job = (struct change_job *)base;
	struct shard *shard = job->shard;
	struct shard_port *at, *next;

	for (at = shard->ports; at != NULL; at = next) {
		next = at->next;
		if (!is_kept(job, at->port))
			stop_port(shard, at);
	}
	for (size_t i = 0; i < job->n; i++)
		take_port(shard, &job->change[i]);
	for (size_t i = 0; i < shard->store_n; i++) {
		set_outside(&shard->store[i]);
		delivery_reload(shard->store[i].delivery,
		    job->snapshot->conf);
	}
	snapshot_unref(shard->snapshot);
	shard->snapshot = job->snapshot;
	free(job);
	pthread_mutex_lock(&shard->lock);
	shard->changes_due--;
	pthread_cond_signal(&shard->changed);
	pthread_mutex_unlock(&shard->lock);
}

void
shard_change(struct shard *shard, struct snapshot *snapshot,
    const struct shard_port_change *change, size_t n)
{
	struct change_job *job = mem_new(sizeof *job + n * sizeof *change);

	job->job.run = run_change;
	job->shard = shard;
	job->snapshot = snapshot;
	job->n = n;
	memcpy(job->change, change, n * sizeof *change);
	pthread_mutex_lock(&shard->lock);
	shard->changes_due++;
	pthread_mutex_unlock(&shard->lock);
	loop_post(shard->loop, &job->job);
}

void
shard_wait_changed(struct shard *shard)
{
	pthread_mutex_lock(&shard->lock);
	while (shard->changes_due != 0 && shard->state == READY)
		pthread_cond_wait(&shard->changed, &shard->lock);
	pthread_mutex_unlock(&shard->lock);
}

struct plain_job {
	struct loop_job job;
	struct shard *shard;
	uint64_t number;
};

static void
post_plain(struct shard *shard, void (*run_it)(struct loop_job *),
    uint64_t number)
{
	struct plain_job *job = mem_new(sizeof *job);

	job->job.run = run_it;
	job->shard = shard;
	job->number = number;
	loop_post(shard->loop, &job->job);
}

static void
run_stop(struct loop_job *base)
{
	struct plain_job *job = (struct plain_job *)base;
	struct shard *shard = job->shard;

	shard->is_stopping = true;
	/* a job begun when the loop is about to end would never be over */
	timer_stop(shard->loop, &shard->trim);
	if (shard->reports != NULL)
		tlsrpt_run_stop(shard->reports);
	while (shard->ports != NULL)
		stop_port(shard, shard->ports);
	for (size_t i = 0; i < shard->store_n; i++)
		delivery_stop(shard->store[i].delivery);
	session_end_all(shard, job->number == 0 ? SESSION_END_NOW
	    : SESSION_END_IDLE);
	for (size_t i = 0; i < shard->store_n && job->number == 0; i++)
		delivery_abort(shard->store[i].delivery);
	if (job->number != 0)
		timer_set(shard->loop, &shard->grace, job->number);
	free(job);
	end_if_idle(shard);
}

void
shard_stop(struct shard *shard, uint64_t grace_ms)
{
	/* one that could not start has ended by itself */
	if (shard_wait_ready(shard) == 0)
		post_plain(shard, run_stop, grace_ms);
}

void
shard_sum_stores(const struct shard *shard, struct store_stats *sum)
{
	*sum = (struct store_stats){ 0 };
	for (size_t i = 0; i < shard->store_n; i++) {
		struct store_stats one;

		store_stats(shard->store[i].store, &one);
		sum->messages += one.messages;
		sum->live_bytes += one.live_bytes;
		sum->disk_bytes += one.disk_bytes;
		sum->batches += one.batches;
		sum->batch_bytes += one.batch_bytes;
		sum->memory_bytes += one.memory_bytes;
		sum->is_read_only |= one.is_read_only;
		sum->is_full |= one.is_full;
	}
}

static void
run_stats(struct loop_job *base)
{
	struct plain_job *job = (struct plain_job *)base;
	struct shard *shard = job->shard;
	struct store_stats sum;

	shard_sum_stores(shard, &sum);
	log_notice("stats", LOG_U("shard", shard->number),
	    LOG_U("sessions", shard->sessions_n),
	    LOG_U("sessions-total", shard->sessions_total),
	    LOG_U("accepted", shard->accepted),
	    LOG_U("refused", shard->refused), LOG_U("logins", shard->logins),
	    LOG_U("login-failures", shard->login_failures),
	    LOG_U("queued", sum.messages), LOG_U("live-bytes", sum.live_bytes),
	    LOG_U("disk-bytes", sum.disk_bytes),
	    LOG_U("batches", sum.batches),
	    LOG_U("batch-bytes", sum.batch_bytes),
	    LOG_U("index-bytes", sum.memory_bytes));
	free(job);
}

void
shard_log_stats(struct shard *shard)
{
	post_plain(shard, run_stats, 0);
}
