/* SPDX-License-Identifier: Apache-2.0 */
/* sasl: login mechanisms (RFC 4422), one table, one step at a time, without
 * I/O. A step may ask for what only the caller can find out (is this password
 * right?), so that slow look-ups happen elsewhere and in their own time.
 *
 * 1. Names and passwords are bounded, well-formed UTF-8 and without NUL when
 *    they come out; a password is never empty.
 * 2. The password is overwritten as soon as it has been judged, and by
 *    sasl_server_wipe() in any case.
 * 3. What is refused does not depend on who exists: that is the caller's to
 *    know, and he answers both with the same words.
 *
 * What of a mechanism's work is not pure comes from outside: random numbers,
 * the time and channel bindings in `options`, put there between init and the
 * first step; what is stored about a name when a step asks for it; Kerberos as
 * a table of calls, which block: where SASL_BLOCKS is set, steps belong into a
 * pool. CRAM-MD5 and DIGEST-MD5 are missing on purpose: they need passwords
 * stored as they are. */
#ifndef SASL_SASL_H
#define SASL_SASL_H

#include <stdint.h>

#include "base/span.h"
#include "sasl/gss.h"
#include "sasl/ntlm.h"
#include "sasl/scram.h"

#define SASL_NAME_MAX      255	/* octets of an authentication identity */
#define SASL_PASSWORD_MAX  1024
#define SASL_CHALLENGE_MAX 1500	/* octets that a step may want to send */

enum sasl_result {
	SASL_CHALLENGE,		/* send `out`, feed the response */
	SASL_CHECK_PASSWORD,	/* is sasl->password that of sasl->authcid?
				 * then call sasl_server_checked() */
	SASL_NEED_CREDENTIALS,	/* what is stored about sasl->authcid? then
				 * call sasl_server_known(); until then the
				 * response stays where it is */
	SASL_DONE,		/* logged in as sasl->authzid (or authcid) */
	SASL_REFUSED,		/* sasl->why says why, for the log */
	SASL_MALFORMED		/* 501 5.5.2: not what the mechanism sends */
};

enum sasl_flag {
	SASL_PLAINTEXT = 1,	/* shows the password to whoever listens:
				 * wants TLS (basic-auth-only-after-tls) */
	SASL_BINDS = 2,		/* -PLUS: only where there is a binding */
	SASL_BLOCKS = 4		/* wants options.gss, and a pool */
};

struct sasl_server;
struct sasl_credentials;

struct sasl_mech {
	const char *name;	/* upper case, RFC 4422 3.1 */
	unsigned flags;
	/* `response` is NULL if there is none (yet). */
	enum sasl_result (*step)(struct sasl_server *sasl,
	    const struct span *response, struct span *out);
	/* After SASL_NEED_CREDENTIALS; NULL where a step never says that. */
	enum sasl_result (*known)(struct sasl_server *sasl,
	    const struct sasl_credentials *known, struct span *out);
};

/* What is stored about a name. For one that nobody has, or who may not log in,
 * everything is there all the same, made up so that it is the same each time:
 * only the end tells. */
struct sasl_credentials {
	bool may_log_in;
	bool has_scram_sha_1, has_scram_sha_256, has_nt_hash;	/* for logs */
	struct scram_secret scram_sha_1, scram_sha_256;
	unsigned char nt_hash[NTLM_KEY_LEN];
};

#define SASL_BINDINGS_MAX 3
struct sasl_binding {		/* RFC 5056 */
	const char *type;	/* "tls-exporter", … */
	struct span bytes;
};

/* Spans live as long as the exchange. */
struct sasl_server_options {
	unsigned char random[32];	/* fresh: nonces */
	uint64_t now_filetime;		/* 100 ns since 1601 */
	struct span host;		/* our name */
	struct sasl_binding binding[SASL_BINDINGS_MAX];
	size_t binding_n;
	bool offers_binding;	/* a -PLUS is among what we offered */
	const struct sasl_gss *gss;
};

/* What mechanisms keep between their steps. */
struct sasl_server_scram {
	char message[4096];	/* AuthMessage, as far as it has come */
	size_t message_len;
	char header[1024];	/* GS2 */
	size_t header_len;
	char nonce[300];	/* both shares */
	size_t nonce_len;
	const struct sasl_binding *binding;	/* chosen, or NULL */
	struct scram_secret secret;
	bool may_log_in, has_keys;
	char out[512];
};
struct sasl_server_ntlm {
	char negotiate[1024], challenge[SASL_CHALLENGE_MAX];
	size_t negotiate_len, challenge_len;
	bool is_oem;
	struct span authenticate, user, domain;	/* while it is judged */
};

/* Ends with sasl_server_wipe(), whatever happened. */
struct sasl_server {
	const struct sasl_mech *mech;
	unsigned char step;	/* the mechanism's own; 0 at the start */
	bool is_asking;		/* sasl_server_known() is to come */
	const char *why;	/* after REFUSED and MALFORMED; static text, or
				 * in `words` */
	struct sasl_server_options options;
	char authcid[SASL_NAME_MAX + 1];	/* who proves it */
	char authzid[SASL_NAME_MAX + 1];	/* as whom; "" = same */
	char password[SASL_PASSWORD_MAX + 1];
	size_t password_len;
	char words[256];	/* of the Kerberos library */
	union {
		struct sasl_server_scram scram;
		struct sasl_server_ntlm ntlm;
	} keep;
};

/* Case-insensitive; NULL if we have no such mechanism. */
const struct sasl_mech *sasl_mech_find(struct span name);
/* Walks the table: NULL at the end. */
const struct sasl_mech *sasl_mech_at(size_t i);

void sasl_server_init(struct sasl_server *sasl, const struct sasl_mech *mech);
/* The first call gives the initial response, or NULL. `*out` is valid until
 * the next call. */
enum sasl_result sasl_server_step(struct sasl_server *sasl,
    const struct span *response, struct span *out);
/* The answer to SASL_CHECK_PASSWORD: DONE or REFUSED. An authzid other than
 * the authcid is refused unless `may_act_as`. Wipes the password. */
enum sasl_result sasl_server_checked(struct sasl_server *sasl, bool is_right,
    bool may_act_as);
/* The answer to SASL_NEED_CREDENTIALS: as a step. */
enum sasl_result sasl_server_known(struct sasl_server *sasl,
    const struct sasl_credentials *known, struct span *out);
void sasl_server_wipe(struct sasl_server *sasl);

#endif
