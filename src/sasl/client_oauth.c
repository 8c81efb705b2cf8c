/* SPDX-License-Identifier: Apache-2.0 */
/* XOAUTH2 (Google's, Microsoft's) and OAUTHBEARER (RFC 7628): a bearer token
 * in one message. A server that refuses says why in JSON, as a challenge,
 * waits for an answer of no meaning, and only then fails the login. */
#include "base/text.h"
#include "sasl/client_mech.h"
#include "sasl/scram.h"

enum { BEGIN, SAID, REFUSED };

/* RFC 6750 2.1 has fewer characters; what matters is that it is one value. */
static bool
is_token(struct span token)
{
	for (size_t i = 0; i < token.len; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return false;
	return token.len != 0;
}

static void
put_bearer(struct sasl_client *client, struct put *put)
{
	put_str(put, "\001auth=Bearer ");
	put_bytes(put, client->options.token);
	put_str(put, "\001\001");
}

static void
put_xoauth2(struct sasl_client *client, struct put *put)
{
	put_str(put, "user=");
	put_bytes(put, client->options.authcid);
	put_bearer(client, put);
}

/* RFC 7628 3.1: a GS2 header, then key=value, each ended by ^A. */
static void
put_oauthbearer(struct sasl_client *client, struct put *put)
{
	const struct sasl_client_options *options = &client->options;
	struct span name = options->authzid.len != 0 ? options->authzid
						     : options->authcid;

	put_str(put, "n,");
	if (name.len != 0)
		put_str(put, "a=");
	scram_put_name(put, name);
	put_char(put, ',');
	if (options->host.len != 0) {
		put_str(put, "\001host=");
		put_bytes(put, options->host);
	}
	if (options->port != 0) {
		put_str(put, "\001port=");
		put_u64(put, options->port);
	}
	put_bearer(client, put);
}

static bool
is_one_value(struct span text)
{
	return span_find(text, '\001') == text.len;
}

static enum sasl_client_result
begin(struct sasl_client *client,
    void (*put_message)(struct sasl_client *client, struct put *put),
    struct span *out)
{
	struct put put = sasl_client_out(client);

	if (!is_token(client->options.token))
		return sasl_client_wrong(client,
		    "the token holds what no token may: spaces or bytes "
		    "outside of ASCII");
	if (!is_one_value(client->options.authcid) ||
	    !is_one_value(client->options.authzid) ||
	    !is_one_value(client->options.host))
		return sasl_client_wrong(client,
		    "there is a ^A in the user name");
	put_message(client, &put);
	client->step = SAID;
	return sasl_client_send(client, &put, out);
}

static enum sasl_client_result
refused(struct sasl_client *client, struct span json, struct span answer,
    struct span *out)
{
	if (client->step == REFUSED)
		return sasl_client_wrong(client,
		    "the server asks on, though it has refused");
	sasl_client_note(client, "the server refuses the token: ", json);
	client->is_proved = false;	/* a 235 would be a lie now */
	client->step = REFUSED;
	*out = answer;
	return SASL_CLIENT_SEND;
}

static enum sasl_client_result
xoauth2_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	if (client->step == BEGIN)
		return begin(client, put_xoauth2, out);
	return refused(client, *challenge, SPAN(""), out);
}

static enum sasl_client_result
oauthbearer_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	if (client->step == BEGIN)
		return begin(client, put_oauthbearer, out);
	/* RFC 7628 3.2.3 */
	return refused(client, *challenge, SPAN("\001"), out);
}

const struct sasl_client_mech sasl_client_xoauth2 = { "XOAUTH2",
	SASL_CLIENT_PLAINTEXT | SASL_CLIENT_TOKEN, 94, xoauth2_step };
const struct sasl_client_mech sasl_client_oauthbearer = { "OAUTHBEARER",
	SASL_CLIENT_PLAINTEXT | SASL_CLIENT_TOKEN, 95, oauthbearer_step };
