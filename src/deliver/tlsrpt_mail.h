/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt_mail: a report on TLS as a mail (RFC 8460 5.3): a line for people, and
 * the JSON of a domain's day, compressed. */
#ifndef DELIVER_TLSRPT_MAIL_H
#define DELIVER_TLSRPT_MAIL_H

#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "deliver/tlsrpt.h"

struct tlsrpt_mail {
	const char *hostname;		/* ours */
	const char *from;		/* an address of ours */
	struct span to;			/* addresses, a space between */
	const struct tlsrpt_due *due;	/* whose, and which day's */
	json_t *policies;		/* array, see tlsrpt_policies() */
	uint64_t now_ms, random;
};

/* Appends the message: 0 or -ENOBUFS. ASCII, lines end in CRLF. */
int tlsrpt_mail_put(const struct tlsrpt_mail *mail, struct buf *out);

#endif
