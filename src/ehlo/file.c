/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "ehlo/tell.h"

#define PIECE 65536

/* 0 or -errno. The last piece may be smaller than there is room for. */
static int
read_fd(int fd, struct buf *buf)
{
	char piece[PIECE];

	for (;;) {
		ssize_t n = read(fd, piece, sizeof piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (buf_append(buf, span_of(piece, (size_t)n)) != 0)
			return -EFBIG;
	}
}

bool
file_read(const char *path, struct buf *buf)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int result = fd < 0 ? -errno : read_fd(fd, buf);

	if (fd >= 0 && !is_stdin)
		(void)close(fd);	/* only read */
	if (result != 0)
		tell_error("%s: %s", is_stdin ? "standard input" : path,
		    log_errno(result));
	return result == 0;
}
