/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way in: text is collected in a blob; when that has the
 * length of a part it goes to the disk, and the next one is begun, so that a
 * message holds two of them at most. The COMMIT carries what is left. */
#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/log.h"
#include "spool/spool.h"

/* Ids: milliseconds since 2020 (41 bits), shard (8), a counter (14). */
#define ID_EPOCH_MS    1577836800000u
#define ID_MS_SHIFT    22
#define ID_SHARD_SHIFT 14
#define ID_COUNTER_MAX 0x3fffu

#define BLOB_SMALLEST  6144u
#define OUT_MAX        ((uint64_t)64 << 20)	/* of all messages */
#define SPACE_EVERY_MS 1000

/* Ascending and unique for ever, whatever the clock does. */
static uint64_t
next_id(struct store *store)
{
	uint64_t now = store->options.now_ms();
	uint64_t last = store->last_id;
	uint64_t ms = last >> ID_MS_SHIFT;
	uint64_t counter = last & ID_COUNTER_MAX;
	uint64_t shard = (uint64_t)store->options.shard << ID_SHARD_SHIFT;
	uint64_t id;

	now = now > ID_EPOCH_MS ? now - ID_EPOCH_MS : 0;
	if (now > ms) {
		ms = now;
		counter = 0;
	} else if (counter == ID_COUNTER_MAX) {
		ms++;
		counter = 0;
	} else {
		counter++;
	}
	id = ms << ID_MS_SHIFT | shard | counter;
	if (id <= last)		/* the directory had another number */
		id = (ms + 1) << ID_MS_SHIFT | shard;
	store->last_id = id;
	return id;
}

uint64_t
store_id_time(uint64_t id)
{
	return (id >> ID_MS_SHIFT) + ID_EPOCH_MS;
}

unsigned
store_id_shard(uint64_t id)
{
	return (unsigned)(id >> ID_SHARD_SHIFT) & 0xff;
}

int
spool_room(const struct store *store, uint64_t *octets)
{
	int error = store->disk->space(store->disk->self, store->dir, octets);

	return error == 0 && *octets < store->options.reserve ? -ENOSPC :
	    error;
}

/* Once when it begins and once when it is over, not for every mail. */
static void
tell_space(const struct store *store, int error, uint64_t octets)
{
	if (error == -ENOSPC && store->space_error != -ENOSPC)
		log_error("spool-full", LOG_Z("directory", store->dir),
		    LOG_U("free", octets),
		    LOG_U("needed", store->options.reserve),
		    LOG_Z("remedy", "make room on that disk; until then all "
		    "mail gets 452"));
	else if (error == 0 && store->space_error == -ENOSPC)
		log_notice("spool-has-room", LOG_Z("directory", store->dir),
		    LOG_U("free", octets));
}

/* 0, or -ENOSPC below the reserve; the system is asked once a second. */
static int
check_space(struct store *store)
{
	uint64_t now = store->options.now_ms();
	uint64_t octets = 0;
	int error;

	if (store->space_asked_at != 0 &&
	    now - store->space_asked_at < SPACE_EVERY_MS)
		return store->space_error;
	store->space_asked_at = now;
	error = spool_room(store, &octets);
	tell_space(store, error, octets);
	store->space_error = error;
	return error;
}

struct store_msg *
store_begin(struct store *store, int *error)
{
	struct store_msg *msg;

	*error = store->committer.refusal;
	if (*error == 0)
		*error = check_space(store);
	if (*error != 0)
		return NULL;
	msg = mem_new(sizeof *msg);
	msg->store = store;
	msg->id = next_id(store);
	return msg;
}

uint64_t
store_msg_id(const struct store_msg *msg)
{
	return msg->id;
}

/* Room for `len` more octets, a power of two at a time. */
static void
widen_blob(struct store_msg *msg, size_t len)
{
	struct blob *blob = msg->blob;
	size_t used = blob != NULL ? blob->text_len : 0;
	size_t cap = blob != NULL ? blob->cap : BLOB_SMALLEST;

	if (blob != NULL && blob->cap - used >= len)
		return;
	while (cap - used < len)
		cap *= 2;
	if (blob == NULL) {
		msg->blob = blob_new(cap);
		return;
	}
	msg->blob = mem_grow_array(blob, sizeof *blob + cap, 1);
	msg->blob->cap = (uint32_t)cap;
}

/* The collected text becomes a part. */
static void
send_part(struct store_msg *msg)
{
	struct store *store = msg->store;
	struct op *op = op_new(OP_PART, 0);

	op->record = (struct record){ .type = RECORD_PART, .id = msg->id,
		.part = msg->part_n++ };
	op->body = span_of(msg->blob->p, msg->blob->text_len);
	op->msg = msg;
	op->arg = msg->blob;
	msg->blob = NULL;
	msg->parts_out++;
	store->out_bytes += op->body.len;
	commit_add(&store->committer, op);
}

void
store_write(struct store_msg *msg, struct span bytes)
{
	size_t part_len = msg->store->tuning.part_len;

	while (bytes.len != 0) {
		size_t used = msg->blob != NULL ? msg->blob->text_len : 0;
		struct span now = span_first(bytes, part_len - used);

		widen_blob(msg, now.len);
		memcpy(msg->blob->p + used, now.p, now.len);
		msg->blob->text_len += (uint32_t)now.len;
		bytes = span_skip(bytes, now.len);
		/* a last piece goes with the COMMIT */
		if (msg->blob->text_len == part_len)
			send_part(msg);
	}
}

