/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/drop_write.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "mail/drop.h"

#define ANSWER_MS 10000

/* The new name survives a crash. Who may only write into the folder cannot
 * open it, and has all of the file system made durable. */
static int
sync_name(int folder, int fd)
{
	int list = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (list < 0)
		return syncfs(fd) == 0 ? 0 : -errno;
	result = fsync(list) == 0 ? 0 : -errno;
	close(list);
	return result;
}

static int
fill(int fd, struct span head, struct span text)
{
	int error;

	/* the group is the folder's: the daemon's */
	if (fchmod(fd, 0640) != 0)
		return -errno;
	error = fd_write_all(fd, SPAN(DROP_MAGIC));
	if (error == 0)
		error = fd_write_all(fd, head);
	if (error == 0)
		error = fd_write_all(fd, text);
	if (error == 0 && fsync(fd) != 0)
		error = -errno;
	return error;
}

/* Names that nobody guesses: others may be able to read, if they knew. */
static void
make_names(char tmp[64], char name[64])
{
	unsigned char random[16];
	struct put a = put_init(tmp, 63), b = put_init(name, 63);

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		memset(random, 0, sizeof random);	/* O_EXCL tells */
	put_str(&a, DROP_TMP);
	put_hex(&a, span_of(random, sizeof random));
	put_str(&b, DROP_NEW);
	put_hex(&b, span_of(random, sizeof random));
	tmp[a.len] = name[b.len] = '\0';
}

static int
write_into(int folder, const char *tmp, const char *name, struct span head,
    struct span text)
{
	int fd, error;

	fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	error = fd < 0 ? -errno : fill(fd, head, text);
	if (error == 0 && renameat(folder, tmp, folder, name) != 0)
		error = -errno;
	if (error != 0 && fd >= 0)
		(void)unlinkat(folder, tmp, 0);
	else if (error == 0)
		error = sync_name(folder, fd);
	if (fd >= 0)
		close(fd);
	return error;
}

/* --- asking */

/* Somebody reads the pipe as long as he lives. */
static bool
is_alive(int folder)
{
	int fd = openat(folder, DROP_ALIVE, O_WRONLY | O_NONBLOCK |
	    O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* A pipe into which only the daemon can write: descriptor, or -1. */
static int
open_pipe(int folder, const char *ask)
{
	int fd = -1;

	if (mkfifoat(folder, ask, 0600) != 0)
		return -1;
	/* the group is the folder's: the daemon's */
	if (fchmodat(folder, ask, 0620, 0) == 0)
		fd = openat(folder, ask, O_RDONLY | O_NONBLOCK | O_NOFOLLOW |
		    O_CLOEXEC);
	if (fd < 0)
		(void)unlinkat(folder, ask, 0);
	return fd;
}

static void
hear(int fd, struct drop_told *told)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct span line;
	ssize_t n;

	if (poll(&wait, 1, ANSWER_MS) <= 0)
		return;
	n = read(fd, told->words, sizeof told->words - 1);
	if (n <= 0)
		return;
	line = span_of(told->words, (size_t)n);
	line = span_first(line, span_find(line, '\n'));
	told->fate = drop_fate_read(&line);
	memmove(told->words, line.p, line.len);
	told->words[line.len] = '\0';
}

int
drop_leave(const char *path, struct span head, struct span text,
    char name[64], struct drop_told *told)
{
	int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char tmp[64], ask[64];
	int fd = -1, error;

	*told = (struct drop_told){ .fate = DROP_FATE_UNKNOWN };
	if (folder < 0)
		return -errno;
	make_names(tmp, name);
	snprintf(ask, sizeof ask, DROP_ASK "%s", name + strlen(DROP_NEW));
	if (is_alive(folder))
		fd = open_pipe(folder, ask);
	error = write_into(folder, tmp, name, head, text);
	if (fd >= 0 && error == 0)
		hear(fd, told);
	if (fd >= 0) {
		(void)unlinkat(folder, ask, 0);
		close(fd);
	}
	close(folder);
	return error;
}
