/* SPDX-License-Identifier: Apache-2.0 */
/* header: reads the header section of a message while it streams by, and
 * mends what a submitted message lacks.
 *
 * 1. The result depends on the bytes only, not on how they were cut.
 * 2. Nothing of the text is lost or reordered. Added are, behind the last
 *    field: the missing Date, Message-ID and From (`mend`), and the empty line
 *    where text follows at once (dialogues 9, 37, 46: the first line that is
 *    no field begins the body).
 * 3. Memory is bounded: a field name is looked at in 128 bytes, the values of
 *    Message-ID and TLS-Required are kept in part only. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdint.h>

#include "base/span.h"

#define HEADER_SIZE_MAX   ((size_t)1 << 20)	/* octets */
#define HEADER_FIELDS_MAX 1000

enum header_field {	/* bits of `seen` */
	HEADER_DATE = 1, HEADER_MESSAGE_ID = 2, HEADER_FROM = 4,
	HEADER_SENDER = 8, HEADER_TO = 16, HEADER_CC = 32, HEADER_BCC = 64,
	HEADER_SUBJECT = 128, HEADER_MIME_VERSION = 256,
	HEADER_TLS_REQUIRED = 512
};

enum header_flaw {
	HEADER_TOO_BIG = 1,	/* 552 5.3.4 */
	HEADER_TOO_MANY = 2,	/* 552 5.3.4 */
	HEADER_FROM_TWICE = 4
};

struct header_reader {
	unsigned char state;
	bool is_done;		/* the body has begun: bytes pass unchanged */
	bool is_mending;
	unsigned seen;		/* enum header_field bits */
	unsigned flaws;		/* enum header_flaw bits */
	unsigned received_n;	/* Received fields */
	unsigned fields_n;
	size_t size;
	/* What to add; kept by the caller until is_done. Whole fields without
	 * their end: "Date: …", "Message-ID: <…>", "From: <…>". */
	struct span add_date, add_message_id, add_from;
	char held[128];		/* the start of a line not yet understood */
	size_t held_len;
	unsigned char adding;
	char message_id[256];	/* value of Message-ID, cut, or "" */
	size_t message_id_len;
	char tls_required[8];	/* the same of TLS-Required (RFC 8689 3) */
	size_t tls_required_len;
	unsigned char keeping;	/* a value: that of this bit, see header.c */
};

/* `date` … empty: do not add that field. */
void header_init(struct header_reader *reader, struct span date,
    struct span message_id, struct span from);
/* Consumes up to `*used` bytes of `in` (CRLF line ends only) and gives a slice
 * to store, which points into `in`, into the reader or to the fields given at
 * init and is valid until the next call. Call again while bytes are left or
 * the slice was not empty. */
struct span header_next(struct header_reader *reader, struct span in,
    size_t *used);
/* The text has ended: call until it returns an empty slice; gives what is held
 * back and what is still to be added (a message of a header only). */
struct span header_end(struct header_reader *reader);

#endif
