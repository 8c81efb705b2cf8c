/* SPDX-License-Identifier: Apache-2.0 */
/* verb: the commands of SMTP and LMTP in one table: in which modes each is
 * legal, what stands behind it, what else holds for it. Nothing repeats it;
 * HELP, the legality of a command and "did you mean" are read from here. */
#ifndef SMTP_VERB_H
#define SMTP_VERB_H

#include <stdint.h>

#include "base/put.h"
#include "base/span.h"
#include "smtp/reply.h"

/* The modes of the engine; the drawing is in server.h. */
enum smtp_mode {
	SMTP_MODE_START,	/* not greeted yet */
	SMTP_MODE_GREETED,	/* no hello yet */
	SMTP_MODE_READY,
	SMTP_MODE_AUTH,		/* inside an AUTH exchange */
	SMTP_MODE_TLS,		/* 220 said, the handshake is the caller's */
	SMTP_MODE_MAIL,		/* a sender, no recipient yet */
	SMTP_MODE_RCPT,
	SMTP_MODE_TEXT,		/* inside DATA */
	SMTP_MODE_CHUNK,	/* inside a BDAT chunk */
	SMTP_MODE_NEXT,		/* between two BDAT chunks */
	SMTP_MODE_WHOLE,	/* the message is there, END is due */
	SMTP_MODE_CLOSED
};

enum verb {
	VERB_EHLO, VERB_HELO, VERB_LHLO, VERB_STARTTLS, VERB_AUTH, VERB_MAIL,
	VERB_RCPT, VERB_DATA, VERB_BDAT, VERB_RSET, VERB_NOOP, VERB_VRFY,
	VERB_HELP, VERB_QUIT, VERB_ETRN,
	VERB_REFUSED,	/* a command of SMTP that is not done here */
	VERB_HTTP,	/* the first word of another protocol: hang up */
	VERB_PROXY
};

enum verb_flag {
	VERB_JUNK = 1,		/* moves no mail: counts to commands_max */
	VERB_BARE = 2,		/* takes no argument */
	VERB_ENCRYPTED = 4,	/* 530 in clear when TLS is required */
	VERB_UTF8 = 8,		/* may hold more than ASCII */
	VERB_SMTP = 16,		/* not in LMTP */
	VERB_LMTP = 32,		/* only in LMTP */
	VERB_AFTER_TLS = 64,	/* a typist may say it without a new EHLO */
	VERB_EXPS = 128		/* AUTH, by the other list of mechanisms */
};

struct verb_row {
	struct span name;
	enum verb verb;
	unsigned modes;		/* 1u << enum smtp_mode */
	unsigned flags;		/* enum verb_flag */
	enum reply_id help;	/* REPLY_HELP_NONE: not shown by HELP; of
				 * REFUSED: what it hears */
	unsigned personas;	/* 1u << enum persona; 0: every one */
};

/* ASCII case ignored; NULL if it is no command we know of. */
const struct verb_row *verb_find(struct span word, enum persona persona);
/* The name of the command that was probably meant: `word` is two typing errors
 * away from it, or begins with it ("mailfrom:<a@b>"). Empty if there is none.
 */
struct span verb_guess(struct span word, bool is_lmtp);
/* The commands as HELP lists them, separated by spaces. */
void verb_put_list(bool is_lmtp, struct put *out);

#endif
