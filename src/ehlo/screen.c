/* SPDX-License-Identifier: Apache-2.0 */
/* Signals are blocked but while we wait in ppoll(2), so none is lost between a
 * look and the wait. While the program waits for the server instead, Ctrl-C
 * shuts the socket down: whoever reads it sees the end. */
#include "ehlo/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "ehlo/screen_priv.h"
#include "ehlo/tell.h"

#define SHOWN_MAX 1000		/* octets of one line */

/* --- signals */

static volatile sig_atomic_t caught, is_resized, is_busy, was_cut;
static volatile sig_atomic_t busy_fd = -1;
static struct termios found_before;
static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void
on_signal(int number)
{
	int before = errno;

	if (number == SIGWINCH || number == SIGCONT) {
		is_resized = 1;
	} else if (is_busy && busy_fd < 0) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &found_before);
		(void)signal(number, SIG_DFL);
		(void)raise(number);
	} else if (is_busy) {
		was_cut = 1;
		(void)shutdown((int)busy_fd, SHUT_RDWR);
		caught = number == SIGINT ? 0 : number;
	} else {
		caught = number;
	}
	errno = before;
}

static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < countof(deadly); i++)
		(void)sigaction(deadly[i], &action, NULL);
	action.sa_flags = SA_RESTART;
	(void)sigaction(SIGWINCH, &action, NULL);
	(void)sigaction(SIGCONT, &action, NULL);
}

static void
block_signals(sigset_t *before)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < countof(deadly); i++)
		(void)sigaddset(&set, deadly[i]);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigaddset(&set, SIGCONT);
	(void)sigprocmask(SIG_BLOCK, &set, before);
}

enum screen_result
screen_signal(void)
{
	int number = caught;

	caught = 0;
	return number == SIGINT ? SCREEN_CANCEL : SCREEN_STOP;
}

void
screen_busy(struct screen *screen, int fd)
{
	(void)screen;
	busy_fd = fd;
	was_cut = 0;
	is_busy = 1;
}

bool
screen_ready(struct screen *screen)
{
	(void)screen;
	is_busy = 0;
	busy_fd = -1;
	return was_cut != 0;
}

/* --- waiting */

static void
heed_size(struct screen *screen)
{
	is_resized = 0;
	if (screen->el != NULL && screen->ask != NULL &&
	    screen->ask->mode != SCREEN_UNSEEN)
		screen_edit_resize(screen);
}

/* The server has something to say. True: it was said that this is the end. */
static bool
hear(struct screen *screen)
{
	bool is_over = screen->watch.on_input(screen->watch.arg);

	/* a command can be typed whatever becomes of the connection */
	if (screen->is_terminal && screen->ask->mode == SCREEN_COMMAND)
		is_over = false;
	if (!screen->is_hidden || is_over)
		return is_over;
	screen->is_hidden = false;
	if (screen->ask->mode == SCREEN_UNSEEN)
		screen_unseen_draw(screen);
	else
		screen_edit_draw(screen);
	return false;
}

