/* SPDX-License-Identifier: Apache-2.0 */
/* server: the server's half of an SMTP dialogue, without I/O. Bytes in,
 * events out; answer those that ask.
 *
 *  1. Events do not depend on how the input was cut into pieces. (The one
 *     exception is the rule of dialogues 7: two LF-ended commands in one piece
 *     end the LF-only mode; with CRLF there is no exception.)
 *  2. Every question gets exactly one answer (END in LMTP: one a recipient),
 *     and no line is read while one is open.
 *  3. Every MAIL answered 2xx is followed by exactly one OVER.
 *  4. Body bytes come only between a go-ahead and END or OVER.
 *  5. What the engine itself refuses it answers itself; the caller never sees
 *     it, but for the OVER that ends a transaction.
 *  6. Nothing a peer said before TLS came up is known after it (RFC 3207 4.2).
 *
 *            greet            HELLO          MAIL        RCPT      DATA/BDAT
 *   START ─────────→ GREETED ───────→ READY ──────→ MAIL ────→ RCPT ─────→ BODY
 *                       ↑                ↑            └───RSET───┘│           │
 *                       └── TLS came up  └────────────── OVER ────┴── END ────┘
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdint.h>

#include "base/span.h"
#include "smtp/addr.h"
#include "smtp/data.h"
#include "smtp/line.h"
#include "smtp/param.h"
#include "smtp/reply.h"

#define SMTP_LINE_MAX      4096	/* octets of a command line, CRLF included */
#define SMTP_AUTH_LINE_MAX 12288	/* RFC 4954 4 */
#define SMTP_HELLO_MAX     255

/* What one listener offers. Made from the configuration, never changed while
 * an engine uses it; the strings live as long. */
struct smtp_server_conf {
	struct span hostname;
	enum persona persona;
	bool is_lmtp;		/* LHLO, a reply a recipient (RFC 2033) */
	bool is_typist;		/* forgiving to people who type */
	bool has_etrn;		/* natively; personas list it as they do */
	bool has_starttls;	/* a certificate is there and the listener
				 * wants STARTTLS */
	bool is_tls_required;	/* 530 5.7.0 before MAIL and AUTH in clear */
	bool is_auth_required;	/* 530 5.7.0 before MAIL */
	/* Mechanism names separated by one space; empty: not offered. A
	 * mechanism of `auth_tls` that is not in `auth_clear` is answered
	 * 538 5.7.11 in clear. */
	struct span auth_clear;
	struct span auth_tls;
	/* The same for X-EXPS, which is AUTH in the personas that have it. */
	struct span exps_clear;
	struct span exps_tls;
	uint64_t size_max;	/* octets; 0: no limit, SIZE without a number */
	uint64_t hold_max_s;	/* FUTURERELEASE for who is logged in, at most
				 * so long; 0: nobody's mail is held */
	unsigned rcpt_max;	/* recipients a transaction, 452 4.5.3 */
	unsigned errors_max;	/* then 421 4.7.0 and the end */
	unsigned commands_max;	/* commands a session that move no mail
				 * (NOOP RSET VRFY HELP …) */
	unsigned transactions_max;	/* mails a session */
	unsigned auth_failures_max;	/* then 421 4.7.0 */
};

enum smtp_event_type {
	SMTP_MORE,	/* give more input */
	SMTP_WAIT,	/* a question is open, or the engine is closed */
	SMTP_HELLO,	/* question: ev.hello; with FUTURERELEASE, argument 1
			 * of HELLO is the latest date (RFC 3339) */
	SMTP_STARTTLS,	/* question: STARTTLS_GO or a refusal; after GO the
			 * caller throws its buffered input away, starts the
			 * handshake and calls smtp_server_tls_up() */
	SMTP_AUTH,	/* question: one step, ev.auth. Answer AUTH_OK, a
			 * refusal, or smtp_server_challenge() */
	SMTP_AUTH_OVER,	/* told: the exchange ended without the caller's doing
			 * (cancelled, bad base64, too long) */
	SMTP_MAIL,	/* question: ev.mail */
	SMTP_RCPT,	/* question: ev.rcpt */
	SMTP_ETRN,	/* question: ev.etrn; answered, now or later, nothing
			 * moves */
	SMTP_DATA,	/* question: may the body come? DATA_GO or a refusal */
	SMTP_BODY,	/* told: ev.body, valid until the next step */
	SMTP_END,	/* question: the message is whole; 250 makes it ours */
	SMTP_OVER,	/* told: the transaction is gone, whatever was open of
			 * it is abandoned */
	SMTP_NOTE,	/* told: ev.note, something odd worth a log line */
	SMTP_CLOSE	/* told: say no more; close after the output has gone */
};

