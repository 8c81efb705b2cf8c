/* SPDX-License-Identifier: Apache-2.0 */
/* screen_history: what was typed before, in $XDG_STATE_HOME/ehlo/history, a
 * line each. Appended to at once by a single write, so that several sessions
 * may share it and none that ends badly loses anything. What may be a secret
 * never comes here (talk_line_for_history). That there is no such file, or that
 * it cannot be written, stops nobody. */
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ehlo/screen_priv.h"

#define KEPT 500		/* lines; the file is cut at twice as many */
#define FILE_MAX_LEN (1u << 20)

/* The folder too, if need be; NULL: nowhere. */
static char *
find_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char path[1024];
	int n;

	if (state != NULL && state[0] == '/')
		n = snprintf(path, sizeof path, "%s/ehlo/history", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, sizeof path,
		    "%s/.local/state/ehlo/history", home);
	else
		return NULL;
	if (n < 0 || (size_t)n >= sizeof path)
		return NULL;
	for (char *p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		(void)mkdir(path, 0700);	/* open() will tell */
		*p = '/';
	}
	return mem_copy(span_of(path, (size_t)n));
}

static bool
read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return false;
	do {
		char *room = buf_room(text, 65536);

		n = room != NULL ? read(fd, room, 65536) : -1;
		if (n > 0)
			buf_grow(text, (size_t)n);
	} while (n > 0);
	(void)close(fd);	/* only read */
	return n == 0;
}

/* Replaced as a whole, so that a crash leaves the old one. */
static void
write_file(const char *path, struct span text)
{
	char new[1100];
	int fd;

	(void)snprintf(new, sizeof new, "%s.new", path);	/* fits */
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, text.p, text.len) != (ssize_t)text.len ||
	    close(fd) != 0 || rename(new, path) != 0)
		(void)unlink(new);
}

static size_t
count_lines(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	return n;
}

static void
enter(struct screen *screen, struct span line)
{
	HistEvent event;
	char *copy = mem_copy(line);

	(void)history(screen->history, &event, H_ENTER, copy);
	free(copy);
}

static void
load(struct screen *screen)
{
	struct buf text;
	struct span rest;
	size_t n;

	buf_init(&text, FILE_MAX_LEN);
	if (read_file(screen->history_path, &text)) {
		rest = buf_span(&text);
		n = count_lines(rest);
		for (size_t i = KEPT; i < n; i++)
			(void)span_cut(&rest, '\n');
		if (n > 2 * KEPT)
			write_file(screen->history_path, rest);
		while (rest.len != 0) {
			struct span line = span_cut(&rest, '\n');

			if (line.len != 0)
				enter(screen, line);
		}
	}
	buf_free(&text);
}

void
screen_history_open(struct screen *screen)
{
	HistEvent event;

	screen->history = history_init();
	screen->no_history = history_init();
	(void)history(screen->history, &event, H_SETSIZE, KEPT);
	(void)history(screen->history, &event, H_SETUNIQUE, 1);
	(void)history(screen->no_history, &event, H_SETSIZE, 1);
	screen->history_path = find_path();
	if (screen->history_path != NULL)
		load(screen);
}

void
screen_remember(struct screen *screen, struct span line)
{
	char memory[4096];
	struct put out = put_init(memory, sizeof memory);
	int fd;

	put_bytes(&out, line);
	put_char(&out, '\n');
	if (!screen->is_terminal || line.len == 0 || out.full)
		return;
	enter(screen, line);
	if (screen->history_path == NULL)
		return;
	fd = open(screen->history_path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	/* lost on a full disk, which is no reason to stop */
	if (write(fd, out.p, out.len) == (ssize_t)out.len)
		errno = 0;
	(void)close(fd);
}
