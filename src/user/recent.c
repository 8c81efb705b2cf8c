/* SPDX-License-Identifier: Apache-2.0 */
/* A table of small sets: the MAC's first bytes pick the set, within it the
 * entry that ends first makes room. As the MAC is keyed, nobody outside can
 * choose the set. */
#include "user/recent.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/put.h"
#include "user/hash.h"
#include "user/line.h"

#define WAYS 4
#define SETS (USER_RECENT_MAX / WAYS)

struct entry {
	unsigned char mac[USER_RECENT_MAC];
	uint64_t until_ms;	/* 0: free */
};

struct user_recent {
	unsigned char key[USER_RECENT_MAC];
	pthread_mutex_t lock;
	struct entry set[SETS][WAYS];
};

struct user_recent *
user_recent_new(void)
{
	struct user_recent *recent = mem_new(sizeof *recent);

	must(getrandom(recent->key, sizeof recent->key, 0) ==
	    (ssize_t)sizeof recent->key);
	must(pthread_mutex_init(&recent->lock, NULL) == 0);
	return recent;
}

void
user_recent_free(struct user_recent *recent)
{
	pthread_mutex_destroy(&recent->lock);
	mem_wipe(recent, sizeof *recent);
	free(recent);
}

/* Its length first, so that no two lists of fields give the same bytes. */
static void
put_field(struct put *out, struct span field)
{
	put_u64_width(out, field.len, 4);
	put_bytes(out, field);
}

void
user_recent_mac(const struct user_recent *recent, struct span name,
    struct span password, const char *hash,
    unsigned char mac[USER_RECENT_MAC])
{
	char memory[3 * 4 + USER_NAME_MAX + USER_PASSWORD_MAX + USER_HASH_MAX];
	struct put text = put_init(memory, sizeof memory);
	unsigned len = 0;

	put_field(&text, name);
	put_field(&text, password);
	put_field(&text, span_str(hash));
	must(!text.full);
	must(HMAC(EVP_sha256(), recent->key, (int)sizeof recent->key,
	    (const unsigned char *)text.p, text.len, mac, &len) != NULL);
	must(len == USER_RECENT_MAC);
	mem_wipe(memory, sizeof memory);
}

static struct entry *
find_set(struct user_recent *recent, const unsigned char *mac)
{
	return recent->set[((unsigned)mac[0] << 8 | mac[1]) % SETS];
}

bool
user_recent_has(struct user_recent *recent,
    const unsigned char mac[USER_RECENT_MAC], uint64_t now_ms)
{
	const struct entry *entry = find_set(recent, mac);
	bool has = false;

	pthread_mutex_lock(&recent->lock);
	for (size_t i = 0; i < WAYS; i++)
		has |= entry[i].until_ms > now_ms &&
		    CRYPTO_memcmp(entry[i].mac, mac, USER_RECENT_MAC) == 0;
	pthread_mutex_unlock(&recent->lock);
	return has;
}

void
user_recent_add(struct user_recent *recent,
    const unsigned char mac[USER_RECENT_MAC], uint64_t now_ms)
{
	struct entry *entry = find_set(recent, mac), *oldest = entry;

	pthread_mutex_lock(&recent->lock);
	for (size_t i = 0; i < WAYS; i++) {
		if (CRYPTO_memcmp(entry[i].mac, mac, USER_RECENT_MAC) == 0) {
			oldest = &entry[i];
			break;
		}
		if (entry[i].until_ms < oldest->until_ms)
			oldest = &entry[i];
	}
	memcpy(oldest->mac, mac, USER_RECENT_MAC);
	oldest->until_ms = now_ms + USER_RECENT_MS;
	pthread_mutex_unlock(&recent->lock);
}
