/* SPDX-License-Identifier: Apache-2.0 */
/* segment: one file of the log. It is written through with zeroes once; after
 * that neither appending to it nor giving it a new life changes its metadata.
 *
 *   segment-000012   two copies of the header (a block each), then batches
 *
 * A batch is what one durable write carried: records back to back from a
 * multiple of DISK_BLOCK on, the last one a PAD if need be. When a segment is
 * full its last batch is a SUMMARY of the others and the header says SEALED;
 * recovery then reads that and not the records.
 *
 * Header (128 octets): 0 magic (8), 8 version, 12 shard, 16 use, 20 0,
 * 24 size (8), 32 seq, 40 rev, 48 life, 56 created_ms, 64 end, 72 summary_at,
 * 80 prev_seq, 88 prev_end, 96 id_floor, 104 0, 124 sum of 0..123.
 *
 * 1. Of two copies that differ the one with the higher `rev` counts, so that a
 *    torn header is the old one or the new one.
 * 2. `seq` is never used twice and orders the log. `life` is random.
 * 3. prev_seq, prev_end: where the segment before ended for good. It is how a
 *    segment whose last write failed is cut even if its own header cannot be
 *    written any more. */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H

#include "base/put.h"
#include "spool/disk.h"
#include "spool/record.h"

#define SEGMENT_VERSION   1u
#define SEGMENT_START     (2 * (uint64_t)DISK_BLOCK)
#define SEGMENT_SMALLEST  ((size_t)64 << 10)
#define SEGMENT_LARGEST   ((size_t)1 << 30)
#define SEGMENT_NAME      "segment-"
#define SEGMENT_NEW       ".new"	/* being prepared */
#define SEGMENT_SET_ASIDE "damaged-"

enum segment_use { SEGMENT_FREE = 1, SEGMENT_OPEN, SEGMENT_SEALED };

struct segment_header {
	uint32_t version;
	uint32_t shard;
	enum segment_use use;
	uint64_t size;
	uint64_t seq;
	uint64_t rev;
	uint64_t life;
	uint64_t created_ms;
	uint64_t end;		/* SEALED: no record counts from here on */
	uint64_t summary_at;	/* SEALED: 0 if there is none */
	uint64_t prev_seq, prev_end;
	uint64_t id_floor;	/* no id up to this one is given out again */
};

/* One life of a segment. */
struct segment {
	/* the same for ever */
	uint32_t slot;		/* the number in its file's name */
	uint64_t seq;
	uint64_t life;
	struct disk_file *in;	/* any thread reads through it */

	/* the committer's */
	struct disk_file *out;	/* while it is open */
	struct segment_header header;
	uint64_t at;		/* where the next batch goes */
	struct buf summary;

	/* the owner's: what is alive in here (compact.h) */
	uint64_t live_n;	/* records of living messages */
	uint64_t live_bytes;
	uint64_t min_ref;	/* see compact.h; UINT64_MAX: none */
	uint64_t max_id;	/* of the COMMITs in here */
	uint64_t tried_live;	/* live_bytes when evacuation gave up */
	unsigned pin_n;
	bool is_sealed;
	bool is_stale;		/* holds superseded COMMITs */
	bool is_damaged;	/* set aside instead of used again */
	bool is_guard;		/* its prev_end is needed */
	bool is_leaving;	/* being freed */
	bool has_given_up;	/* evacuation left something behind */
};

/* "DIR/segment-000012" + suffix as a C string in `put`. */
const char *segment_path(const char *dir, const char *prefix, uint64_t number,
    const char *suffix, struct put *put);
/* The slot in a name without suffix; false if it is not one of ours. */
bool segment_slot(const char *name, uint32_t *slot);

/* Both copies, durable. */
int segment_write_header(const struct disk *disk, struct disk_file *out,
    const struct segment_header *header);
/* 0; -EBADMSG: neither copy is sound; -EPROTONOSUPPORT: of a newer release.
 * `is_torn`: the copies differ. */
int segment_read_header(const struct disk *disk, struct disk_file *in,
    struct segment_header *header, bool *is_torn);
/* Appends durably: 0 or -errno. On failure the file must not be written
 * again where the failure happened. */
int segment_write(const struct disk *disk, struct disk_file *out,
    const char *p, size_t len, uint64_t at);

/* Preparing a new file, a piece at a time. */
struct segment_maker {
	struct disk_file *file;	/* NULL: none is being made */
	uint32_t slot;
	uint64_t at, size;
};
int segment_make_begin(struct segment_maker *maker, const struct disk *disk,
    const char *dir, uint32_t slot, uint64_t size);
/* Writes zeroes for about `octets`; 1 when the file is ready under its name,
 * free and durable, 0 if there is more to do. On failure it is gone. */
int segment_make_step(struct segment_maker *maker, const struct disk *disk,
    const char *dir, uint64_t octets);
void segment_make_abandon(struct segment_maker *maker,
    const struct disk *disk, const char *dir);

/* --- batches */

/* Octets a batch takes whose records take `len`: its PAD needs a header. */
uint64_t segment_batch_size(uint64_t len);
/* Fills the batch behind `len` octets; its whole length. */
size_t segment_pad_batch(const struct segment *segment, char *batch,
    size_t len);
/* Octets of the summary if its entries grew by `more`. */
uint64_t segment_summary_size(const struct segment *segment, size_t more);

/* --- walking the records of one life, in order */
enum segment_damage {
	SEGMENT_TORN,		/* in the last batch: a crash does that */
	SEGMENT_LOST,		/* a record is gone */
	SEGMENT_BODY		/* header and head are sound, the body is not;
				 * the record is visited as well */
};

struct segment_walk {
	const struct disk *disk;
	struct disk_file *in;
	uint64_t life;
	bool is_any_life;	/* salvage: every record counts */
	uint64_t limit;		/* nothing counts from here on */
	/* `rest` is meta, head, body; of meta alone from a summary */
	void (*record)(void *arg, const struct record *record,
	    const char *rest, bool is_sound);
	/* may be NULL */
	void (*damage)(void *arg, enum segment_damage what, uint64_t at,
	    uint64_t len);
	void *arg;
	uint64_t end;		/* out: behind the last record; torn ones
				 * count, so that a second look sees the same */
};

/* By its summary: 0, or -errno (-EBADMSG: damaged) before anything was
 * visited. */
int segment_walk_summary(struct segment_walk *walk, uint64_t summary_at);
/* By reading it all; a block that cannot be read counts as damaged. */
void segment_scan(struct segment_walk *walk);

/* Reads and checks the header of the record at `at`. */
int segment_read_record(const struct disk *disk,
    const struct segment *segment, uint64_t at, struct record *out);

#endif
