/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: a session written down, and read again. What `talk --record`
 * writes is simple text, one line each:
 *
 *     # ehlo transcript 1
 *     # any other note
 *     ! host mail.example.org:25      where it was; ":465 tls": implicit TLS
 *     S: 220 mail.example.org ESMTP   the server said
 *     C: EHLO client.example          the client said, CRLF behind it
 *     C* AUTH PLAIN                   the same; what was secret is left out
 *     C| NOOP\x08\n                   exactly these bytes
 *     S| 250 \x1b[31m                 as S:, with escapes
 *     T                               the TLS handshake
 *     X                               the server hung up
 *
 * Escapes are \r \n \t \b \\ and \xHH. A line with any byte but printable
 * UTF-8 is written with them, so such a file never paints on a terminal.
 *
 * Read are also: the dialogues of tests/dlg (told by a first line that is no
 * "# ehlo transcript"), where "*" stands for any text, and the text of
 * anything else: an article, a screen copy of telnet or s_client, output of
 * swaks, curl or smtplib. There client and server lines are told apart by the
 * grammar of SMTP, and what is neither is left out. */
#ifndef EHLO_TRANSCRIPT_H
#define EHLO_TRANSCRIPT_H

#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/span.h"
#include "ehlo/session.h"

/* --- writing; whether it got to the disk, ferror() and fclose() tell */

/* First. `port` 0: not known, or a local socket. */
void transcript_write_head(FILE *out, const char *host, unsigned port,
    bool is_implicit_tls);
/* As session_tell: a line without its end. The text of a message is told as
 * SESSION_SAID, line by line as it went (dots doubled), its final "." too. Of a
 * SESSION_SAID_SECRET only "AUTH mechanism" is written, or nothing. */
void transcript_write(FILE *out, enum session_news news, struct span line);
/* What was sent by session_send_raw(). */
void transcript_write_raw(FILE *out, struct span bytes);
/* A handshake that succeeded behind STARTTLS. */
void transcript_write_tls(FILE *out);
void transcript_write_closed(FILE *out);

/* --- reading */

enum transcript_format {
	TRANSCRIPT_RECORD,	/* of talk --record */
	TRANSCRIPT_DLG,		/* of tests/dlg */
	TRANSCRIPT_TEXT		/* anything else */
};

enum transcript_kind {
	TRANSCRIPT_SESSION,	/* a session begins. `text` empty: with the
				 * greeting that follows; else it goes on in the
				 * middle: connect, say `text` (an EHLO), and,
				 * if is_tls, STARTTLS */
	TRANSCRIPT_SAYS,	/* the client says the line */
	TRANSCRIPT_SENDS,	/* the client sends exactly these bytes */
	TRANSCRIPT_SECRET,	/* it said something that is hidden here: "AUTH
				 * PLAIN", or "" */
	TRANSCRIPT_HEARS,	/* the server says the line, code included */
	TRANSCRIPT_REPLY,	/* it says a whole reply with this code */
	TRANSCRIPT_ELIDED,	/* some of its lines were left out */
	TRANSCRIPT_TLS,		/* the handshake */
	TRANSCRIPT_CLOSED	/* the server has hung up */
};

struct transcript_item {
	enum transcript_kind kind;
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
struct transcript_fix {
	struct span why, line;
	struct span is[8];
	size_t n;
	unsigned used;		/* how often it was needed */
};

struct transcript_fixes {
	struct transcript_fix *fix;
	size_t n;
	struct arena arena;
};

struct transcript {
	enum transcript_format format;
	const char *style;	/* of TEXT: "telnet", "swaks" … */
	struct transcript_item *item;
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

#define TRANSCRIPT_FILE_MAX ((size_t)4 << 20)

/* `text` is copied; `fixes` may be NULL and is used by TEXT only. False if it
 * is a RECORD or a DLG with a mistake, or too large: bad_line and bad_why. To
 * be freed in any case. */
bool transcript_read(struct transcript *transcript, struct span text,
    struct transcript_fixes *fixes);
void transcript_free(struct transcript *transcript);
/* The code that a HEARS or REPLY begins with. */
unsigned transcript_code(const struct transcript_item *item);

/* False: `*bad_line`, `*why`. To be freed in any case. */
bool transcript_fixes_read(struct transcript_fixes *fixes, struct span text,
    unsigned *bad_line, const char **why);
void transcript_fixes_free(struct transcript_fixes *fixes);

/* Does `text` fit `pattern`, where "*" is any text? */
bool transcript_fits(struct span pattern, struct span text);

#endif
