/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/die.h"
#include "spool/batch.h"
#include "spool/life.h"
#include "spool/spool.h"

#define RETRY_MS  2000
#define MAKE_STEP ((uint64_t)1 << 20)

/* --- ops */

struct op *
op_new(enum op_kind kind, size_t len)
{
	struct op *op = mem_new(sizeof *op + len);

	op->kind = kind;
	op->bytes = (char *)(op + 1);
	return op;
}

void
op_list_add(struct op_list *list, struct op *op)
{
	op->next = NULL;
	if (list->last != NULL)
		list->last->next = op;
	else
		list->first = op;
	list->last = op;
	list->n++;
}

struct op *
op_list_take(struct op_list *list)
{
	struct op *op = list->first;

	if (op == NULL)
		return NULL;
	list->first = op->next;
	if (list->first == NULL)
		list->last = NULL;
	list->n--;
	op->next = NULL;
	return op;
}

static void
op_list_move(struct op_list *to, struct op_list *from)
{
	if (from->first == NULL)
		return;
	if (to->last != NULL)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->n += from->n;
	*from = (struct op_list){ 0 };
}

bool
op_is_mail(const struct op *op)
{
	return op->kind == OP_PART || op->kind == OP_COMMIT;
}

bool
op_is_about_mail(const struct op *op)
{
	return op->kind == OP_SETTLE || op->kind == OP_END ||
	    op->kind == OP_STATE || op->kind == OP_COPY ||
	    op->kind == OP_REWRITE;
}

/* --- handing back */

/* What is bound to fail with it. Nothing builds on a COPY: that it cannot be
 * read says nothing about others. */
static void
note_failure(struct committer *c, const struct op *op, int result)
{
	if (op_is_mail(op) && op->msg->disk_error == 0)
		op->msg->disk_error = result;
	if (op_is_about_mail(op) && op->kind != OP_COPY &&
	    op->kind != OP_REWRITE &&
	    op->epoch >= c->epoch) {
		c->epoch = op->epoch + 1;
		c->epoch_error = result;
	}
}

void
commit_finish(struct committer *c, struct op *op, int result)
{
	op->result = result;
	if (result != 0)
		note_failure(c, op, result);
	op_list_add(&c->ready, op);
}

void
commit_finish_in_turn(struct committer *c, struct op *op, int result)
{
	if (c->batch_ops.first == NULL) {
		commit_finish(c, op, result);
		return;
	}
	op->result = result;
	if (result != 0)
		note_failure(c, op, result);
	op_list_add(&c->batch_ops, op);
}

/* What store_begin() is to say. */
static void
set_refusal(struct committer *c)
{
	c->refusal = c->make_error != 0 ? c->make_error :
	    c->is_read_only ? -EROFS : 0;
}

void
commit_post(struct committer *c)
{
	bool was_empty;
	size_t ours = 0;

	/* who hears that a write has gone well may begin the next mail */
	set_refusal(c);
	if (c->ready.first == NULL)
		return;
	for (struct op *op = c->ready.first; op != NULL; op = op->next)
		if (op->kind != OP_OPENED && op->kind != OP_SEALED)
			ours++;
	pthread_mutex_lock(&c->lock);
	was_empty = c->done.first == NULL;
	op_list_move(&c->done, &c->ready);
	must(c->out_n >= ours);
	c->out_n -= ours;
	pthread_cond_signal(&c->finished);
	pthread_mutex_unlock(&c->lock);
	if (was_empty && c->store->options.wake != NULL &&
	    !c->store->tuning.is_inline)
		c->store->options.wake(c->store->options.wake_arg);
}

static void
run_ops(struct committer *c, struct op_list *ops)
{
	struct op *op;

	while ((op = op_list_take(ops)) != NULL)
		batch_add(c, op);
	while (c->batch_len != 0)	/* a failed one is filled again */
		batch_flush(c);
	commit_post(c);
}

/* --- the thread */

static bool
is_in_trouble(const struct committer *c)
{
	return c->is_read_only || c->make_error != 0;
}

/* After a while what failed is to be tried again. */
static bool
is_retry_due(const struct committer *c)
{
	return is_in_trouble(c) && (c->store->tuning.is_inline ||
	    clock_mono_ms() >= c->retry_at_ms);
}

