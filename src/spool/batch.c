/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/die.h"
#include "spool/life.h"
#include "spool/spool.h"

/* Promise 3 of commit.h. */
static void
fail_batch(struct committer *c, int error)
{
	struct op_list ops = c->batch_ops;
	struct op *op;

	life_log_error(c, "spool-write-failed", c->active->slot,
	    c->active->at, error);
	c->batch_ops = (struct op_list){ 0 };
	c->batch_len = 0;
	life_close(c, c->active->at, 0);
	while ((op = op_list_take(&ops)) != NULL) {
		if (op->result != 0 || op_is_mail(op) || op->is_retried) {
			commit_finish(c, op,
			    op->result != 0 ? op->result : error);
			continue;
		}
		op->is_retried = true;
		batch_add(c, op);
	}
}

void
batch_flush(struct committer *c)
{
	struct op *op;
	size_t len;
	int error;

	if (c->batch_len == 0)
		return;
	len = segment_pad_batch(c->active, c->batch, c->batch_len);
	error = segment_write(c->store->disk, c->active->out, c->batch, len,
	    c->active->at);
	if (error != 0) {
		fail_batch(c, error);
		return;
	}
	c->active->at += len;
	c->last_batch = len;
	c->batch_len = 0;
	c->batches++;
	c->batch_bytes += len;
	while ((op = op_list_take(&c->batch_ops)) != NULL)
		commit_finish(c, op, op->result);
	commit_post(c);
}

static bool
fits(const struct committer *c, uint64_t size, size_t entry)
{
	uint64_t until = c->active->at +
	    segment_batch_size(c->batch_len + size);

	if (c->batch_len + size > c->store->tuning.batch_max)
		return false;
	return until + segment_summary_size(c->active, entry) <=
	    c->store->options.segment_size;
}

/* Finds room for a record, in the batch and in the segment. */
static int
make_room(struct committer *c, uint64_t size, size_t entry)
{
	if (size > c->store->tuning.batch_max)
		return -EMSGSIZE;
	for (;;) {
		if (c->active == NULL) {
			int error = life_open_next(c);

			if (error != 0)
				return error;
		}
		if (fits(c, size, entry))
			return 0;
		if (c->batch_len != 0)
			batch_flush(c);
		else if (c->active->at == SEGMENT_START)
			return -EMSGSIZE;
		else
			life_seal(c);
	}
}

/* The last quarter of a segment takes mail only when the next one is at hand:
 * what settles mail can always be written. */
static int
check_reserve(struct committer *c, uint64_t size)
{
	if (c->active == NULL || c->active->at + c->batch_len + size <=
	    c->store->options.segment_size / 4 * 3)
		return 0;
	return life_make_spare(c);
}

/* Making room may write, and so may fail a part of this very message: that is
 * looked at last. */
static int
make_room_for(struct committer *c, const struct op *op)
{
	uint64_t size = record_size_of(op->meta.len, op->head.len,
	    op->body.len);
	int error;

	if (op->record.part >= SPOOL_PARTS_MAX)
		return -EFBIG;
	if (op_is_mail(op)) {
		error = check_reserve(c, size);
		if (error != 0)
			return error;
	}
	error = make_room(c, size, record_entry_size(op->record.type,
	    op->meta.len));
	if (error == 0 && op_is_mail(op))
		error = op->msg->disk_error;
	return error;
}

/* The record is in the batch, but for its header. */
static void
add_record(struct committer *c, struct op *op, char *p)
{
	struct record *record = &op->record;

	record->life = c->active->life;
	record->at = (uint32_t)(c->active->at + c->batch_len);
	record->batch_at = (uint32_t)c->active->at;
	record_seal(record, p);
	record_summarize(record, p + RECORD_HEADER_LEN, &c->active->summary);
	c->batch_len += (size_t)record_size(record);
	op->segment = c->active;
	op_list_add(&c->batch_ops, op);
}

static void
put_span_at(char **p, struct span bytes)
{
	if (bytes.len != 0)
		memcpy(*p, bytes.p, bytes.len);
	*p += bytes.len;
}

