/* SPDX-License-Identifier: Apache-2.0 */
/* Another envelope for a living message: its COMMIT goes to the end of the log
 * once more, as compaction would copy it, with another head. The one before is
 * superseded; its segment is marked stale, and pinned until ours is durable. */
#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "spool/spool.h"

static struct op *
new_op(struct store *store, struct index_entry *entry, struct span envelope)
{
	const struct index_extra *extra = entry->extra;
	size_t len = extra != NULL ? extra->settled_len : 0;
	struct op *op = op_new(OP_REWRITE, len + envelope.len);

	if (len != 0)
		memcpy(op->bytes, extra->settled, len);
	if (envelope.len != 0)
		memcpy(op->bytes + len, envelope.p, envelope.len);
	op->meta = span_of(op->bytes, len);
	op->head = span_of(op->bytes + len, envelope.len);
	op->record = (struct record){ .type = RECORD_COMMIT, .id = entry->id,
		.arg = entry->due_ms, .state = entry->state,
		.attempts = entry->attempts };
	op->from = store->by_slot[entry->slot];
	op->from_at = entry->at;
	return op;
}

int
store_rewrite(struct store *store, uint64_t id, struct span envelope,
    store_done *done, void *arg)
{
	struct index_entry *entry = index_find(&store->index, id);
	struct op *op;

	if (entry == NULL ||
	    (entry->flags & (INDEX_PENDING | INDEX_GONE)) != 0)
		return -ENOENT;
	if ((entry->flags & INDEX_DAMAGED) != 0)
		return -EBADMSG;
	if ((entry->flags & INDEX_MOVING) != 0)
		return -EBUSY;
	op = new_op(store, entry, envelope);
	op->done = done;
	op->arg = arg;
	entry->flags |= INDEX_MOVING;
	compact_mark_stale(store, op->from);
	op->from->pin_n++;
	commit_add(&store->committer, op);
	return 0;
}

static void
take_over(struct store *store, struct index_entry *entry, const struct op *op)
{
	cache_drop(store, entry);	/* it has the old one */
	spool_live_sub(store, entry->slot, record_size_of(entry->meta_len,
	    entry->head_len, entry->body_len));
	entry->slot = op->segment->slot;
	entry->at = op->record.at;
	entry->meta_len = op->record.meta_len;
	entry->head_len = op->record.head_len;
	spool_live_add(store, entry->slot, record_size(&op->record));
	if (entry->id > op->segment->max_id)
		op->segment->max_id = entry->id;
}

unsigned
rewrite_on_done(struct store *store, struct op *op)
{
	struct index_entry *entry = index_find(&store->index, op->record.id);
	uint64_t id = op->record.id;
	store_done *done = op->done;
	void *arg = op->arg;
	int result = op->result;

	must(entry != NULL && (entry->flags & INDEX_MOVING) != 0);
	entry->flags &= (uint8_t)~INDEX_MOVING;
	if (result == 0)
		take_over(store, entry, op);
	if (--op->from->pin_n == 0)
		store->compaction.is_due = true;
	settle_unpark(store, id);
	free(op);
	if (done == NULL)
		return 0;
	done(arg, result);
	return 1;
}
