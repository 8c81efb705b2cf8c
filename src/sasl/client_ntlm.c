/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM, MS-NLMP 3.1.5.1, version 2 only:
 *
 *   BEGIN: NEGOTIATE ──→ WAITS: CHALLENGE ──→ AUTHENTICATE, SAID
 *
 * If the server's challenge holds pairs about itself, ours go back with its
 * time and a MIC over all three messages; servers that send none get a blob
 * without. No key is exchanged, nothing is signed or sealed afterwards: TLS is
 * there for that. The server proves nothing. */
#include "base/text.h"
#include "sasl/client_mech.h"
#include "sasl/ntlm.h"

enum { BEGIN, WAITS, SAID };

#define OUR_FLAGS \
	(NTLM_UNICODE | NTLM_OEM | NTLM_REQUEST_TARGET | NTLM_NTLM | \
	    NTLM_ALWAYS_SIGN | NTLM_EXTENDED | NTLM_VERSION | NTLM_128 | \
	    NTLM_56)
#define NEGOTIATE_LEN 40
#define HEAD_LEN      (NTLM_MIC_AT + NTLM_KEY_LEN)
#define TEXT_MAX      1024	/* octets of one name in UTF-16 */
#define BLOB_MAX      4096
#define INFO_MAX      2048	/* of the server's pairs */

_Static_assert(sizeof ((struct sasl_client_options *)0)->random >= NTLM_NONCE,
    "our challenge is made of it");

struct challenge {
	uint32_t flags;
	unsigned char nonce[NTLM_NONCE];
	struct span target;	/* its name, as written */
	struct span info;	/* AV pairs; empty: none */
};

/* One text of ours, as it goes into the message. */
struct text {
	char memory[TEXT_MAX];
	struct put put;
};

static void
put_negotiate(struct put *put)
{
	size_t at = NEGOTIATE_LEN;

	ntlm_put_head(put, NTLM_NEGOTIATE);
	ntlm_put_u32(put, OUR_FLAGS);
	ntlm_put_field(put, 0, &at);	/* domain: not said yet */
	ntlm_put_field(put, 0, &at);	/* workstation: nor this */
	ntlm_put_version(put);
}

static enum sasl_client_result
begin(struct sasl_client *client, struct span *out)
{
	struct put put = sasl_client_out(client);

	put_negotiate(&put);
	client->step = WAITS;
	return sasl_client_send(client, &put, out);
}

static const char *
take_challenge(struct span message, struct challenge *c)
{
	*c = (struct challenge){ .info = SPAN("") };
	if (!ntlm_is(message, NTLM_CHALLENGE) || message.len < 32)
		return "the server's challenge is no NTLM challenge";
	c->flags = ntlm_u32(message.p + 20);
	memcpy(c->nonce, message.p + 24, sizeof c->nonce);
	if (!ntlm_field(message, 12, &c->target) ||
	    ((c->flags & NTLM_TARGET_INFO) != 0 &&
	    !ntlm_field(message, 40, &c->info)))
		return "the server's challenge is malformed";
	if (c->info.len > INFO_MAX)
		return "the server tells too much about itself";
	return NULL;
}

/* --- who */

/* "DOMAIN\user", or the options' domain, or none for user@domain, or the
 * server's own. `*is_theirs`: the last. */
static void
take_apart(const struct sasl_client *client, struct span *user,
    struct span *domain, bool *is_theirs)
{
	struct span name = client->options.authcid;
	size_t at = span_find(name, '\\');

	*is_theirs = false;
	*user = name;
	*domain = client->options.domain;
	if (at != name.len) {
		*domain = span_first(name, at);
		*user = span_skip(name, at + 1);
	} else if (domain->len == 0)
		*is_theirs = span_find(name, '@') == name.len;
}

static bool
set_text(struct text *text, struct span utf8)
{
	text->put = put_init(text->memory, sizeof text->memory);
	return ntlm_put_utf16(&text->put, utf8);
}

/* The server's name for its domain, which is text already. */
static bool
set_target(struct text *text, const struct challenge *c)
{
	text->put = put_init(text->memory, sizeof text->memory);
	if ((c->flags & NTLM_UNICODE) != 0)
		put_bytes(&text->put, c->target);
	else
		ntlm_put_utf16_of_octets(&text->put, c->target);
	return !text->put.full;
}

