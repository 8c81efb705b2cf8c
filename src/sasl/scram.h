/* SPDX-License-Identifier: Apache-2.0 */
/* scram: the arithmetic and the words of SCRAM (RFC 5802, 7677), for both
 * sides and for whoever stores keys. Passwords come as they are: whoever calls
 * has prepared them (RFC 4013) or decided not to. */
#ifndef SASL_SCRAM_H
#define SASL_SCRAM_H

#include "base/put.h"
#include "base/span.h"
#include "sasl/hash.h"

#define SCRAM_SALT_MAX       64		/* octets */
#define SCRAM_ITERATIONS_MIN 4096	/* RFC 7677 4 */
#define SCRAM_ITERATIONS_MAX 10000000	/* some seconds: a server that wants
					 * more is out to keep us busy */
#define SCRAM_ITERATIONS     10000	/* for new passwords */
#define SCRAM_NONCE_LEN      24		/* characters of one side's share */
#define SCRAM_NONCE_BYTES    18		/* random octets in them */

/* What a server stores: enough to check a proof and to give one, not enough
 * to log in elsewhere. */
struct scram_secret {
	enum sasl_hash hash;
	unsigned iterations;
	unsigned char salt[SCRAM_SALT_MAX];
	size_t salt_len;
	unsigned char stored[SASL_HASH_MAX];	/* H(ClientKey) */
	unsigned char server[SASL_HASH_MAX];	/* ServerKey */
};

/* As text: SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, the last three
 * in base64 (RFC 5803's content in the way of other servers). */
#define SCRAM_SECRET_MAX 256
void scram_secret_put(const struct scram_secret *secret, struct put *out);
bool scram_secret_parse(struct span text, struct scram_secret *secret);

/* RFC 5802 3: fills stored and server from the password and what stands in
 * hash, iterations and salt; ClientKey if `client_key` is not NULL. Slow by
 * intent: the iterations. False: cannot be computed. */
bool scram_derive(struct span password, struct scram_secret *secret,
    unsigned char client_key[SASL_HASH_MAX]);
/* ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage). */
bool scram_proof(const struct scram_secret *secret,
    const unsigned char client_key[SASL_HASH_MAX], struct span auth_message,
    unsigned char proof[SASL_HASH_MAX]);
/* Is it the proof of one who knows ClientKey? */
bool scram_proof_is_right(const struct scram_secret *secret,
    struct span proof, struct span auth_message);
/* ServerSignature = HMAC(ServerKey, AuthMessage). */
bool scram_signature(const struct scram_secret *secret,
    struct span auth_message, unsigned char signature[SASL_HASH_MAX]);

/* saslname: ',' and '=' are written =2C and =3D. */
void scram_put_name(struct put *out, struct span name);
bool scram_take_name(struct span text, struct put *out);
/* Takes "x=value" and the comma behind it off `*rest`; false if it does not
 * begin with this `letter`. */
bool scram_take(struct span *rest, char letter, struct span *value);
/* The characters of a nonce from random octets. */
void scram_put_nonce(struct put *out,
    const unsigned char random[SCRAM_NONCE_BYTES]);

#endif
