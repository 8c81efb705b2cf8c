/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"

#define SLAB_LEN 1024u

void
index_init(struct index *index)
{
	*index = (struct index){ 0 };
}

static struct index_entry *
entry_of(const struct index *index, uint32_t number)
{
	return &index->slab[number / SLAB_LEN][number % SLAB_LEN];
}

static uint32_t
home_of(const struct index *index, uint64_t id)
{
	/* Fibonacci hashing: ids are ours, nobody chooses them */
	return (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32) &
	    (index->table_len - 1);
}

static void
free_rest(struct index *index, struct index_entry *entry)
{
	struct index_extra *extra = entry->extra;

	if (entry->note != NULL)
		index->free_note(entry->note);
	entry->note = NULL;
	if (extra == NULL)
		return;
	index->extra_bytes -= sizeof *extra + extra->settled_len +
	    (uint64_t)extra->part_n * sizeof *extra->part;
	free(extra->part);
	free(extra->settled);
	free(extra);
	entry->extra = NULL;
}

void
index_free(struct index *index)
{
	for (uint32_t i = 0; i < index->slab_n; i++) {
		for (uint32_t k = 0; k < SLAB_LEN; k++)
			if (index->slab[i][k].id != 0)
				free_rest(index, &index->slab[i][k]);
		free(index->slab[i]);
	}
	free(index->slab);
	free(index->table);
	index_init(index);
}

struct index_entry *
index_find(const struct index *index, uint64_t id)
{
	uint32_t at;

	if (index->n == 0)
		return NULL;
	at = home_of(index, id);
	for (; index->table[at] != 0; at = (at + 1) & (index->table_len - 1)) {
		struct index_entry *entry = entry_of(index,
		    index->table[at] - 1);

		if (entry->id == id)
			return entry;
	}
	return NULL;
}

static void
table_put(struct index *index, uint64_t id, uint32_t number)
{
	uint32_t at = home_of(index, id);

	while (index->table[at] != 0)
		at = (at + 1) & (index->table_len - 1);
	index->table[at] = number + 1;
}

static void
widen_table(struct index *index)
{
	uint32_t *old = index->table;
	uint32_t old_len = index->table_len;

	index->table_len = old_len ? old_len * 2 : SLAB_LEN;
	must(index->table_len != 0);
	index->table = mem_new_array(index->table_len, sizeof *index->table);
	for (uint32_t i = 0; i < old_len; i++)
		if (old[i] != 0)
			table_put(index, entry_of(index, old[i] - 1)->id,
			    old[i] - 1);
	free(old);
}

static void
add_slab(struct index *index)
{
	uint32_t first = index->slab_n * SLAB_LEN;
	struct index_entry *slab = mem_new_array(SLAB_LEN, sizeof *slab);

	index->slab = mem_grow_array(index->slab, index->slab_n + 1,
	    sizeof(struct index_entry *));
	index->slab[index->slab_n++] = slab;
	for (uint32_t i = SLAB_LEN; i-- > 0;) {
		slab[i].due_ms = index->free;
		index->free = first + i + 1;
	}
}

struct index_entry *
index_add(struct index *index, uint64_t id)
{
	struct index_entry *entry;
	uint32_t number;

	must(id != 0);
	if ((uint64_t)(index->n + 1) * 4 > (uint64_t)index->table_len * 3)
		widen_table(index);
	if (index->free == 0)
		add_slab(index);
	number = index->free - 1;
	entry = entry_of(index, number);
	index->free = (uint32_t)entry->due_ms;
	*entry = (struct index_entry){ .id = id };
	table_put(index, id, number);
	index->n++;
	return entry;
}

/* Takes a place out of the table; its followers move back. */
static void
close_hole(struct index *index, uint32_t hole)
{
	uint32_t mask = index->table_len - 1;

	for (uint32_t at = hole;;) {
		uint32_t home;

		at = (at + 1) & mask;
		if (index->table[at] == 0)
			break;
		home = home_of(index,
		    entry_of(index, index->table[at] - 1)->id);
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			index->table[hole] = index->table[at];
			hole = at;
		}
	}
	index->table[hole] = 0;
}

