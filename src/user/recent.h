/* SPDX-License-Identifier: Apache-2.0 */
/* recent: which passwords were right within the last minute, so that a client
 * that logs in for every mail does not cost a password hash each time. Kept is
 * only a MAC under a key that never leaves the process, of the name, the
 * password and the stored hash: who reads our memory learns no password, and a
 * changed password is another entry. Bounded; thread-safe; time is given. */
#ifndef USER_RECENT_H
#define USER_RECENT_H

#include <stdint.h>

#include "base/span.h"

#define USER_RECENT_MAX 4096	/* entries */
#define USER_RECENT_MS  60000	/* from the check, not from the last use */
#define USER_RECENT_MAC 32

struct user_recent;

struct user_recent *user_recent_new(void);
void user_recent_free(struct user_recent *recent);
/* `name` in lower case. */
void user_recent_mac(const struct user_recent *recent, struct span name,
    struct span password, const char *hash,
    unsigned char mac[USER_RECENT_MAC]);
bool user_recent_has(struct user_recent *recent,
    const unsigned char mac[USER_RECENT_MAC], uint64_t now_ms);
void user_recent_add(struct user_recent *recent,
    const unsigned char mac[USER_RECENT_MAC], uint64_t now_ms);

#endif
