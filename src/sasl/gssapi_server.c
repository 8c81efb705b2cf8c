/* SPDX-License-Identifier: Apache-2.0 */
/* GSSAPI as a server, RFC 4752 3.2, over the caller's Kerberos:
 *
 *   START ──→ TOKENS ──the context stands──→ (STANDS ──empty──→) OFFERED
 *              └──┘                                 ──credentials──→ done
 *
 * We offer no security layer: TLS is there for that. */
#include "sasl/mech.h"

enum { START, TOKENS, STANDS, OFFERED };

#define LAYER_NONE 1

static enum sasl_result
failed(struct sasl_server *sasl)
{
	sasl->words[sizeof sasl->words - 1] = '\0';
	return sasl_refuse(sasl, sasl->words);
}

static enum sasl_result
offer(struct sasl_server *sasl, struct span *out)
{
	const struct sasl_gss *gss = sasl->options.gss;

	sasl->step = OFFERED;
	if (gss->wrap(gss->arg, SPAN("\001\0\0\0"), out, sasl->words,
	    sizeof sasl->words) != 0)
		return failed(sasl);
	return SASL_CHALLENGE;
}

static enum sasl_result
take_token(struct sasl_server *sasl, struct span token, struct span *out)
{
	const struct sasl_gss *gss = sasl->options.gss;
	int result = gss->step(gss->arg, token, out, sasl->words,
	    sizeof sasl->words);

	if (result < 0)
		return failed(sasl);
	if (result > 0)
		return SASL_CHALLENGE;
	sasl->step = STANDS;
	return out->len != 0 ? SASL_CHALLENGE : offer(sasl, out);
}

/* Layer, size of a buffer, authorization identity: under seal. */
static enum sasl_result
take_choice(struct sasl_server *sasl, struct span sealed)
{
	const struct sasl_gss *gss = sasl->options.gss;
	struct span choice, name;
	enum sasl_result result;

	if (gss->unwrap(gss->arg, sealed, &choice, sasl->words,
	    sizeof sasl->words) != 0)
		return failed(sasl);
	if (choice.len < 4 || choice.p[0] != LAYER_NONE)
		return sasl_malformed(sasl, "no choice that we offered");
	result = sasl_take_name(sasl, sasl->authzid, span_skip(choice, 4));
	if (result != SASL_DONE)
		return result;
	if (gss->peer(gss->arg, &name, sasl->words, sizeof sasl->words) != 0)
		return failed(sasl);
	result = sasl_take_name(sasl, sasl->authcid, name);
	return result == SASL_DONE ? SASL_NEED_CREDENTIALS : result;
}

static enum sasl_result
gssapi_step(struct sasl_server *sasl, const struct span *response,
    struct span *out)
{
	if (sasl->options.gss == NULL)
		return sasl_refuse(sasl, "Kerberos is not at hand");
	switch (sasl->step) {
	case START:
		sasl->step = TOKENS;
		/* an empty one, from clients that always send one */
		if (response == NULL || response->len == 0)
			return SASL_CHALLENGE;
		return take_token(sasl, *response, out);
	case TOKENS:
		return take_token(sasl, *response, out);
	case STANDS:
		if (response->len != 0)
			return sasl_malformed(sasl, "an empty response was "
			    "to come");
		return offer(sasl, out);
	case OFFERED:
		return take_choice(sasl, *response);
	}
	return sasl_malformed(sasl, "unexpected response");
}

static enum sasl_result
gssapi_known(struct sasl_server *sasl, const struct sasl_credentials *known,
    struct span *out)
{
	*out = SPAN("");
	return known->may_log_in ? sasl_accept(sasl)
	    : sasl_refuse(sasl, "the account may not log in");
}

const struct sasl_mech sasl_gssapi = { "GSSAPI", SASL_BLOCKS, gssapi_step,
	gssapi_known };