static void
try_again(struct committer *c)
{
	if (!is_retry_due(c))
		return;
	c->retry_at_ms = clock_mono_ms() + RETRY_MS;
	c->make_error = 0;
	if (c->is_read_only)
		(void)life_open_next(c);	/* it says how it went */
	commit_post(c);
}

/* Sleeps until there is work, or until something is to be tried again. */
static void
wait_for_work(struct committer *c)
{
	struct timespec until = {
		.tv_sec = (time_t)(c->retry_at_ms / 1000),
		.tv_nsec = (long)(c->retry_at_ms % 1000) * 1000000,
	};

	if (is_in_trouble(c))
		(void)pthread_cond_timedwait(&c->work, &c->lock, &until);
	else
		pthread_cond_wait(&c->work, &c->lock);
}

static void
prepare_spare(struct committer *c)
{
	/* done when the active one is three quarters full */
	(void)life_make_some(c, 2 * c->last_batch > MAKE_STEP ?
	    2 * c->last_batch : MAKE_STEP);
	set_refusal(c);
}

static void *
work(void *arg)
{
	struct committer *c = arg;
	struct op_list ops = { 0 };

	pthread_mutex_lock(&c->lock);
	for (;;) {
		if (c->queue.first == NULL && c->is_stopping)
			break;
		if (c->queue.first == NULL && !life_wants_spare(c) &&
		    !is_retry_due(c)) {
			wait_for_work(c);
			continue;
		}
		op_list_move(&ops, &c->queue);
		pthread_mutex_unlock(&c->lock);
		try_again(c);
		run_ops(c, &ops);
		if (life_wants_spare(c))
			prepare_spare(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

void
commit_run(struct committer *c)
{
	struct op_list ops = { 0 };

	op_list_move(&ops, &c->queue);
	try_again(c);
	run_ops(c, &ops);
	if (life_wants_spare(c))
		prepare_spare(c);
}

/* --- for the owner */

void
commit_init(struct committer *c, struct store *store)
{
	pthread_condattr_t attr;
	void *batch = aligned_alloc(DISK_BLOCK, store->tuning.batch_max +
	    (size_t)2 * DISK_BLOCK);

	must(batch != NULL);
	*c = (struct committer){ .store = store, .batch = batch,
		.next_seq = 1, .next_rev = 1 };
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&c->work, &attr) == 0);
	must(pthread_cond_init(&c->finished, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

int
commit_start(struct committer *c)
{
	if (c->store->tuning.is_inline)
		return 0;
	c->has_thread = pthread_create(&c->thread, NULL, work, c) == 0;
	return c->has_thread ? 0 : -EAGAIN;
}

void
commit_stop(struct committer *c)
{
	if (c->has_thread) {
		pthread_mutex_lock(&c->lock);
		c->is_stopping = true;
		pthread_cond_signal(&c->work);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	if (c->active != NULL)
		life_seal(c);	/* the next start need not read it all */
	op_list_move(&c->done, &c->ready);
}

void
commit_free(struct committer *c)
{
	const struct disk *disk = c->store->disk;

	segment_make_abandon(&c->maker, disk, c->store->dir);
	while (c->spare_n != 0) {
		struct spare *spare = &c->spare[--c->spare_n];

		disk->close(disk->self, spare->in);
		disk->close(disk->self, spare->out);
	}
	free(c->batch);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->finished);
	pthread_mutex_destroy(&c->lock);
}

void
commit_add(struct committer *c, struct op *op)
{
	bool was_empty;

	op->epoch = c->known_epoch;
	pthread_mutex_lock(&c->lock);
	was_empty = c->queue.first == NULL;
	op_list_add(&c->queue, op);
	c->out_n++;
	if (was_empty)
		pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

void
commit_know_failure(struct committer *c, const struct op *op)
{
	if (op->epoch >= c->known_epoch)
		c->known_epoch = op->epoch + 1;
}

struct op_list
commit_take(struct committer *c)
{
	struct op_list ops;

	pthread_mutex_lock(&c->lock);
	ops = c->done;
	c->done = (struct op_list){ 0 };
	pthread_mutex_unlock(&c->lock);
	return ops;
}

void
commit_wait(struct committer *c)
{
	if (c->store->tuning.is_inline)
		return;
	pthread_mutex_lock(&c->lock);
	while (c->done.first == NULL && c->out_n != 0)
		pthread_cond_wait(&c->finished, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

size_t
commit_out(struct committer *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->out_n + c->done.n;
	pthread_mutex_unlock(&c->lock);
	return n;
}
