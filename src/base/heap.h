/* SPDX-License-Identifier: Apache-2.0 */
/* heap: a binary heap of small values { key, item } with the smallest key on
 * top; equal keys leave in the order of their items. 16 bytes an entry. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_entry {
	uint64_t key;
	uint64_t item;
};

struct heap {
	struct heap_entry *entry;
	size_t n;
	size_t cap;
};

void heap_init(struct heap *heap);
void heap_free(struct heap *heap);
void heap_add(struct heap *heap, uint64_t key, uint64_t item);
/* The smallest without taking it; false if the heap is empty. */
bool heap_peek(const struct heap *heap, struct heap_entry *out);
bool heap_take(struct heap *heap, struct heap_entry *out);

#endif
