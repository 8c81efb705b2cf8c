/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN, LOGIN, EXTERNAL, ANONYMOUS: what is said as it is. */
#include "sasl/client_mech.h"

enum { BEGIN, SAID };

static enum sasl_client_result
one_message(struct sasl_client *client, const struct put *put,
    struct span *out)
{
	if (client->step != BEGIN)
		return sasl_client_wrong(client,
		    "the server asks on, though all is said");
	client->step = SAID;
	return sasl_client_send(client, put, out);
}

/* RFC 4616 2: [authzid] NUL authcid NUL passwd */
static enum sasl_client_result
plain_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	struct put put = sasl_client_out(client);

	(void)challenge;	/* only the first call is answered */
	put_bytes(&put, client->options.authzid);
	put_char(&put, '\0');
	put_bytes(&put, client->options.authcid);
	put_char(&put, '\0');
	put_bytes(&put, client->options.password);
	return one_message(client, &put, out);
}

/* Servers ask in words of their own ("Username:", "User Name", not in base64),
 * so the order of the questions decides. */
static enum sasl_client_result
login_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	enum { ASKED_NOTHING, WAITS_FOR_NAME, WAITS_FOR_PASSWORD, ALL_SAID };

	(void)challenge;
	switch (client->step) {
	case ASKED_NOTHING:
		client->step = WAITS_FOR_NAME;
		return SASL_CLIENT_FIRST;
	case WAITS_FOR_NAME:
		client->step = WAITS_FOR_PASSWORD;
		*out = client->options.authcid;
		return SASL_CLIENT_SEND;
	case WAITS_FOR_PASSWORD:
		client->step = ALL_SAID;
		*out = client->options.password;
		return SASL_CLIENT_SEND;
	}
	return sasl_client_wrong(client, "the server asks a third time");
}

/* RFC 4422 appendix A: the authzid; who we are, TLS has shown. */
static enum sasl_client_result
external_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	struct put put = sasl_client_out(client);

	(void)challenge;
	put_bytes(&put, client->options.authzid);
	return one_message(client, &put, out);
}

/* RFC 4505 2: a trace, if we want to leave one. */
static enum sasl_client_result
anonymous_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	struct put put = sasl_client_out(client);

	(void)challenge;
	put_bytes(&put, span_first(client->options.authcid, 255));
	return one_message(client, &put, out);
}

const struct sasl_client_mech sasl_client_plain = { "PLAIN",
	SASL_CLIENT_PLAINTEXT, 20, plain_step };
const struct sasl_client_mech sasl_client_login = { "LOGIN",
	SASL_CLIENT_PLAINTEXT, 10, login_step };
const struct sasl_client_mech sasl_client_external = { "EXTERNAL",
	SASL_CLIENT_NO_PASSWORD, 5, external_step };
const struct sasl_client_mech sasl_client_anonymous = { "ANONYMOUS",
	SASL_CLIENT_NO_PASSWORD, 0, anonymous_step };
