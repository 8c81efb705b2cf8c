/* SPDX-License-Identifier: Apache-2.0 */
/* reply: everything the server can say, as values. replies.def holds one row a
 * reply, with a column a persona; nothing else invents a code or a text. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/put.h"
#include "base/span.h"

enum reply_id {
#define REPLY(name, ...) REPLY_##name,
#include "smtp/replies.def"
#undef REPLY
	REPLY_COUNT
};

enum persona {
	PERSONA_NATIVE, PERSONA_EXCHANGE2003, PERSONA_EXCHANGE2007,
	PERSONA_EXCHANGE2010, PERSONA_IIS6, PERSONA_POSTFIX_OLD,
	PERSONA_POSTFIX, PERSONA_COUNT
};

/* What the row's %1 %2 %3 stand for; the spans live until the reply has been
 * formatted. They are cleaned while written: a control byte or a byte that is
 * not UTF-8 becomes '?', and each is cut at 256 bytes, so that nobody's text
 * can end a reply line. */
struct reply {
	enum reply_id id;
	struct span arg[3];
};

/* REPLY_OF(NAME), REPLY_OF(NAME, span, …): lives to the end of the block, so
 * return and keep *REPLY_OF(…), never the pointer. */
#define REPLY_OF(...)                                                          \
	REPLY_OF_ARGS(__VA_ARGS__, REPLY_NO_ARG, REPLY_NO_ARG, REPLY_NO_ARG, 0)
#define REPLY_OF_ARGS(name, a, b, c, ...)                                      \
	(&(const struct reply){ .id = REPLY_##name, .arg = { a, b, c } })
#define REPLY_NO_ARG ((struct span){ NULL, 0 })

#define REPLY_MAX 2048	/* octets of one formatted reply, all lines */

/* Writes the reply with code, enhanced code, text and CRLF; "%n" in a row
 * begins a new line of a multi-line reply. */
void reply_format(const struct reply *reply, enum persona persona,
    struct put *out);
/* 220 … 599 */
unsigned reply_code(enum reply_id id, enum persona persona);
static inline bool
reply_is_positive(enum reply_id id)
{
	return reply_code(id, PERSONA_NATIVE) < 400;
}
/* "AUTH_FAILED" for logs and .dlg files; and back, REPLY_COUNT if unknown. */
const char *reply_name(enum reply_id id);
enum reply_id reply_from_name(struct span name);
const char *persona_name(enum persona persona);
enum persona persona_from_name(struct span name);	/* or PERSONA_COUNT */

#endif
