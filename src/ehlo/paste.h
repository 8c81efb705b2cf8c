/* SPDX-License-Identifier: Apache-2.0 */
/* paste: the replies in whatever was pasted: a single one, a session in any of
 * the forms of ehlo/script.h, a line of a log (Postfix, Exim), a bounce (DSN,
 * Exchange's own), or words out of one. Nothing is explained here. */
#ifndef EHLO_PASTE_H
#define EHLO_PASTE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "smtp/explain.h"

enum paste_source {
	PASTE_SESSION,		/* what a server said to a client */
	PASTE_LINE,		/* a reply alone, in a line of its own */
	PASTE_LOG,		/* inside a line of something else */
	PASTE_REPORT,		/* in a delivery report (RFC 3464) */
	PASTE_WORDS		/* no code, only words */
};

struct paste_reply {
	enum paste_source source;
	unsigned line;			/* from 1 */
	enum explain_stage stage;
	unsigned code;			/* 0: none */
	uint16_t status[3];		/* all 0: none */
	struct span text;		/* as in struct answer */
	struct span said;		/* the command it answers, or empty */
};

/* A line of a login, challenge or response, as it was in base64. */
struct paste_login {
	unsigned line;
	bool is_ours;			/* a response */
	bool is_password;		/* of LOGIN, behind its second 334 */
	struct span mech;		/* "LOGIN" */
	struct span text;		/* without "334 " */
};

#define PASTE_LOGINS_MAX 64

struct paste {
	const char *style;		/* of a session: "telnet", "swaks" */
	struct paste_reply *reply;
	size_t n;
	struct paste_login login[PASTE_LOGINS_MAX];
	size_t logins;
	/* EHLO's answers before and inside TLS; .p NULL: there is none */
	struct span clear, tls;
	bool has_renegotiation;		/* s_client took a line for itself */
	/* private */
	size_t room;
	struct arena arena;
};

#define PASTE_MAX ((size_t)4 << 20)

/* False: `text` is longer than PASTE_MAX. To be freed in any case. */
bool paste_read(struct paste *paste, struct span text);
void paste_free(struct paste *paste);

/* For the files of this module. */
struct paste_reply *paste_add(struct paste *paste, enum paste_source source,
    unsigned line);
/* Splits "550 5.1.1 text" into `reply`; false if no code is there. */
bool paste_take_code(struct paste_reply *reply, struct span text);
/* Lines that are no session; `covered[line]` are left out. */
void paste_scan(struct paste *paste, struct span text,
    const unsigned char *covered);

#endif
