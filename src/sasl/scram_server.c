/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM as a server, RFC 5802 and 7677:
 *
 *   START ──→ (asked) ──→ FIRST: name, nonce ──credentials──→ PROOF ──→
 *   SIGNED ──(empty)──→ done
 *
 * Whoever is not there, or may not log in, gets as far as everybody else with a
 * wrong password: to the proof. */
#include "base/text.h"
#include "sasl/mech.h"

enum { START, FIRST, PROOF, SIGNED };

#define CLIENT_NONCE_MIN 8
#define CLIENT_NONCE_MAX 256

_Static_assert(CLIENT_NONCE_MAX + SCRAM_NONCE_LEN <=
    sizeof ((struct sasl_server_scram *)0)->nonce, "both shares fit");
_Static_assert(sizeof ((struct sasl_server_options *)0)->random >=
    SCRAM_NONCE_BYTES, "our share is made of it");

static enum sasl_result
malformed(struct sasl_server *sasl)
{
	return sasl_malformed(sasl, "no SCRAM message");
}

/* --- what is kept */

static struct put
message_of(struct sasl_server_scram *scram)
{
	struct put put = put_init(scram->message, sizeof scram->message);

	put.len = scram->message_len;
	return put;
}

static struct span
nonce_of(const struct sasl_server_scram *scram)
{
	return span_of(scram->nonce, scram->nonce_len);
}

static const struct sasl_binding *
find_binding(const struct sasl_server *sasl, struct span type)
{
	for (size_t i = 0; i < sasl->options.binding_n; i++)
		if (span_eq(type, span_str(sasl->options.binding[i].type)))
			return &sasl->options.binding[i];
	return NULL;
}

/* --- client-first-message */

/* gs2-cbind-flag, RFC 5802 6; SASL_DONE if it fits the mechanism. */
static enum sasl_result
take_flag(struct sasl_server *sasl, struct span flag)
{
	bool is_plus = (sasl->mech->flags & SASL_BINDS) != 0;
	struct span type;

	if (scram_take(&flag, 'p', &type)) {
		if (!is_plus)
			return malformed(sasl);
		sasl->keep.scram.binding = find_binding(sasl, type);
		return sasl->keep.scram.binding != NULL ? SASL_DONE
		    : sasl_refuse(sasl, "this TLS session has no channel "
			  "binding of that type");
	}
	if (is_plus || (!span_eq(flag, SPAN("n")) &&
	    !span_eq(flag, SPAN("y"))))
		return malformed(sasl);
	if (flag.p[0] == 'y' && sasl->options.offers_binding)
		return sasl_refuse(sasl, "the client did not see that we "
		    "offer channel binding: somebody is in between");
	return SASL_DONE;
}

static enum sasl_result
take_scram_name(struct sasl_server *sasl, char field[SASL_NAME_MAX + 1],
    struct span text)
{
	char memory[SASL_NAME_MAX + 1];
	struct put name = put_init(memory, sizeof memory);

	if (!scram_take_name(text, &name))
		return malformed(sasl);
	return sasl_take_name(sasl, field, put_span(&name));
}

/* gs2-header: flag "," [ "a=" authzid ] "," */
static enum sasl_result
take_header(struct sasl_server *sasl, struct span *rest)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	struct put header = put_init(scram->header, sizeof scram->header);
	struct span whole = *rest, flag = span_cut(rest, ','), authzid, name;
	enum sasl_result result = take_flag(sasl, flag);

	if (result != SASL_DONE)
		return result;
	authzid = span_cut(rest, ',');
	if (authzid.len != 0) {
		if (!scram_take(&authzid, 'a', &name))
			return malformed(sasl);
		result = take_scram_name(sasl, sasl->authzid, name);
		if (result != SASL_DONE)
			return result;
	}
	put_bytes(&header, span_first(whole, whole.len - rest->len));
	scram->header_len = header.len;
	return header.full ? malformed(sasl) : SASL_DONE;
}

static enum sasl_result
take_nonce(struct sasl_server *sasl, struct span theirs)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	struct put nonce = put_init(scram->nonce, sizeof scram->nonce);

	if (theirs.len < CLIENT_NONCE_MIN || theirs.len > CLIENT_NONCE_MAX)
		return malformed(sasl);
	for (size_t i = 0; i < theirs.len; i++)
		if (theirs.p[i] < '!' || theirs.p[i] > '~')
			return malformed(sasl);
	put_bytes(&nonce, theirs);
	scram_put_nonce(&nonce, sasl->options.random);
	scram->nonce_len = nonce.len;
	return SASL_DONE;
}

static enum sasl_result
take_first(struct sasl_server *sasl, struct span message)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	enum sasl_result result = take_header(sasl, &message);
	struct span bare = message, name, nonce;
	struct put put;

	if (result != SASL_DONE)
		return result;
	/* "m=" would be an extension that must be understood */
	if (!scram_take(&message, 'n', &name) ||
	    !scram_take(&message, 'r', &nonce) || name.len == 0)
		return malformed(sasl);
	result = take_scram_name(sasl, sasl->authcid, name);
	if (result != SASL_DONE)
		return result;
	result = take_nonce(sasl, nonce);
	if (result != SASL_DONE)
		return result;
	put = message_of(scram);
	put_bytes(&put, bare);
	put_char(&put, ',');
	scram->message_len = put.len;
	return put.full ? malformed(sasl) : SASL_NEED_CREDENTIALS;
}

/* --- server-first-message */

