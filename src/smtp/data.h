/* SPDX-License-Identifier: Apache-2.0 */
/* data: the dot automaton of DATA (RFC 5321 4.5.2). With line.h the only code
 * that knows CR and LF.
 *
 * 1. Slices depend on the bytes only, not on how they were cut.
 * 2. CRLF "." CRLF is the only end; in LF-only mode (dialogues 7) LF "." LF is
 *    the only other one, and one CRLF ends that mode for good.
 * 3. What comes out has CRLF line ends only and is dot-unstuffed: a bare LF
 *    comes out as CRLF, a bare CR does not come out at all.
 * 4. NUL, bare CR, bare LF (also the sanctioned ones of LF-only mode), 8-bit
 *    octets and lines of more than 998 octets are noted in `flaws`; what to do
 *    is the caller's. */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include <stdint.h>

#include "base/span.h"

enum data_flaw { DATA_BARE_LF = 1, DATA_BARE_CR = 2, DATA_NUL = 4,
	DATA_LONG_LINE = 8, DATA_8BIT = 16 };

struct data_reader {
	unsigned char state;	/* see data.c for the drawing */
	bool is_lf_only;	/* false from the first CRLF on */
	unsigned flaws;		/* enum data_flaw bits */
	uint32_t line_len;	/* octets given out since the last line end */
	uint64_t total;		/* octets given out */
};

void data_init(struct data_reader *reader, bool is_lf_only);
/* Consumes up to `*used` bytes and gives at most one slice of message text
 * (may be empty). Returns true at the end of data: the slice of that call is
 * the last one. A slice points into `in` or to static bytes. */
bool data_next(struct data_reader *reader, struct span in, struct span *slice,
    size_t *used);
/* Notes the flaws of octets that come with their number (BDAT) and changes
 * nothing: there is no dot and no end in them. */
void data_scan(struct data_reader *reader, struct span in, bool is_last);

/* The other way: text with any line ends as it goes over the wire. CRLF, LF and
 * bare CR end a line and leave as CRLF, dots at the start of a line are
 * doubled. Begins zeroed. */
struct data_writer {
	unsigned char state;
};

/* Takes what it used off `*text`, returns the octets written; `len` is at least
 * 4. */
size_t data_write(struct data_writer *writer, struct span *text, char *out,
    size_t len);
/* CRLF if the last line had none, then "." CRLF: at most 5 octets. */
size_t data_write_end(const struct data_writer *writer, char *out);

#endif
