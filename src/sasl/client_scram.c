/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM, RFC 5802 and 7677, with and without channel binding (RFC 5929, 9266):
 *
 *   BEGIN: n,,n=user,r=ours ──→ FIRST: r=ours theirs,s=salt,i=count
 *   ──→ c=…,r=…,p=proof ──→ FINAL: v=signature ──→ (empty), SAID
 *
 * Nothing but the signature that we expect is kept between steps: the rest is
 * made again from the options, which do not change. */
#include "base/text.h"
#include "sasl/client_mech.h"
#include "sasl/scram.h"

enum { BEGIN, FIRST, FINAL, SAID };

#define MESSAGE_MAX 4096	/* all three that are signed */

_Static_assert(sizeof ((struct sasl_client *)0)->state >= SASL_HASH_MAX,
    "the signature is kept in the state");
_Static_assert(sizeof ((struct sasl_client_options *)0)->random >=
    SCRAM_NONCE_BYTES, "the nonce is made of it");

static bool
is_plus(const struct sasl_client *client)
{
	return (client->mech->flags & SASL_CLIENT_BINDS) != 0;
}

/* Does the server offer to bind? */
static bool
is_plus_offered(struct span offered)
{
	while (offered.len != 0) {
		const struct sasl_client_mech *mech =
		    sasl_client_find(span_cut(&offered, ' '));

		if (mech != NULL && (mech->flags & SASL_CLIENT_BINDS) != 0)
			return true;
	}
	return false;
}

/* RFC 5802 6: 'y' says "I could bind, but you did not offer it", so that a
 * server that did learns of the man who took its offer away. */
static void
put_gs2_header(const struct sasl_client *client, struct put *put)
{
	const struct sasl_client_options *options = &client->options;

	if (is_plus(client)) {
		put_str(put, "p=");
		put_bytes(put, options->binding_type);
	} else
		put_char(put, options->binding.len != 0 &&
			options->offered.len != 0 &&
			!is_plus_offered(options->offered) ? 'y' : 'n');
	put_char(put, ',');
	if (options->authzid.len != 0) {
		put_str(put, "a=");
		scram_put_name(put, options->authzid);
	}
	put_char(put, ',');
}

static void
put_first_bare(const struct sasl_client *client, struct put *put)
{
	put_str(put, "n=");
	scram_put_name(put, client->options.authcid);
	put_str(put, ",r=");
	scram_put_nonce(put, client->options.random);
}

static enum sasl_client_result
begin(struct sasl_client *client, struct span *out)
{
	struct put put = sasl_client_out(client);

	put_gs2_header(client, &put);
	put_first_bare(client, &put);
	client->step = FIRST;
	return sasl_client_send(client, &put, out);
}

/* c= and r=: the final message without its proof. */
static void
put_final_bare(const struct sasl_client *client, struct span nonce,
    struct put *put)
{
	char memory[1024];
	struct put binding = put_init(memory, sizeof memory);

	put_gs2_header(client, &binding);
	if (is_plus(client))
		put_bytes(&binding, client->options.binding);
	put->full |= binding.full;
	put_str(put, "c=");
	base64_encode(put_span(&binding), put);
	put_str(put, ",r=");
	put_bytes(put, nonce);
}

static bool
is_nonce_right(const struct sasl_client *client, struct span nonce)
{
	char memory[SCRAM_NONCE_LEN];
	struct put ours = put_init(memory, sizeof memory);

	scram_put_nonce(&ours, client->options.random);
	return span_starts(nonce, put_span(&ours)) && nonce.len > ours.len;
}

/* The server-first-message; NULL if it is right, or what is wrong. */
static const char *
take_first(const struct sasl_client *client, struct span rest,
    struct span *nonce, struct scram_secret *secret)
{
	struct put salt = put_init(secret->salt, sizeof secret->salt);
	struct span text;
	uint64_t count;

	if (span_starts(rest, SPAN("m=")))
		return "the server demands an extension we do not know";
	if (!scram_take(&rest, 'r', nonce))
		return "the server's first message is malformed";
	if (!is_nonce_right(client, *nonce))
		return "the server's nonce does not begin with ours: it may "
		       "be an answer to somebody else";
	if (!scram_take(&rest, 's', &text) ||
	    base64_decode(text, &salt, NULL) != BASE64_OK || salt.len == 0)
		return "the server's salt is malformed";
	secret->salt_len = salt.len;
	if (!scram_take(&rest, 'i', &text) || !text_u64(text, &count))
		return "the server's iteration count is malformed";
	if (count < SCRAM_ITERATIONS_MIN)
		return "the server wants so few iterations that the password "
		       "could be guessed from our answer";
	if (count > SCRAM_ITERATIONS_MAX)
		return "the server wants too many iterations";
	secret->iterations = (unsigned)count;
	return NULL;
}