static enum sasl_result
scram_known(struct sasl_server *sasl, enum sasl_hash hash,
    const struct sasl_credentials *known, struct span *out)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	struct put put = put_init(scram->out, sizeof scram->out);
	struct put message = message_of(scram);

	scram->secret = hash == SASL_SHA1 ? known->scram_sha_1
					  : known->scram_sha_256;
	scram->may_log_in = known->may_log_in;
	scram->has_keys = hash == SASL_SHA1 ? known->has_scram_sha_1
					    : known->has_scram_sha_256;
	put_str(&put, "r=");
	put_bytes(&put, nonce_of(scram));
	put_str(&put, ",s=");
	base64_encode(span_of(scram->secret.salt, scram->secret.salt_len),
	    &put);
	put_str(&put, ",i=");
	put_u64(&put, scram->secret.iterations);
	put_bytes(&message, put_span(&put));
	put_char(&message, ',');
	if (put.full || message.full)
		return malformed(sasl);
	scram->message_len = message.len;
	sasl->step = PROOF;
	*out = put_span(&put);
	return SASL_CHALLENGE;
}

/* --- client-final-message */

/* c= must be the header that we heard, and the binding that we have. */
static bool
is_binding_right(const struct sasl_server_scram *scram, struct span text)
{
	char theirs_memory[1536], ours_memory[1536];
	struct put theirs = put_init(theirs_memory, sizeof theirs_memory);
	struct put ours = put_init(ours_memory, sizeof ours_memory);

	put_bytes(&ours, span_of(scram->header, scram->header_len));
	if (scram->binding != NULL)
		put_bytes(&ours, scram->binding->bytes);
	return base64_decode(text, &theirs, NULL) == BASE64_OK && !ours.full &&
	    sasl_same(put_span(&theirs), put_span(&ours));
}

static enum sasl_result
sign(struct sasl_server *sasl, struct span auth_message, struct span *out)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	struct put put = put_init(scram->out, sizeof scram->out);
	unsigned char signature[SASL_HASH_MAX];

	if (!scram_signature(&scram->secret, auth_message, signature))
		return sasl_refuse(sasl, "this machine forbids the digest");
	put_str(&put, "v=");
	base64_encode(span_of(signature, sasl_hash_len(scram->secret.hash)),
	    &put);
	sasl->step = SIGNED;
	*out = put_span(&put);
	return SASL_CHALLENGE;
}

static enum sasl_result
judge(struct sasl_server *sasl, struct span auth_message, struct span proof,
    struct span *out)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	/* computed in any case: the time tells nobody who is there */
	bool is_right = scram_proof_is_right(&scram->secret, proof,
	    auth_message);

	if (!scram->has_keys)
		return sasl_refuse(sasl, "no SCRAM keys are stored for the "
		    "account: set its password again");
	if (!is_right)
		return sasl_refuse(sasl, "wrong password");
	if (!scram->may_log_in)
		return sasl_refuse(sasl, "the account may not log in");
	return sign(sasl, auth_message, out);
}

/* Where ",p=" begins: the proof is last (RFC 5802 7). */
static bool
cut_proof(struct span message, struct span *without, struct span *proof)
{
	const char *at = memrchr(message.p, ',', message.len);

	if (at == NULL)
		return false;
	*without = span_first(message, (size_t)(at - message.p));
	*proof = span_skip(message, without->len + 1);
	return span_starts(*proof, SPAN("p="));
}

static enum sasl_result
take_final(struct sasl_server *sasl, struct span message, struct span *out)
{
	struct sasl_server_scram *scram = &sasl->keep.scram;
	char memory[SASL_HASH_MAX];
	struct put proof = put_init(memory, sizeof memory);
	struct put put = message_of(scram);
	struct span without, text, binding, nonce, rest;

	if (message.len == 0 || !cut_proof(message, &without, &text))
		return malformed(sasl);
	rest = without;
	if (!scram_take(&rest, 'c', &binding) ||
	    !scram_take(&rest, 'r', &nonce) ||
	    base64_decode(span_skip(text, 2), &proof, NULL) != BASE64_OK)
		return malformed(sasl);
	put_bytes(&put, without);
	if (put.full)
		return malformed(sasl);
	if (!sasl_same(nonce, nonce_of(scram)))
		return sasl_refuse(sasl, "that answers another challenge");
	if (!is_binding_right(scram, binding))
		return sasl_refuse(sasl, "channel bindings differ: somebody "
		    "is in between");
	return judge(sasl, put_span(&put), put_span(&proof), out);
}

static enum sasl_result
scram_step(struct sasl_server *sasl, const struct span *response,
    struct span *out)
{
	switch (sasl->step) {
	case START:
		sasl->step = FIRST;
		if (response == NULL)
			return SASL_CHALLENGE;
		return take_first(sasl, *response);
	case FIRST:
		return take_first(sasl, *response);
	case PROOF:
		return take_final(sasl, *response, out);
	case SIGNED:
		return response->len == 0 ? sasl_accept(sasl)
					  : malformed(sasl);
	}
	return malformed(sasl);
}

static enum sasl_result
sha_1_known(struct sasl_server *sasl, const struct sasl_credentials *known,
    struct span *out)
{
	return scram_known(sasl, SASL_SHA1, known, out);
}

static enum sasl_result
sha_256_known(struct sasl_server *sasl, const struct sasl_credentials *known,
    struct span *out)
{
	return scram_known(sasl, SASL_SHA256, known, out);
}

const struct sasl_mech sasl_scram_sha_1 = { "SCRAM-SHA-1", 0, scram_step,
	sha_1_known };
const struct sasl_mech sasl_scram_sha_1_plus = { "SCRAM-SHA-1-PLUS",
	SASL_BINDS, scram_step, sha_1_known };
const struct sasl_mech sasl_scram_sha_256 = { "SCRAM-SHA-256", 0, scram_step,
	sha_256_known };
const struct sasl_mech sasl_scram_sha_256_plus = { "SCRAM-SHA-256-PLUS",
	SASL_BINDS, scram_step, sha_256_known };
