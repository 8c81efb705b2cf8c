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
 * How mechanisms that need more fit in: a result SASL_NEED_CREDENTIALS, said
 * once authcid is known, asks the caller for what is stored about it (SCRAM:
 * salt, count, keys; NTLM: the hash); he puts it into the struct, made up from
 * a keyed hash of the name if there is nobody, and calls a function like
 * sasl_server_checked() that runs the same step again. Server-first mechanisms
 * answer the first step, `response` NULL, with their challenge. Channel
 * bindings are put into the struct between init and the first step. */
#ifndef SASL_SASL_H
#define SASL_SASL_H

#include <stdint.h>

#include "base/span.h"

#define SASL_NAME_MAX     255	/* octets of an authentication identity */
#define SASL_PASSWORD_MAX 1024

enum sasl_result {
	SASL_CHALLENGE,		/* send `out`, feed the response */
	SASL_CHECK_PASSWORD,	/* is sasl->password that of sasl->authcid?
				 * then call sasl_server_checked() */
	SASL_DONE,		/* logged in as sasl->authzid (or authcid) */
	SASL_REFUSED,		/* sasl->why says why, for the log */
	SASL_MALFORMED		/* 501 5.5.2: not what the mechanism sends */
};

enum sasl_flag {
	SASL_PLAINTEXT = 1	/* shows the password to whoever listens:
				 * wants TLS (basic-auth-only-after-tls) */
};

struct sasl_server;

struct sasl_mech {
	const char *name;	/* upper case, RFC 4422 3.1 */
	unsigned flags;
	/* `response` is NULL if there is none (yet). */
	enum sasl_result (*step)(struct sasl_server *sasl,
	    const struct span *response, struct span *out);
};

/* Ends with sasl_server_wipe(), whatever happened. */
struct sasl_server {
	const struct sasl_mech *mech;
	unsigned char step;	/* the mechanism's own; 0 at the start */
	const char *why;	/* after REFUSED and MALFORMED; static text */
	char authcid[SASL_NAME_MAX + 1];	/* who proves it */
	char authzid[SASL_NAME_MAX + 1];	/* as whom; "" = same */
	char password[SASL_PASSWORD_MAX + 1];
	size_t password_len;
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
void sasl_server_wipe(struct sasl_server *sasl);

#endif