static const char *
set_names(const struct sasl_client *client, const struct challenge *c,
    struct text *user, struct text *domain, struct text *workstation)
{
	struct span user_name, domain_name;
	bool is_theirs, is_good;

	take_apart(client, &user_name, &domain_name, &is_theirs);
	is_good = set_text(user, user_name) &&
	    set_text(workstation, client->options.workstation) &&
	    (is_theirs ? set_target(domain, c)
		       : set_text(domain, domain_name));
	if (!is_good)
		return "a name is too long, or not UTF-8";
	if ((c->flags & NTLM_UNICODE) == 0 &&
	    !(text_is_ascii(user_name) && text_is_ascii(domain_name) &&
	    text_is_ascii(client->options.workstation)))
		return "this server takes names in ASCII only";
	return NULL;
}

/* --- the responses */

/* NTLMv2_CLIENT_CHALLENGE, MS-NLMP 2.2.2.7 */
static void
put_blob(const struct sasl_client *client, const struct challenge *c,
    struct put *put)
{
	struct span rest = c->info, value, time;
	uint32_t flags = NTLM_AV_HAS_MIC;
	unsigned id;

	put_bytes(put, SPAN("\001\001\0\0\0\0\0\0"));
	if (ntlm_av_find(c->info, NTLM_AV_TIME, &time) && time.len == 8)
		put_bytes(put, time);
	else
		ntlm_put_u64(put, client->options.now_filetime);
	put_bytes(put, span_of(client->options.random, NTLM_NONCE));
	ntlm_put_u32(put, 0);
	while (ntlm_av_next(&rest, &id, &value))
		if (id != NTLM_AV_FLAGS)
			ntlm_put_av(put, id, value);
		else if (value.len == 4)
			flags |= ntlm_u32(value.p);
	if (c->info.len != 0) {
		ntlm_put_u16(put, NTLM_AV_FLAGS);
		ntlm_put_u16(put, 4);
		ntlm_put_u32(put, flags);
	}
	ntlm_put_av(put, NTLM_AV_END, SPAN(""));
	ntlm_put_u32(put, 0);
}

/* LMv2, for servers that look at it; where the server told the time it is
 * zeroes (MS-NLMP 3.1.5.1.2). */
static bool
put_lm(const struct sasl_client *client, const struct challenge *c,
    const unsigned char key[NTLM_KEY_LEN], struct put *put)
{
	unsigned char proof[NTLM_KEY_LEN] = { 0 }, nonce[NTLM_NONCE] = { 0 };
	struct span ignored;

	if (!ntlm_av_find(c->info, NTLM_AV_TIME, &ignored)) {
		memcpy(nonce, client->options.random, sizeof nonce);
		if (!ntlm_proof(key, c->nonce, span_of(nonce, sizeof nonce),
		    proof))
			return false;
	}
	put_bytes(put, span_of(proof, sizeof proof));
	put_bytes(put, span_of(nonce, sizeof nonce));
	return true;
}

/* What `texts` hold, in the form that the server understands. */
static void
put_text(const struct challenge *c, const struct text *text, struct put *put)
{
	struct span utf16 = put_span(&text->put);

	if ((c->flags & NTLM_UNICODE) != 0) {
		put_bytes(put, utf16);
		return;
	}
	for (size_t i = 0; i + 1 < utf16.len; i += 2)
		put_char(put, utf16.p[i]);
}

static size_t
text_len(const struct challenge *c, const struct text *text)
{
	return (c->flags & NTLM_UNICODE) != 0 ? text->put.len
					      : text->put.len / 2;
}

/* --- AUTHENTICATE */

struct answer {
	struct text user, domain, workstation;
	char lm[24], nt[NTLM_KEY_LEN + BLOB_MAX];
	struct put lm_put, nt_put;
	unsigned char session[NTLM_KEY_LEN];
};

static bool
compute(const struct sasl_client *client, const struct challenge *c,
    struct answer *a)
{
	unsigned char hash[NTLM_KEY_LEN], key[NTLM_KEY_LEN];
	unsigned char proof[NTLM_KEY_LEN] = { 0 };
	struct span blob;
	bool is_good;

