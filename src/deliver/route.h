/* SPDX-License-Identifier: Apache-2.0 */
/* route: where a recipient's mail goes, as configured: into a mailbox, to
 * another server, nowhere. Pure but for the configuration it looks at. */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "conf/conf.h"
#include "mail/envelope.h"

enum route_kind {
	ROUTE_MAILBOX,		/* a Maildir of ours */
	ROUTE_REMOTE,		/* another server */
	ROUTE_DISCARD,
	ROUTE_STAYS		/* `why` says what it waits for */
};

/* Spans point into the configuration, or into `domain_text`. */
struct route_target {
	enum route_kind kind;
	const struct conf_domain *domain;	/* MAILBOX, `deliver lmtp` */
	const struct conf_route *route;		/* NULL: of a domain */
	const struct conf_via *via;
	bool is_literal;		/* the domain is an address */
	enum envelope_tls_need tls_need;	/* of the message */
	char name[256];			/* of the domain, compared form */
	char why[320];
};

void route_find(const struct conf *conf, const struct envelope *envelope,
    uint32_t rcpt, struct route_target *out);
/* It goes nowhere for now: `why` and `what` in words. */
void route_stay(struct route_target *out, const char *why, const char *what);
/* What is the same for two targets that go the same way: 0-terminated. */
void route_key(const struct conf *conf, const struct route_target *target,
    char out[512]);
/* Reads the password of a route: 0, or -1 with words in `error`. Wipe it. */
int route_read_password(const struct conf_route *route, char *out, size_t len,
    char *error, size_t error_len);

#endif
