/* SPDX-License-Identifier: Apache-2.0 */
/* commit: the thread that writes. The owner's thread puts ops into a queue;
 * the committer takes all there are, lays them into one aligned buffer, makes
 * them durable by one write and hands them back. What arrives meanwhile is the
 * next batch: that is the whole of group commit.
 *
 * 1. The order of the log is the order of commit_add() calls.
 * 2. An op comes back exactly once, after the write that carried it; result 0
 *    means durable.
 * 3. A failed write is final for its segment: the segment is cut where it was
 *    sound, mail in the batch fails, everything else of the batch goes once
 *    more, into a new segment. Without one the store is read-only and tries
 *    again every two seconds.
 * 4. When something about mail fails, everything about mail that was queued
 *    before the owner knew fails, too: it may build on what failed. (A SETTLE
 *    leaves out recipients that an earlier one names.)
 * 5. OPENED and SEALED come back in line with the ops, so that the owner never
 *    takes a segment for complete while it still waits for ops in it. */
#ifndef SPOOL_COMMIT_H
#define SPOOL_COMMIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "spool/record.h"
#include "spool/segment.h"
#include "spool/store.h"

enum op_kind {
	OP_PART,	/* records of mail ... */
	OP_COMMIT,
	OP_SETTLE,	/* ... and about mail */
	OP_END,
	OP_STATE,
	OP_COPY,	/* `from`, `from_at` to the end of the log */
	OP_REWRITE,	/* the same of a COMMIT, with another head */
	OP_LIST,	/* what is in `segment`, into `listed` */
	OP_FREE,	/* `segment` ends its life */
	OP_NOTHING,
	OP_OPENED,	/* from the committer: `segment` */
	OP_SEALED
};

struct op {
	struct op *next;
	enum op_kind kind;
	int result;
	bool is_retried;
	uint64_t epoch;		/* failures the owner knew of */
	struct record record;	/* what it says; the rest is filled in */
	struct span meta, head, body;
	struct segment *segment;	/* where it went */
	struct segment *from;
	uint32_t from_at;
	struct buf listed;	/* entries as in a summary */
	struct store_msg *msg;	/* PART, COMMIT */
	store_done *done;
	void *arg;
	char *bytes;		/* memory for meta and head, behind it */
};

struct op_list {
	struct op *first, *last;
	size_t n;
};

#define SPARES_MAX 2u		/* prepared segments that are kept */

struct spare {
	uint32_t slot;
	struct disk_file *in, *out;
};

struct committer {
	struct store *store;
	pthread_t thread;
	uint64_t known_epoch;	/* the owner's */
	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct op_list queue, done;
	size_t out_n;		/* ops added and not yet in `done` */
	/* anybody's */
	_Atomic uint64_t batches, batch_bytes;
	_Atomic uint64_t spare_n;
	_Atomic int refusal;	/* 0, or why no mail can be stored */
	/* its own */
	int make_error;
	uint64_t retry_at_ms;	/* by clock_mono_ms */
	uint64_t epoch;		/* ops of earlier ones fail, with */
	int epoch_error;
	uint32_t next_slot;
	uint64_t next_seq, next_rev;
	uint64_t prev_seq, prev_end;
	char *batch;
	size_t batch_len;
	size_t last_batch;
	struct op_list batch_ops, ready;
	struct segment *active;
	struct spare spare[SPARES_MAX + 1];
	struct segment_maker maker;
	bool prev_is_cut;	/* its own header says so */
	bool has_thread;	/* the owner's */
	bool is_stopping;	/* under the lock */
	_Atomic bool is_read_only;	/* anybody's */
};

/* A zeroed op with room for `len` octets. */
struct op *op_new(enum op_kind kind, size_t len);
void op_list_add(struct op_list *list, struct op *op);
struct op *op_list_take(struct op_list *list);

void commit_init(struct committer *c, struct store *store);
/* Starts the thread: 0 or -errno. */
int commit_start(struct committer *c);
/* Writes what is queued, ends the thread and seals the segment; what comes
 * back last is to be taken before the memory is given back. */
void commit_stop(struct committer *c);
void commit_free(struct committer *c);
/* `op` belongs to the committer until it comes back. */
void commit_add(struct committer *c, struct op *op);
/* Takes what came back. */
struct op_list commit_take(struct committer *c);
/* `op` came back with a failure and the owner has drawn its conclusions. */
void commit_know_failure(struct committer *c, const struct op *op);
/* Until something came back or nothing is out. */
void commit_wait(struct committer *c);
size_t commit_out(struct committer *c);
/* Without a thread (tests): works off the queue. */
void commit_run(struct committer *c);

/* --- for batch.c and life.c, on the committer's thread */
bool op_is_mail(const struct op *op);
bool op_is_about_mail(const struct op *op);
/* `op` is done and will be handed back by commit_post(). */
void commit_finish(struct committer *c, struct op *op, int result);
/* The same, but not before those that wait for the write of the batch. */
void commit_finish_in_turn(struct committer *c, struct op *op, int result);
void commit_post(struct committer *c);

#endif
