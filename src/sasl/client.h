/* SPDX-License-Identifier: Apache-2.0 */
/* sasl client: the other side of sasl.h, for relaying with a login and for
 * `ehlo`. One table of mechanisms, one step at a time, without I/O, clock or
 * randomness: those are given.
 *
 * 1. Nothing of the server's reaches the caller but through `why`; challenges
 *    are bounded and judged before they are used.
 * 2. A server that must prove itself (SCRAM: its signature) and does not is
 *    WRONG, also when it says 235 too early: sasl_client_is_proved().
 * 3. Secrets are overwritten by sasl_client_wipe(). */
#ifndef SASL_CLIENT_H
#define SASL_CLIENT_H

#include <stdint.h>

#include "base/span.h"
#include "sasl/gss.h"

#define SASL_CLIENT_OUT_MAX 16384	/* octets of one response, decoded;
					 * an OAuth token is the longest */

/* Spans live until sasl_client_wipe(). What a mechanism does not need may be
 * empty. */
struct sasl_client_options {
	struct span authcid;	/* who logs in: user name, UTF-8 */
	struct span authzid;	/* as whom; empty: the same */
	struct span password;	/* as it is: whoever wants SASLprep (RFC 4013)
				 * has applied it (user/prep.h) */
	struct span token;	/* OAuth 2 bearer (XOAUTH2, OAUTHBEARER) */
	struct span host;	/* the server's name: GSSAPI's smtp@host,
				 * OAUTHBEARER's host= */
	uint16_t port;		/* OAUTHBEARER's port=; 0: not said */
	struct span domain;	/* NTLM; empty: the server's own. "DOM\user"
				 * in authcid is taken apart */
	struct span workstation;	/* NTLM; may be empty */
	unsigned char random[32];	/* fresh: nonces come from here */
	uint64_t now_filetime;	/* NTLM: 100 ns since 1601, if the server's
				 * challenge holds no time of its own */
	/* Channel bindings (RFC 5056) of the TLS session: empty, or both. */
	struct span binding_type;	/* "tls-exporter", "tls-unique",
					 * "tls-server-end-point" */
	struct span binding;
	struct span offered;	/* what the server offers, one space between:
				 * SCRAM tells it if it offers no binding
				 * (RFC 5802 6). Empty: nothing is told */
	const struct sasl_gss *gss;	/* NULL: no GSSAPI */
};

enum sasl_client_result {
	SASL_CLIENT_SEND,	/* `out` is the response; it may be empty */
	SASL_CLIENT_FIRST,	/* at the beginning only: the server speaks
				 * first, there is no initial response */
	SASL_CLIENT_WRONG	/* cancel with "*"; client->why says why */
};

enum sasl_client_flag {
	SASL_CLIENT_PLAINTEXT = 1,	/* shows the password to listeners */
	SASL_CLIENT_BINDS = 2,		/* wants channel bindings (-PLUS) */
	SASL_CLIENT_TOKEN = 4,		/* wants options.token */
	SASL_CLIENT_TICKET = 8,		/* wants options.gss */
	SASL_CLIENT_NO_PASSWORD = 16,	/* EXTERNAL, ANONYMOUS, GSSAPI … */
	SASL_CLIENT_PROVES = 32	/* the server proves itself, too */
};

struct sasl_client;
/* A caller may copy one and give it another name. */
struct sasl_client_mech {
	const char *name;	/* upper case */
	unsigned flags;
	unsigned strength;	/* for sasl_client_choose: more is better;
				 * 0: only for whoever asks for it by name */
	enum sasl_client_result (*step)(struct sasl_client *client,
	    const struct span *challenge, struct span *out);
};

struct sasl_client {
	const struct sasl_client_mech *mech;
	struct sasl_client_options options;
	unsigned char step;	/* the mechanism's own; 0 at the start */
	bool is_proved;		/* nothing more is wanted of the server */
	char why[256];		/* words, printable: after WRONG, and once a
				 * server has told why it refuses a token */
	char out[SASL_CLIENT_OUT_MAX];
	unsigned char state[64];	/* what the mechanism keeps */
};

/* Case-insensitive; NULL if we have no such mechanism. */
const struct sasl_client_mech *sasl_client_find(struct span name);
/* Walks the table: NULL at the end. */
const struct sasl_client_mech *sasl_client_at(size_t i);
/* The strongest of `offered` (names, one space between) that `options` has
 * what it needs for; plain-text ones only if `is_tls`. NULL: none. */
const struct sasl_client_mech *sasl_client_choose(struct span offered,
    const struct sasl_client_options *options, bool is_tls);

void sasl_client_init(struct sasl_client *client,
    const struct sasl_client_mech *mech,
    const struct sasl_client_options *options);
/* `challenge` is NULL in the first call, which makes the initial response (the
 * caller may keep it back until the server's first, empty, challenge). `*out`
 * is valid until the next call. A challenge that is no base64, as in "334 NTLM
 * supported", is given as an empty one. */
enum sasl_client_result sasl_client_step(struct sasl_client *client,
    const struct span *challenge, struct span *out);
/* May a 235 be believed? False while the server owes a proof. */
static inline bool
sasl_client_is_proved(const struct sasl_client *client)
{
	return client->is_proved;
}
void sasl_client_wipe(struct sasl_client *client);

#endif
