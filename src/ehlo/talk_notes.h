/* SPDX-License-Identifier: Apache-2.0 */
/* talk_notes: what is odd about an answer, said at once in a line of words:
 * base64 that is none, bare LF, a list with mixed codes, a login in the clear.
 * Nothing here does I/O. */
#ifndef EHLO_TALK_NOTES_H
#define EHLO_TALK_NOTES_H

#include "base/span.h"
#include "smtp/answer.h"
#include "smtp/client.h"

struct talk_notes {
	enum smtp_step_type step;	/* what was answered */
	struct span line;
	const struct answer *answer;
	struct span mechs;	/* that the server offers now */
	bool is_tls;
	bool is_lmtp;
	bool is_local;		/* nobody can listen on this line */
	/* called for each; `text` is printable and lives for the call */
	void (*note)(void *arg, const char *text);
	void *arg;
};

void talk_notes(const struct talk_notes *query);

#endif
