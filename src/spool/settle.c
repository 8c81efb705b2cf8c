/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a message. The index changes when the record is queued: it
 * tells what the end of the log will say. */
#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "spool/spool.h"

#define REASON_MAX  512u

static struct index_entry *
find_living(const struct store *store, uint64_t id)
{
	struct index_entry *entry = index_find(&store->index, id);

	if (entry == NULL || (entry->flags & (INDEX_PENDING | INDEX_GONE)))
		return NULL;
	return entry;
}

struct op *
settle_state_op(const struct index_entry *entry, enum op_kind kind)
{
	const struct index_extra *extra = entry->extra;
	size_t len = extra != NULL ? extra->settled_len : 0;
	struct op *op = op_new(kind, len);

	if (len != 0)
		memcpy(op->bytes, extra->settled, len);
	op->meta = span_of(op->bytes, len);
	op->record = (struct record){
		.type = RECORD_STATE,
		.id = entry->id,
		.arg = entry->due_ms,
		.state = entry->state,
		.attempts = entry->attempts,
	};
	return op;
}

/* The END of a message, with what became of its last recipients. */
static void
queue_end(struct store *store, struct index_entry *entry, struct op *op)
{
	op->kind = OP_END;
	op->record.type = RECORD_END;
	op->head = span_of(NULL, 0);
	entry->flags |= INDEX_GONE;
	if ((entry->flags & INDEX_MOVING) != 0) {
		op_list_add(&store->parked, op);
		return;
	}
	op->record.arg = store->by_slot[entry->slot]->seq;
	commit_add(&store->committer, op);
}

void
settle_unpark(struct store *store, uint64_t id)
{
	struct op_list parked = store->parked;
	struct op *op;

	store->parked = (struct op_list){ 0 };
	while ((op = op_list_take(&parked)) != NULL) {
		if (op->record.id == id)
			queue_end(store, index_find(&store->index, id), op);
		else
			op_list_add(&store->parked, op);
	}
}

/* Lists those recipients that were not finished before. */
static size_t
put_outcomes(struct store *store, struct index_entry *entry,
    const struct store_settle *settle, char *p)
{
	size_t len = 0;

	for (size_t i = 0; i < settle->rcpt_n; i++) {
		uint32_t rcpt = settle->rcpt[i];

		must(rcpt < SPOOL_RCPT_MAX);
		if (index_is_settled(entry, rcpt))
			continue;	/* promise 3 */
		if (!settle->is_last)
			index_settle(&store->index, entry, rcpt);
		le32_put(p + len, rcpt << 1 |
		    (settle->outcome[i] == STORE_FAILED));
		len += 4;
	}
	return len;
}

static void
queue_nothing(struct store *store, store_done *done, void *arg)
{
	struct op *op = op_new(OP_NOTHING, 0);

	op->done = done;
	op->arg = arg;
	commit_add(&store->committer, op);
}

void
store_settle(struct store *store, const struct store_settle *settle,
    store_done *done, void *arg)
{
	struct index_entry *entry = find_living(store, settle->id);
	struct span reason = span_first(settle->reason, REASON_MAX);
	size_t meta_len;
	struct op *op;

	if (entry == NULL) {
		queue_nothing(store, done, arg);
		return;
	}
	op = op_new(OP_SETTLE, settle->rcpt_n * 4 + reason.len);
	meta_len = put_outcomes(store, entry, settle, op->bytes);
	op->meta = span_of(op->bytes, meta_len);
	op->done = done;
	op->arg = arg;
	op->record = (struct record){ .type = RECORD_SETTLE,
		.id = settle->id };
	if (settle->is_last) {
		queue_end(store, entry, op);
		return;
	}
	if (reason.len != 0)
		memcpy(op->bytes + meta_len, reason.p, reason.len);
	op->head = span_of(op->bytes + meta_len, reason.len);
	if (!settle->is_no_attempt && entry->attempts != UINT16_MAX)
		entry->attempts++;
	entry->state = (uint8_t)settle->state;
	entry->due_ms = settle->due_ms;
	op->record.arg = settle->due_ms;
	op->record.state = settle->state;
	op->record.attempts = entry->attempts;
	commit_add(&store->committer, op);
}

bool
store_is_settled(struct store *store, uint64_t id, uint32_t rcpt)
{
	const struct index_entry *entry = index_find(&store->index, id);

	return entry == NULL || index_is_settled(entry, rcpt);
}

int
store_set_state(struct store *store, uint64_t id, enum store_state state,
    uint64_t due_ms)
{
	struct index_entry *entry = find_living(store, id);

	if (entry == NULL)
		return -ENOENT;
	entry->state = (uint8_t)state;
	entry->due_ms = due_ms;
	commit_add(&store->committer, settle_state_op(entry, OP_STATE));
	return 0;
}

int
store_remove(struct store *store, uint64_t id)
{
	struct index_entry *entry = find_living(store, id);
	struct op *op;

	if (entry == NULL)
		return -ENOENT;
	op = op_new(OP_END, 0);
	op->record.id = id;
	queue_end(store, entry, op);
	return 0;
}

static void
on_end(struct store *store, const struct op *op)
{
	struct index_entry *entry = index_find(&store->index, op->record.id);

	must(entry != NULL && (entry->flags & INDEX_GONE) != 0);
	if (op->result != 0) {
		/* it is as it was: to be settled again */
		entry->flags &= (uint8_t)~INDEX_GONE;
		return;
	}
	cache_drop(store, entry);
	spool_live_sub_entry(store, entry);
	index_remove(&store->index, entry);
	compact_note(store, op->segment, op->record.id, op->record.arg);
}

/* The log does not say it: neither does the index. */
static void
forget_outcomes(struct store *store, const struct op *op)
{
	struct index_entry *entry = index_find(&store->index, op->record.id);

	for (size_t i = 0; entry != NULL && i < op->meta.len; i += 4)
		index_unsettle(entry, le32_get(op->meta.p + i) >> 1);
}

unsigned
settle_on_done(struct store *store, struct op *op)
{
	const struct index_entry *entry;
	store_done *done = op->done;
	void *arg = op->arg;
	int result = op->result;

	if (op->kind == OP_END) {
		on_end(store, op);
	} else if (op->kind == OP_SETTLE && result != 0) {
		forget_outcomes(store, op);
	} else if (op->kind != OP_NOTHING && result == 0) {
		entry = index_find(&store->index, op->record.id);
		if (entry != NULL)
			compact_note(store, op->segment, entry->id,
			    store->by_slot[entry->slot]->seq);
	}
	free(op);
	if (done == NULL)
		return 0;
	done(arg, result);
	return 1;
}
