/* SPDX-License-Identifier: Apache-2.0 */
/* life: how segments begin and end, on the committer's side.
 *
 *   made (zeroes) -> spare -> open -> sealed -> spare ...
 *                                           \-> unlinked, or set aside
 *
 * One segment is open: `active`. It gets its header before anything else and
 * says in it where the one before ended. A spare is prepared ahead, a piece
 * between two batches, once a quarter of the active one is used; it is there
 * before the last quarter takes mail. */
#ifndef SPOOL_LIFE_H
#define SPOOL_LIFE_H

#include "spool/commit.h"

/* An event that names a segment's file. */
void life_log_error(struct committer *c, const char *event, uint32_t slot,
    uint64_t at, int error);
/* Keeps it, or unlinks it if there are enough. */
void life_add_spare(struct committer *c, struct spare spare);
bool life_wants_spare(const struct committer *c);
/* Prepares about `octets` of a new segment: 1 if one was finished. */
int life_make_some(struct committer *c, uint64_t octets);
/* At once, if there is none. Not again after a failure, before the committer
 * has waited for a while. */
int life_make_spare(struct committer *c);
/* The log goes on in a new segment; without one the store is read-only. */
int life_open_next(struct committer *c);
/* The active segment ends at `end`, as its header says from now on. */
void life_close(struct committer *c, uint64_t end, uint64_t summary_at);
/* It is full: summary, then life_close(). */
void life_seal(struct committer *c);
/* OP_LIST, OP_FREE. */
void life_list(struct committer *c, struct op *op);
void life_free(struct committer *c, struct op *op);

#endif
