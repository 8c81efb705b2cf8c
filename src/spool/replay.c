/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/replay.h"

/* A state that we do not know is looked at by people. */
static uint8_t
state_of(const struct record *record)
{
	return record->state <= STORE_WAITING ? (uint8_t)record->state :
	    STORE_HELD;
}

static uint64_t
home_seq(const struct store *store, const struct index_entry *entry)
{
	return store->by_slot[entry->slot]->seq;
}

static void
replay_part(struct recovery *r, const struct record *record)
{
	struct store *store = r->store;
	struct index_entry *entry = index_find(&store->index, record->id);

	if (record->part >= SPOOL_PARTS_MAX)
		return;
	if (entry == NULL) {
		entry = index_find(&r->orphans, record->id);
		if (entry == NULL)
			entry = index_add(&r->orphans, record->id);
		index_set_parts(&r->orphans, entry, record->part + 1);
	}
	if (entry->extra == NULL || record->part >= entry->extra->part_n)
		return;
	entry->extra->part[record->part] = (struct index_part){
		.at = record->at, .slot = r->segment->slot,
		.len = record->body_len };
}

/* The parts that came before their COMMIT. */
static void
adopt_parts(struct recovery *r, struct index_entry *entry, uint32_t part_n)
{
	struct index_entry *orphan = index_find(&r->orphans, entry->id);
	uint32_t n = part_n;

	if (part_n != 0)
		index_set_parts(&r->store->index, entry, part_n);
	if (orphan == NULL)
		return;
	if (orphan->extra->part_n < n)
		n = orphan->extra->part_n;
	if (n != 0)
		memcpy(entry->extra->part, orphan->extra->part,
		    n * sizeof *entry->extra->part);
	index_remove(&r->orphans, orphan);
}

static void
replay_commit(struct recovery *r, const struct record *record,
    struct span meta, bool is_sound)
{
	struct store *store = r->store;
	struct index_entry *entry = index_find(&store->index, record->id);

	if (record->part > SPOOL_PARTS_MAX)
		return;
	if (entry != NULL && !is_sound)
		return;		/* the older copy is better */
	if (entry != NULL) {
		compact_mark_stale(store, store->by_slot[entry->slot]);
	} else {
		entry = index_add(&store->index, record->id);
		adopt_parts(r, entry, record->part);
	}
	entry->slot = r->segment->slot;
	entry->at = record->at;
	entry->meta_len = record->meta_len;
	entry->head_len = record->head_len;
	entry->body_len = record->body_len;
	entry->due_ms = record->arg;
	entry->attempts = (uint16_t)record->attempts;
	entry->state = state_of(record);
	entry->flags = is_sound ? 0 : INDEX_DAMAGED;
	if (!is_sound)
		entry->state = STORE_HELD;
	index_set_settled(&store->index, entry, meta.p, (uint32_t)meta.len);
	if (record->id > r->segment->max_id)
		r->segment->max_id = record->id;
}

static void
replay_settle(struct recovery *r, const struct record *record,
    struct span meta)
{
	struct store *store = r->store;
	struct index_entry *entry = index_find(&store->index, record->id);

	if (entry == NULL)
		return;
	for (size_t i = 0; record->type == RECORD_SETTLE &&
	    i + 4 <= meta.len; i += 4) {
		uint32_t rcpt = le32_get(meta.p + i) >> 1;

		if (rcpt < SPOOL_RCPT_MAX)
			index_settle(&store->index, entry, rcpt);
	}
	if (record->type == RECORD_STATE)
		index_set_settled(&store->index, entry, meta.p,
		    (uint32_t)meta.len);
	entry->due_ms = record->arg;
	entry->attempts = (uint16_t)record->attempts;
	entry->state = (entry->flags & INDEX_DAMAGED) != 0 ? STORE_HELD :
	    state_of(record);
	compact_note(store, r->segment, record->id, home_seq(store, entry));
}

static void
replay_end(struct recovery *r, const struct record *record)
{
	struct store *store = r->store;
	struct index_entry *entry = index_find(&store->index, record->id);

	if (entry != NULL) {
		if (home_seq(store, entry) != record->arg)
			compact_mark_stale(store,
			    store->by_slot[entry->slot]);
		index_remove(&store->index, entry);
	}
	compact_note(store, r->segment, record->id, record->arg);
}

void
replay_record(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	struct recovery *r = arg;
	struct span meta = span_of(rest, record->meta_len);

	if (record->id == 0 || record->id > SPOOL_ID_MAX)
		return;		/* nobody ever gave it out */
	if (record->id > r->store->last_id)
		r->store->last_id = record->id;
	switch (record->type) {
	case RECORD_PART:
		if (is_sound)
			replay_part(r, record);
		return;
	case RECORD_COMMIT:
		replay_commit(r, record, meta, is_sound);
		return;
	case RECORD_SETTLE:
	case RECORD_STATE:
		replay_settle(r, record, meta);
		return;
	case RECORD_END:
		replay_end(r, record);
		return;
	case RECORD_PAD:
	case RECORD_SUMMARY:
		return;
	}
}