struct smtp_event {
	enum smtp_event_type type;
	union {
		struct {
			struct span name;	/* empty: typed alone (then
						 * hello() is the
						 * address). It lies in this
						 * event, which the engine
						 * reads again when it is
						 * answered: keep it */
			bool is_extended;	/* EHLO or LHLO */
		} hello;
		struct {
			struct span mechanism;	/* upper case; set at the first
						 * step of an exchange only */
			bool has_response;	/* false: no initial response */
			struct span response;	/* decoded; until the answer */
		} auth;
		struct {
			struct addr from;	/* until the answer */
			struct mail_params params;
		} mail;
		struct {
			struct addr to;		/* until the answer */
			struct rcpt_params params;
		} rcpt;
		struct {
			struct span domain;	/* or @domain, #queue; until
						 * the answer */
		} etrn;
		struct {
			bool is_bdat;
		} data;
		struct {
			struct span bytes;
		} body;
		struct {
			uint64_t size;		/* octets of the message */
			unsigned rcpt_n;	/* answers wanted in LMTP */
			unsigned flaws;		/* enum data_flaw, tolerated */
		} end;
		struct {
			const char *what;	/* "bare-lf", "backspace", … */
		} note;
	};
	/* Where the spans above live. */
	char scratch[SMTP_AUTH_LINE_MAX];
};

enum smtp_direction { SMTP_FROM_CLIENT, SMTP_FROM_SERVER };

struct smtp_server_hooks {
	/* Replies leave here, whole; to be sent in order. */
	void (*write)(void *arg, struct span bytes);
	/* May change a reply before it is written and shown (faults on
	 * purpose); what comes back lives until the next. May be NULL. */
	struct span (*edit)(void *arg, struct span bytes);
	/* The dialogue as lines without their end, for logs and people; secrets
	 * (responses of AUTH, initial responses) already replaced by "•••".
	 * Message text is not shown. May be NULL. */
	void (*transcript)(void *arg, enum smtp_direction direction,
	    struct span line);
	void *arg;
};

/* All fields are private to server*.c. About 800 bytes: there are tens of
 * thousands of these. */
struct smtp_server {
	const struct smtp_server_conf *conf;
	const struct smtp_server_hooks *hooks;
	struct line_reader line;
	struct data_reader data;
	unsigned char mode;	/* enum smtp_mode */
	unsigned char question;	/* enum smtp_event_type, or 0 */
	unsigned char notes;	/* to be told: bits */
	unsigned char line_ends;	/* dialogues 7 */
	bool is_tls, is_authenticated, is_extended, is_extended_next;
	bool is_named;		/* by the hello that is being answered */
	bool is_after_starttls;	/* and no hello since */
	bool is_over_due, is_close_told;
	bool is_chunked, is_chunk_last;
	bool is_discarding;	/* the text goes nowhere: it will be refused */
	bool is_data_refused;	/* the text may come all the same */
	bool is_auth_line;	/* the line under way began with AUTH */
	bool has_failed_auth;	/* a password may come as a command */
	bool is_utf8;
	enum param_body body;
	enum reply_id auth_go;	/* what an empty challenge says */
	unsigned rcpt_n, answers_due;
	unsigned errors, commands, transactions, auth_failures;
	uint64_t position;	/* octets consumed */
	uint64_t seen_until;	/* octets there when the last command was */
	uint64_t chunk_size, chunk_left, size;
	char hello[SMTP_HELLO_MAX + 1];
	struct span hello_next;	/* in the event, while HELLO is asked */
	char client[48];	/* address literal without brackets */
};

/* `conf` and `hooks` outlive the engine. `client` is the peer's address as
 * text (for `Hello [10.2.1.10]` and a HELLO without a name). `is_tls`: the
 * connection began with TLS (RFC 8314). */
void smtp_server_init(struct smtp_server *server,
    const struct smtp_server_conf *conf,
    const struct smtp_server_hooks *hooks, struct span client, bool is_tls);
/* The first thing said: REPLY_OF(READY) or a refusal (then closed). */
void smtp_server_greet(struct smtp_server *server, const struct reply *reply);

/* Looks at `in`, consumes the number of bytes returned and tells one event.
 * Call again with the rest until MORE, WAIT or CLOSE. With MORE, give the
 * unconsumed bytes again when more have come. */
size_t smtp_server_step(struct smtp_server *server, struct span in,
    struct smtp_event *event);
/* Answers the open question; moves the state. 421 ends the session. Nothing
 * happens if it has been closed meanwhile. */
void smtp_server_answer(struct smtp_server *server,
    const struct reply *reply);
/* Answers SMTP_AUTH with 334 and the challenge in base64; an empty one is the
 * persona's words for the mechanism ("334 NTLM supported"). */
void smtp_server_challenge(struct smtp_server *server, struct span challenge);
/* TLS came up after STARTTLS: everything said before is forgotten. */
void smtp_server_tls_up(struct smtp_server *server);
/* The caller ends it (time-out, shutdown): says the reply, which answers a
 * question that is open (nothing is said between STARTTLS_GO and TLS), and
 * closes. The next steps tell OVER if one is due, then CLOSE. */
void smtp_server_close(struct smtp_server *server, const struct reply *reply);

/* The name given by HELO/EHLO, or "". */
struct span smtp_server_hello(const struct smtp_server *server);
bool smtp_server_is_extended(const struct smtp_server *server);
/* Between a MAIL answered 2xx and its OVER. */
bool smtp_server_in_transaction(const struct smtp_server *server);
/* Inside DATA or a BDAT chunk (time-outs differ, RFC 5321 4.5.3.2). */
bool smtp_server_in_body(const struct smtp_server *server);
bool smtp_server_is_utf8(const struct smtp_server *server);

#endif
