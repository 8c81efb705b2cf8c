/* SPDX-License-Identifier: Apache-2.0 */
/* hash: password hashes: yescrypt for new ones, and everything crypt(5) or
 * argon2id can check. A hash that begins with '!' is locked: nobody gets in,
 * whatever follows. */
#ifndef USER_HASH_H
#define USER_HASH_H

#include "base/put.h"
#include "base/span.h"

#define USER_HASH_MAX     383	/* crypt(3) never makes a longer one */
#define USER_PASSWORD_MAX 1024

enum user_hash_result {
	USER_HASH_RIGHT,
	USER_HASH_WRONG,
	USER_HASH_BROKEN	/* cannot be computed */
};

/* Yescrypt; argon2id for passwords longer than crypt(3) takes (511 bytes).
 * 0 or -errno. */
int user_hash_new(struct span password, char hash[USER_HASH_MAX + 1]);
/* Slow. `password`: 1 to USER_PASSWORD_MAX bytes without NUL, anything else
 * is wrong. */
enum user_hash_result user_hash_check(const char *hash,
    struct span password);
/* "yescrypt", …; "locked"; NULL if we do not know it. */
const char *user_hash_scheme(struct span hash);
/* Whole and of a scheme we can check, or locked; otherwise `why` says. */
bool user_hash_is_known(struct span hash, struct put *why);
/* What stands behind the '!'s of a locked hash, if that is a hash, or the hash
 * itself; empty if there is nothing to compute with. */
struct span user_hash_inner(struct span hash);
/* What to compute with where there is nothing: yescrypt at today's cost, of a
 * password nobody knows. */
extern const char user_hash_dummy[];

#endif