bool
store_is_full(const struct store_msg *msg)
{
	return msg->parts_out >= 2 ||
	    (msg->parts_out == 1 && msg->store->out_bytes > OUT_MAX);
}

void
store_on_drained(struct store_msg *msg, void (*drained)(void *arg), void *arg)
{
	msg->drained = drained;
	msg->drained_arg = arg;
}

void
store_accept_as(struct store_msg *msg, enum store_state state, uint64_t due_ms)
{
	msg->state = state;
	msg->due_ms = due_ms;
}

void
store_commit(struct store_msg *msg, struct span envelope, store_done *done,
    void *arg)
{
	struct store *store = msg->store;
	struct index_entry *entry = index_add(&store->index, msg->id);
	struct op *op = &msg->op;
	struct blob *blob;

	widen_blob(msg, envelope.len);
	blob = msg->blob;
	if (envelope.len != 0)
		memcpy(blob->p + blob->text_len, envelope.p, envelope.len);
	blob->envelope_len = (uint32_t)envelope.len;
	entry->flags = INDEX_PENDING;
	entry->msg = msg;
	op->kind = OP_COMMIT;
	op->record = (struct record){ .type = RECORD_COMMIT, .id = msg->id,
		.state = msg->state, .arg = msg->due_ms != 0 ? msg->due_ms :
		    store->options.now_ms(),
		.part = msg->part_n };
	op->head = span_of(blob->p + blob->text_len, envelope.len);
	op->body = span_of(blob->p, blob->text_len);
	op->msg = msg;
	op->done = done;
	op->arg = arg;
	msg->drained = NULL;
	store->out_bytes += op->body.len;
	commit_add(&store->committer, op);
}

void
store_commit_forget(struct store *store, uint64_t id)
{
	struct index_entry *entry = index_find(&store->index, id);

	if (entry != NULL && (entry->flags & INDEX_PENDING) != 0)
		entry->msg->op.done = NULL;
}

/* Nothing refers to it any more. */
static void
free_msg(struct store_msg *msg)
{
	blob_unref(msg->blob);
	free(msg->part);
	free(msg);
}

/* Parts without a COMMIT are nothing. */
static void
forget_parts(struct store_msg *msg)
{
	for (uint32_t i = 0; i < msg->part_cap; i++)
		if (msg->part[i].at != 0)
			spool_live_sub(msg->store, msg->part[i].slot,
			    record_size_of(0, 0, msg->part[i].len));
}

void
store_abandon(struct store_msg *msg)
{
	msg->is_abandoned = true;
	msg->drained = NULL;
	if (msg->parts_out != 0)
		return;		/* the last one does it */
	forget_parts(msg);
	free_msg(msg);
}

static void
note_part(struct store_msg *msg, const struct op *op)
{
	uint32_t number = op->record.part;

	if (number >= msg->part_cap) {
		uint32_t cap = msg->part_cap != 0 ? msg->part_cap * 2 : 8;

		msg->part = mem_grow_array(msg->part, cap,
		    sizeof *msg->part);
		memset(msg->part + msg->part_cap, 0,
		    (cap - msg->part_cap) * sizeof *msg->part);
		msg->part_cap = cap;
	}
	msg->part[number] = (struct index_part){ .at = op->record.at,
		.slot = op->segment->slot, .len = op->record.body_len };
	spool_live_add(msg->store, op->segment->slot,
	    record_size(&op->record));
}

unsigned
message_on_part(struct store *store, struct op *op)
{
	struct store_msg *msg = op->msg;
	bool was_full = store_is_full(msg);
	int result = op->result;
	unsigned n = 0;

	if (result == 0)
		note_part(msg, op);
	store->out_bytes -= op->body.len;
	blob_unref(op->arg);
	msg->parts_out--;
	free(op);
	if (msg->is_abandoned) {
		if (msg->parts_out == 0)
			store_abandon(msg);
		return 0;
	}
	if (was_full && !store_is_full(msg) && msg->drained != NULL) {
		msg->drained(msg->drained_arg);
		n = 1;
	}
	return n;
}

/* It is durable: the index takes it over. */
static void
settle_in(struct store *store, struct store_msg *msg,
    struct index_entry *entry)
{
	const struct record *record = &msg->op.record;

	entry->flags = 0;
	entry->state = (uint8_t)record->state;
	entry->blob = NULL;
	entry->due_ms = record->arg;
	entry->slot = msg->op.segment->slot;
	entry->at = record->at;
	entry->head_len = record->head_len;
	entry->body_len = record->body_len;
	if (record->part != 0) {
		index_set_parts(&store->index, entry, record->part);
		memcpy(entry->extra->part, msg->part,
		    record->part * sizeof *msg->part);
		for (uint32_t i = 0; i < record->part; i++)
			must(msg->part[i].at != 0);
	}
	if (msg->id > msg->op.segment->max_id)
		msg->op.segment->max_id = msg->id;
	spool_live_add(store, entry->slot, record_size(record));
	if (record->part == 0)
		cache_add(store, entry, msg->blob);
}

unsigned
message_on_commit(struct store *store, struct op *op)
{
	struct store_msg *msg = op->msg;
	struct index_entry *entry = index_find(&store->index, msg->id);
	store_done *done = op->done;
	void *arg = op->arg;
	int result = op->result;

	must(entry != NULL && msg->parts_out == 0);
	store->out_bytes -= op->body.len;
	if (result == 0) {
		settle_in(store, msg, entry);
	} else {
		forget_parts(msg);
		index_remove(&store->index, entry);
	}
	free_msg(msg);
	if (done == NULL)
		return 0;
	done(arg, result);
	return 1;
}
