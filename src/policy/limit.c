/* SPDX-License-Identifier: Apache-2.0 */
/* limit: see limit.h. Entries are in a map by address and in a list by the
 * time they were last touched, so that the oldest is found at once. Failures
 * are counted in ten slots of a minute. */
#include "policy/limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"

#define KNOWN_MAX 100000
#define SLOTS     10
#define SLOT_MS   60000

struct entry {
	struct entry *newer, *older;
	unsigned char key[16];
	unsigned char key_len;
	unsigned sessions;
	uint64_t minute;		/* of the newest slot */
	unsigned short failed[SLOTS];
};

struct limit {
	pthread_mutex_t lock;
	struct map map;
	struct entry *newest, *oldest;
};

struct limit *
limit_new(void)
{
	struct limit *limit = mem_new(sizeof *limit);

	pthread_mutex_init(&limit->lock, NULL);
	map_init(&limit->map);
	return limit;
}

void
limit_free(struct limit *limit)
{
	struct entry *entry, *older;

	for (entry = limit->newest; entry != NULL; entry = older) {
		older = entry->older;
		free(entry);
	}
	map_free(&limit->map);
	pthread_mutex_destroy(&limit->lock);
	free(limit);
}

/* IPv6 counts by /64: one customer has at least that. */
static struct span
key_of(struct span address)
{
	return address.len == 16 ? span_first(address, 8) : address;
}

static void
unlink_entry(struct limit *limit, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &limit->newest) =
	    entry->older;
	*(entry->older != NULL ? &entry->older->newer : &limit->oldest) =
	    entry->newer;
}

static void
link_newest(struct limit *limit, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = limit->newest;
	*(limit->newest != NULL ? &limit->newest->newer : &limit->oldest) =
	    entry;
	limit->newest = entry;
}

static struct span
entry_key(const struct entry *entry)
{
	return span_of(entry->key, entry->key_len);
}

/* Makes room: the oldest without an open session is forgotten. Looks at a few
 * only; with all of those busy the table grows by one. */
static void
forget_oldest(struct limit *limit)
{
	struct entry *entry = limit->oldest;

	for (int i = 0; i < 64 && entry != NULL; i++, entry = entry->newer) {
		if (entry->sessions != 0)
			continue;
		unlink_entry(limit, entry);
		(void)map_take(&limit->map, entry_key(entry));
		free(entry);
		return;
	}
}

static struct entry *
touch(struct limit *limit, struct span address)
{
	struct span key = key_of(address);
	struct entry *entry = map_find(&limit->map, key);

	if (entry != NULL) {
		unlink_entry(limit, entry);
		link_newest(limit, entry);
		return entry;
	}
	if (limit->map.n >= KNOWN_MAX)
		forget_oldest(limit);
	entry = mem_new(sizeof *entry);
	memcpy(entry->key, key.p, key.len);
	entry->key_len = (unsigned char)key.len;
	(void)map_put(&limit->map, entry_key(entry), entry);
	link_newest(limit, entry);
	return entry;
}

/* Clears the slots of the minutes that have passed since. */
static void
turn(struct entry *entry, uint64_t now_ms)
{
	uint64_t minute = now_ms / SLOT_MS;

	if (minute - entry->minute >= SLOTS)
		memset(entry->failed, 0, sizeof entry->failed);
	else
		while (entry->minute < minute)
			entry->failed[++entry->minute % SLOTS] = 0;
	entry->minute = minute;
}

bool
limit_open(struct limit *limit, struct span address, unsigned max,
    uint64_t now_ms)
{
	struct entry *entry;
	bool may;

	pthread_mutex_lock(&limit->lock);
	entry = touch(limit, address);
	turn(entry, now_ms);
	may = entry->sessions < max;
	entry->sessions += may;
	pthread_mutex_unlock(&limit->lock);
	return may;
}

void
limit_close(struct limit *limit, struct span address)
{
	struct entry *entry;

	pthread_mutex_lock(&limit->lock);
	entry = map_find(&limit->map, key_of(address));
	if (entry != NULL && entry->sessions != 0)
		entry->sessions--;
	pthread_mutex_unlock(&limit->lock);
}

void
limit_auth_failed(struct limit *limit, struct span address, uint64_t now_ms)
{
	struct entry *entry;

	pthread_mutex_lock(&limit->lock);
	entry = touch(limit, address);
	turn(entry, now_ms);
	if (entry->failed[entry->minute % SLOTS] < 60000)
		entry->failed[entry->minute % SLOTS]++;
	pthread_mutex_unlock(&limit->lock);
}

unsigned
limit_auth_failures(struct limit *limit, struct span address,
    uint64_t now_ms)
{
	struct entry *entry;
	unsigned n = 0;

	pthread_mutex_lock(&limit->lock);
	entry = map_find(&limit->map, key_of(address));
	if (entry != NULL) {
		turn(entry, now_ms);
		for (int i = 0; i < SLOTS; i++)
			n += entry->failed[i];
	}
	pthread_mutex_unlock(&limit->lock);
	return n;
}
