/* SPDX-License-Identifier: Apache-2.0 */
/* drop: the head of a mail that a program of this machine left in the drop
 * folder, in the words of SMTP, with LF at the lines' ends:
 *
 *   ehlo-drop 1
 *   mail <anna@example.org> RET=HDRS
 *   rcpt <bert@example.net> NOTIFY=NEVER
 *   …
 *                                       an empty line, then the text
 *
 * A file is whole when it has its name: whoever writes it renames it.
 *
 * Who wants to hear what became of it makes a pipe beside it before, DROP_ASK
 * and the same name; one line is written into it: a word of enum drop_fate and
 * why, for people. DROP_ALIVE is a pipe that the daemon has open while it
 * runs. */
#ifndef MAIL_DROP_H
#define MAIL_DROP_H

#include "base/put.h"

#define DROP_MAGIC     "ehlo-drop 1\n"
#define DROP_RCPTS_MAX 1000
#define DROP_TMP       "tmp-"	/* how files begin that are not whole */
#define DROP_NEW       "new-"	/* that wait to be taken */
#define DROP_TAKEN     "taken-"	/* that are being taken; the id follows */
#define DROP_REFUSED   "refused-"	/* that nobody can deliver */
#define DROP_ASK       "ask-"
#define DROP_ALIVE     ".alive"
#define DROP_ANSWER_MAX 4096	/* PIPE_BUF: written at once */

/* One line of the head: what stands behind "mail " or "rcpt ". */
struct drop_line {
	bool is_rcpt;
	struct span args;
};

enum drop_result {
	DROP_LINE,	/* `*line` */
	DROP_TEXT,	/* the head is over, `*in` is the text */
	DROP_BAD	/* it is no such file, or cut */
};

enum drop_fate {
	DROP_FATE_TAKEN,	/* it is the daemon's */
	DROP_FATE_PARTLY,	/* but for some recipients */
	DROP_FATE_NOBODY,	/* refused: for its recipients */
	DROP_FATE_BAD,		/* refused: for what it is */
	DROP_FATE_KEPT,		/* not now: it stays in the folder */
	DROP_FATE_UNKNOWN
};

/* The word of a fate, and the fate that a line begins with (the rest is left
 * in `*line`). */
const char *drop_fate_word(enum drop_fate fate);
enum drop_fate drop_fate_read(struct span *line);
/* Is it one? Takes the magic off `*in`. */
bool drop_begin(struct span *in);
/* The next line; one mail, then 1 to DROP_RCPTS_MAX rcpt. `*n` counts them,
 * begins with 0. */
enum drop_result drop_next(struct span *in, unsigned *n,
    struct drop_line *line);
/* The text as it travels: every line ends in CRLF, whatever ended it before. */
void drop_put_text(struct span text, struct put *out);
/* Octets that takes. */
size_t drop_text_len(struct span text);

#endif
