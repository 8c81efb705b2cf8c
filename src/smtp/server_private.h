/* SPDX-License-Identifier: Apache-2.0 */
/* What the files server*.c share; nobody else includes this.
 *
 *   server.c          the step, the answers, every change of mode
 *   server_command.c  one command line: is it legal, what does it ask
 *   server_hello.c    the answer to EHLO
 *   server_auth.c     AUTH
 *   server_data.c     DATA, BDAT, and the text behind them
 *
 * A function that may tell an event returns whether it did; if not, the step
 * goes on with what has not been consumed. */
#ifndef SMTP_SERVER_PRIVATE_H
#define SMTP_SERVER_PRIVATE_H

#include "smtp/server.h"
#include "smtp/verb.h"

/* dialogues 7: how lines have ended since the banner (or since TLS). */
enum line_ends {
	LINES_OPEN,	/* a typist's session before its first line */
	LINES_LF,	/* LF only, and one command at a time */
	LINES_CRLF	/* anything else, for good */
};

enum note {
	NOTE_BARE_LF = 1, NOTE_BACKSPACE = 2, NOTE_NO_HELLO = 4,
	NOTE_LF_COMMAND = 8, NOTE_AT_ONCE = 16, NOTE_PROTOCOL = 32,
	NOTE_ERRORS = 64, NOTE_TEXT = 128
};

#define MASK "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"	/* for secrets */

/* server.c */
bool engine_tell(struct smtp_event *event, enum smtp_event_type type);
bool engine_ask(struct smtp_server *server, struct smtp_event *event,
    enum smtp_event_type type);
void engine_say(struct smtp_server *server, const struct reply *reply);
/* Says a 4xx or 5xx; 5xx counts, and one too many is the last. */
void engine_refuse(struct smtp_server *server, const struct reply *reply);
void engine_hang_up(struct smtp_server *server, const struct reply *reply);
void engine_write(struct smtp_server *server, struct span bytes);
void engine_show(struct smtp_server *server, enum smtp_direction direction,
    struct span line);
void engine_enter(struct smtp_server *server, enum smtp_mode mode);
/* `Hello [10.2.1.10]`: the peer's address is its name. */
void engine_name_client(const struct smtp_server *server, char *name);
/* A line that a person typed, as it was meant: backspaces done, no spaces in
 * front. May move it into the end of `event->scratch`. */
struct span engine_edit(struct smtp_server *server, struct span line,
    struct smtp_event *event);
/* 552 5.3.4 */
void engine_refuse_size(struct smtp_server *server);

/* server_command.c */
bool engine_run_command(struct smtp_server *server, struct span line,
    struct smtp_event *event);
void engine_answer_hello(struct smtp_server *server,
    const struct reply *reply);

/* server_auth.c */
bool engine_auth_command(struct smtp_server *server, struct span args,
    bool is_exps, struct smtp_event *event);
/* A line inside an exchange, or why there is none. */
bool engine_auth_line(struct smtp_server *server, enum line_result result,
    struct span line, struct smtp_event *event);
void engine_answer_auth(struct smtp_server *server,
    const struct reply *reply);
/* What AUTH takes here and now, or X-EXPS. */
struct span engine_mechanisms(const struct smtp_server *server, bool is_exps);
bool engine_has_word(struct span list, struct span word);

/* server_hello.c */
/* `latest`: until when mail is held, for FUTURERELEASE. */
void engine_say_hello(struct smtp_server *server, struct span latest);
/* Is mail held for this client? */
bool engine_may_hold(const struct smtp_server *server);

/* server_data.c */
bool engine_data_command(struct smtp_server *server,
    struct smtp_event *event);
/* A `fault` whose id is not REPLY_COUNT refuses it; its chunk is skipped all
 * the same. */
bool engine_bdat_command(struct smtp_server *server, struct span args,
    const struct reply *fault, struct smtp_event *event);
bool engine_step_text(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used);
bool engine_step_chunk(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used);
bool engine_ask_end(struct smtp_server *server, struct smtp_event *event);
void engine_answer_data(struct smtp_server *server,
    const struct reply *reply);
void engine_answer_end(struct smtp_server *server, const struct reply *reply);

#endif
