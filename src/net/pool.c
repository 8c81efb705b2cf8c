/* SPDX-License-Identifier: Apache-2.0 */
/* pool: a bounded queue, some threads, and answers by message to the loop
 * that asked.
 *
 * 1. A job that was taken in gets `work` once and then `done` once, unless
 *    the pool is freed first.
 * 2. Jobs are begun in the order in which they came.
 * 3. Nobody waits to add one: a full queue says so at once. */
#include "net/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"

/* Name services and password hashes stay far below this. */
#define STACK_BYTES ((size_t)512 << 10)

struct pool {
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t filled;
	struct pool_job *first, **end;
	unsigned queued, queue_max;
	bool stopping;

	unsigned threads;
	pthread_t thread[];
};

static void
reply(struct loop_job *message)
{
	struct pool_job *job = container_of(message, struct pool_job, reply);

	job->done(job);
}

/* The next job, or NULL when the pool ends. */
static struct pool_job *
take(struct pool *pool)
{
	struct pool_job *job = NULL;

	pthread_mutex_lock(&pool->lock);
	while (pool->first == NULL && !pool->stopping)
		pthread_cond_wait(&pool->filled, &pool->lock);
	if (!pool->stopping) {
		job = pool->first;
		pool->first = job->next;
		if (pool->first == NULL)
			pool->end = &pool->first;
		pool->queued--;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void *
run_jobs(void *arg)
{
	struct pool *pool = arg;
	struct pool_job *job;

	while ((job = take(pool)) != NULL) {
		job->work(job);
		loop_post(job->loop, &job->reply);
	}
	return NULL;
}

/* Signals belong to the main thread: ours begin with all of them blocked. */
static int
start_thread(struct pool *pool, unsigned i)
{
	pthread_attr_t attr;
	sigset_t all, before;
	char name[16];
	int error;

	must(pthread_attr_init(&attr) == 0);
	must(pthread_attr_setstacksize(&attr, STACK_BYTES) == 0);
	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	error = pthread_create(&pool->thread[i], &attr, run_jobs, pool);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	pthread_attr_destroy(&attr);
	if (error != 0)
		return -error;
	snprintf(name, sizeof name, "pool-%u", i % 1000);
	/* The name is for people only: without it all works. */
	(void)pthread_setname_np(pool->thread[i], name);
	return 0;
}

struct pool *
pool_new(unsigned threads, unsigned queue_max)
{
	struct pool *pool;
	int error = 0;

	must(threads > 0 && threads <= 1000 && queue_max > 0);
	pool = mem_new(sizeof *pool + threads * sizeof pool->thread[0]);
	must(pthread_mutex_init(&pool->lock, NULL) == 0);
	must(pthread_cond_init(&pool->filled, NULL) == 0);
	pool->end = &pool->first;
	pool->queue_max = queue_max;
	while (error == 0 && pool->threads < threads) {
		error = start_thread(pool, pool->threads);
		if (error == 0)
			pool->threads++;
	}
	/* Fewer threads than wished for are slower; none are no pool. */
	if (pool->threads == 0) {
		pool_free(pool);
		errno = -error;
		return NULL;
	}
	return pool;
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->threads; i++)
		must(pthread_join(pool->thread[i], NULL) == 0);
	pthread_cond_destroy(&pool->filled);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

int
pool_add(struct pool *pool, struct loop *loop, struct pool_job *job)
{
	int error = 0;

	must(job->work != NULL && job->done != NULL);
	job->loop = loop;
	job->next = NULL;
	job->reply.run = reply;
	pthread_mutex_lock(&pool->lock);
	if (pool->queued < pool->queue_max) {
		*pool->end = job;
		pool->end = &job->next;
		pool->queued++;
		pthread_cond_signal(&pool->filled);
	} else {
		error = -EAGAIN;
	}
	pthread_mutex_unlock(&pool->lock);
	return error;
}