enum screen_wake
screen_wait_key(struct screen *screen)
{
	enum screen_wake wake = SCREEN_WAKE_KEY;
	sigset_t before;

	block_signals(&before);
	for (;;) {
		bool is_deaf = screen->ask->is_deaf;
		bool is_ready = !is_deaf &&
		    screen->watch.has_input(screen->watch.arg);
		struct pollfd fds[2] = { { STDIN_FILENO, POLLIN, 0 },
			{ is_deaf ? -1 : screen->watch.fd(screen->watch.arg),
			    POLLIN, 0 } };
		struct timespec now = { 0, 0 };

		if (is_resized)
			heed_size(screen);
		if (caught != 0) {
			wake = SCREEN_WAKE_SIGNAL;
			break;
		}
		if (ppoll(fds, 2, is_ready ? &now : NULL, &before) < 0)
			continue;
		if ((is_ready || fds[1].revents != 0) && hear(screen)) {
			wake = SCREEN_WAKE_BROKEN;
			break;
		}
		if (fds[0].revents != 0)
			break;
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return wake;
}

/* --- a pipe */

/* The next whole line of what was read, without its end. */
static bool
take_line(struct screen *screen, struct span *line)
{
	struct span all = buf_span(&screen->in);
	size_t n = span_find(all, '\n');

	if (n == all.len && !screen->is_end)
		return false;
	if (n == all.len && n == 0)
		return false;
	screen->taken = n == all.len ? n : n + 1;
	*line = span_first(all, n);
	if (line->len != 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static enum screen_result
read_pipe(struct screen *screen, struct span *line)
{
	buf_consume(&screen->in, screen->taken);
	screen->taken = 0;
	if (!screen->ask->is_deaf && screen->watch.has_input(
	    screen->watch.arg) && screen->watch.on_input(screen->watch.arg))
		return SCREEN_BROKEN;
	while (!take_line(screen, line)) {
		char *room;
		ssize_t n;

		if (screen->is_end)
			return SCREEN_END;
		if (screen_wait_key(screen) != SCREEN_WAKE_KEY)
			return SCREEN_BROKEN;
		room = buf_room(&screen->in, 16384);
		n = room != NULL ? read(STDIN_FILENO, room, 16384) : 0;
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		screen->is_end = n <= 0;
		if (n > 0)
			buf_grow(&screen->in, (size_t)n);
	}
	return SCREEN_LINE;
}

/* A terminal may be where we read, though not where we write. */
static enum screen_result
read_plain(struct screen *screen, struct span *line)
{
	char memory[SCREEN_PROMPT_MAX];
	struct put prompt = put_init(memory, sizeof memory);
	struct termios before, unseen;
	enum screen_result result;

	if (screen->ask->mode != SCREEN_UNSEEN ||
	    tcgetattr(STDIN_FILENO, &before) != 0)
		return read_pipe(screen, line);
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)ECHO;
	(void)screen->ask->prompt(screen->ask->arg, &prompt);
	fprintf(stderr, "%.*s", SPAN_ARG(put_span(&prompt)));
	found_before = before;
	catch_signals();
	screen_busy(screen, -1);	/* Ctrl-C gives the echo back */
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &unseen);
	result = read_pipe(screen, line);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	(void)screen_ready(screen);
	for (size_t i = 0; i < countof(deadly); i++)
		(void)signal(deadly[i], SIG_DFL);
	fputc('\n', stderr);
	return result;
}

/* --- birth and death */

struct screen *
screen_open(const struct screen_watch *watch, FILE *out, bool is_plain)
{
	struct screen *screen = mem_new(sizeof *screen);

	screen->watch = *watch;
	screen->out = out;
	screen->is_terminal = !is_plain && isatty(STDIN_FILENO) &&
	    isatty(fileno(out)) &&
	    tcgetattr(STDIN_FILENO, &screen->found) == 0;
	screen->has_colour = tell_has_colour(out);
	buf_init(&screen->in, SCREEN_LINE_MAX);
	if (screen->is_terminal) {
		struct termios quiet = screen->found;

		/* what is typed or pasted while the server is waited for is
		 * kept, every key of it, and shown when its turn comes */
		found_before = screen->found;
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
		catch_signals();
		screen_edit_open(screen);
	}
	return screen;
}

void
screen_close(struct screen *screen)
{
	if (screen->is_terminal) {
		screen_edit_close(screen);
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->found);
	}
	if (screen->in.p != NULL)	/* a password was in it */
		mem_wipe(screen->in.p, screen->in.cap);
	buf_free(&screen->in);
	free(screen->history_path);
	free(screen);
}

bool
screen_is_terminal(const struct screen *screen)
{
	return screen->is_terminal;
}

enum screen_result
screen_read(struct screen *screen, const struct screen_ask *ask,
    struct span *line)
{
	enum screen_result result;

	*line = SPAN("");
	screen->ask = ask;
	screen->is_hidden = false;
	screen->is_prefilled = false;
	if (!screen->is_terminal)
		result = read_plain(screen, line);
	else if (ask->mode == SCREEN_UNSEEN)
		result = screen_unseen_read(screen, line);
	else
		result = screen_edit_read(screen, line);
	screen->ask = NULL;
	screen->is_hidden = false;
	screen->shown_at_read = screen->shown;
	return result;
}