/* Promise 4 of commit.h. */
static int
check_epoch(const struct committer *c, const struct op *op)
{
	return op_is_about_mail(op) && op->epoch < c->epoch ?
	    c->epoch_error : 0;
}

static void
add_new(struct committer *c, struct op *op)
{
	struct record *record = &op->record;
	int error = check_epoch(c, op);
	char *p;

	if (error == 0)
		error = make_room_for(c, op);
	if (error == 0)		/* making room may write and fail */
		error = check_epoch(c, op);
	if (error != 0) {
		commit_finish_in_turn(c, op, error);
		return;
	}
	record->meta_len = (uint32_t)op->meta.len;
	record->head_len = (uint32_t)op->head.len;
	record->body_len = (uint32_t)op->body.len;
	p = c->batch + c->batch_len + RECORD_HEADER_LEN;
	put_span_at(&p, op->meta);
	put_span_at(&p, op->head);
	put_span_at(&p, op->body);
	add_record(c, op, c->batch + c->batch_len);
}

/* Reads and checks the record to copy, into its place in the batch: op->meta
 * stands there instead of its meta, and of a REWRITE op->head instead of its
 * head. */
static int
read_copy(struct committer *c, struct op *op, const struct record *old,
    struct span head, char *p)
{
	const struct disk *disk = c->store->disk;
	size_t first_len = (size_t)old->meta_len + old->head_len;
	char *first = mem_new(first_len + 1), *body;
	uint64_t at = (uint64_t)op->from_at + RECORD_HEADER_LEN;
	ssize_t n = disk->read(disk->self, op->from->in, first, first_len, at);
	bool is_sound = n >= 0 && (size_t)n == first_len &&
	    crc32c(0, span_of(first, first_len)) == old->head_sum;

	p += RECORD_HEADER_LEN;
	put_span_at(&p, op->meta);
	put_span_at(&p, head.p != NULL ? head :
	    span_of(first + old->meta_len, old->head_len));
	free(first);
	if (n < 0)
		return (int)n;
	body = p;
	n = disk->read(disk->self, op->from->in, body, old->body_len,
	    at + first_len);
	if (n < 0)
		return (int)n;
	return is_sound && (size_t)n == old->body_len &&
	    record_body_is_sound(old, body) ? 0 : -EBADMSG;
}

static void
add_copy(struct committer *c, struct op *op)
{
	struct record *record = &op->record;
	struct record old;
	struct span head = op->kind == OP_REWRITE ? op->head :
	    (struct span){ 0 };
	size_t head_len = 0;
	char *p;
	int error = check_epoch(c, op);

	if (error == 0)
		error = segment_read_record(c->store->disk, op->from,
		    op->from_at, &old);
	if (error == 0 && (old.id != record->id || old.type != record->type))
		error = -EBADMSG;
	if (error == 0)
		head_len = op->kind == OP_REWRITE ? head.len : old.head_len;
	if (error == 0)
		error = make_room(c, record_size_of(op->meta.len, head_len,
		    old.body_len),
		    record_entry_size(record->type, op->meta.len));
	if (error == 0)
		error = check_epoch(c, op);
	p = c->batch + c->batch_len;
	if (error == 0)
		error = read_copy(c, op, &old, head, p);
	if (error != 0) {
		commit_finish_in_turn(c, op, error);
		return;
	}
	record->part = old.part;
	record->meta_len = (uint32_t)op->meta.len;
	record->head_len = (uint32_t)head_len;
	record->body_len = old.body_len;
	add_record(c, op, p);
}

void
batch_add(struct committer *c, struct op *op)
{
	switch (op->kind) {
	case OP_PART:
	case OP_COMMIT:
	case OP_SETTLE:
	case OP_END:
	case OP_STATE:
		add_new(c, op);
		return;
	case OP_COPY:
	case OP_REWRITE:
		add_copy(c, op);
		return;
	case OP_LIST:
		batch_flush(c);
		life_list(c, op);
		return;
	case OP_FREE:
		batch_flush(c);
		life_free(c, op);
		return;
	case OP_NOTHING:
	case OP_OPENED:
	case OP_SEALED:
		commit_finish_in_turn(c, op, 0);
		return;
	}
}
