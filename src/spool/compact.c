/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/compact.h"

#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/log.h"
#include "spool/spool.h"

#define COPY_WINDOW ((uint64_t)1 << 20)	/* octets on their way at a time */

void
compact_mark_stale(struct store *store, struct segment *segment)
{
	if (segment->is_stale)
		return;
	segment->is_stale = true;
	store->compaction.stale_n++;
}

/* Does another, older segment than `segment` hold superseded COMMITs, perhaps
 * one of `id`? The oldest one, or NULL. */
static struct segment *
stale_home(const struct store *store, const struct segment *segment,
    uint64_t id)
{
	if (store->compaction.stale_n == 0)
		return NULL;
	for (size_t i = 0; i < store->segment_n; i++) {
		struct segment *other = store->segment[i];

		if (other->seq >= segment->seq)
			break;
		if (other->is_stale && other->max_id >= id)
			return other;
	}
	return NULL;
}

void
compact_note(struct store *store, struct segment *segment, uint64_t id,
    uint64_t home)
{
	const struct segment *stale = stale_home(store, segment, id);

	if (stale != NULL && stale->seq < home)
		home = stale->seq;
	if (home < segment->seq && home < segment->min_ref)
		segment->min_ref = home;
}

/* --- freeing */

static bool
has_debts(const struct store *store, const struct segment *segment)
{
	if (segment->min_ref == UINT64_MAX)
		return false;
	for (size_t i = 0; i < store->segment_n; i++)
		if (store->segment[i]->seq >= segment->min_ref)
			return store->segment[i]->seq < segment->seq;
	return false;
}

static bool
is_free(const struct store *store, const struct segment *segment)
{
	if (!segment->is_sealed || segment->is_leaving ||
	    segment->live_n != 0 || segment->pin_n != 0)
		return false;
	if (store->compaction.victim == segment)
		return false;
	/* the newest one keeps what is known of ids and numbers */
	if (segment == store->segment[store->segment_n - 1])
		return false;
	if (segment->is_guard &&
	    spool_segment(store, segment->header.prev_seq) != NULL)
		return false;
	return !has_debts(store, segment);
}

static void
free_segments(struct store *store)
{
	for (size_t i = 0; i < store->segment_n; i++) {
		struct segment *segment = store->segment[i];
		struct op *op;

		if (!is_free(store, segment))
			continue;
		segment->is_leaving = true;
		op = op_new(OP_FREE, 0);
		op->segment = segment;
		commit_add(&store->committer, op);
	}
}

void
compact_on_free(struct store *store, struct op *op)
{
	struct segment *segment = op->segment;

	if (op->result == 0) {
		if (segment->is_stale)
			store->compaction.stale_n--;
		spool_drop_segment(store, segment);
		store->compaction.is_due = true;
	} else {
		/* tried again when something else is freed */
		segment->is_leaving = false;
	}
	free(op);
}

/* --- evacuating */

static uint64_t
garbage(const struct store *store)
{
	uint64_t size = store->segment_n * store->options.segment_size;

	return size > store->live_bytes ? size - store->live_bytes : 0;
}

static bool
is_candidate(const struct store *store, const struct segment *segment)
{
	if (!segment->is_sealed || segment->is_leaving)
		return false;
	if (segment->has_given_up &&
	    segment->tried_live == segment->live_bytes)
		return false;
	if (segment->live_n == 0 && !has_debts(store, segment))
		return false;	/* waits for a reader only */
	return segment->live_bytes < store->options.segment_size / 4 * 3;
}

/* A stale one first, so that there is never more than one; else the one with
 * the least to copy. */
static struct segment *
choose_victim(const struct store *store)
{
	struct segment *best = NULL;

	for (size_t i = 0; i + 1 < store->segment_n; i++) {
		struct segment *segment = store->segment[i];

		if (!is_candidate(store, segment))
			continue;
		if (segment->is_stale)
			return segment;
		if (best == NULL || segment->live_bytes < best->live_bytes)
			best = segment;
	}
	return best;
}

