/* SPDX-License-Identifier: Apache-2.0 */
/* limit: an entry an address. Those without an open session stand in a list by
 * age, so that the oldest is found at once when there are too many.
 *
 * Failures are counted in slots of a minute, as many as keep each of them for
 * ten minutes at least (and eleven at most). */
#include "policy/limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/map.h"

#define KNOWN_MAX  100000
#define SLOT_MS    60000
#define SLOTS      11		/* ten whole minutes and the one under way */
#define FAILED_MAX 60000	/* a slot stops counting there */

struct entry {
	struct entry *older, *newer;	/* among those without a session */
	unsigned sessions;
	unsigned char key[8];
	unsigned char key_len;
	unsigned char has_failed;	/* ever: worth keeping */
	uint64_t minute;		/* of the newest slot */
	unsigned short failed[SLOTS];
};

struct limit {
	pthread_mutex_t lock;
	struct map map;
	struct entry *oldest, *newest;	/* without a session */
};

struct limit *
limit_new(void)
{
	struct limit *limit = mem_new(sizeof *limit);

	must(pthread_mutex_init(&limit->lock, NULL) == 0);
	map_init(&limit->map);
	return limit;
}

void
limit_free(struct limit *limit)
{
	void *entry;

	if (limit == NULL)
		return;
	for (size_t at = 0; map_next(&limit->map, &at, NULL, &entry);)
		free(entry);
	map_free(&limit->map);
	must(pthread_mutex_destroy(&limit->lock) == 0);
	free(limit);
}

/* What is counted together: an IPv4 address, also when it is written in IPv6
 * (RFC 4291 2.5.5.2); of IPv6 a /64, which is the least anybody gets; all that
 * have no IP address. */
static struct span
key_of(struct span address)
{
	static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

	must(address.len == 0 || address.len == 4 || address.len == 16);
	if (address.len == 16 &&
	    memcmp(address.p, mapped, sizeof mapped) == 0)
		return span_skip(address, sizeof mapped);
	return span_first(address, 8);
}

static struct span
entry_key(const struct entry *entry)
{
	return span_of(entry->key, entry->key_len);
}

static void
unlink_entry(struct limit *limit, struct entry *entry)
{
	*(entry->older != NULL ? &entry->older->newer : &limit->oldest) =
	    entry->newer;
	*(entry->newer != NULL ? &entry->newer->older : &limit->newest) =
	    entry->older;
	entry->older = entry->newer = NULL;
}

static void
link_newest(struct limit *limit, struct entry *entry)
{
	entry->older = limit->newest;
	*(limit->newest != NULL ? &limit->newest->newer : &limit->oldest) =
	    entry;
	limit->newest = entry;
}

/* Of one without a session. */
static void
forget(struct limit *limit, struct entry *entry)
{
	unlink_entry(limit, entry);
	must(map_take(&limit->map, entry_key(entry)) == entry);
	free(entry);
}

/* The entry of an address, a new one at the list's end if need be; NULL if
 * there are too many and all have sessions. */
static struct entry *
entry_of(struct limit *limit, struct span key)
{
	struct entry *entry = map_find(&limit->map, key);

	if (entry != NULL)
		return entry;
	if (limit->map.n >= KNOWN_MAX) {
		if (limit->oldest == NULL)
			return NULL;
		forget(limit, limit->oldest);
	}
	entry = mem_new(sizeof *entry);
	memcpy(entry->key, key.p, key.len);
	entry->key_len = (unsigned char)key.len;
	(void)map_put(&limit->map, entry_key(entry), entry);	/* is new */
	link_newest(limit, entry);
	return entry;
}

/* Empties the slots of the minutes that have passed. Shards tell the time
 * each for themselves: a little earlier than last time is now. */
static void
turn(struct entry *entry, uint64_t now_ms)
{
	uint64_t minute = now_ms / SLOT_MS;

	if (minute <= entry->minute)
		return;
	if (minute - entry->minute >= SLOTS)
		memset(entry->failed, 0, sizeof entry->failed);
	else
		for (uint64_t at = entry->minute + 1; at <= minute; at++)
			entry->failed[at % SLOTS] = 0;
	entry->minute = minute;
}

bool
limit_open(struct limit *limit, struct span address, unsigned max,
    uint64_t now_ms)
{
	struct entry *entry;
	bool may;

	must(pthread_mutex_lock(&limit->lock) == 0);
	entry = entry_of(limit, key_of(address));
	may = entry != NULL && entry->sessions < max;
	if (may) {
		turn(entry, now_ms);
		if (entry->sessions++ == 0)
			unlink_entry(limit, entry);
	}
	must(pthread_mutex_unlock(&limit->lock) == 0);
	return may;
}

void
limit_close(struct limit *limit, struct span address)
{
	struct entry *entry;

	must(pthread_mutex_lock(&limit->lock) == 0);
	entry = map_find(&limit->map, key_of(address));
	must(entry != NULL && entry->sessions != 0);
	if (--entry->sessions == 0) {
		link_newest(limit, entry);
		if (!entry->has_failed)
			forget(limit, entry);
	}
	must(pthread_mutex_unlock(&limit->lock) == 0);
}

void
limit_auth_failed(struct limit *limit, struct span address, uint64_t now_ms)
{
	struct entry *entry;

	must(pthread_mutex_lock(&limit->lock) == 0);
	entry = entry_of(limit, key_of(address));
	if (entry != NULL) {
		unsigned short *slot;

		turn(entry, now_ms);
		slot = &entry->failed[entry->minute % SLOTS];
		*slot = (unsigned short)(*slot + (*slot < FAILED_MAX));
		entry->has_failed = 1;
	}
	must(pthread_mutex_unlock(&limit->lock) == 0);
}

unsigned
limit_auth_failures(struct limit *limit, struct span address,
    uint64_t now_ms)
{
	struct entry *entry;
	unsigned n = 0;

	must(pthread_mutex_lock(&limit->lock) == 0);
	entry = map_find(&limit->map, key_of(address));
	if (entry != NULL) {
		turn(entry, now_ms);
		for (size_t i = 0; i < SLOTS; i++)
			n += entry->failed[i];
	}
	must(pthread_mutex_unlock(&limit->lock) == 0);
	return n;
}
