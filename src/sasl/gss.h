/* SPDX-License-Identifier: Apache-2.0 */
/* gss: the work of the Kerberos library, which is none of a pure folder's: a
 * table that the caller gives (net/gss.h makes one of MIT's GSSAPI), for one
 * exchange. Tokens are valid until the next call; -1 is a failure with words
 * in `why`. Calls may block. */
#ifndef SASL_GSS_H
#define SASL_GSS_H

#include "base/span.h"

struct sasl_gss {
	void *arg;
	/* Token in (empty at the beginning), token out. 1: go on; 0: the
	 * context stands. */
	int (*step)(void *arg, struct span in, struct span *out,
	    char *why, size_t why_len);
	/* RFC 4752: the last messages, wrapped and unwrapped. */
	int (*wrap)(void *arg, struct span in, struct span *out,
	    char *why, size_t why_len);
	int (*unwrap)(void *arg, struct span in, struct span *out,
	    char *why, size_t why_len);
	/* For a server, once the context stands: whose account is it? May be
	 * NULL for a client. */
	int (*peer)(void *arg, struct span *out, char *why, size_t why_len);
};

#endif
