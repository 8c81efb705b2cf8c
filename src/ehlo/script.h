/* SPDX-License-Identifier: Apache-2.0 */
/* script: a session that was written down, read so that it can be played again.
 * Three kinds: what `talk --record` writes (ehlo/script.h); the dialogues of
 * tests/dlg, where "*" stands for any text; and the text of anything else: an
 * article, a screen copy of telnet or s_client, output of swaks, curl or
 * smtplib. There client and server lines are told apart by the grammar of SMTP,
 * and what is neither is left out. */
#ifndef EHLO_SCRIPT_H
#define EHLO_SCRIPT_H

#include "base/arena.h"
#include "base/span.h"


enum script_format {
	SCRIPT_RECORD,	/* of talk --record */
	SCRIPT_DLG,		/* of tests/dlg */
	SCRIPT_TEXT		/* anything else */
};

enum script_kind {
	SCRIPT_SESSION,	/* a session begins. `text` empty: with the
				 * greeting that follows; else it goes on in the
				 * middle: connect, say `text` (an EHLO), and,
				 * if is_tls, STARTTLS */
	SCRIPT_SAYS,	/* the client says the line */
	SCRIPT_SENDS,	/* the client sends exactly these bytes */
	SCRIPT_SECRET,	/* it said something that is hidden here: "AUTH
				 * PLAIN", or "" */
	SCRIPT_HEARS,	/* the server says the line, code included */
	SCRIPT_REPLY,	/* it says a whole reply with this code */
	SCRIPT_ELIDED,	/* some of its lines were left out */
	SCRIPT_TLS,		/* the handshake */
	SCRIPT_CLOSED	/* the server has hung up */
};

struct script_item {
	enum script_kind kind;
	unsigned line;		/* of the file, from 1 */
	bool is_text;		/* SAYS: a line of a message */
	bool is_tls;		/* SESSION: see there */
	bool is_decoded;	/* SAYS, HEARS 334: the author shows what the
				 * base64 means */
	bool is_fixed;		/* put right by a correction */
	struct span text;
};

/* A known misprint of an article:
 *
 *     why: thirteen characters are no base64; the password is Pauline13
 *     line: UGaF1bGluZTEz
 *     is: C: UGF1bGluZTEz
 *
 * `line` is one as it is printed, without spaces at its ends; "*" is any text.
 * Each `is` stands for it: "C: …", "S: …", "..." (lines left out), "T" (TLS),
 * "session" (a new one begins; "session tls": by s_client -starttls), or "-"
 * for nothing. "#" begins a comment. */
struct script_fix {
	struct span why, line;
	struct span is[8];
	size_t n;
	unsigned used;		/* how often it was needed */
};

struct script_fixes {
	struct script_fix *fix;
	size_t n;
	struct arena arena;
};

struct script {
	enum script_format format;
	const char *style;	/* of TEXT: "telnet", "swaks" … */
	struct script_item *item;
	size_t n;
	char host[256];		/* where it was; "" if it does not say */
	unsigned port;		/* 0: not said */
	bool is_implicit_tls;
	bool is_lf;		/* DLG: lines end in LF alone */
	bool is_engine_only;	/* DLG: not for a connection */
	/* after a failure */
	unsigned bad_line;
	const char *bad_why;
	/* private */
	size_t room;
	struct arena arena;
};

#define SCRIPT_FILE_MAX ((size_t)4 << 20)

/* `text` is copied; `fixes` may be NULL and is used by TEXT only. False if it
 * is a RECORD or a DLG with a mistake, or too large: bad_line and bad_why. To
 * be freed in any case. */
bool script_read(struct script *script, struct span text,
    struct script_fixes *fixes);
void script_free(struct script *script);
/* "250-…", "250 …", "250": its code if it is one of SMTP, else 0. */
unsigned script_reply_code(struct span line);
/* The code that a HEARS or REPLY begins with. */
unsigned script_code(const struct script_item *item);

/* False: `*bad_line`, `*why`. To be freed in any case. */
bool script_fixes_read(struct script_fixes *fixes, struct span text,
    unsigned *bad_line, const char **why);
void script_fixes_free(struct script_fixes *fixes);

/* Does `text` fit `pattern`, where "*" is any text? */
bool script_fits(struct span pattern, struct span text);

#endif
