/* SPDX-License-Identifier: Apache-2.0 */
/* dump: what can still be read of segments, whatever has become of the rest.
 * It needs no sound header and no other file: records are recognized by their
 * own magic and sums. Nothing is written into the store. */
#ifndef SPOOL_DUMP_H
#define SPOOL_DUMP_H

#include <stdio.h>

#include "base/buf.h"
#include "spool/record.h"

struct dump_item {
	const char *file;
	struct record record;
	bool is_sound;		/* text included */
	/* of a COMMIT */
	bool is_over;		/* an END or a later copy was seen */
	bool is_complete;	/* all of its parts were seen */
	uint64_t text_len;	/* of what is there */
};

struct dump;

/* A segment file, the directory of a store, or one with such directories
 * (shard-…). NULL with a sentence in `error` if there is nothing to read. */
struct dump *dump_open(const char *path, char *error, size_t error_len);
void dump_close(struct dump *dump);
/* In the order of the log; NULL behind the last one. */
const struct dump_item *dump_item(const struct dump *dump, size_t i);
/* Octets that were no record and should have been; over all files. */
uint64_t dump_damaged(const struct dump *dump);
/* meta and head of a record: the envelope of a COMMIT, the reason of a
 * SETTLE is the head. 0 or -errno. */
int dump_read(struct dump *dump, size_t i, struct buf *meta,
    struct buf *head);
/* The text of a COMMIT, as far as it is there. 0 or -errno. */
int dump_text(struct dump *dump, size_t i, FILE *out);

#endif
