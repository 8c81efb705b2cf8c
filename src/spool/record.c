/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/record.h"

#include "base/crc32c.h"
#include "base/die.h"

#define RECORD_MAGIC 0x52656845u	/* "EheR" */

uint64_t
record_size_of(size_t meta_len, size_t head_len, size_t body_len)
{
	uint64_t len = (uint64_t)RECORD_HEADER_LEN + meta_len + head_len +
	    body_len;

	return (len + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

uint64_t
record_size(const struct record *record)
{
	return record_size_of(record->meta_len, record->head_len,
	    record->body_len);
}

void
record_seal(struct record *record, char *p)
{
	size_t head_len = (size_t)record->meta_len + record->head_len;
	size_t len = RECORD_HEADER_LEN + head_len + record->body_len;
	char *head = p + RECORD_HEADER_LEN;

	memset(p + len, 0, (size_t)record_size(record) - len);
	record->head_sum = crc32c(0, span_of(head, head_len));
	record->body_sum = record->type == RECORD_PAD ? 0 :
	    crc32c(0, span_of(head + head_len, record->body_len));
	le32_put(p, RECORD_MAGIC);
	le64_put(p + 8, record->life);
	le32_put(p + 16, record->at);
	le32_put(p + 20, record->batch_at);
	le64_put(p + 24, record->id);
	le64_put(p + 32, record->arg);
	p[40] = (char)record->type;
	p[41] = (char)record->state;
	p[42] = p[43] = 0;
	le32_put(p + 44, record->attempts);
	le32_put(p + 48, record->part);
	le32_put(p + 52, record->meta_len);
	le32_put(p + 56, record->head_len);
	le32_put(p + 60, record->body_len);
	le32_put(p + 64, record->head_sum);
	le32_put(p + 68, record->body_sum);
	le32_put(p + 4, crc32c(0, span_of(p + 8, RECORD_HEADER_LEN - 8)));
}

bool
record_decode_any(const char *p, uint64_t at, struct record *out)
{
	unsigned type = (unsigned char)p[40];

	if (le32_get(p) != RECORD_MAGIC || le32_get(p + 16) != at)
		return false;
	if (le32_get(p + 4) !=
	    crc32c(0, span_of(p + 8, RECORD_HEADER_LEN - 8)))
		return false;
	if (type < RECORD_PART || type > RECORD_SUMMARY)
		return false;
	*out = (struct record){
		.type = (enum record_type)type,
		.state = (unsigned char)p[41],
		.attempts = le32_get(p + 44),
		.part = le32_get(p + 48),
		.id = le64_get(p + 24),
		.arg = le64_get(p + 32),
		.life = le64_get(p + 8),
		.at = le32_get(p + 16),
		.batch_at = le32_get(p + 20),
		.meta_len = le32_get(p + 52),
		.head_len = le32_get(p + 56),
		.body_len = le32_get(p + 60),
		.head_sum = le32_get(p + 64),
		.body_sum = le32_get(p + 68),
	};
	return true;
}

bool
record_decode(const char *p, uint64_t life, uint64_t at, struct record *out)
{
	return le64_get(p + 8) == life && record_decode_any(p, at, out);
}

bool
record_head_is_sound(const struct record *record, const char *rest)
{
	return crc32c(0, span_of(rest, (size_t)record->meta_len +
	    record->head_len)) == record->head_sum;
}

bool
record_body_is_sound(const struct record *record, const char *body)
{
	return record->type == RECORD_PAD ||
	    crc32c(0, span_of(body, record->body_len)) == record->body_sum;
}

size_t
record_entry_size(enum record_type type, size_t meta_len)
{
	return RECORD_ENTRY_LEN + (type == RECORD_END ? 0 : meta_len);
}

void
record_summarize(const struct record *record, const char *meta,
    struct buf *out)
{
	size_t len = record_entry_size(record->type, record->meta_len);
	char *p = buf_room(out, len);

	must(p != NULL);
	le64_put(p, record->id);
	le64_put(p + 8, record->arg);
	le32_put(p + 16, record->at);
	le32_put(p + 20, record->part);
	le32_put(p + 24, record->meta_len);
	le32_put(p + 28, record->head_len);
	le32_put(p + 32, record->body_len);
	p[36] = (char)(record->attempts & 0xff);
	p[37] = (char)(record->attempts >> 8 & 0xff);
	p[38] = (char)record->type;
	p[39] = (char)record->state;
	if (len > RECORD_ENTRY_LEN)
		memcpy(p + RECORD_ENTRY_LEN, meta, len - RECORD_ENTRY_LEN);
	buf_grow(out, len);
}

bool
record_next_entry(struct span *summary, struct record *out, struct span *meta)
{
	const char *p = summary->p;
	unsigned type;
	size_t len;

	if (summary->len < RECORD_ENTRY_LEN)
		return false;
	type = (unsigned char)p[38];
	if (type < RECORD_PART || type > RECORD_STATE)
		return false;
	*out = (struct record){
		.type = (enum record_type)type,
		.state = (unsigned char)p[39],
		.attempts = (uint32_t)(unsigned char)p[36] |
		    (uint32_t)(unsigned char)p[37] << 8,
		.id = le64_get(p),
		.arg = le64_get(p + 8),
		.at = le32_get(p + 16),
		.part = le32_get(p + 20),
		.meta_len = le32_get(p + 24),
		.head_len = le32_get(p + 28),
		.body_len = le32_get(p + 32),
	};
	len = record_entry_size(out->type, out->meta_len);
	if (summary->len < len)
		return false;
	*meta = span_of(p + RECORD_ENTRY_LEN, len - RECORD_ENTRY_LEN);
	*summary = span_skip(*summary, len);
	return true;
}

const char *
record_type_name(enum record_type type)
{
	switch (type) {
	case RECORD_PART: return "part";
	case RECORD_COMMIT: return "commit";
	case RECORD_SETTLE: return "settle";
	case RECORD_END: return "end";
	case RECORD_STATE: return "state";
	case RECORD_PAD: return "pad";
	case RECORD_SUMMARY: return "summary";
	}
	return "unknown";
}
