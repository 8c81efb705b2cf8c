/* SPDX-License-Identifier: Apache-2.0 */
/* dsn: a notice of what became of a message (RFC 3461, 3464, 6522; in UTF-8
 * RFC 6533): a text for people, the same for programs, and the message, or its
 * header.
 *
 *     dsn_put_head(dsn, out); the original's octets; dsn_put_tail(dsn, out)
 *
 * 1. What other servers said is shown as printable text, at most DSN_LINES
 *    lines of DSN_LINE octets: nothing in it can begin a field, a part or a
 *    line of its own.
 * 2. All but the original is ASCII, unless `is_utf8`; lines end in CRLF.
 * 3. It says what happened, whose words are whose, and what to do. */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define DSN_LINES 20
#define DSN_LINE  450

enum dsn_action {
	DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_ACTIONS
};

struct dsn_rcpt {
	struct span address;	/* where it was to go */
	struct span original;	/* as the sender wrote it; empty: the same */
	struct span orcpt;	/* "type;xtext" as received, or empty */
	enum dsn_action action;
	uint16_t status[3];
	unsigned code;		/* of a reply; 0: none */
	struct span host;	/* name of the server that spoke; empty: us */
	struct span words;	/* any octets: theirs if `host`, else ours */
	const char *meaning, *advice;	/* for people; "" or NULL */
};

struct dsn {
	struct span hostname;	/* ours */
	struct span to;		/* who is told */
	struct span envid;	/* xtext, or empty */
	struct span id;		/* of this notice: letters and digits */
	uint64_t now_ms, arrived_ms;
	uint64_t until_ms;	/* of delays: when we give up */
	int zone_min;
	uint64_t random;	/* for the boundary */
	bool is_utf8;
	bool is_whole;		/* the message comes back, not its header */
	bool has_8bit;		/* in what comes back */
	const struct dsn_rcpt *rcpt;
	size_t rcpt_n;
};

/* Appends: 0 or -ENOBUFS. */
int dsn_put_head(const struct dsn *dsn, struct buf *out);
int dsn_put_tail(const struct dsn *dsn, struct buf *out);

#endif
