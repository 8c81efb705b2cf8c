/* SPDX-License-Identifier: Apache-2.0 */
#include "sasl/hash.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/die.h"

static const EVP_MD *
digest_of(enum sasl_hash hash)
{
	switch (hash) {
	case SASL_MD5:
		return EVP_md5();
	case SASL_SHA1:
		return EVP_sha1();
	case SASL_SHA256:
		break;
	}
	return EVP_sha256();
}

/* OpenSSL takes a NULL for "the key of before". */
static const void *
bytes_of(struct span s)
{
	return s.len != 0 ? s.p : "";
}

bool
sasl_digest(enum sasl_hash hash, struct span bytes,
    unsigned char out[SASL_HASH_MAX])
{
	return EVP_Digest(bytes_of(bytes), bytes.len, out, NULL,
	    digest_of(hash), NULL) == 1;
}

bool
sasl_hmac(enum sasl_hash hash, struct span key, struct span bytes,
    unsigned char out[SASL_HASH_MAX])
{
	must(key.len <= INT_MAX);
	return HMAC(digest_of(hash), bytes_of(key), (int)key.len,
	    bytes_of(bytes), bytes.len, out, NULL) != NULL;
}

bool
sasl_pbkdf2(enum sasl_hash hash, struct span password, struct span salt,
    unsigned iterations, unsigned char out[SASL_HASH_MAX])
{
	must(password.len <= INT_MAX && salt.len <= INT_MAX);
	must(iterations >= 1 && iterations <= INT_MAX);
	return PKCS5_PBKDF2_HMAC(bytes_of(password), (int)password.len,
	    bytes_of(salt), (int)salt.len, (int)iterations, digest_of(hash),
	    (int)sasl_hash_len(hash), out) == 1;
}

bool
sasl_same(struct span a, struct span b)
{
	return a.len == b.len &&
	    (a.len == 0 || CRYPTO_memcmp(a.p, b.p, a.len) == 0);
}
