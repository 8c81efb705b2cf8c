/* SPDX-License-Identifier: Apache-2.0 */
/* GSSAPI, RFC 4752 3.1, over the caller's Kerberos:
 *
 *   BEGIN ──→ TOKENS ──context stands──→ OFFER ──→ SAID
 *              └──┘ as often as it takes
 *
 * The last message chooses no security layer: TLS is there for that. */
#include "sasl/client_mech.h"

enum { BEGIN, TOKENS, OFFER, SAID };

#define LAYER_NONE 1
#define WHY_MAX    200

static enum sasl_client_result
failed(struct sasl_client *client, const char *why)
{
	return sasl_client_wrong_as(client, "Kerberos: ", span_str(why));
}

static enum sasl_client_result
pass_token(struct sasl_client *client, struct span in, struct span *out)
{
	const struct sasl_gss *gss = client->options.gss;
	struct put put = sasl_client_out(client);
	struct span token = SPAN("");
	char why[WHY_MAX] = "";
	int result = gss->step(gss->arg, in, &token, why, sizeof why);

	if (result < 0)
		return failed(client, why);
	client->step = result > 0 ? TOKENS : OFFER;
	put_bytes(&put, token);
	return sasl_client_send(client, &put, out);
}

/* The server's offer, wrapped: a bit a layer, and the size of its buffer. We
 * answer in the same form: no layer, no buffer, as whom. */
static enum sasl_client_result
answer_offer(struct sasl_client *client, struct span in, struct span *out)
{
	const struct sasl_gss *gss = client->options.gss;
	struct put put = sasl_client_out(client);
	struct span offer = SPAN(""), wrapped = SPAN("");
	char why[WHY_MAX] = "";

	if (gss->unwrap(gss->arg, in, &offer, why, sizeof why) != 0)
		return failed(client, why);
	if (offer.len != 4)
		return sasl_client_wrong(client,
		    "the server's offer of security layers is malformed");
	if ((offer.p[0] & LAYER_NONE) == 0)
		return sasl_client_wrong(client,
		    "the server demands a security layer, which SMTP has "
		    "TLS for");
	put_bytes(&put, SPAN("\001\0\0\0"));
	put_bytes(&put, client->options.authzid);
	if (put.full ||
	    gss->wrap(gss->arg, put_span(&put), &wrapped, why, sizeof why) != 0)
		return failed(client, why);
	put = sasl_client_out(client);
	put_bytes(&put, wrapped);
	client->is_proved = true;	/* its seal was right */
	client->step = SAID;
	return sasl_client_send(client, &put, out);
}

static enum sasl_client_result
gssapi_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	switch (client->step) {
	case BEGIN:
		return pass_token(client, SPAN(""), out);
	case TOKENS:
		return pass_token(client, *challenge, out);
	case OFFER:
		return answer_offer(client, *challenge, out);
	}
	return sasl_client_wrong(client,
	    "the server asks on, though all is said");
}

const struct sasl_client_mech sasl_client_gssapi = { "GSSAPI",
	SASL_CLIENT_TICKET | SASL_CLIENT_NO_PASSWORD | SASL_CLIENT_PROVES,
	100, gssapi_step };
