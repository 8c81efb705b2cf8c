/* SPDX-License-Identifier: Apache-2.0 */
/* files: the real file operations. */
#include "deliver/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
result(int returned)
{
	return returned < 0 ? -errno : returned;
}

static int
real_openat(int dir, const char *name, int flags, mode_t mode)
{
	return result(openat(dir, name, flags, mode));
}

static int
real_close(int fd)
{
	return result(close(fd));
}

static ssize_t
real_write(int fd, const void *bytes, size_t len)
{
	ssize_t n = write(fd, bytes, len);

	return n < 0 ? -errno : n;
}

static int
real_fsync(int fd)
{
	return result(fsync(fd));
}

static int
real_fdatasync(int fd)
{
	return result(fdatasync(fd));
}

static int
real_syncfs(int fd)
{
	return result(syncfs(fd));
}

static int
real_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return result(renameat(from_dir, from, to_dir, to));
}

static int
real_unlinkat(int dir, const char *name)
{
	return result(unlinkat(dir, name, 0));
}

static int
real_mkdir(const char *path, mode_t mode)
{
	return result(mkdir(path, mode));
}

static int
real_stat(const char *path, struct stat *out)
{
	return result(stat(path, out));
}

static int
real_fstat(int fd, struct stat *out)
{
	return result(fstat(fd, out));
}

static int
real_has_prefix(int dir, const char *prefix)
{
	size_t len = strlen(prefix);
	struct dirent *entry;
	DIR *stream;
	int fd, found = 0;

	/* a descriptor of its own: the stream moves its position */
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	stream = fdopendir(fd);
	if (stream == NULL) {
		int error = -errno;

		(void)close(fd);	/* it was only read */
		return error;
	}
	errno = 0;
	while (!found && (entry = readdir(stream)) != NULL)
		found = strncmp(entry->d_name, prefix, len) == 0;
	if (!found && errno != 0)
		found = -errno;
	(void)closedir(stream);		/* it was only read */
	return found;
}

const struct files files_real = {
	.openat = real_openat,
	.close = real_close,
	.write = real_write,
	.fsync = real_fsync,
	.fdatasync = real_fdatasync,
	.syncfs = real_syncfs,
	.renameat = real_renameat,
	.unlinkat = real_unlinkat,
	.mkdir = real_mkdir,
	.stat = real_stat,
	.fstat = real_fstat,
	.has_prefix = real_has_prefix,
};
