/* SPDX-License-Identifier: Apache-2.0 */
/* send_show: the dialogue of `ehlo send` on its way to a person (in the marks
 * that swaks uses) and to a program (JSON: every step, its answers, how long
 * they took).
 *
 *   ===  a note        ->  we said     <-  the server said
 *   ~> and <~ the same inside TLS      <** the server refused
 *
 * Text of the server is quoted, secrets are shown as a row of dots. */
#ifndef EHLO_SEND_SHOW_H
#define EHLO_SEND_SHOW_H

#include "base/buf.h"
#include "ehlo/session.h"

struct show_answer {
	unsigned code;
	struct buf text;	/* lines without codes, "\n" between */
	uint64_t at_us;
	bool is_whole;
};
#define SHOW_ANSWERS_MAX 1000	/* of one step: LMTP, one a recipient */
struct show_step {
	char *said;		/* "" of the greeting and the text */
	const char *what;	/* "greeting", "text", else NULL */
	uint64_t at_us;
	struct show_answer *answer;
	size_t answer_n;
};

struct show {
	/* set by the caller */
	FILE *out;		/* NULL: nothing is printed */
	bool hides_sent, hides_received, hides_notes;
	bool no_sent_marks, no_received_marks, no_note_marks;
	bool has_lapse, is_lapse_whole;	/* --show-time-lapse */
	bool shows_text;	/* of the message, too */
	bool decodes;		/* base64 of AUTH, but never the password */
	struct span secret[2];	/* what no line shows */
	const struct session *session;	/* whose TLS decides the marks */
	/* private */
	bool has_colour, is_in_auth;
	uint64_t said_at_us;
	struct show_step *step;
	size_t step_n;
};

void show_init(struct show *show, FILE *out);
void show_free(struct show *show);
/* For session_options.tell; `arg` is the show. */
void show_tell(void *show, enum session_news news, struct span text);
/* A step without a line: "greeting", "text". */
void show_begin(struct show *show, const char *what);
__attribute__((format(printf, 2, 3)))
void show_note(struct show *show, const char *format, ...);
/* Lines of the message, if shows_text. */
void show_text(struct show *show, struct span text);
/* The message has ended: a step of its own. */
void show_end(struct show *show);
/* The steps as a JSON array. */
void show_json(const struct show *show, FILE *out);
/* A JSON string of any bytes: what is no UTF-8 becomes U+FFFD. */
void show_json_bytes(FILE *out, struct span bytes);

#endif
