/* SPDX-License-Identifier: Apache-2.0 */
/* trail: see trail.h.
 *
 *   threads ──trail_event──► rings ──writer──► database
 *
 * A thread keeps to one ring, so shards do not meet. The writer runs at the
 * lowest priority: where every processor is busy with mail it gets next to
 * nothing, the rings fill, and events are dropped, not mail. */
#include "trail/trail.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "trail/database.h"
#include "trail/ring.h"

#define RINGS       8
#define RING_LEN    ((size_t)1 << 20)
#define BATCH_MAX   20000	/* events of a transaction */
#define NAP_MS      250
#define PRUNE_MS    10000
#define PRUNES_MAX  20		/* pieces at once */
#define NICENESS    19

static struct {
	atomic_bool is_on;
	atomic_uint threads;	/* that have told something */
	atomic_uint_fast64_t told;
	struct ring ring[RINGS];
	struct database database;
	pthread_t writer;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t asked, answered;
	bool is_ending, is_wanted;
	uint64_t flush_asked, flush_done;
	/* the writer's */
	uint64_t lost_told;
	uint64_t prune_at_ms;
	bool is_broken;		/* and it has been logged */
} trail = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.asked = PTHREAD_COND_INITIALIZER,
	.answered = PTHREAD_COND_INITIALIZER,
};

/* --- telling */

bool
trail_is_on(void)
{
	return atomic_load_explicit(&trail.is_on, memory_order_relaxed);
}

static struct ring *
ring_of_thread(void)
{
	static _Thread_local unsigned number;	/* + 1; 0: none yet */

	if (number == 0)
		number = atomic_fetch_add(&trail.threads, 1) % RINGS + 1;
	return &trail.ring[number - 1];
}

/* Half a ring is there: no use to wait for the nap's end. */
static void
wake_writer(void)
{
	pthread_mutex_lock(&trail.lock);
	if (!trail.is_wanted) {
		trail.is_wanted = true;
		pthread_cond_signal(&trail.asked);
	}
	pthread_mutex_unlock(&trail.lock);
}

void
trail_event(const struct trail_event *event)
{
	struct ring *ring;
	struct trail_event timed;
	size_t before, used = 0;

	if (!trail_is_on())
		return;
	ring = ring_of_thread();
	if (event->at_ms == 0) {
		timed = *event;
		timed.at_ms = clock_real_ms();
		event = &timed;
	}
	if (!ring_put(ring, event, &used))
		return;
	atomic_fetch_add_explicit(&trail.told, 1, memory_order_relaxed);
	/* once, when it passes the half */
	before = used - used % 4096;
	if (used > ring->len / 2 && before <= ring->len / 2)
		wake_writer();
}

static uint64_t
count_dropped(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < RINGS; i++)
		n += atomic_load(&trail.ring[i].dropped);
	return n;
}

void
trail_counts(uint64_t *told, uint64_t *dropped)
{
	*told = atomic_load(&trail.told);
	*dropped = count_dropped();
}

/* --- writing */

/* The ring whose next event is the oldest, or NULL: a story is told in the
 * order in which it happened, whichever threads had a part in it. */
static struct ring *
oldest_ring(struct trail_event *event, char memory[RING_EVENT_MAX])
{
	struct ring *found = NULL;
	uint64_t at_ms = UINT64_MAX;

	for (size_t i = 0; i < RINGS; i++)
		if (ring_peek(&trail.ring[i], event, memory) &&
		    event->at_ms < at_ms) {
			found = &trail.ring[i];
			at_ms = event->at_ms;
		}
	if (found != NULL)
		(void)ring_peek(found, event, memory);
	return found;
}

static void
note_failure(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		atomic_fetch_add(&trail.ring[0].dropped, 1);
	if (!trail.is_broken)
		log_error("trail-failed", LOG_Z("why",
		    database_why(&trail.database)));
	trail.is_broken = true;
}

static bool
add_lost(void)
{
	uint64_t lost = count_dropped();
	struct trail_event event = { .kind = TRAIL_LOST,
		.at_ms = clock_real_ms(), .number = lost - trail.lost_told };

	if (lost == trail.lost_told)
		return true;
	log_warning("trail-lost", LOG_U("events", event.number));
	trail.lost_told = lost;
	return database_add(&trail.database, &event) == 0;
}