/* --- showing */

/* Is there anything but quotes and backslashes that had to be escaped? */
static bool
has_escapes(struct span quoted)
{
	while (quoted.len != 0) {
		bool is_escape = quoted.p[0] == '\\' && quoted.len > 1;

		if (is_escape && quoted.p[1] != '"' && quoted.p[1] != '\\')
			return true;
		quoted = span_skip(quoted, is_escape ? 2 : 1);
	}
	return false;
}

void
screen_quote(struct span text, struct put *out)
{
	char memory[4 * SHOWN_MAX];
	struct put quoted = put_init(memory, sizeof memory);
	struct span rest;
	bool is_dirty;

	text_quote(span_first(text, SHOWN_MAX), &quoted);
	rest = put_span(&quoted);
	is_dirty = has_escapes(rest);
	while (rest.len != 0) {
		bool is_escape = rest.p[0] == '\\' && rest.len > 1;

		/* quotes stay as they are; backslashes, too, if none of them
		 * is ours */
		if (is_escape && (rest.p[1] == '"' || !is_dirty))
			rest = span_skip(rest, 1);
		else if (is_escape) {
			put_char(out, '\\');
			rest = span_skip(rest, 1);
		}
		put_char(out, rest.p[0]);
		rest = span_skip(rest, 1);
	}
	if (text.len > SHOWN_MAX) {
		put_str(out, " ... (");
		put_u64(out, text.len);
		put_str(out, " octets)");
	}
}

static const char *
colour_of(enum screen_kind kind, struct span text)
{
	switch (kind) {
	case SCREEN_SERVER:
		if (text.len != 0 && text.p[0] == '5')
			return "31";
		if (text.len != 0 && text.p[0] == '4')
			return "33";
		return text.len != 0 && text.p[0] == '3' ? "36" : "32";
	case SCREEN_CLIENT:
		return "1";
	case SCREEN_WARNING:
		return "33";
	case SCREEN_NOTE:
	case SCREEN_FAINT:
		return "2";
	case SCREEN_TEXT:
		return NULL;
	}
	return NULL;
}

/* The server's code in colour, its words as they are: long lists stay easy to
 * read. */
static void
write_line(struct screen *screen, enum screen_kind kind, struct span text)
{
	const char *colour = screen->has_colour ? colour_of(kind, text) :
	    NULL;
	size_t n = kind == SCREEN_SERVER ? 3 : text.len;
	struct span head = span_first(text, n), tail = span_skip(text, n);

	if (kind == SCREEN_NOTE || kind == SCREEN_WARNING)
		fprintf(screen->out, "%s%s%s%s ",
		    colour != NULL ? "\033[" : "", colour != NULL ? colour : "",
		    colour != NULL ? "m" : "",
		    kind == SCREEN_NOTE ? "*" : "!");
	else if (colour != NULL)
		fprintf(screen->out, "\033[%sm", colour);
	fprintf(screen->out, "%.*s%s%.*s\n", SPAN_ARG(head),
	    colour != NULL ? "\033[0m" : "", SPAN_ARG(tail));
}

void
screen_line(struct screen *screen, enum screen_kind kind, struct span text)
{
	char memory[4 * SHOWN_MAX + 64];
	struct put out = put_init(memory, sizeof memory);

	if (screen->ask != NULL && screen->is_terminal && !screen->is_hidden) {
		if (screen->ask->mode == SCREEN_UNSEEN)
			fputs("\r\033[J", screen->out);
		else
			screen_edit_hide(screen);
		screen->is_hidden = true;
	}
	screen_quote(text, &out);
	write_line(screen, kind, put_span(&out));
	screen->shown++;
	/* whoever reads a pipe wants it now, too; a reader that is gone is
	 * noticed at the end */
	(void)fflush(screen->out);
}

void
screen_printf(struct screen *screen, enum screen_kind kind,
    const char *format, ...)
{
	char line[2048];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (n > 0)
		screen_line(screen, kind, span_of(line, (size_t)n <
		    sizeof line ? (size_t)n : sizeof line - 1));
}
