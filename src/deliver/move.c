/* SPDX-License-Identifier: Apache-2.0 */
/* move: see move.h.
 *
 *   loop: pin some ─► pool: read, change ─► loop: rewrite ─► durable: moved()
 */
#include "deliver/move.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "mail/envelope.h"
#include "mail/trace.h"

#define AT_ONCE      64
#define ENVELOPE_MAX ((size_t)8 << 20)
#define ARENA_MAX    ((size_t)64 << 20)
#define BUSY_MS      50

/* One under way. */
struct move {
	struct mover *mover;
	struct move_order *order;
	struct store_pin pin;
	struct buf bytes;	/* the new envelope; empty: nobody is meant */
	int error;
};

struct waiting {
	uint64_t id;
	struct move_order *order;
};

struct mover {
	struct loop *loop;
	struct pool *pool;
	struct store *store;
	void (*moved)(void *arg, uint64_t id);
	void *arg;
	struct waiting *waiting;
	size_t first, n, cap;	/* those from `first` on wait */
	struct pool_job job;
	struct timer nap;
	struct move move[AT_ONCE];
	size_t move_n;
	size_t open_n;		/* of them, not yet durable */
};

static void run(struct mover *mover);

static void
finish(struct move *move, bool is_moved)
{
	struct mover *mover = move->mover;

	move->order->due_n--;
	move->order->moved_n += is_moved;
	buf_free(&move->bytes);
	if (--mover->open_n == 0) {
		mover->move_n = 0;
		run(mover);
	}
}

static void
put_back(struct mover *mover, uint64_t id, struct move_order *order)
{
	if (mover->first != 0 && mover->first == mover->n)
		mover->first = mover->n = 0;
	if (mover->n == mover->cap) {
		mover->cap = mover->cap != 0 ? mover->cap * 2 : 64;
		mover->waiting = mem_grow_array(mover->waiting, mover->cap,
		    sizeof *mover->waiting);
	}
	mover->waiting[mover->n++] = (struct waiting){ id, order };
}

static void
log_failure(uint64_t id, int error)
{
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, id);
	log_error("not-moved", LOG_S("id", put_span(&put)), LOG_ERRNO(error));
}

static void
on_durable(void *arg, int result)
{
	struct move *move = arg;
	struct mover *mover = move->mover;

	if (result == 0)
		mover->moved(mover->arg, move->pin.id);
	else
		log_failure(move->pin.id, result);
	finish(move, result == 0);
}

/* --- on a thread of the pool */

static bool
change(const struct move_order *order, struct envelope *envelope)
{
	bool is_changed = false;

	for (size_t i = 0; i < envelope->rcpt_n; i++) {
		struct envelope_rcpt *rcpt = &envelope->rcpt[i];

		if (rcpt->mailbox.len != 0 ||
		    span_eq(rcpt->route, order->route) ||
		    !order->fits(order->arg, rcpt->address))
			continue;
		rcpt->route = order->route;
		is_changed = true;
	}
	return is_changed;
}

static int
read_one(struct store *store, struct move *move)
{
	size_t len = move->pin.envelope_len;
	char *bytes = mem_new(len + 1);
	struct envelope envelope;
	struct arena arena;
	int error = store_read_envelope(store, &move->pin, bytes);

	arena_init(&arena, ARENA_MAX);
	if (error == 0)
		error = envelope_decode(span_of(bytes, len), &arena,
		    &envelope);
	if (error == 0 && change(move->order, &envelope))
		error = envelope_encode(&envelope, &move->bytes);
	arena_reset(&arena);
	free(bytes);
	return error;
}

static void
work(struct pool_job *job)
{
	struct mover *mover = container_of(job, struct mover, job);

	for (size_t i = 0; i < mover->move_n; i++)
		mover->move[i].error = read_one(mover->store,
		    &mover->move[i]);
}

/* --- on the loop */

static void
rewrite(struct mover *mover, struct move *move)
{
	uint64_t id = move->pin.id;
	int error = move->error;

	store_unpin(mover->store, &move->pin);
	if (error == 0 && move->bytes.len == 0) {
		finish(move, false);	/* it goes that way */
		return;
	}
	if (error == 0)
		error = store_rewrite(mover->store, id,
		    buf_span(&move->bytes), on_durable, move);
	if (error == 0)
		return;
	if (error == -EBUSY) {
		move->order->due_n++;
		put_back(mover, id, move->order);
	} else if (error != -ENOENT) {
		log_failure(id, error);
	}
	finish(move, false);
}

static void
on_read(struct pool_job *job)
{
	struct mover *mover = container_of(job, struct mover, job);
	size_t n = mover->move_n;

	mover->open_n++;	/* so that it does not end in between */
	for (size_t i = 0; i < n; i++)
		rewrite(mover, &mover->move[i]);
	if (--mover->open_n == 0) {
		mover->move_n = 0;
		timer_set(mover->loop, &mover->nap, 1);
	}
}

static void
start(struct mover *mover)
{
	if (pool_add(mover->pool, mover->loop, &mover->job) != 0)
		timer_set(mover->loop, &mover->nap, BUSY_MS);
}

static void
run(struct mover *mover)
{
	while (mover->move_n < AT_ONCE && mover->first < mover->n) {
		struct waiting *next = &mover->waiting[mover->first++];
		struct move *move = &mover->move[mover->move_n];

		if (next->order == NULL)
			continue;	/* cancelled */
		*move = (struct move){ .mover = mover,
			.order = next->order };
		if (store_pin(mover->store, next->id, &move->pin) != 0) {
			next->order->due_n--;	/* gone meanwhile */
			continue;
		}
		buf_init(&move->bytes, ENVELOPE_MAX);
		mover->move_n++;
		mover->open_n++;
	}
	if (mover->move_n != 0)
		start(mover);
}

static void
on_nap_over(struct timer *timer)
{
	struct mover *mover = container_of(timer, struct mover, nap);

	if (mover->move_n != 0)
		start(mover);	/* the pool was full */
	else
		run(mover);
}

struct mover *
mover_new(struct loop *loop, struct pool *pool,
    void (*moved)(void *arg, uint64_t id), void *arg)
{
	struct mover *mover = mem_new(sizeof *mover);

	mover->loop = loop;
	mover->pool = pool;
	mover->moved = moved;
	mover->arg = arg;
	mover->job.work = work;
	mover->job.done = on_read;
	mover->nap.on_time = on_nap_over;
	return mover;
}

void
mover_attach(struct mover *mover, struct store *store)
{
	mover->store = store;
}

void
mover_add(struct mover *mover, uint64_t id, struct move_order *order)
{
	order->due_n++;
	put_back(mover, id, order);
	if (mover->open_n == 0)
		timer_set(mover->loop, &mover->nap, 1);
}

void
mover_cancel(struct mover *mover, struct move_order *order)
{
	for (size_t i = mover->first; i < mover->n; i++) {
		if (mover->waiting[i].order != order)
			continue;
		mover->waiting[i].order = NULL;
		order->due_n--;
	}
}

bool
mover_is_idle(const struct mover *mover)
{
	return mover->open_n == 0;
}

void
mover_free(struct mover *mover)
{
	if (mover == NULL)
		return;
	for (size_t i = 0; i < mover->move_n; i++)
		buf_free(&mover->move[i].bytes);
	free(mover->waiting);
	free(mover);
}
