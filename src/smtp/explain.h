/* SPDX-License-Identifier: Apache-2.0 */
/* explain: what a reply means, in plain words: whose fault it is, whether it
 * passes by itself, what to do now, and where it is written. Knows the codes of
 * RFC 5321, the enhanced codes of the IANA registry (RFC 3463, 5248 and its
 * followers), and the words of the servers one meets: explain.def.
 *
 *     explain_reply(&query, &explain);
 *
 * 1. There is an answer for everything, if only what the first digit says.
 * 2. What is told is ours: static text, printable; nothing of the reply is in
 *    it. It lives for ever.
 * 3. Words outrank an enhanced code, which outranks the code: a 550 5.7.1 alone
 *    says little. */
#ifndef SMTP_EXPLAIN_H
#define SMTP_EXPLAIN_H

#include <stdint.h>

#include "base/span.h"
#include "smtp/answer.h"
#include "smtp/client.h"

/* What the reply answers. */
enum explain_stage {
	EXPLAIN_ANY,		/* not known */
	EXPLAIN_GREETING,
	EXPLAIN_HELLO,
	EXPLAIN_STARTTLS,
	EXPLAIN_AUTH,		/* and each response of its dialogue */
	EXPLAIN_MAIL,
	EXPLAIN_RCPT,
	EXPLAIN_DATA,		/* also BDAT */
	EXPLAIN_TEXT,		/* the end of data */
	EXPLAIN_OTHER,		/* RSET, VRFY, HELP … */
	EXPLAIN_QUIT,
	EXPLAIN_STAGES
};

/* Whose it is to change something. */
enum explain_fault {
	EXPLAIN_NOBODY,		/* it went well */
	EXPLAIN_CLIENT,		/* what the program (or person) said */
	EXPLAIN_SENDER,		/* the sender's side: login, rights, address,
				 * DNS, reputation */
	EXPLAIN_MESSAGE,	/* what is in the message */
	EXPLAIN_RECIPIENT,	/* address or mailbox */
	EXPLAIN_SERVER,		/* the server that answers */
	EXPLAIN_NETWORK,	/* what lies between, DNS too */
	EXPLAIN_POLICY,		/* rules of the receiving side */
	EXPLAIN_FAULTS
};

/* What to do, as a class; the words are in `advice`. */
enum explain_remedy {
	EXPLAIN_NOTHING,	/* all is well, or it goes on */
	EXPLAIN_WAIT,		/* it passes by itself: try again later */
	EXPLAIN_SAY_OTHERWISE,	/* another command, order or spelling */
	EXPLAIN_LOG_IN,		/* before, or as somebody else, or otherwise */
	EXPLAIN_START_TLS,
	EXPLAIN_FIX_RECIPIENT,	/* the address of the recipient */
	EXPLAIN_FIX_SENDER,	/* the address of the sender, or its rights */
	EXPLAIN_FIX_DNS,	/* SPF, DKIM, DMARC, reverse name, MX */
	EXPLAIN_DELIST,		/* block lists, reputation */
	EXPLAIN_FIX_MESSAGE,
	EXPLAIN_SLOW_DOWN,	/* fewer connections, messages, recipients */
	EXPLAIN_ASK_RECIPIENT,	/* he or his administrator must do it */
	EXPLAIN_ASK_SERVER,	/* the administrator of the server must */
	EXPLAIN_GO_ELSEWHERE,	/* another server or port is the right one */
	EXPLAIN_REMEDIES
};

/* What it was known by. */
enum explain_basis {
	EXPLAIN_BY_WORDS,
	EXPLAIN_BY_STATUS,
	EXPLAIN_BY_CODE,
	EXPLAIN_BY_DIGIT	/* a code that nobody has defined */
};

struct explain_query {
	enum explain_stage stage;
	unsigned code;		/* 0: not known, the words alone */
	uint16_t status[3];	/* enhanced code; all 0: none */
	struct span text;	/* lines as in struct answer, or any words */
};

struct explain {
	const char *name;	/* of the row, for programs: "relay-denied" */
	enum explain_fault fault;
	enum explain_remedy remedy;
	enum explain_basis basis;
	/* Trying again unchanged may help. Not always the first digit: a
	 * refused relay stays refused, though some say 454. */
	bool is_temporary;
	bool is_good;		/* 2xx, 3xx: nothing went wrong */
	const char *meaning;	/* one or two sentences */
	const char *advice;	/* what to do now; "" if nothing */
	const char *section;	/* "RFC 5321 4.2.2", "[MS-SMTPNTLM] …"; "" */
	const char *whose;	/* the server whose words these are, or "" */
	/* What the enhanced code says by the registry, or "" if there is none
	 * or nobody registered it. */
	const char *status;
	/* It contradicts itself: "550 2.1.5", "250 5.0.0". */
	bool is_odd;
};

void explain_reply(const struct explain_query *query, struct explain *out);
/* The same for an answer of the client engine. */
void explain_answer(enum smtp_step_type step, const struct answer *answer,
    struct explain *out);
enum explain_stage explain_stage_of(enum smtp_step_type step);

/* "client", "server" …; for JSON and for tables. */
const char *explain_fault_name(enum explain_fault fault);
/* "what was said to the server" …; for people. */
const char *explain_fault_words(enum explain_fault fault);
const char *explain_remedy_name(enum explain_remedy remedy);
const char *explain_stage_name(enum explain_stage stage);
/* The row with that name (its words), false if there is none: for those who
 * have no reply to show, and for the manual. Walks the words with `i`. */
bool explain_row(size_t i, struct explain *out);

/* --- the list that answers EHLO */

/* What a keyword means; `line` is "AUTH PLAIN LOGIN" and the like. `section`
 * may be NULL. An empty string: not known. */
const char *explain_keyword(struct span line, const char **section);

/* A remark about one list, or about the two before and after STARTTLS. */
struct explain_remark {
	const char *name;	/* "login-after-tls" */
	bool is_warning;	/* or only worth knowing */
	const char *meaning;
	const char *advice;
};
#define EXPLAIN_REMARKS_MAX 16
/* `clear` and `tls` are the texts of the answers, lines with '\n' between, the
 * first one being the greeting; .p NULL: not known. Returns how many remarks
 * are in `out`. */
size_t explain_hello(struct span clear, struct span tls,
    const struct explain_remark *out[EXPLAIN_REMARKS_MAX]);

#endif
