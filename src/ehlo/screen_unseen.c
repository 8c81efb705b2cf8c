/* SPDX-License-Identifier: Apache-2.0 */
/* screen_unseen: a password on the terminal: nothing is shown of it, not even
 * how long it is; the server is listened to meanwhile. */
#include <errno.h>
#include <unistd.h>

#include "ehlo/screen_priv.h"

void
screen_unseen_draw(struct screen *screen)
{
	char memory[SCREEN_PROMPT_MAX];
	struct put out = put_init(memory, sizeof memory - 1);

	(void)screen->ask->prompt(screen->ask->arg, &out);
	fprintf(screen->out, "\r%.*s", SPAN_ARG(put_span(&out)));
	(void)fflush(screen->out);
}

/* Takes the last character off, all of its bytes. */
static void
rub_out(struct buf *in)
{
	while (in->len != 0) {
		char c = in->p[in->start + in->len - 1];

		in->p[in->start + in->len - 1] = '\0';
		in->len--;
		if ((c & 0xc0) != 0x80)
			return;	/* not inside a character of UTF-8 */
	}
}

/* True: it is finished, `*result` says how. */
static bool
take_key(struct screen *screen, char c, enum screen_result *result)
{
	struct buf *in = &screen->in;

	*result = SCREEN_LINE;
	if (c == '\n' || c == '\r')
		return true;
	if (c == 4) {	/* Ctrl-D */
		*result = SCREEN_END;
		return in->len == 0;
	}
	if (c == 127 || c == '\b')
		rub_out(in);
	else if (c == 21 || c == 23)	/* Ctrl-U, Ctrl-W */
		while (in->len != 0)
			rub_out(in);
	else
		/* a longer one is refused by whoever gets it */
		(void)buf_append(in, span_of(&c, 1));
	return false;
}

static enum screen_result
read_keys(struct screen *screen)
{
	enum screen_result result = SCREEN_LINE;

	for (;;) {
		enum screen_wake wake = screen_wait_key(screen);
		ssize_t n;
		char c;

		if (wake == SCREEN_WAKE_BROKEN)
			return SCREEN_BROKEN;
		if (wake == SCREEN_WAKE_SIGNAL)
			return screen_signal();
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return SCREEN_END;
		if (take_key(screen, c, &result))
			return result;
	}
}

enum screen_result
screen_unseen_read(struct screen *screen, struct span *line)
{
	struct termios before, unseen;
	enum screen_result result;

	while (screen->in.len != 0)
		rub_out(&screen->in);
	buf_clear(&screen->in);
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return SCREEN_END;
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON);
	unseen.c_cc[VMIN] = 1;
	unseen.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &unseen);
	screen_unseen_draw(screen);
	result = read_keys(screen);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	if (!screen->is_hidden)
		fputs(result == SCREEN_CANCEL ? "^C\n" : "\n", screen->out);
	(void)fflush(screen->out);
	*line = buf_span(&screen->in);
	return result;
}
