/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory that keeps no more than it must: what was not synced when
 * it crashes is kept, lost or torn, sector by sector, as a seed decides; names
 * that were not synced with their directory are kept up to some moment. It
 * can fail any operation: by number, once or for a while.
 *
 * Operations that change something are counted from 1. */
#ifndef LYING_DISK_H
#define LYING_DISK_H

#include "spool/disk.h"

enum lying_fault {
	LYING_NONE,
	LYING_CRASH,		/* in the middle of it; all later ones fail */
	LYING_EIO,
	LYING_ENOSPC,
	LYING_SHORT,		/* a write takes only its first block */
	LYING_FULL		/* no block that is not allocated yet */
};

struct lying_disk;

struct lying_disk *lying_disk_new(uint64_t seed);
void lying_disk_free(struct lying_disk *disk);
const struct disk *lying_disk_table(const struct lying_disk *disk);

/* The fault strikes at operation `at` and the `n - 1` after it. */
void lying_disk_fault(struct lying_disk *disk, enum lying_fault fault,
    uint64_t at, uint64_t n);
uint64_t lying_disk_ops(const struct lying_disk *disk);
bool lying_disk_is_dead(const struct lying_disk *disk);
/* Loses power and comes up again: what is left is what reached the medium.
 * Handles that are open are forgotten. Faults are over. */
void lying_disk_restart(struct lying_disk *disk);
/* Reading fails, too, in this block of every file (0: none). */
void lying_disk_bad_block(struct lying_disk *disk, uint64_t at);
void lying_disk_set_space(struct lying_disk *disk, uint64_t octets);

/* A file as it is now; NULL if there is none of this number. Its bytes may be
 * changed in place. */
const char *lying_disk_file(struct lying_disk *disk, size_t number,
    char **bytes, size_t *len);
/* Makes (or replaces) a file, durable at once. */
void lying_disk_put(struct lying_disk *disk, const char *path,
    const void *bytes, size_t len);
/* All there is, as a copy of its own. */
struct lying_disk *lying_disk_copy(const struct lying_disk *disk);
/* Octets in files. */
uint64_t lying_disk_used(const struct lying_disk *disk);

uint64_t lying_random(uint64_t *seed);

#endif
