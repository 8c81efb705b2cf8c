/* SPDX-License-Identifier: Apache-2.0 */
/* spool: the store as a log of its own. What is promised, and why it holds:
 *
 *  1. No 250 before the batch is durable. store_commit's `done` says 0 only
 *     after write_sync() of the batch with the COMMIT returned; the parts of
 *     the message stand before it in the log.
 *  2. An acknowledged message survives any crash. Its records lie in segments
 *     that are freed only when none of their records is needed (below).
 *  3. Each recipient is settled exactly once in the log: one that is finished
 *     already is left out of later SETTLE records.
 *  4. A crash between delivery and settle delivers again rather than loses: a
 *     message is living until its END is durable, and is found by recovery.
 *  5. Disk use returns to live bytes: compaction (compact.h) keeps what is not
 *     alive below half of what is, plus two segments.
 *  6. Recovery is idempotent: the same bytes give the same messages; a crash
 *     during recovery changes nothing.
 *  7. Formats carry a version; a store of a newer release is refused in words.
 *
 * When may a segment be freed? When nothing in it is needed:
 *  - a COMMIT or PART while its message lives and the index points here;
 *  - a SETTLE or STATE of a living message whose COMMIT is elsewhere, unless a
 *    later STATE or a copied COMMIT says it anew;
 *  - an END while another segment holds a COMMIT of that message: the one
 *    named in it, or one marked stale, that is, with superseded COMMITs that
 *    nobody has freed yet. At most the victim of compaction is stale.
 * Freeing is one durable write (the header of the next life) and is done
 * before anything later is written, so no crash shows a state in between.
 *
 * Copies keep the order of the log sufficient: a COPY is never queued for a
 * message whose END is queued, and an END waits while a COPY is on its way, so
 * the last record of a message in the log is its END. A REWRITE is a COPY with
 * another envelope; there is one of both at a time.
 *
 * Threads: `owner` is the thread of the store, `committer` works the disk.
 * A struct segment is shared; its fields say whose they are. */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include "base/put.h"
#include "spool/commit.h"
#include "spool/compact.h"
#include "spool/disk.h"
#include "spool/index.h"
#include "spool/segment.h"
#include "spool/store.h"

#define SPOOL_ID_MAX    (UINT64_MAX >> 1)	/* until 2089 */
#define SPOOL_RCPT_MAX  (1u << 20)	/* of a message */
#define SPOOL_PARTS_MAX (1u << 16)	/* of a message: 16 GiB */

/* What tests change. */
struct spool_tuning {
	size_t part_len;	/* text of a part */
	size_t batch_max;	/* octets of a write */
	size_t cache_max;	/* texts kept in memory after their commit */
	bool is_inline;		/* no thread: store_poll() does its work */
};

/* Text in memory: being collected, being written, or kept for delivery. */
struct blob {
	unsigned refs;
	uint32_t text_len;
	uint32_t envelope_len;	/* behind the text, once committed */
	uint32_t cap;
	uint64_t id;		/* in the cache: whose */
	struct blob *prev, *next;
	char p[];
};

struct blob_cache {
	struct blob *first, *last;	/* oldest first */
	uint64_t bytes;
};

struct store_msg {
	struct op op;		/* of the COMMIT */
	struct store *store;
	uint64_t id;
	struct blob *blob;
	struct index_part *part;	/* as they become durable */
	uint32_t part_n, part_cap;
	uint32_t parts_out;	/* on their way to the disk */
	int disk_error;		/* the committer's */
	bool is_abandoned;
	enum store_state state;	/* to be accepted in */
	uint64_t due_ms;	/* and then; 0: at once */
	void (*drained)(void *arg);
	void *drained_arg;
};

struct store {
	struct store_options options;
	struct spool_tuning tuning;
	const struct disk *disk;
	char *dir;
	struct disk_file *lock;
	_Atomic uint64_t last_id;
	struct index index;
	struct segment **segment;	/* by seq, ascending */
	size_t segment_n, segment_cap;
	struct segment **by_slot;
	uint32_t by_slot_n;
	uint64_t live_bytes;
	uint64_t out_bytes;		/* text on its way to the disk */
	struct blob_cache cache;
	struct compaction compaction;
	struct op_list parked;		/* ENDs that wait for a COPY */
	uint64_t space_asked_at;
	int space_error;
	bool is_closing;
	struct committer committer;
};

struct store *spool_open(const struct store_options *options,
    const struct spool_tuning *tuning, store_found *found, void *arg,
    char *error, size_t error_len);
void spool_tuning_init(struct spool_tuning *tuning);

/* --- message.c */
/* The room on the disk; 0, -ENOSPC if it is below the reserve, -errno. */
int spool_room(const struct store *store, uint64_t *octets);

/* --- spool.c: segments as the owner sees them */
void spool_add_segment(struct store *store, struct segment *segment);
void spool_drop_segment(struct store *store, struct segment *segment);
/* NULL if no segment of that number exists any more. */
struct segment *spool_segment(const struct store *store, uint64_t seq);
/* `bytes` of records of a living message more, or less, in a segment. */
void spool_live_add(struct store *store, uint32_t slot, uint64_t bytes);
void spool_live_sub(struct store *store, uint32_t slot, uint64_t bytes);
/* All records of a message. */
void spool_live_add_entry(struct store *store,
    const struct index_entry *entry);
void spool_live_sub_entry(struct store *store,
    const struct index_entry *entry);

/* --- recover.c */
/* 0, or -errno with a sentence in `error`. */
int recover_run(struct store *store, store_found *found, void *arg,
    struct put *error);

/* --- message.c: completions */
unsigned message_on_part(struct store *store, struct op *op);
unsigned message_on_commit(struct store *store, struct op *op);

/* --- settle.c */
unsigned settle_on_done(struct store *store, struct op *op);
/* A COPY of `id` came back: queues an END that waited for it. */
void settle_unpark(struct store *store, uint64_t id);
/* An op with the state of `entry` as it is now. */
struct op *settle_state_op(const struct index_entry *entry,
    enum op_kind kind);

/* --- rewrite.c */
unsigned rewrite_on_done(struct store *store, struct op *op);

/* --- read.c */
void cache_add(struct store *store, struct index_entry *entry,
    struct blob *blob);
void cache_drop(struct store *store, struct index_entry *entry);
struct blob *blob_new(size_t cap);
void blob_unref(struct blob *blob);

#endif
