/* SPDX-License-Identifier: Apache-2.0 */
/* compact: gives the disk back. The rule of what is needed is in spool.h.
 *
 * A segment without living records and without debts is freed at once. Debts
 * are ENDs, SETTLEs and STATEs in it of messages whose COMMIT lies in an older
 * segment: min_ref is the smallest seq of such a segment, so there are none
 * once no segment from min_ref up to this one exists. Mail that leaves in the
 * order it came never has any.
 *
 * If what is dead exceeds half of what is alive plus two segments, the segment
 * with the least alive is evacuated: its list of records is read, and what is
 * needed of it goes once more to the end of the log, a little at a time:
 *
 *   IDLE -> LISTING -> COPYING -> IDLE (and freed by the first rule) */
#ifndef SPOOL_COMPACT_H
#define SPOOL_COMPACT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct store;
struct op;
struct segment;

enum compaction_state { COMPACT_IDLE, COMPACT_LISTING, COMPACT_COPYING };

struct compaction {
	enum compaction_state state;
	struct segment *victim;
	struct buf listed;	/* the victim's records */
	struct span rest;	/* of it */
	size_t out_n;		/* copies on their way */
	uint64_t out_bytes;
	uint64_t copied;	/* octets, since start */
	bool has_failed;	/* this round */
	bool is_due;		/* something may be freed */
	unsigned stale_n;	/* segments marked stale */
};

/* Called after every poll: frees and starts what is due. */
void compact_consider(struct store *store);
void compact_on_list(struct store *store, struct op *op);
/* COPY and the STATEs and ENDs that compaction wrote (op->from is set). */
void compact_on_copy(struct store *store, struct op *op);
void compact_on_free(struct store *store, struct op *op);
/* Superseded COMMITs are in there. */
void compact_mark_stale(struct store *store, struct segment *segment);
/* A SETTLE, STATE or END of `id`, whose COMMIT is in the segment `home`, now
 * stands in `segment`. */
void compact_note(struct store *store, struct segment *segment, uint64_t id,
    uint64_t home);

#endif
