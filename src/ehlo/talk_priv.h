/* SPDX-License-Identifier: Apache-2.0 */
/* talk_priv: what the files of talk share.
 *
 *   talk.c        the loop: prompt, line, command
 *   talk_say.c    one command, its answer, and what comes of it
 *   talk_own.c    our commands
 *   talk_auth.c   logging in, by hand and helped
 *   talk_text.c   the text of a message
 *   talk_show.c   what is shown, recorded, told to programs
 */
#ifndef EHLO_TALK_PRIV_H
#define EHLO_TALK_PRIV_H

#include <stdio.h>

#include "ehlo/screen.h"
#include "ehlo/session.h"
#include "ehlo/talk.h"
#include "ehlo/talk_line.h"

struct talk {
	const struct talk_options *options;
	struct session_options where;	/* may be another one by /open */
	char host[256];
	struct session *session;
	struct screen *screen;
	struct talk_state state;
	FILE *record;			/* or NULL */
	FILE *json;			/* or NULL */
	FILE *nowhere;			/* or NULL */

	/* the last answer, for `explain` */
	enum smtp_step_type last_step;
	char last_line[1024];
	struct answer last;		/* code 0: none */
	/* what EHLO said in clear and with TLS; empty: nothing yet */
	char hello[2][ANSWER_TEXT_MAX];
	size_t hello_len[2];

	bool is_typed;			/* what is said next is on the screen */
	bool is_speaking;		/* an answer is waited for */
	bool is_raw_sent;		/* so one may come */
	bool has_heard_all;		/* what is left is half a line, or
					 * nothing: poll(2) will tell */
	size_t unasked;			/* octets since the last command */
	/* an AUTH dialogue under way */
	bool in_auth;
	char mech[32];
	unsigned round;			/* responses told */

	bool is_leaving;
	bool was_lost;			/* the connection, but not by QUIT */
	unsigned long refused;		/* answers 4xx and 5xx */
	int exit_code;
};

/* --- talk_say.c */

/* Says it and hears the answer; true if one came, whatever it is. */
bool talk_say(struct talk *talk, enum smtp_step_type step, struct span line,
    bool is_secret);
/* The answer that the session holds is to that: shows what follows of it. */
void talk_answered(struct talk *talk, enum smtp_step_type step,
    struct span line);
/* The first part of that: keeps it, counts it, tells programs. */
void talk_keep(struct talk *talk, enum smtp_step_type step,
    struct span line);
/* Around a call of the session's that waits: Ctrl-C cuts the connection. Then
 * as talk_answered() or talk_failed(). */
void talk_begin_wait(struct talk *talk);
bool talk_heard(struct talk *talk, enum session_result result,
    enum smtp_step_type step, struct span line);
/* What is not OK: says why; the connection may be gone. */
void talk_failed(struct talk *talk, enum session_result result);
/* EHLO with our own name. */
bool talk_hello(struct talk *talk);
/* STARTTLS as `line`; then the handshake, and EHLO. */
void talk_starttls(struct talk *talk, struct span line);
/* Connects to talk->where, hears the greeting. */
bool talk_open(struct talk *talk);
void talk_close(struct talk *talk);
/* For screen_watch. */
bool talk_on_input(void *arg);
/* Something that is not said waits for an answer that may come or not. */
bool talk_wait(struct talk *talk, unsigned ms);
/* The patience of this session, in ms. */
unsigned talk_patience(const struct talk *talk);
static inline bool
talk_is_open(const struct talk *talk)
{
	return talk->state.is_open;
}
/* Nobody can listen in between. */
bool talk_is_local(const struct talk *talk);

/* --- talk_own.c */
void talk_own(struct talk *talk, const struct talk_line *line);
/* "BDAT n": n octets must follow, and only then comes an answer. */
void talk_bdat(struct talk *talk, struct span line);
/* --- talk_auth.c */
void talk_auth_typed(struct talk *talk, const struct talk_line *line,
    struct span text);
void talk_auth_whole(struct talk *talk, struct span name, struct span user);
/* --- talk_text.c */
void talk_data(struct talk *talk, struct span line);
void talk_send(struct talk *talk, struct span path);

/* --- talk_show.c */

/* For session_options.tell; `arg` is the talk, as in all of these. */
void talk_tell(void *arg, enum session_news news, struct span text);
/* "* …" */
__attribute__((format(printf, 2, 3)))
void talk_note(struct talk *talk, const char *format, ...);
__attribute__((format(printf, 2, 3)))
void talk_warn(struct talk *talk, const char *format, ...);
/* The handshake is done: who they are, whether to believe it. */
void talk_show_tls(struct talk *talk);
/* Of the last answer. */
void talk_explain(struct talk *talk);
/* The last answer for programs, if they want it. */
void talk_put_json(struct talk *talk, bool is_unasked);
/* For screen_ask: the prompt of a command. */
const char *talk_prompt(void *arg, struct put *out);
const char *talk_prompt_colour(const struct talk *talk);
/* Completion of commands. */
void talk_on_tab(void *arg, struct span line, struct talk_candidates *out);
void talk_context(const struct talk *talk, struct talk_context *out);

#endif
