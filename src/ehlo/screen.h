/* SPDX-License-Identifier: Apache-2.0 */
/* screen: where a person types and reads. On a terminal: a prompt with line
 * editing, history and completion (libedit), and lines that come from elsewhere
 * while it waits: those are shown above the prompt, which is drawn again. From
 * a pipe: plain lines in, plain lines out, nothing else.
 *
 * 1. Keyboard and server are both waited for, whatever is being typed.
 * 2. What is shown came through text_quote(): no byte of a stranger is obeyed
 *    by the terminal.
 * 3. The terminal is given back as it was found; also by a deadly signal. */
#ifndef EHLO_SCREEN_H
#define EHLO_SCREEN_H

#include <stdio.h>

#include "base/put.h"
#include "base/span.h"
#include "ehlo/talk_complete.h"

struct screen;

enum screen_kind {
	SCREEN_SERVER,		/* the server's words */
	SCREEN_CLIENT,		/* ours, where they were not typed */
	SCREEN_NOTE,
	SCREEN_WARNING,
	SCREEN_FAINT,		/* of less weight: decoded forms */
	SCREEN_TEXT		/* as it is: help, lists */
};

enum screen_result {
	SCREEN_LINE,		/* one was typed */
	SCREEN_END,		/* Ctrl-D, or the end of the pipe */
	SCREEN_CANCEL,		/* Ctrl-C */
	SCREEN_UP, SCREEN_DOWN,	/* text only: the arrows, with what stands
				 * in the line */
	SCREEN_BROKEN,		/* on_input() wanted it to end */
	SCREEN_STOP		/* SIGTERM, SIGHUP */
};

/* What is waited for besides the keyboard. */
struct screen_watch {
	int (*fd)(void *arg);		/* -1: nothing */
	bool (*has_input)(void *arg);	/* without looking at `fd` */
	/* Something came; true: end the reading, too, unless a command is
	 * being typed on a terminal. */
	bool (*on_input)(void *arg);
	void *arg;
};

enum screen_mode {
	SCREEN_COMMAND,		/* with history and completion */
	SCREEN_WORDS,		/* with neither */
	SCREEN_LINES,		/* the text of a message */
	SCREEN_UNSEEN		/* a password */
};

struct screen_ask {
	enum screen_mode mode;
	/* Writes the prompt as it is now; returns its colour (SGR). */
	const char *(*prompt)(void *arg, struct put *out);
	/* NULL: no completion. `line` ends at the cursor. */
	void (*complete)(void *arg, struct span line,
	    struct talk_candidates *out);
	void *arg;
	const char *prefill;	/* stands in the line already; or NULL */
	bool is_deaf;		/* the server is not listened to */
};

/* `is_plain`: no prompt, whatever stdin and stdout are. `out` gets what is
 * shown. */
struct screen *screen_open(const struct screen_watch *watch, FILE *out,
    bool is_plain);
void screen_close(struct screen *screen);
bool screen_is_terminal(const struct screen *screen);

/* One line into `*line`, valid until the next call. What was unseen is
 * overwritten by then. */
enum screen_result screen_read(struct screen *screen,
    const struct screen_ask *ask, struct span *line);
/* Kept for the arrows, and in the file, if there is one. */
void screen_remember(struct screen *screen, struct span line);

/* A line, quoted, in the colour of its kind. */
void screen_line(struct screen *screen, enum screen_kind kind,
    struct span text);
__attribute__((format(printf, 3, 4)))
void screen_printf(struct screen *screen, enum screen_kind kind,
    const char *format, ...);
/* The line that stands above the prompt, with a prompt like that one, goes from
 * the screen: it will be typed again. */
void screen_take_back(struct screen *screen, struct span line);
/* text_quote() for reading: quotes stay as they are; so do backslashes where
 * nothing had to be escaped. */
void screen_quote(struct span text, struct put *out);

/* Between these two the program waits for the server on that descriptor:
 * Ctrl-C then cuts the connection; without a descriptor (-1) it ends us. */
void screen_busy(struct screen *screen, int fd);
/* Did Ctrl-C cut it? */
bool screen_ready(struct screen *screen);

#endif