static void
start(struct store *store)
{
	struct compaction *compaction = &store->compaction;
	struct segment *victim;
	struct op *op;

	if (compaction->state != COMPACT_IDLE ||
	    garbage(store) <= store->live_bytes / 2 +
	    2 * store->options.segment_size)
		return;
	victim = choose_victim(store);
	if (victim == NULL)
		return;
	compaction->victim = victim;
	compaction->state = COMPACT_LISTING;
	compaction->has_failed = false;
	op = op_new(OP_LIST, 0);
	op->segment = victim;
	commit_add(&store->committer, op);
}

void
compact_consider(struct store *store)
{
	if (!store->compaction.is_due || store->is_closing)
		return;
	store->compaction.is_due = false;
	free_segments(store);
	start(store);
}

static void
queue_copy(struct store *store, struct op *op, uint64_t size)
{
	struct compaction *compaction = &store->compaction;

	op->from = compaction->victim;
	compaction->out_n++;
	compaction->out_bytes += size;
	commit_add(&store->committer, op);
}

static void
copy_commit(struct store *store, const struct record *record)
{
	struct index_entry *entry = index_find(&store->index, record->id);
	struct op *op;

	if (entry == NULL || entry->at != record->at ||
	    entry->slot != store->compaction.victim->slot ||
	    (entry->flags & (INDEX_PENDING | INDEX_GONE | INDEX_DAMAGED)))
		return;
	if ((entry->flags & INDEX_MOVING) != 0) {
		/* rewritten just now, with what we would put behind it */
		store->compaction.has_failed = true;
		return;
	}
	entry->flags |= INDEX_MOVING;
	compact_mark_stale(store, store->compaction.victim);
	op = settle_state_op(entry, OP_COPY);
	op->record.type = RECORD_COMMIT;
	op->from_at = record->at;
	queue_copy(store, op, record_size(record));
}

static void
copy_part(struct store *store, const struct record *record)
{
	const struct index_entry *entry = index_find(&store->index,
	    record->id);
	const struct index_part *part;
	struct op *op;

	if (entry == NULL || entry->extra == NULL ||
	    record->part >= entry->extra->part_n ||
	    (entry->flags & (INDEX_PENDING | INDEX_GONE)))
		return;
	part = &entry->extra->part[record->part];
	if (part->at != record->at ||
	    part->slot != store->compaction.victim->slot)
		return;
	op = op_new(OP_COPY, 0);
	op->record = (struct record){ .type = RECORD_PART, .id = record->id,
		.part = record->part };
	op->from_at = record->at;
	queue_copy(store, op, record_size(record));
}

/* A COMMIT in a later segment was copied there with the state. */
static void
rewrite_state(struct store *store, const struct record *record)
{
	const struct index_entry *entry = index_find(&store->index,
	    record->id);

	if (entry == NULL || (entry->flags & INDEX_PENDING) != 0 ||
	    store->by_slot[entry->slot]->seq >=
	    store->compaction.victim->seq)
		return;
	queue_copy(store, settle_state_op(entry, OP_STATE),
	    record_size(record));
}

static void
rewrite_end(struct store *store, const struct record *record)
{
	const struct segment *victim = store->compaction.victim;
	struct op *op;

	if ((record->arg == victim->seq ||
	    spool_segment(store, record->arg) == NULL) &&
	    stale_home(store, victim, record->id) == NULL)
		return;
	op = op_new(OP_END, 0);
	op->record = (struct record){ .type = RECORD_END, .id = record->id,
		.arg = record->arg };
	queue_copy(store, op, RECORD_HEADER_LEN);
}

