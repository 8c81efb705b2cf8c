/* SPDX-License-Identifier: Apache-2.0 */
/* record: what the log is made of, byte by byte. All numbers are little
 * endian; a record begins at a multiple of 8.
 *
 *   header (72 octets) | meta | head | body | zeroes up to a multiple of 8
 *
 *    0 magic      4 sum of 8..71  8 life of the segment (8)
 *   16 at        20 batch_at     24 id (8)      32 arg (8)
 *   40 type (1)  41 state (1)    42 0 (2)       44 attempts
 *   48 part      52 meta_len     56 head_len    60 body_len
 *   64 head_sum (meta and head)  68 body_sum
 *
 * 1. A record of another place or of an earlier life of the same file is
 *    never taken for one: `at` is its own offset, `life` a random number that
 *    the segment drew when it was opened (nobody can mail us a forged record).
 * 2. Header, meta + head and body have sums of their own (CRC32C): recovery
 *    need not read bodies, an envelope can be read without the text.
 *
 *   type     meta                         head      body    arg
 *   PART     -                            -         text    -
 *   COMMIT   bits of settled recipients   envelope  text    due_ms
 *   SETTLE   list: index << 1 | outcome   reason    -       due_ms
 *   END      the same list                -         -       see below
 *   STATE    bits of settled recipients   -         -       due_ms
 *   PAD      -                            -         zeroes  -
 *   SUMMARY  -                            -         entries -
 *
 * PART: `part` is its number from 0; COMMIT: how many parts come before its
 * body. SETTLE, STATE: what became of the message so far. END: it is gone;
 * `arg` is the sequence number of the segment its COMMIT stood in.
 *
 * A SUMMARY lists the records of its segment, in order: entries of 40 octets
 * (id, arg, at, part, meta_len, head_len, body_len, attempts (2), type (1),
 * state (1)), each with its meta behind it, but for END. */
#ifndef SPOOL_RECORD_H
#define SPOOL_RECORD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define RECORD_HEADER_LEN 72u
#define RECORD_ALIGN      8u
#define RECORD_ENTRY_LEN  40u

enum record_type {
	RECORD_PART = 1,
	RECORD_COMMIT,
	RECORD_SETTLE,
	RECORD_END,
	RECORD_STATE,
	RECORD_PAD,
	RECORD_SUMMARY
};

struct record {
	enum record_type type;
	unsigned state;		/* enum store_state */
	uint32_t attempts;
	uint32_t part;
	uint64_t id;
	uint64_t arg;
	uint64_t life;
	uint32_t at;
	uint32_t batch_at;
	uint32_t meta_len, head_len, body_len;
	uint32_t head_sum, body_sum;
};

static inline void
le32_put(void *p, uint32_t n)
{
	unsigned char *byte = p;

	for (int i = 0; i < 4; i++)
		byte[i] = (unsigned char)(n >> (8 * i));
}

static inline void
le64_put(void *p, uint64_t n)
{
	unsigned char *byte = p;

	for (int i = 0; i < 8; i++)
		byte[i] = (unsigned char)(n >> (8 * i));
}

static inline uint32_t
le32_get(const void *p)
{
	const unsigned char *byte = p;

	return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 |
	    (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

static inline uint64_t
le64_get(const void *p)
{
	const unsigned char *byte = p;

	return (uint64_t)le32_get(byte) | (uint64_t)le32_get(byte + 4) << 32;
}

/* Octets of the whole record, filling included. */
uint64_t record_size(const struct record *record);
/* The same of a record that does not exist yet. */
uint64_t record_size_of(size_t meta_len, size_t head_len, size_t body_len);
/* Fills the header in front of meta, head and body, which stand there
 * already: sums them and zeroes what fills up behind. */
void record_seal(struct record *record, char *p);
/* False unless `p` (of RECORD_HEADER_LEN) is the header of a record of this
 * life at this offset. */
bool record_decode(const char *p, uint64_t life, uint64_t at,
    struct record *out);
/* As record_decode for whatever life; for salvage only. */
bool record_decode_any(const char *p, uint64_t at, struct record *out);
/* `rest` is meta, head (and body). */
bool record_head_is_sound(const struct record *record, const char *rest);
bool record_body_is_sound(const struct record *record, const char *body);

/* Summary entries. */
void record_summarize(const struct record *record, const char *meta,
    struct buf *out);
/* Takes the next entry off `*summary`; false if it is not well-formed. */
bool record_next_entry(struct span *summary, struct record *out,
    struct span *meta);
/* Octets the entry of such a record takes. */
size_t record_entry_size(enum record_type type, size_t meta_len);

const char *record_type_name(enum record_type type);

#endif
