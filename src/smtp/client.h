/* SPDX-License-Identifier: Apache-2.0 */
/* client: the client's half of an SMTP or LMTP dialogue, without I/O. It walks
 * a list of steps with two cursors, one that sends and one that receives: that
 * is pipelining (RFC 2920). Relaying, `ehlo` and the tests share it.
 *
 *     smtp_client_add(step) …            what is to be said, in order
 *     smtp_client_output(out)            bytes to send now; 0: none
 *     smtp_client_input(in) → event      what came of it
 *     smtp_client_text(), …_text_end()   while …_wants_text()
 *
 * 1. What is sent and told does not depend on how the input was cut.
 * 2. Every step added is told exactly once as finished: by the event ANSWER
 *    (TEXT in LMTP: one a recipient that was accepted), or by SKIPPED. The
 *    last one of a step is the one with step->state DONE. A mute RAW step is
 *    told as SKIPPED, but with state DONE.
 * 3. Nothing is sent before the answers it depends on: behind EHLO, STARTTLS,
 *    AUTH, DATA and QUIT the sender waits (RFC 2920 3.1); without PIPELINING
 *    behind every step.
 * 4. Text is sent only to recipients: when MAIL or every RCPT was refused, DATA
 *    is not said any more, and if it had been said already and is answered
 *    354, an empty text ends it. BDAT waits for the answers to RCPT. So a
 *    transaction that was left in the middle wants an RSET before the next
 *    MAIL: its recipients would get that empty text.
 * 5. Bytes that a server sent behind its 220 to STARTTLS, before TLS, are an
 *    attack (CVE-2011-0411 and its kind): BROKEN. What EHLO told is forgotten
 *    when TLS comes up (RFC 3207 4.2).
 * 6. Text leaves with CRLF line ends only, dots doubled (RFC 5321 4.5.2), and
 *    ends in CRLF "." CRLF. No bare CR or LF leaves, but from a RAW step. */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <stdint.h>

#include "base/span.h"
#include "smtp/answer.h"
#include "smtp/cap.h"
#include "smtp/data.h"

enum smtp_step_type {
	STEP_GREETING,		/* says nothing, hears 220 */
	STEP_HELLO,		/* EHLO, LHLO; HELO, which forgets all caps */
	STEP_STARTTLS,
	STEP_AUTH,		/* AUTH mechanism [initial response] */
	STEP_RESPONSE,		/* of an AUTH that was answered 334, or "*" */
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,		/* a TEXT follows, at once or later */
	STEP_TEXT,		/* the text, to the end of data */
	STEP_BDAT,		/* line "BDAT n [LAST]", then `chunk` */
	STEP_RSET,
	STEP_QUIT,
	STEP_OTHER,		/* any other command: NOOP, VRFY, XCLIENT … */
	STEP_RAW		/* exactly these bytes, no CRLF is added; one
				 * answer is waited for unless `is_mute` */
};

enum smtp_step_state { STEP_NEW, STEP_SENT, STEP_DONE, STEP_SKIPPED };

/* Embedded in its owner, zeroed but for the first part; the owner keeps it and
 * what the spans point to until it is told as finished. */
struct smtp_step {
	enum smtp_step_type type;
	struct span line;	/* without CRLF; holds neither CR nor LF */
	struct span chunk;	/* of BDAT */
	bool is_last;		/* BDAT: with LAST: LMTP answers one a
				 * recipient */
	bool is_secret;		/* the transcript hides what it says */
	bool is_mute;		/* RAW: no answer is waited for */
	/* told */
	enum smtp_step_state state;
	struct smtp_step *next;	/* private */
	size_t sent;		/* private */
};

enum smtp_client_event_type {
	CLIENT_MORE,		/* give more input, or send more output */
	CLIENT_ANSWER,		/* ev.answer is the one to ev.step */
	CLIENT_SKIPPED,		/* ev.step will not be said */
	CLIENT_UNASKED,		/* ev.answer came though nothing was asked: 421
				 * of a server that goes away, for one */
	CLIENT_BROKEN		/* not SMTP; ev.why. The engine is dead */
};

