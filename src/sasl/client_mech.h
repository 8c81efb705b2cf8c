/* SPDX-License-Identifier: Apache-2.0 */
/* client_mech: what the client's mechanisms share; only for the files of this
 * folder. A mechanism sets client->step to something other than 0 in its first
 * call, and never sees a call after it has said WRONG. */
#ifndef SASL_CLIENT_MECH_H
#define SASL_CLIENT_MECH_H

#include "base/put.h"
#include "sasl/client.h"

extern const struct sasl_client_mech sasl_client_plain;	/* RFC 4616 */
extern const struct sasl_client_mech sasl_client_login;
extern const struct sasl_client_mech sasl_client_external; /* RFC 4422 A */
extern const struct sasl_client_mech sasl_client_anonymous; /* RFC 4505 */
extern const struct sasl_client_mech sasl_client_cram_md5; /* RFC 2195 */
extern const struct sasl_client_mech sasl_client_scram_sha_1; /* RFC 5802 */
extern const struct sasl_client_mech sasl_client_scram_sha_1_plus;
extern const struct sasl_client_mech sasl_client_scram_sha_256; /* RFC 7677 */
extern const struct sasl_client_mech sasl_client_scram_sha_256_plus;
extern const struct sasl_client_mech sasl_client_ntlm;	/* MS-NLMP */
extern const struct sasl_client_mech sasl_client_gssapi; /* RFC 4752 */
extern const struct sasl_client_mech sasl_client_xoauth2;
extern const struct sasl_client_mech sasl_client_oauthbearer; /* RFC 7628 */

/* The response goes into client->out. */
static inline struct put
sasl_client_out(struct sasl_client *client)
{
	return put_init(client->out, sizeof client->out);
}
/* Ends a step with what was put, or WRONG if it did not fit. */
enum sasl_client_result sasl_client_send(struct sasl_client *client,
    const struct put *put, struct span *out);
/* Ends the exchange, saying why. */
enum sasl_client_result sasl_client_wrong(struct sasl_client *client,
    const char *why);
/* The same with words of the server's behind it, made printable. */
enum sasl_client_result sasl_client_wrong_as(struct sasl_client *client,
    const char *why, struct span theirs);
/* Only the words, without an end. */
void sasl_client_note(struct sasl_client *client, const char *why,
    struct span theirs);

#endif
