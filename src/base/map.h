/* SPDX-License-Identifier: Apache-2.0 */
/* map: bytes to a pointer, by a keyed hash (SipHash-1-3), so that a peer who
 * chooses the keys cannot choose the collisions. Keys are not copied: they
 * live at least as long as their entry. Not thread-safe. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/span.h"

struct map {
	struct map_slot *slot;
	size_t n;	/* entries */
	size_t cap;	/* slots, a power of two, or 0 */
};

/* The seed of the hash comes from getrandom(2), once a process. */
void map_init(struct map *map);
void map_free(struct map *map);
/* NULL if there is none. */
void *map_find(const struct map *map, struct span key);
/* Puts or replaces; returns the value that stood there before, or NULL.
 * `value` is never NULL. */
void *map_put(struct map *map, struct span key, void *value);
/* Takes the entry out; returns its value or NULL. */
void *map_take(struct map *map, struct span key);
/* Walks in no order: begin with *at = 0; false at the end. Nothing may be
 * put or taken meanwhile. `key` and `value` may be NULL. */
bool map_next(const struct map *map, size_t *at, struct span *key,
    void **value);
/* The hash itself. */
uint64_t siphash13(const uint64_t key[2], struct span bytes);

#endif
