/* SPDX-License-Identifier: Apache-2.0 */
/* compose: makes a message (RFC 5322, MIME) of what a person gives: fields,
 * a text in one or several forms, attachments.
 *
 *   one text                        that type
 *   several forms of the text       multipart/alternative, plainest first
 *   attachments                     multipart/mixed around it
 *
 * 1. Whatever is given, what leaves is a message that a parser reads back to
 *    the same fields, texts (with CRLF) and attachments (byte for byte).
 * 2. Lines end in CRLF and are not longer than 998 octets; without `has_8bit`
 *    all is ASCII. `has_binary` lifts both for attachments (RFC 3030).
 * 3. Nothing in a value can begin another field or end the header.
 * 4. No clock, no randomness, no memory: those are the caller's. */
#ifndef MAIL_COMPOSE_H
#define MAIL_COMPOSE_H

#include "base/span.h"
#include "mail/transfer.h"

struct compose_field {
	struct span name;	/* "Subject" */
	struct span value;	/* UTF-8, neither folded nor encoded */
};

struct compose_part {
	struct span bytes;
	struct span type;	/* "text/html"; empty: text/plain of a body,
				 * application/octet-stream of an attachment.
				 * Parameters may stand behind it */
	struct span name;	/* of a file, UTF-8; empty: none */
	struct span id;		/* Content-ID without < >; empty: none */
	bool is_inline;		/* shown, not offered for saving */
	enum transfer transfer;	/* AUTO: as it needs. 7bit and 8bit of what
				 * does not fit them is AUTO, too */
};

struct compose {
	const struct compose_field *field;	/* in this order, on top */
	size_t field_n;
	const struct compose_part *body;	/* forms of the text */
	size_t body_n;
	const struct compose_part *attached;
	size_t attached_n;
	struct span boundary;	/* letters and digits, at most 40, unlikely to
				 * be in a text */
	bool is_utf8;		/* fields in UTF-8 as they are (SMTPUTF8) */
	bool has_8bit;		/* 8BITMIME: text need not be encoded */
	bool has_binary;	/* BINARYMIME: attachments neither */
};

enum compose_result {
	COMPOSE_OK,
	COMPOSE_BAD_NAME,	/* a field's name, a type or an id holds what it
				 * must not, or a value is no UTF-8 */
	COMPOSE_TOO_LONG,	/* a word of a field passes 998 octets */
	COMPOSE_NEEDS_UTF8,	/* an address holds other letters than ASCII:
				 * only is_utf8 can carry that */
	COMPOSE_BOUNDARY	/* the boundary is in a text: take another */
};

typedef void compose_write(void *arg, struct span bytes);

/* Writes the message. After a result other than OK what was written is no
 * message; `*which` (may be NULL) is the field or part that is to blame. A
 * field of the caller's whose name is MIME-Version or begins with "Content-"
 * takes the place of the one that would be made. */
enum compose_result compose_put(const struct compose *compose,
    compose_write *write, void *arg, struct span *which);
/* Does `name` hold only what a field's name may? */
bool compose_is_name(struct span name);
/* Does its value consist of addresses? */
bool compose_has_addresses(struct span name);

#endif
