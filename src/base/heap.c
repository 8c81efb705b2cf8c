/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>

#include "base/buf.h"

void
heap_init(struct heap *heap)
{
	*heap = (struct heap){ 0 };
}

void
heap_free(struct heap *heap)
{
	free(heap->entry);
	heap_init(heap);
}

static bool
is_before(struct heap_entry a, struct heap_entry b)
{
	return a.key != b.key ? a.key < b.key : a.item < b.item;
}

void
heap_add(struct heap *heap, uint64_t key, uint64_t item)
{
	struct heap_entry entry = { key, item };
	size_t at = heap->n;

	if (heap->n == heap->cap) {
		heap->cap = heap->cap ? heap->cap * 2 : 64;
		heap->entry = mem_grow_array(heap->entry, heap->cap,
		    sizeof *heap->entry);
	}
	heap->n++;
	while (at != 0 && is_before(entry, heap->entry[(at - 1) / 2])) {
		heap->entry[at] = heap->entry[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->entry[at] = entry;
}

bool
heap_peek(const struct heap *heap, struct heap_entry *out)
{
	if (heap->n == 0)
		return false;
	*out = heap->entry[0];
	return true;
}

bool
heap_take(struct heap *heap, struct heap_entry *out)
{
	struct heap_entry last;
	size_t at = 0;

	if (!heap_peek(heap, out))
		return false;
	last = heap->entry[--heap->n];
	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n &&
		    is_before(heap->entry[child + 1], heap->entry[child]))
			child++;
		if (!is_before(heap->entry[child], last))
			break;
		heap->entry[at] = heap->entry[child];
		at = child;
	}
	if (heap->n != 0)
		heap->entry[at] = last;
	return true;
}