	a->lm_put = put_init(a->lm, sizeof a->lm);
	a->nt_put = put_init(a->nt, sizeof a->nt);
	put_bytes(&a->nt_put, span_of(proof, sizeof proof));	/* its room */
	put_blob(client, c, &a->nt_put);
	blob = span_skip(put_span(&a->nt_put), sizeof proof);
	is_good = !a->nt_put.full &&
	    ntlm_hash(client->options.password, hash) &&
	    ntlm_key(hash, put_span(&a->user.put), put_span(&a->domain.put),
		key) &&
	    ntlm_proof(key, c->nonce, blob, proof) &&
	    put_lm(client, c, key, &a->lm_put) &&
	    ntlm_session_key(key, proof, a->session);
	memcpy(a->nt, proof, sizeof proof);
	explicit_bzero(hash, sizeof hash);
	explicit_bzero(key, sizeof key);
	return is_good;
}

/* The message with zeroes for a MIC. */
static void
put_authenticate(const struct challenge *c, const struct answer *a,
    struct put *put)
{
	static const char no_mic[NTLM_KEY_LEN];
	uint32_t flags = c->flags & (OUR_FLAGS | NTLM_TARGET_INFO);
	size_t at = HEAD_LEN;

	if ((flags & NTLM_UNICODE) != 0)
		flags &= ~(uint32_t)NTLM_OEM;
	ntlm_put_head(put, NTLM_AUTHENTICATE);
	ntlm_put_field(put, a->lm_put.len, &at);
	ntlm_put_field(put, a->nt_put.len, &at);
	ntlm_put_field(put, text_len(c, &a->domain), &at);
	ntlm_put_field(put, text_len(c, &a->user), &at);
	ntlm_put_field(put, text_len(c, &a->workstation), &at);
	ntlm_put_field(put, 0, &at);	/* no key is exchanged */
	ntlm_put_u32(put, flags);
	ntlm_put_version(put);
	put_bytes(put, span_of(no_mic, sizeof no_mic));
	put_bytes(put, put_span(&a->lm_put));
	put_bytes(put, put_span(&a->nt_put));
	put_text(c, &a->domain, put);
	put_text(c, &a->user, put);
	put_text(c, &a->workstation, put);
}

static bool
put_mic(struct span theirs, const unsigned char session[NTLM_KEY_LEN],
    struct put *put)
{
	char memory[NEGOTIATE_LEN];
	struct put first = put_init(memory, sizeof memory);
	unsigned char mic[NTLM_KEY_LEN];

	put_negotiate(&first);
	if (!ntlm_mic(session,
	    (struct span[]){ put_span(&first), theirs, put_span(put) }, mic))
		return false;
	memcpy(put->p + NTLM_MIC_AT, mic, sizeof mic);
	return true;
}

static enum sasl_client_result
prove(struct sasl_client *client, struct span message, struct span *out)
{
	struct put put = sasl_client_out(client);
	struct challenge c;
	struct answer a;
	const char *fault = take_challenge(message, &c);
	bool is_good;

	if (fault == NULL)
		fault = set_names(client, &c, &a.user, &a.domain,
		    &a.workstation);
	if (fault != NULL)
		return sasl_client_wrong(client, fault);
	is_good = compute(client, &c, &a);
	put_authenticate(&c, &a, &put);
	if (is_good && !put.full && c.info.len != 0)
		is_good = put_mic(message, a.session, &put);
	explicit_bzero(&a, sizeof a);
	client->step = SAID;
	return is_good ? sasl_client_send(client, &put, out)
		       : sasl_client_wrong(client, "NTLM cannot be computed: "
			     "the password is not UTF-8, or this machine "
			     "forbids MD5");
}

static enum sasl_client_result
ntlm_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	switch (client->step) {
	case BEGIN:
		return begin(client, out);
	case WAITS:
		return prove(client, *challenge, out);
	}
	return sasl_client_wrong(client,
	    "the server asks on, though all is said");
}

const struct sasl_client_mech sasl_client_ntlm = { "NTLM", 0, 40, ntlm_step };
