/* SPDX-License-Identifier: Apache-2.0 */
/* envelope: what is known of a message beside its text, and its form on disk.
 * envelope.def has one row a field, so that writing and reading agree. Every
 * field is tag, length, bytes: no text of a stranger is ever a delimiter.
 * Unknown tags are skipped, so that a newer release's mail can be read. */
#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

struct envelope_rcpt {
	struct span address;	/* where it goes, aliases already followed */
	struct span original;	/* as RCPT said it; empty: the same */
	struct span orcpt;	/* "type;xtext" as received, or empty */
	uint64_t notify;	/* enum param_notify bits; 0: not given */
	struct span mailbox;	/* the account's name if it is local, else
				 * empty: for the outside */
	struct span route;	/* the one an operator gave it, or empty */
};

/* What the sender asks of TLS on the way (RFC 8689). */
enum envelope_tls_need {
	ENVELOPE_TLS_AS_USUAL,
	ENVELOPE_TLS_REQUIRED,	/* REQUIRETLS: verified, or not at all */
	ENVELOPE_TLS_RELAXED	/* "TLS-Required: No": better in clear than not
				 * at all, whatever DANE and MTA-STS say */
};

struct envelope {
	struct span sender;	/* empty: null sender */
	uint64_t received_at;	/* ms since 1970 */
	uint64_t size;		/* octets of the text as stored */
	uint64_t body;		/* enum param_body */
	uint64_t is_utf8;
	uint64_t ret;		/* enum param_ret */
	struct span envid;
	struct span auth;	/* MAIL AUTH= */
	struct span listener;
	struct span session;	/* the log's id of the session */
	struct span login;
	struct span client;	/* address */
	struct span hello;
	struct span tls;	/* "TLSv1.3 TLS_AES_256_GCM_SHA384" or empty */
	uint64_t tls_need;	/* enum envelope_tls_need */
	uint64_t release_at;	/* not tried before; ms since 1970, or 0 */
	uint64_t by;		/* enum param_by; what happens at by_at */
	uint64_t by_at;		/* ms since 1970 */
	uint64_t by_trace;
	struct envelope_rcpt *rcpt;
	size_t rcpt_n;
};

/* Since when it is tried: expiry and warnings count from here. */
static inline uint64_t
envelope_born(const struct envelope *envelope)
{
	return envelope->release_at > envelope->received_at ?
	    envelope->release_at : envelope->received_at;
}

/* Appends: 0, or -ENOBUFS if it would pass the maximum of `out`, whose content
 * is of no use then. */
int envelope_encode(const struct envelope *envelope, struct buf *out);
/* Spans of the result point into `bytes`; the recipients live in `arena`.
 * 0, -EBADMSG if it is no envelope, -ENOBUFS if the arena is too small. */
int envelope_decode(struct span bytes, struct arena *arena,
    struct envelope *out);

#endif
