/* SPDX-License-Identifier: Apache-2.0 */
/* answer: a reply as a client hears it (RFC 5321 4.2), read from a stream.
 *
 * 1. What comes out does not depend on how the input was cut.
 * 2. Memory is bounded: lines past ANSWER_LINES_MAX or ANSWER_OCTETS_MAX make
 *    it bad; text past ANSWER_TEXT_MAX is counted and dropped (`is_cut`).
 * 3. The text is what the server sent, byte for byte, but for the codes and
 *    line ends: NULs, escape sequences, anything. Whoever shows it to a person
 *    writes it through text_quote(). */
#ifndef SMTP_ANSWER_H
#define SMTP_ANSWER_H

#include <stdint.h>

#include "base/span.h"
#include "smtp/line.h"

#define ANSWER_TEXT_MAX   4096
#define ANSWER_LINE_MAX   4096		/* RFC 5321 4.5.3.1.5 says 512 */
#define ANSWER_LINES_MAX  1000
#define ANSWER_OCTETS_MAX (256u << 10)

/* What is odd, though it could be understood. */
enum answer_flaw {
	ANSWER_BARE_LF = 1,	/* a line ended in LF alone */
	ANSWER_NO_TEXT = 2,	/* a code and nothing behind it (RFC 5321 4.2
				 * wants a space) */
	ANSWER_MIXED_CODES = 4,	/* the lines have different codes: the last
				 * one counts */
	ANSWER_CONTROL = 8,	/* control bytes in the text */
	ANSWER_8BIT = 16
};

struct answer {
	unsigned code;		/* 200-599; 0: none has come */
	/* RFC 3463, of the last line; all 0: none */
	uint16_t status[3];
	unsigned flaws;		/* enum answer_flaw */
	unsigned n_lines;
	bool is_cut;
	size_t len;
	char text[ANSWER_TEXT_MAX];	/* lines without code, '\n' between */
};

enum answer_result {
	ANSWER_MORE,		/* no end yet; everything is consumed but an
				 * unfinished line */
	ANSWER_OK,
	ANSWER_BAD		/* no reply of SMTP: reader->why says what */
};

struct answer_reader {
	struct line_reader lines;
	size_t octets;		/* of this answer, so far */
	bool is_open;		/* inside a multi-line one */
	const char *why;	/* after BAD; static text */
};

/* Before the first answer; answer_next begins each later one itself. */
void answer_init(struct answer_reader *reader, struct answer *answer);
/* Takes lines from the start of `in` until the answer is whole; `*used` is
 * what to consume. `in` must be able to hold ANSWER_LINE_MAX bytes. */
enum answer_result answer_next(struct answer_reader *reader, struct span in,
    struct answer *answer, size_t *used);

/* Line `i` (from 0) of the text; empty if there is none. */
struct span answer_line(const struct answer *answer, unsigned i);
static inline struct span
answer_text(const struct answer *answer)
{
	return (struct span){ answer->text, answer->len };
}
/* The first digit: 2 done, 3 go on, 4 later, 5 never. */
static inline unsigned
answer_class(const struct answer *answer)
{
	return answer->code / 100;
}

#endif