static void
finish_round(struct store *store)
{
	struct compaction *compaction = &store->compaction;
	struct segment *victim = compaction->victim;

	if (!compaction->has_failed)
		victim->min_ref = UINT64_MAX;
	victim->has_given_up = true;
	victim->tried_live = victim->live_bytes;
	buf_free(&compaction->listed);
	compaction->victim = NULL;
	compaction->state = COMPACT_IDLE;
	compaction->is_due = true;
}

/* Queues as much as may be on its way at a time. */
static void
feed(struct store *store)
{
	struct compaction *compaction = &store->compaction;
	struct record record;
	struct span meta;

	while (!store->is_closing && compaction->out_bytes < COPY_WINDOW &&
	    record_next_entry(&compaction->rest, &record, &meta)) {
		switch (record.type) {
		case RECORD_COMMIT:
			copy_commit(store, &record);
			break;
		case RECORD_PART:
			copy_part(store, &record);
			break;
		case RECORD_SETTLE:
		case RECORD_STATE:
			rewrite_state(store, &record);
			break;
		case RECORD_END:
			rewrite_end(store, &record);
			break;
		case RECORD_PAD:
		case RECORD_SUMMARY:
			break;
		}
	}
	if (compaction->out_n != 0)
		return;
	if (compaction->rest.len != 0)
		compaction->has_failed = true;	/* closing */
	finish_round(store);
}

void
compact_on_list(struct store *store, struct op *op)
{
	struct compaction *compaction = &store->compaction;

	compaction->listed = op->listed;
	compaction->rest = buf_span(&compaction->listed);
	compaction->state = COMPACT_COPYING;
	free(op);
	feed(store);
}

static void
copied_commit(struct store *store, const struct op *op)
{
	struct index_entry *entry = index_find(&store->index, op->record.id);

	must(entry != NULL && (entry->flags & INDEX_MOVING) != 0);
	entry->flags &= (uint8_t)~INDEX_MOVING;
	if (op->result == 0) {
		spool_live_sub(store, entry->slot, record_size_of(
		    entry->meta_len, entry->head_len, entry->body_len));
		entry->slot = op->segment->slot;
		entry->at = op->record.at;
		entry->meta_len = op->record.meta_len;
		spool_live_add(store, entry->slot,
		    record_size(&op->record));
		if (entry->id > op->segment->max_id)
			op->segment->max_id = entry->id;
	} else if (op->result == -EBADMSG) {
		entry->flags |= INDEX_DAMAGED;
		log_error("message-damaged", LOG_U("id", entry->id),
		    LOG_U("segment", op->from->slot),
		    LOG_U("offset", op->from_at));
	}
	settle_unpark(store, op->record.id);
}

static void
copied_part(struct store *store, const struct op *op)
{
	struct index_entry *entry = index_find(&store->index, op->record.id);
	struct index_part *part;

	if (entry == NULL || op->result != 0)
		return;
	part = &entry->extra->part[op->record.part];
	spool_live_sub(store, part->slot, record_size(&op->record));
	part->slot = op->segment->slot;
	part->at = op->record.at;
	spool_live_add(store, part->slot, record_size(&op->record));
}

void
compact_on_copy(struct store *store, struct op *op)
{
	struct compaction *compaction = &store->compaction;
	const struct index_entry *entry;

	compaction->out_n--;
	if (op->result != 0)
		compaction->has_failed = true;
	else
		compaction->copied += record_size(&op->record);
	if (op->kind == OP_COPY && op->record.type == RECORD_COMMIT) {
		copied_commit(store, op);
	} else if (op->kind == OP_COPY) {
		copied_part(store, op);
	} else if (op->result == 0 && op->kind == OP_END) {
		compact_note(store, op->segment, op->record.id,
		    op->record.arg);
	} else if (op->result == 0) {
		entry = index_find(&store->index, op->record.id);
		if (entry != NULL)
			compact_note(store, op->segment, entry->id,
			    store->by_slot[entry->slot]->seq);
	}
	free(op);
	if (compaction->out_n == 0) {
		compaction->out_bytes = 0;
		feed(store);
	}
}
