/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing, at most two thirds full; taking an
 * entry moves its followers back, so there are no tombstones. */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/die.h"

struct map_slot {
	struct span key;
	uint64_t hash;
	void *value;	/* NULL: free */
};

/* One for all maps of the process: there is one for each message. */
static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void
make_seed(void)
{
	must(getrandom(seed, sizeof seed, 0) == (ssize_t)sizeof seed);
}

void
map_init(struct map *map)
{
	must(pthread_once(&seed_once, make_seed) == 0);
	*map = (struct map){ 0 };
}

void
map_free(struct map *map)
{
	free(map->slot);
	map->slot = NULL;
	map->n = map->cap = 0;
}

static uint64_t
rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t
siphash13(const uint64_t key[2], struct span bytes)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u,
		key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
		key[1] ^ 0x7465646279746573u };
	uint64_t last = (uint64_t)bytes.len << 56, word;

	for (; bytes.len >= 8; bytes = span_skip(bytes, 8)) {
		memcpy(&word, bytes.p, sizeof word);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < bytes.len; i++)
		last |= (uint64_t)(unsigned char)bytes.p[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot of `key`, or the free one where it would go. */
static size_t
slot_of(const struct map *map, struct span key, uint64_t hash)
{
	size_t at = hash & (map->cap - 1);

	while (map->slot[at].value != NULL &&
	    !(map->slot[at].hash == hash && span_eq(map->slot[at].key, key)))
		at = (at + 1) & (map->cap - 1);
	return at;
}

void *
map_find(const struct map *map, struct span key)
{
	if (map->n == 0)
		return NULL;
	return map->slot[slot_of(map, key, siphash13(seed, key))].value;
}

static void
widen(struct map *map)
{
	struct map old = *map;

	map->cap = old.cap ? old.cap * 2 : 8;
	map->slot = mem_new_array(map->cap, sizeof *map->slot);
	for (size_t i = 0; i < old.cap; i++)
		if (old.slot[i].value != NULL)
			map->slot[slot_of(map, old.slot[i].key,
			    old.slot[i].hash)] = old.slot[i];
	free(old.slot);
}

void *
map_put(struct map *map, struct span key, void *value)
{
	uint64_t hash = siphash13(seed, key);
	struct map_slot *slot;
	void *before;

	must(value != NULL);
	if ((map->n + 1) * 3 > map->cap * 2)
		widen(map);
	slot = &map->slot[slot_of(map, key, hash)];
	before = slot->value;
	if (before == NULL)
		map->n++;
	*slot = (struct map_slot){ key, hash, value };
	return before;
}

void *
map_take(struct map *map, struct span key)
{
	size_t hole, at;
	void *value;

	if (map->n == 0)
		return NULL;
	hole = slot_of(map, key, siphash13(seed, key));
	value = map->slot[hole].value;
	if (value == NULL)
		return NULL;
	map->n--;
	for (at = hole;;) {
		size_t home;

		at = (at + 1) & (map->cap - 1);
		if (map->slot[at].value == NULL)
			break;
		home = map->slot[at].hash & (map->cap - 1);
		/* may move back unless its home lies behind the hole */
		if (((at - home) & (map->cap - 1)) >=
		    ((at - hole) & (map->cap - 1))) {
			map->slot[hole] = map->slot[at];
			hole = at;
		}
	}
	map->slot[hole] = (struct map_slot){ .value = NULL };
	return value;
}

bool
map_next(const struct map *map, size_t *at, struct span *key, void **value)
{
	while (*at < map->cap) {
		const struct map_slot *slot = &map->slot[(*at)++];

		if (slot->value == NULL)
			continue;
		if (key != NULL)
			*key = slot->key;
		if (value != NULL)
			*value = slot->value;
		return true;
	}
	return false;
}
