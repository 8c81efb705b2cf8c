/* SPDX-License-Identifier: Apache-2.0 */
/* pool: threads for what would stop a loop: password hashes, files. The queue
 * is bounded, so that an attack on logins is told "later", not stored. */
#ifndef NET_POOL_H
#define NET_POOL_H

#include "net/loop.h"

struct pool;

/* Embedded in its owner, kept until `done` has run. */
struct pool_job {
	struct loop_job reply;			/* private */
	struct pool_job *next;			/* private */
	struct loop *loop;			/* private */
	void (*work)(struct pool_job *job);	/* on a thread of the pool */
	void (*done)(struct pool_job *job);	/* on the loop's thread */
};

/* NULL with errno if not even one thread could be made. `queue_max`: jobs that
 * may wait besides those being worked on. */
struct pool *pool_new(unsigned threads, unsigned queue_max);
/* Ends the threads after what they are working on; the rest gets no `done`.
 * Stop the loops first, but free them after. */
void pool_free(struct pool *pool);
/* 0, or -EAGAIN if the queue is full (neither `work` nor `done` will run). */
int pool_add(struct pool *pool, struct loop *loop, struct pool_job *job);

#endif
