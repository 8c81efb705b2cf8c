/* SPDX-License-Identifier: Apache-2.0 */
/* replay: what a record says, applied over what earlier ones said. The later
 * record counts; a COMMIT that comes again was copied by compaction, and what
 * it was copied from is stale from then on. */
#ifndef SPOOL_REPLAY_H
#define SPOOL_REPLAY_H

#include "spool/spool.h"

struct recovery {
	struct store *store;
	struct put *error;
	uint32_t *slot;		/* of the files there are */
	size_t slot_n;
	struct index orphans;	/* parts whose COMMIT was not seen yet */
	struct segment **used;
	size_t used_n;
	struct segment *segment;	/* being replayed */
	uint64_t lost;		/* records */
};

/* A segment_walk's `record`; `arg` is the struct recovery. */
void replay_record(void *arg, const struct record *record, const char *rest,
    bool is_sound);

#endif
