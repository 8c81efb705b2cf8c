/* SPDX-License-Identifier: Apache-2.0 */
/* screen_priv: what the files of screen share. */
#ifndef EHLO_SCREEN_PRIV_H
#define EHLO_SCREEN_PRIV_H

#include <termios.h>
#include <wchar.h>

#include "base/buf.h"
#include "ehlo/screen.h"

#define SCREEN_LINE_MAX  (1u << 20)	/* of a pipe */
#define SCREEN_PROMPT_MAX 256

struct editline;
struct history;

struct screen {
	struct screen_watch watch;
	FILE *out;
	bool is_terminal, has_colour, has_escapes;
	struct termios found;		/* how the terminal was */
	/* terminal */
	struct editline *el;
	struct history *history, *no_history;
	char *history_path;		/* or NULL */
	const struct screen_ask *ask;	/* while reading, or NULL */
	char prompt[SCREEN_PROMPT_MAX];
	size_t prompt_columns;
	bool is_hidden;			/* the prompt is off the screen */
	bool is_prefilled;
	enum screen_result result;	/* how reading ended */
	mbstate_t wide;
	unsigned long shown, shown_at_read;	/* lines, for take_back */
	struct talk_candidates candidates;
	size_t completed;		/* length of the line when Tab was last
					 * of use */
	/* pipe, and what is unseen */
	struct buf in;
	bool is_end;
	size_t taken;			/* of `in`, by the line last given */
};

enum screen_wake { SCREEN_WAKE_KEY, SCREEN_WAKE_SIGNAL, SCREEN_WAKE_BROKEN };

/* Until a key, a signal, or the server wants it to end. */
enum screen_wake screen_wait_key(struct screen *screen);
/* Why a signal ended the reading: CANCEL or STOP; forgets it. */
enum screen_result screen_signal(void);

/* screen_edit.c */
void screen_edit_open(struct screen *screen);
void screen_edit_close(struct screen *screen);
enum screen_result screen_edit_read(struct screen *screen, struct span *line);
/* Off the screen, and on again, in the middle of being typed. */
void screen_edit_hide(struct screen *screen);
void screen_edit_draw(struct screen *screen);
void screen_edit_resize(struct screen *screen);

/* screen_unseen.c */
enum screen_result screen_unseen_read(struct screen *screen,
    struct span *line);
void screen_unseen_draw(struct screen *screen);

/* screen_history.c */
void screen_history_open(struct screen *screen);

#endif
