/* SPDX-License-Identifier: Apache-2.0 */
/* persona: how the server whose words we use behaves, where that is more than
 * the words of replies.def: what its EHLO lists (persona.def), what it lets
 * people get away with, and the form of the names it gives to mail. */
#ifndef SMTP_PERSONA_H
#define SMTP_PERSONA_H

#include <stdint.h>

#include "base/put.h"
#include "smtp/reply.h"

enum persona_when {
	PERSONA_ALWAYS, PERSONA_SIZE, PERSONA_STARTTLS, PERSONA_AUTH,
	PERSONA_LOGIN, PERSONA_EXPS, PERSONA_EXPS_LOGIN, PERSONA_TLS,
	PERSONA_HOLD, PERSONA_ETRN
};

struct persona_line {
	enum persona persona;
	enum persona_when when;
	const char *text;
};

/* The i-th line behind the first; NULL behind the last. */
const struct persona_line *persona_line_at(enum persona persona, size_t i);

enum persona_trait {
	PERSONA_BARE_HELLO = 1,	/* EHLO without a name is good */
	PERSONA_BARE_PATH = 2,	/* MAIL FROM: a@b, without brackets */
	PERSONA_ADDS_DOMAIN = 4,	/* MAIL FROM:<me> is me@itself */
	PERSONA_SHORT_HOUR = 8,	/* "6:03:15" in its greeting */
	PERSONA_ONE_HELP = 16	/* HELP says the same whatever is asked */
};
bool persona_has(enum persona persona, enum persona_trait trait);

#define PERSONA_ID_MAX 320

/* The name of a mail as the persona says it when it takes the mail: a GUID and
 * the host, hex digits, … Made of the spool id and of nothing else, no two ids
 * share one. Native: nothing, the caller has a form of his own. */
void persona_put_id(enum persona persona, uint64_t id, struct span hostname,
    struct put *out);

#endif
