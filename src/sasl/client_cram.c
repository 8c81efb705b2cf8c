/* SPDX-License-Identifier: Apache-2.0 */
/* CRAM-MD5, RFC 2195: name, space, HMAC-MD5 of the challenge in hexadecimal.
 * The server proves nothing, and it stores passwords as they are. */
#include "sasl/client_mech.h"
#include "sasl/hash.h"

enum { BEGIN, WAITS, SAID };

static enum sasl_client_result
answer(struct sasl_client *client, struct span challenge, struct span *out)
{
	struct put put = sasl_client_out(client);
	unsigned char mac[SASL_HASH_MAX];

	/* the answer to nothing could be used again, everywhere */
	if (challenge.len == 0)
		return sasl_client_wrong(client,
		    "the server's challenge is empty");
	if (!sasl_hmac(SASL_MD5, client->options.password, challenge, mac))
		return sasl_client_wrong(client,
		    "this machine forbids MD5, which CRAM-MD5 is made of");
	put_bytes(&put, client->options.authcid);
	put_char(&put, ' ');
	put_hex(&put, span_of(mac, sasl_hash_len(SASL_MD5)));
	client->step = SAID;
	return sasl_client_send(client, &put, out);
}

static enum sasl_client_result
cram_md5_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	switch (client->step) {
	case BEGIN:
		client->step = WAITS;
		return SASL_CLIENT_FIRST;
	case WAITS:
		return answer(client, *challenge, out);
	}
	return sasl_client_wrong(client,
	    "the server asks on, though all is said");
}

const struct sasl_client_mech sasl_client_cram_md5 = { "CRAM-MD5", 0, 30,
	cram_md5_step };
