/* SPDX-License-Identifier: Apache-2.0 */
/* talk_line: what a line typed into `ehlo talk` is, and what the session has
 * come to. A line of SMTP goes out exactly as it was typed. Ours are:
 *
 *     /word …    always
 *     word …     if the word is no command of SMTP: explain, send FILE, raw …
 *     ?          the last reply, explained
 *     auth       alone (SMTP wants a mechanism there): the whole dialogue
 *
 * Nothing here does I/O. */
#ifndef EHLO_TALK_LINE_H
#define EHLO_TALK_LINE_H

#include "base/put.h"
#include "base/span.h"
#include "smtp/answer.h"
#include "smtp/client.h"

enum talk_kind {
	TALK_EMPTY,
	TALK_SMTP,
	TALK_OWN,
	TALK_UNKNOWN		/* "/" and a word that is none of ours */
};

enum talk_own {
	OWN_AUTH, OWN_CLOSE, OWN_DATA, OWN_DECODE, OWN_ENCODE, OWN_EXIT,
	OWN_EXPLAIN, OWN_HELLO, OWN_HELP, OWN_OPEN, OWN_QUIT, OWN_RAW,
	OWN_RECORD, OWN_SEND, OWN_STARTTLS, OWN_TLS, OWN_WAIT
};

struct talk_own_row {
	const char *name;
	enum talk_own own;
	bool is_bare;		/* may be said without the "/" */
	const char *arguments;
	const char *help;
};

struct talk_line {
	enum talk_kind kind;
	enum talk_own own;
	enum smtp_step_type step;	/* SMTP: what the engine makes of it */
	struct span word;	/* without "/" */
	struct span rest;	/* behind it, trimmed */
	struct span tail;	/* the same, with every space but the first */
};

void talk_line_read(struct span text, struct talk_line *out);
/* Walks our commands: NULL at the end. */
const struct talk_own_row *talk_own_at(size_t i);
/* "auth login guyt" in lower case: is the third word a name, because it can be
 * no initial response? (What is both is sent as typed.) */
bool talk_line_names_user(const struct talk_line *line);
/* As it may be kept: without what may be a secret. False: not at all. */
bool talk_line_for_history(struct span text, struct put *out);

/* --- what the session has come to */

struct talk_state {
	bool is_open, is_tls;
	bool has_mail;		/* MAIL was accepted */
	unsigned rcpt_n;	/* accepted recipients */
	bool is_logged_in;
	char user[128];		/* who; quoted; "" if that is not known */
	char sender[256];	/* "a@b" of MAIL, quoted, for the headers */
	char rcpt[256];		/* the first one */
};

/* An answer has come to that line. */
void talk_state_learn(struct talk_state *state, enum smtp_step_type step,
    struct span line, unsigned code);
/* TLS has come up: identity and transaction are forgotten. */
void talk_state_tls(struct talk_state *state);
void talk_state_login(struct talk_state *state, struct span user);
/* "tls guyt mail+2> ". */
void talk_state_prompt(const struct talk_state *state, struct put *out);

#endif