struct smtp_client_event {
	enum smtp_client_event_type type;
	struct smtp_step *step;
	const struct answer *answer;	/* until the next input */
	unsigned rcpt;		/* LMTP, answers to the text: which of the
				 * accepted recipients, from 0 */
	const char *why;
};

/* The hook of transcripts: a line without its end. A secret comes as it is
 * said, marked: whoever shows it hides it. Text of messages is not told. */
enum smtp_said { SAID_BY_US, SAID_BY_SERVER };
typedef void smtp_client_tell(void *arg, enum smtp_said by, struct span line,
    bool is_secret);

struct smtp_client_conf {
	bool is_lmtp;
	bool no_pipelining;	/* though offered */
	bool is_stubborn;	/* says every step whatever was answered before
				 * (tests of servers); promise 4 is off */
	smtp_client_tell *tell;	/* may be NULL */
	void *tell_arg;
};

#define SMTP_CLIENT_AUTH_MAX 512

struct smtp_client {
	struct smtp_client_conf conf;
	/* what the last hello told; read only */
	struct cap_set caps;
	bool is_extended;	/* EHLO or LHLO was answered 250 */
	char auth[SMTP_CLIENT_AUTH_MAX];	/* mechanisms, upper case, one
						 * space between; "" */
	bool is_tls;		/* smtp_client_tls_up() was called */
	/* private from here */
	struct smtp_step *first, *last;	/* not yet told as finished */
	struct smtp_step *send;		/* next to be said */
	const struct smtp_step *said;	/* last one said; only while it is
					 * unanswered */
	struct answer_reader reader;
	struct answer answer;

	bool is_dead;
	bool is_tls_due;	/* between 220 and tls_up */
	bool in_auth;
	bool is_mail_ok;	/* of the transaction under way */
	unsigned rcpt_ok;
	unsigned answers_had;
	bool is_text_due;	/* 354 was heard, its end is not yet said */
	struct data_writer text;
};

void smtp_client_init(struct smtp_client *client,
    const struct smtp_client_conf *conf);
/* Behind all others. */
void smtp_client_add(struct smtp_client *client, struct smtp_step *step);
/* Before all that were not said yet: the answer to a challenge, a HELO after a
 * refused EHLO. */
void smtp_client_insert(struct smtp_client *client, struct smtp_step *step);
/* Forgets every step; none of them is told. For the end of a connection. */
void smtp_client_drop(struct smtp_client *client);

/* Writes what may be said now into `out`; returns how many bytes, 0 if there
 * is nothing to say yet. Whole output is got by calling it until 0. */
size_t smtp_client_output(struct smtp_client *client, char *out, size_t len);
/* Takes bytes from the start of `in`; returns how many. To be called again
 * with what is left until the event is MORE (also with no input: SKIPPED
 * events need none). Takes nothing while a command is half said. */
size_t smtp_client_input(struct smtp_client *client, struct span in,
    struct smtp_client_event *event);

/* The TEXT step whose text is due, or NULL. */
struct smtp_step *smtp_client_wants_text(const struct smtp_client *client);
/* Makes wire form of `*text`, takes what it used off it, and returns how many
 * bytes it wrote; `len` is at least 4. */
size_t smtp_client_text(struct smtp_client *client, struct span *text,
    char *out, size_t len);
/* The end of data: at most 5 bytes. */
size_t smtp_client_text_end(struct smtp_client *client, char *out);

/* TLS stands: what came before is forgotten. */
void smtp_client_tls_up(struct smtp_client *client);
/* Is an answer waited for? To what (NULL: no). */
const struct smtp_step *smtp_client_waits(const struct smtp_client *client);
/* How long to wait for it, RFC 5321 4.5.3.2, in ms. */
uint64_t smtp_client_patience(const struct smtp_step *step);
static inline bool
smtp_client_has(const struct smtp_client *client, enum cap cap)
{
	return client->caps.bits & (1u << cap);
}
/* Is `mechanism` one of client->auth? Case-insensitive. */
bool smtp_client_offers(const struct smtp_client *client,
    struct span mechanism);

#endif
