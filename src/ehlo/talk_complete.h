/* SPDX-License-Identifier: Apache-2.0 */
/* talk_complete: what can stand next in a line: verbs and mechanisms that this
 * server offers (its own answer to EHLO), parameters of its extensions, our
 * commands, header lines of a message. Nothing here does I/O.
 *
 * 1. What comes out is printable ASCII, whatever the server sent. */
#ifndef EHLO_TALK_COMPLETE_H
#define EHLO_TALK_COMPLETE_H

#include "base/put.h"
#include "base/span.h"

#define TALK_CANDIDATES_MAX 64
#define TALK_CANDIDATE_LEN 120

struct talk_context {
	struct span hello;	/* text of the answer to EHLO; empty: none */
	struct span mechs;	/* of AUTH, one space between */
	struct span own_name;
	struct span user;	/* who is logged in; may be empty */
	bool is_tls, is_lmtp;
	/* of the message under way */
	struct span sender, rcpt, date;
	unsigned headers;	/* bits of talk_header_bit() there already */
};

struct talk_candidates {
	size_t at;		/* where in the line they begin */
	size_t n;
	bool is_file;		/* names of files are wanted instead */
	char word[TALK_CANDIDATES_MAX][TALK_CANDIDATE_LEN];
};

/* `line` ends at the cursor. */
void talk_complete(const struct talk_context *context, struct span line,
    struct talk_candidates *out);
/* In the head of a message. */
void talk_complete_header(const struct talk_context *context,
    struct span line, struct talk_candidates *out);
/* Which header that line is: a bit for context.headers; 0: none that is
 * suggested. */
unsigned talk_header_bit(struct span line);
/* What all candidates have in common, from `at` on: a prefix of word[0]. */
size_t talk_common_prefix(const struct talk_candidates *candidates);

#endif
