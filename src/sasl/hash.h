/* SPDX-License-Identifier: Apache-2.0 */
/* hash: the digests that mechanisms are made of, in one shot, by OpenSSL. A
 * function that returns false could not compute: a policy of this machine
 * forbids the digest (MD5, mostly). */
#ifndef SASL_HASH_H
#define SASL_HASH_H

#include "base/span.h"

enum sasl_hash { SASL_MD5, SASL_SHA1, SASL_SHA256 };

#define SASL_HASH_MAX 32

static inline size_t
sasl_hash_len(enum sasl_hash hash)
{
	return hash == SASL_MD5 ? 16 : hash == SASL_SHA1 ? 20 : 32;
}

bool sasl_digest(enum sasl_hash hash, struct span bytes,
    unsigned char out[SASL_HASH_MAX]);
bool sasl_hmac(enum sasl_hash hash, struct span key, struct span bytes,
    unsigned char out[SASL_HASH_MAX]);
/* RFC 8018 5.2, as long as the digest: SCRAM's Hi(). */
bool sasl_pbkdf2(enum sasl_hash hash, struct span password, struct span salt,
    unsigned iterations, unsigned char out[SASL_HASH_MAX]);
/* Equal? Takes as long wherever they differ. */
bool sasl_same(struct span a, struct span b);

#endif