/* Puts what both sides sign; `*bare` is our final message without its proof.
 */
static struct put
sign_what(const struct sasl_client *client, struct span server_first,
    struct span nonce, char memory[MESSAGE_MAX], struct span *bare)
{
	struct put put = put_init(memory, MESSAGE_MAX);
	size_t at;

	put_first_bare(client, &put);
	put_char(&put, ',');
	put_bytes(&put, server_first);
	put_char(&put, ',');
	at = put.len;
	put_final_bare(client, nonce, &put);
	*bare = span_skip(put_span(&put), at);
	return put;
}

static enum sasl_client_result
prove(struct sasl_client *client, enum sasl_hash hash,
    struct span server_first, struct span *out)
{
	struct scram_secret secret = { .hash = hash };
	unsigned char key[SASL_HASH_MAX], proof[SASL_HASH_MAX];
	struct put put = sasl_client_out(client), message;
	char memory[MESSAGE_MAX];
	struct span nonce, bare;
	const char *fault;
	bool is_good;

	if (span_starts(server_first, SPAN("e=")))
		return sasl_client_wrong_as(client, "the server says: ",
		    span_skip(server_first, 2));
	fault = take_first(client, server_first, &nonce, &secret);
	if (fault != NULL)
		return sasl_client_wrong(client, fault);
	message = sign_what(client, server_first, nonce, memory, &bare);
	if (message.full)
		return sasl_client_wrong(client,
		    "the server's first message is too long");
	is_good = scram_derive(client->options.password, &secret, key) &&
	    scram_proof(&secret, key, put_span(&message), proof) &&
	    scram_signature(&secret, put_span(&message), client->state);
	put_bytes(&put, bare);
	put_str(&put, ",p=");
	base64_encode(span_of(proof, sasl_hash_len(secret.hash)), &put);
	explicit_bzero(key, sizeof key);
	explicit_bzero(&secret, sizeof secret);
	client->step = FINAL;
	return is_good ? sasl_client_send(client, &put, out)
		       : sasl_client_wrong(client,
			     "this machine forbids the digest");
}

/* RFC 5802 3: who signs so knows the password's keys. */
static enum sasl_client_result
check_signature(struct sasl_client *client, enum sasl_hash hash,
    struct span final, struct span *out)
{
	size_t len = sasl_hash_len(hash);
	unsigned char bytes[SASL_HASH_MAX];
	struct put put = put_init(bytes, len);
	struct span text;

	if (scram_take(&final, 'e', &text))
		return sasl_client_wrong_as(client, "the server says: ", text);
	if (!scram_take(&final, 'v', &text) ||
	    base64_decode(text, &put, NULL) != BASE64_OK)
		return sasl_client_wrong(client,
		    "the server's last message is malformed");
	if (!sasl_same(put_span(&put), span_of(client->state, len)))
		return sasl_client_wrong(client,
		    "the server does not know the password: it is not the "
		    "one it says it is");
	client->is_proved = true;
	client->step = SAID;
	*out = SPAN("");
	return SASL_CLIENT_SEND;
}

static enum sasl_client_result
scram_step(struct sasl_client *client, enum sasl_hash hash,
    const struct span *challenge, struct span *out)
{
	switch (client->step) {
	case BEGIN:
		return begin(client, out);
	case FIRST:
		return prove(client, hash, *challenge, out);
	case FINAL:
		return check_signature(client, hash, *challenge, out);
	}
	return sasl_client_wrong(client,
	    "the server asks on, though all is said");
}

static enum sasl_client_result
sha_1_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	return scram_step(client, SASL_SHA1, challenge, out);
}

static enum sasl_client_result
sha_256_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	return scram_step(client, SASL_SHA256, challenge, out);
}

const struct sasl_client_mech sasl_client_scram_sha_1 = { "SCRAM-SHA-1",
	SASL_CLIENT_PROVES, 60, sha_1_step };
const struct sasl_client_mech sasl_client_scram_sha_1_plus = {
	"SCRAM-SHA-1-PLUS", SASL_CLIENT_PROVES | SASL_CLIENT_BINDS, 80,
	sha_1_step };
const struct sasl_client_mech sasl_client_scram_sha_256 = { "SCRAM-SHA-256",
	SASL_CLIENT_PROVES, 70, sha_256_step };
const struct sasl_client_mech sasl_client_scram_sha_256_plus = {
	"SCRAM-SHA-256-PLUS", SASL_CLIENT_PROVES | SASL_CLIENT_BINDS, 90,
	sha_256_step };
