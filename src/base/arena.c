/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/buf.h"

#define ARENA_BLOCK 1024

struct arena_block {
	struct arena_block *next;
	size_t cap;
	size_t used;
	alignas(max_align_t) char bytes[];
};

void
arena_init(struct arena *arena, size_t max)
{
	*arena = (struct arena){ .max = max };
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->block;
	const size_t unit = alignof(max_align_t);
	size_t cap;
	void *p;

	if (size > arena->max || arena->used > arena->max - size)
		return NULL;
	size = (size + unit - 1) / unit * unit;
	if (block == NULL || block->cap - block->used < size) {
		cap = size > ARENA_BLOCK ? size : ARENA_BLOCK;
		block = mem_new(sizeof *block + cap);
		block->cap = cap;
		block->next = arena->block;
		arena->block = block;
	}
	p = block->bytes + block->used;
	block->used += size;
	arena->used += size;
	return p;
}

struct span
arena_copy(struct arena *arena, struct span bytes)
{
	char *copy = arena_alloc(arena, bytes.len + 1);

	if (copy == NULL)
		return (struct span){ NULL, 0 };
	if (bytes.len != 0)
		memcpy(copy, bytes.p, bytes.len);
	return span_of(copy, bytes.len);
}

void
arena_reset(struct arena *arena)
{
	struct arena_block *block = arena->block;

	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena_init(arena, arena->max);
}