void
index_remove(struct index *index, struct index_entry *entry)
{
	uint32_t at = home_of(index, entry->id);
	uint32_t number;

	while (entry_of(index, index->table[at] - 1) != entry) {
		at = (at + 1) & (index->table_len - 1);
		must(index->table[at] != 0);
	}
	number = index->table[at] - 1;
	close_hole(index, at);
	free_rest(index, entry);
	*entry = (struct index_entry){ .due_ms = index->free };
	index->free = number + 1;
	index->n--;
}

struct index_entry *
index_next(const struct index *index, uint32_t *at)
{
	while (*at < index->slab_n * SLAB_LEN) {
		struct index_entry *entry = entry_of(index, (*at)++);

		if (entry->id != 0)
			return entry;
	}
	return NULL;
}

uint64_t
index_memory(const struct index *index)
{
	return (uint64_t)index->slab_n * SLAB_LEN *
	    sizeof(struct index_entry) + index->extra_bytes +
	    (uint64_t)index->table_len * sizeof *index->table;
}

static struct index_extra *
extra_of(struct index *index, struct index_entry *entry)
{
	if (entry->extra == NULL) {
		entry->extra = mem_new(sizeof *entry->extra);
		index->extra_bytes += sizeof *entry->extra;
	}
	return entry->extra;
}

void
index_set_parts(struct index *index, struct index_entry *entry,
    uint32_t part_n)
{
	struct index_extra *extra = extra_of(index, entry);

	if (part_n <= extra->part_n)
		return;
	extra->part = mem_grow_array(extra->part, part_n,
	    sizeof *extra->part);
	memset(extra->part + extra->part_n, 0,
	    (part_n - extra->part_n) * sizeof *extra->part);
	index->extra_bytes += (uint64_t)(part_n - extra->part_n) *
	    sizeof *extra->part;
	extra->part_n = part_n;
}

bool
index_is_settled(const struct index_entry *entry, uint32_t rcpt)
{
	const struct index_extra *extra = entry->extra;

	return extra != NULL && rcpt / 8 < extra->settled_len &&
	    (extra->settled[rcpt / 8] >> (rcpt % 8) & 1) != 0;
}

static void
widen_settled(struct index *index, struct index_extra *extra, uint32_t len)
{
	if (len <= extra->settled_len)
		return;
	extra->settled = mem_grow_array(extra->settled, len, 1);
	memset(extra->settled + extra->settled_len, 0,
	    len - extra->settled_len);
	index->extra_bytes += len - extra->settled_len;
	extra->settled_len = len;
}

void
index_settle(struct index *index, struct index_entry *entry, uint32_t rcpt)
{
	struct index_extra *extra = extra_of(index, entry);

	widen_settled(index, extra, rcpt / 8 + 1);
	extra->settled[rcpt / 8] |= (unsigned char)(1u << rcpt % 8);
}

void
index_unsettle(struct index_entry *entry, uint32_t rcpt)
{
	if (index_is_settled(entry, rcpt))
		entry->extra->settled[rcpt / 8] &=
		    (unsigned char)~(1u << rcpt % 8);
}

void
index_set_settled(struct index *index, struct index_entry *entry,
    const void *bits, uint32_t len)
{
	struct index_extra *extra;

	if (len == 0 && entry->extra == NULL)
		return;
	extra = extra_of(index, entry);
	widen_settled(index, extra, len);
	if (extra->settled_len != 0)
		memset(extra->settled, 0, extra->settled_len);
	if (len != 0)
		memcpy(extra->settled, bits, len);
}

uint64_t
index_text_len(const struct index_entry *entry)
{
	uint64_t len = entry->body_len;

	if (entry->extra != NULL)
		for (uint32_t i = 0; i < entry->extra->part_n; i++)
			len += entry->extra->part[i].len;
	return len;
}
