/* SPDX-License-Identifier: Apache-2.0 */
/* index: what the store knows of every living message without reading: 64
 * octets a message in slabs that never move, and a table of 32-bit numbers to
 * find them by id. What only few messages have (parts, half-settled
 * recipients) hangs beside. */
#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of a large message. */
struct index_part {
	uint64_t at;		/* 0: not seen (recovery) */
	uint32_t slot;
	uint32_t len;		/* of its text */
};

struct index_extra {
	struct index_part *part;
	uint32_t part_n;
	uint32_t settled_len;	/* octets of the bits */
	unsigned char *settled;	/* bit i: recipient i is finished */
};

enum index_flag {
	INDEX_PENDING = 1,	/* its commit is not durable yet */
	INDEX_GONE = 2,		/* its end is on the way to the disk */
	INDEX_MOVING = 4,	/* being copied by compaction */
	INDEX_DAMAGED = 8	/* what stands on the disk is not sound */
};

struct index_entry {
	uint64_t id;		/* 0: a free entry */
	uint64_t due_ms;	/* a free entry: the next free one */
	uint32_t slot;		/* the segment of its COMMIT */
	uint32_t at;
	uint32_t meta_len, head_len, body_len;
	uint16_t attempts;
	uint8_t state;		/* enum store_state */
	uint8_t flags;		/* enum index_flag */
	struct index_extra *extra;
	void *note;		/* the owner's, from the heap, or NULL */
	union {
		struct store_msg *msg;	/* while INDEX_PENDING */
		struct blob *blob;	/* else: its text in memory, or NULL */
	};
};

struct index {
	struct index_entry **slab;
	uint32_t slab_n;
	uint32_t free;		/* 1 + number of a free entry, or 0 */
	uint32_t n;
	uint32_t *table;	/* 1 + number of an entry, or 0 */
	uint32_t table_len;	/* a power of two, or 0 */
	uint64_t extra_bytes;
	void (*free_note)(void *note);	/* may be NULL while there are none */
};

void index_init(struct index *index);
void index_free(struct index *index);
/* NULL if there is none. Entries stay where they are until removed. */
struct index_entry *index_find(const struct index *index, uint64_t id);
/* A zeroed entry for an id that is not there. */
struct index_entry *index_add(struct index *index, uint64_t id);
void index_remove(struct index *index, struct index_entry *entry);
/* Walks in no order: begin with *at = 0; NULL at the end. */
struct index_entry *index_next(const struct index *index, uint32_t *at);
uint64_t index_memory(const struct index *index);

/* Room for so many parts. */
void index_set_parts(struct index *index, struct index_entry *entry,
    uint32_t part_n);
bool index_is_settled(const struct index_entry *entry, uint32_t rcpt);
void index_settle(struct index *index, struct index_entry *entry,
    uint32_t rcpt);
void index_unsettle(struct index_entry *entry, uint32_t rcpt);
/* Replaces all bits. */
void index_set_settled(struct index *index, struct index_entry *entry,
    const void *bits, uint32_t len);
/* The length of the whole text. */
uint64_t index_text_len(const struct index_entry *entry);

#endif