/* One batch; true if there may be more. */
static bool
write_batch(void)
{
	char memory[RING_EVENT_MAX];
	struct trail_event event;
	struct ring *ring = oldest_ring(&event, memory);
	bool is_good = true;
	unsigned n = 0;

	if (ring == NULL && count_dropped() == trail.lost_told)
		return false;
	is_good = database_begin(&trail.database) == 0;
	for (; ring != NULL && n < BATCH_MAX; n++) {
		if (is_good)
			is_good = database_add(&trail.database, &event) == 0;
		ring_drop(ring);
		ring = oldest_ring(&event, memory);
	}
	is_good = is_good && add_lost();
	/* ends the transaction in any case */
	is_good = database_commit(&trail.database) == 0 && is_good;
	if (!is_good)
		note_failure(n);
	else
		trail.is_broken = false;
	return is_good && n == BATCH_MAX;
}

static void
prune(void)
{
	uint64_t now = clock_mono_ms();

	if (now < trail.prune_at_ms)
		return;
	trail.prune_at_ms = now + PRUNE_MS;
	for (unsigned i = 0; i < PRUNES_MAX; i++) {
		int result = database_prune(&trail.database,
		    clock_real_ms());

		if (result < 0)
			note_failure(0);
		if (result <= 0)
			return;
	}
	trail.prune_at_ms = now;	/* there is more */
}

/* With the lock: until something is wanted or the nap is over. */
static void
nap(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += NAP_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!trail.is_ending && !trail.is_wanted &&
	    trail.flush_asked == trail.flush_done)
		if (pthread_cond_timedwait(&trail.asked, &trail.lock,
		    &until) != 0)
			return;
}

static void *
write_events(void *unused)
{
	bool is_ending = false;

	(void)unused;
	pthread_setname_np(pthread_self(), "trail");
	/* of this thread only; without it we are less polite */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	while (!is_ending) {
		uint64_t flush;

		pthread_mutex_lock(&trail.lock);
		nap();
		trail.is_wanted = false;
		is_ending = trail.is_ending;
		flush = trail.flush_asked;
		pthread_mutex_unlock(&trail.lock);
		while (write_batch())
			;
		prune();
		pthread_mutex_lock(&trail.lock);
		trail.flush_done = flush;
		pthread_cond_broadcast(&trail.answered);
		pthread_mutex_unlock(&trail.lock);
	}
	return NULL;
}

/* --- start and end */

static size_t
ring_len_of(const struct trail_options *options)
{
	size_t wanted = options->ring_len / RINGS, len = RING_EVENT_MAX;

	if (options->ring_len == 0)
		return RING_LEN;
	while (len < wanted)
		len *= 2;
	return len;
}

int
trail_start(const struct trail_options *options, char *error,
    size_t error_len)
{
	int result;

	if (database_open(&trail.database, options, error, error_len) != 0)
		return -1;
	for (size_t i = 0; i < RINGS; i++)
		ring_init(&trail.ring[i], ring_len_of(options));
	trail.is_ending = trail.is_wanted = trail.is_broken = false;
	trail.lost_told = 0;
	trail.prune_at_ms = 0;
	atomic_store(&trail.told, 0);
	result = pthread_create(&trail.writer, NULL, write_events, NULL);
	if (result != 0) {
		snprintf(error, error_len, "no thread for the trail: %s",
		    log_errno(result));
		for (size_t i = 0; i < RINGS; i++)
			ring_free(&trail.ring[i]);
		database_close(&trail.database);
		return -1;
	}
	atomic_store(&trail.is_on, true);
	return 0;
}

void
trail_stop(void)
{
	if (!trail_is_on())
		return;
	atomic_store(&trail.is_on, false);
	pthread_mutex_lock(&trail.lock);
	trail.is_ending = true;
	pthread_cond_signal(&trail.asked);
	pthread_mutex_unlock(&trail.lock);
	pthread_join(trail.writer, NULL);
	for (size_t i = 0; i < RINGS; i++)
		ring_free(&trail.ring[i]);
	database_close(&trail.database);
}

void
trail_flush(void)
{
	uint64_t mine;

	if (!trail_is_on())
		return;
	pthread_mutex_lock(&trail.lock);
	mine = ++trail.flush_asked;
	pthread_cond_signal(&trail.asked);
	while (trail.flush_done < mine)
		pthread_cond_wait(&trail.answered, &trail.lock);
	pthread_mutex_unlock(&trail.lock);
}
