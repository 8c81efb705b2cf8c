/* SPDX-License-Identifier: Apache-2.0 */
/* trace: the lines a server writes into a message: Received (RFC 5321 4.4,
 * with the protocol names of RFC 3848 and 6531), Return-Path, Message-ID. */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "base/put.h"
#include "base/span.h"
#include "mail/envelope.h"

/* As text and whole: 13 characters of base32 without 0 1 I O look-alikes,
 * ascending with time. */
#define TRACE_ID_LEN 13
void trace_put_id(struct put *out, uint64_t spool_id);
bool trace_parse_id(struct span text, uint64_t *spool_id);

struct trace_received {
	const struct envelope *envelope;	/* hello, client, tls … */
	struct span hostname;	/* ours */
	uint64_t spool_id;
	bool is_extended;	/* EHLO: ESMTP, else SMTP */
	bool is_lmtp;
	uint64_t now_ms;
	int zone_min;
};

/* The field with CRLF at its end, folded; names of strangers are cleaned.
 * "for <rcpt>" only if there is exactly one recipient, so that blind copies
 * stay blind. The login is not told. */
void trace_put_received(struct put *out, const struct trace_received *t);
/* "Return-Path: <…>" CRLF, for final delivery (RFC 5321 4.4). */
void trace_put_return_path(struct put *out, struct span sender);

#endif
