/* SPDX-License-Identifier: Apache-2.0 */
/* sendmail_header: the header of a message as programs hand it to sendmail:
 * who it is for, and what must not be sent on. Line ends are LF or CRLF. */
#ifndef EHLO_SENDMAIL_HEADER_H
#define EHLO_SENDMAIL_HEADER_H

#include "base/buf.h"

/* Each address of a field's value (RFC 5322 3.4): without names, comments and
 * brackets, folding undone; of a group, its members. Calls `each` for every
 * one that is not empty. */
void header_addresses(struct span value,
    void (*each)(void *arg, struct span address), void *arg);

struct header_parts {
	bool has_from;
	size_t header_len;	/* octets of the text, without the empty line
				 * behind it */
};

/* Goes through the header of `text`: calls `each` for the addresses in To, Cc
 * and Bcc (may be NULL), and appends the fields to `out` without Bcc. What is
 * no field ends the header. 0 or -ENOBUFS. */
int header_take(struct span text, struct buf *out,
    void (*each)(void *arg, struct span address), void *arg,
    struct header_parts *parts);

#endif
