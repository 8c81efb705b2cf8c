/* SPDX-License-Identifier: Apache-2.0 */
#include "sasl/scram.h"

#include <strings.h>

#include "base/text.h"

static struct span
key_of(const unsigned char *key, const struct scram_secret *secret)
{
	return span_of(key, sasl_hash_len(secret->hash));
}

bool
scram_derive(struct span password, struct scram_secret *secret,
    unsigned char client_key[SASL_HASH_MAX])
{
	unsigned char salted[SASL_HASH_MAX], client[SASL_HASH_MAX];
	bool is_good = sasl_pbkdf2(secret->hash, password,
		span_of(secret->salt, secret->salt_len), secret->iterations,
		salted) &&
	    sasl_hmac(secret->hash, key_of(salted, secret),
		SPAN("Client Key"), client) &&
	    sasl_digest(secret->hash, key_of(client, secret),
		secret->stored) &&
	    sasl_hmac(secret->hash, key_of(salted, secret),
		SPAN("Server Key"), secret->server);

	if (client_key != NULL)
		memcpy(client_key, client, sizeof client);
	explicit_bzero(salted, sizeof salted);
	explicit_bzero(client, sizeof client);
	return is_good;
}

bool
scram_proof(const struct scram_secret *secret,
    const unsigned char client_key[SASL_HASH_MAX], struct span auth_message,
    unsigned char proof[SASL_HASH_MAX])
{
	if (!sasl_hmac(secret->hash, key_of(secret->stored, secret),
	    auth_message, proof))
		return false;
	for (size_t i = 0; i < sasl_hash_len(secret->hash); i++)
		proof[i] ^= client_key[i];
	return true;
}

bool
scram_proof_is_right(const struct scram_secret *secret, struct span proof,
    struct span auth_message)
{
	unsigned char key[SASL_HASH_MAX], hashed[SASL_HASH_MAX];
	bool is_right = false;

	if (proof.len != sasl_hash_len(secret->hash))
		return false;
	if (sasl_hmac(secret->hash, key_of(secret->stored, secret),
	    auth_message, key)) {
		for (size_t i = 0; i < proof.len; i++)
			key[i] ^= (unsigned char)proof.p[i];
		is_right = sasl_digest(secret->hash, key_of(key, secret),
			hashed) &&
		    sasl_same(key_of(hashed, secret),
			key_of(secret->stored, secret));
	}
	explicit_bzero(key, sizeof key);
	return is_right;
}

bool
scram_signature(const struct scram_secret *secret, struct span auth_message,
    unsigned char signature[SASL_HASH_MAX])
{
	return sasl_hmac(secret->hash, key_of(secret->server, secret),
	    auth_message, signature);
}

/* --- words */

void
scram_put_name(struct put *out, struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == ',')
			put_str(out, "=2C");
		else if (name.p[i] == '=')
			put_str(out, "=3D");
		else
			put_char(out, name.p[i]);
}

bool
scram_take_name(struct span text, struct put *out)
{
	while (text.len != 0) {
		size_t n = 3;

		if (span_starts(text, SPAN("=2C")))
			put_char(out, ',');
		else if (span_starts(text, SPAN("=3D")))
			put_char(out, '=');
		else if (text.p[0] == '=' || text.p[0] == ',')
			return false;
		else {
			put_char(out, text.p[0]);
			n = 1;
		}
		text = span_skip(text, n);
	}
	return !out->full;
}

bool
scram_take(struct span *rest, char letter, struct span *value)
{
	if (rest->len < 2 || rest->p[0] != letter || rest->p[1] != '=')
		return false;
	*value = span_skip(span_cut(rest, ','), 2);
	return true;
}

void
scram_put_nonce(struct put *out,
    const unsigned char random[SCRAM_NONCE_BYTES])
{
	/* base64 has no comma: printable, as RFC 5802 7 wants it */
	base64_encode(span_of(random, SCRAM_NONCE_BYTES), out);
}

/* --- what is stored */

static const struct {
	enum sasl_hash hash;
	const char *name;
} schemes[] = {
	{ SASL_SHA1, "SCRAM-SHA-1" },
	{ SASL_SHA256, "SCRAM-SHA-256" },
};

void
scram_secret_put(const struct scram_secret *secret, struct put *out)
{
	for (size_t i = 0; i < countof(schemes); i++)
		if (schemes[i].hash == secret->hash)
			put_str(out, schemes[i].name);
	put_char(out, '$');
	put_u64(out, secret->iterations);
	put_char(out, ':');
	base64_encode(span_of(secret->salt, secret->salt_len), out);
	put_char(out, '$');
	base64_encode(key_of(secret->stored, secret), out);
	put_char(out, ':');
	base64_encode(key_of(secret->server, secret), out);
}

static bool
take_bytes(struct span text, unsigned char *bytes, size_t max, size_t *len)
{
	struct put out = put_init(bytes, max);

	if (base64_decode(text, &out, NULL) != BASE64_OK)
		return false;
	*len = out.len;
	return true;
}

static bool
take_scheme(struct span name, struct scram_secret *secret)
{
	for (size_t i = 0; i < countof(schemes); i++)
		if (span_eq(name, span_str(schemes[i].name))) {
			secret->hash = schemes[i].hash;
			return true;
		}
	return false;
}

bool
scram_secret_parse(struct span text, struct scram_secret *secret)
{
	struct span scheme = span_cut(&text, '$');
	struct span iterations = span_cut(&text, ':');
	struct span salt = span_cut(&text, '$');
	struct span stored = span_cut(&text, ':');
	size_t stored_len, server_len, len;
	uint64_t n;

	memset(secret, 0, sizeof *secret);
	if (!take_scheme(scheme, secret) || !text_u64(iterations, &n) ||
	    n < SCRAM_ITERATIONS_MIN || n > SCRAM_ITERATIONS_MAX)
		return false;
	secret->iterations = (unsigned)n;
	len = sasl_hash_len(secret->hash);
	return take_bytes(salt, secret->salt, sizeof secret->salt,
		   &secret->salt_len) &&
	    secret->salt_len != 0 &&
	    take_bytes(stored, secret->stored, len, &stored_len) &&
	    take_bytes(text, secret->server, len, &server_len) &&
	    stored_len == len && server_len == len;
}
