/* SPDX-License-Identifier: Apache-2.0 */
/* arena: things that die together are allocated together. A mail transaction
 * owns one: sender, recipients and parameters are gone in one stroke.
 * The total is bounded at birth; an empty arena holds no memory. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena {
	struct arena_block *block;	/* newest first */
	size_t used;
	size_t max;
};

void arena_init(struct arena *arena, size_t max);
/* Zeroed, aligned for any object; NULL once `max` would be passed. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy with a NUL behind it (not counted in len); .p is NULL at the limit. */
struct span arena_copy(struct arena *arena, struct span bytes);
/* Frees everything at once; the arena stays usable. */
void arena_reset(struct arena *arena);

#endif
