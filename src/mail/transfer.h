/* SPDX-License-Identifier: Apache-2.0 */
/* transfer: the content transfer encodings of MIME (RFC 2045 6). Pure.
 *
 * Text is bytes with any line ends (CRLF, LF, a CR alone); what leaves has
 * CRLF only. */
#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "base/span.h"

enum transfer {
	TRANSFER_AUTO,		/* transfer_choose() */
	TRANSFER_7BIT, TRANSFER_8BIT, TRANSFER_BINARY,
	TRANSFER_QP,
	TRANSFER_BASE64,	/* every byte as it is */
	TRANSFER_TEXT_BASE64	/* of text: lines end in CRLF inside, too */
};

/* What is found in bytes. */
struct transfer_facts {
	size_t n_8bit;		/* octets above 127 */
	size_t longest;		/* line, without its end */
	bool has_nul;
	bool has_bare;		/* CR or LF alone */
	bool is_utf8;
};

typedef void transfer_write(void *arg, struct span bytes);

struct transfer_facts transfer_look(struct span bytes);
/* For text: 7bit, 8bit where that may be sent, else the shorter of
 * quoted-printable and base64. */
enum transfer transfer_choose(const struct transfer_facts *facts,
    size_t len, bool has_8bit);
/* "quoted-printable" */
const char *transfer_name(enum transfer transfer);

/* Writes the encoded form; 7bit and 8bit are text, BINARY is every byte as it
 * is. Ends with a line end (not BINARY), unless there is nothing. */
void transfer_put(enum transfer transfer, struct span bytes,
    transfer_write *write, void *arg);

#endif
