/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at living messages without touching the disk, and the notes that
 * the owner keeps beside them. */
#include <errno.h>

#include "spool/spool.h"

static bool
is_living(const struct index_entry *entry)
{
	return (entry->flags & (INDEX_PENDING | INDEX_GONE)) == 0;
}

static void
look_at(const struct index_entry *entry, struct store_look *out)
{
	*out = (struct store_look){
		.entry = { .id = entry->id, .due_ms = entry->due_ms,
		    .state = (enum store_state)entry->state,
		    .attempts = entry->attempts },
		.text_len = index_text_len(entry),
		.envelope_len = entry->head_len,
		.note = entry->note,
	};
}

int
store_look(const struct store *store, uint64_t id, struct store_look *out)
{
	const struct index_entry *entry = index_find(&store->index, id);

	if (entry == NULL || !is_living(entry))
		return -ENOENT;
	look_at(entry, out);
	return 0;
}

bool
store_walk(const struct store *store, uint32_t *at, struct store_look *out)
{
	const struct index_entry *entry;

	while ((entry = index_next(&store->index, at)) != NULL) {
		if (!is_living(entry))
			continue;
		look_at(entry, out);
		return true;
	}
	return false;
}

void
store_set_note(struct store *store, uint64_t id, void *note)
{
	struct index_entry *entry = index_find(&store->index, id);

	if (entry == NULL || !is_living(entry)) {
		store->index.free_note(note);
		return;
	}
	if (entry->note != NULL)
		store->index.free_note(entry->note);
	entry->note = note;
}
