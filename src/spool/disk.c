/* SPDX-License-Identifier: Apache-2.0 */
/* The real disk. Writing goes past the page cache (O_DIRECT) with O_DSYNC
 * where the file system can; where it cannot (tmpfs, some overlays) a buffered
 * write is followed by fdatasync. Reading has a descriptor of its own, through
 * the page cache but without read-ahead: what lies behind the last record has
 * not been written yet and must not be cached. */
#include "spool/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"

struct disk_file {
	int fd;
	int sync_fd;	/* O_DSYNC, or -1 */
};

static int
real_make_dir(void *self, const char *path)
{
	(void)self;
	return mkdir(path, 0700) == 0 ? 0 : -errno;
}

static int
real_look_dir(void *self, const char *path, struct disk_dir *out)
{
	struct stat st;

	(void)self;
	if (stat(path, &st) != 0)
		return -errno;
	*out = (struct disk_dir){
		.is_dir = S_ISDIR(st.st_mode),
		.is_ours = st.st_uid == geteuid(),
		.uid = st.st_uid,
		.mode = st.st_mode & 07777,
	};
	return 0;
}

static int
real_list(void *self, const char *path,
    void (*name)(void *arg, const char *name), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	(void)self;
	if (dir == NULL)
		return -errno;
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			break;
		if (entry->d_name[0] != '.')
			name(arg, entry->d_name);
	}
	if (errno != 0) {
		int error = errno;

		closedir(dir);
		return -error;
	}
	closedir(dir);
	return 0;
}

static int
real_sync_dir(void *self, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = 0;

	(void)self;
	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		error = -errno;
	close(fd);
	return error;
}

static int
real_space(void *self, const char *path, uint64_t *octets)
{
	struct statvfs st;

	(void)self;
	if (statvfs(path, &st) != 0)
		return -errno;
	/* some file systems do not count */
	*octets = st.f_blocks == 0 ? UINT64_MAX :
	    (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

static int
real_rename(void *self, const char *from, const char *to)
{
	(void)self;
	return rename(from, to) == 0 ? 0 : -errno;
}

static int
real_unlink(void *self, const char *path)
{
	(void)self;
	return unlink(path) == 0 ? 0 : -errno;
}

static long
read_holder(int fd)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* The process id is for people; the lock itself is what counts. */
static int
write_holder(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

static int
real_lock(void *self, const char *path, struct disk_file **out, long *holder)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	(void)self;
	*holder = 0;
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		error = -errno;
		*holder = read_holder(fd);
		close(fd);
		return error;
	}
	error = write_holder(fd);
	if (error != 0) {
		close(fd);
		return error;
	}
	*out = mem_new(sizeof **out);
	**out = (struct disk_file){ .fd = fd, .sync_fd = -1 };
	return 0;
}

static bool
is_refusal(int error)
{
	return error == EINVAL || error == EOPNOTSUPP;
}

static int
open_for_reading(const char *path, struct disk_file *file)
{
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file->fd < 0)
		return -errno;
	/* only advice: reading works without it */
	(void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
	return 0;
}

static int
open_for_writing(const char *path, int create, struct disk_file *file)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;

	file->fd = open(path, flags | O_DIRECT | create, 0600);
	if (file->fd < 0 && is_refusal(errno)) {
		file->fd = open(path, flags | create, 0600);
		return file->fd < 0 ? -errno : 0;
	}
	if (file->fd < 0)
		return -errno;
	file->sync_fd = open(path, flags | O_DIRECT | O_DSYNC);
	if (file->sync_fd < 0) {
		int error = -errno;

		close(file->fd);
		return error;
	}
	return 0;
}

static int
real_open(void *self, const char *path, enum disk_how how,
    struct disk_file **out)
{
	struct disk_file file = { .fd = -1, .sync_fd = -1 };
	int error;

	(void)self;
	if (how == DISK_READ)
		error = open_for_reading(path, &file);
	else
		error = open_for_writing(path,
		    how == DISK_CREATE ? O_CREAT | O_TRUNC : 0, &file);
	if (error != 0)
		return error;
	*out = mem_new(sizeof **out);
	**out = file;
	return 0;
}

static void
real_close(void *self, struct disk_file *file)
{
	(void)self;
	if (file == NULL)
		return;
	/* everything that counts has been synced before */
	if (file->sync_fd >= 0)
		close(file->sync_fd);
	close(file->fd);
	free(file);
}

static int
real_size(void *self, struct disk_file *file, uint64_t *octets)
{
	struct stat st;

	(void)self;
	if (fstat(file->fd, &st) != 0)
		return -errno;
	*octets = (uint64_t)st.st_size;
	return 0;
}

static int
real_allocate(void *self, struct disk_file *file, uint64_t octets)
{
	(void)self;
	return fallocate(file->fd, 0, 0, (off_t)octets) == 0 ? 0 : -errno;
}

static ssize_t
real_read(void *self, struct disk_file *file, void *p, size_t len,
    uint64_t at)
{
	size_t done = 0;

	(void)self;
	while (done < len) {
		ssize_t n = pread(file->fd, (char *)p + done, len - done,
		    (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static ssize_t
write_fd(int fd, const void *p, size_t len, uint64_t at)
{
	ssize_t n;

	must(at % DISK_BLOCK == 0 && len % DISK_BLOCK == 0);
	must((uintptr_t)p % DISK_BLOCK == 0);
	do
		n = pwrite(fd, p, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* what remains must be aligned, too */
	return n % DISK_BLOCK == 0 ? n : -EIO;
}

static ssize_t
real_write(void *self, struct disk_file *file, const void *p, size_t len,
    uint64_t at)
{
	(void)self;
	return write_fd(file->fd, p, len, at);
}

static ssize_t
real_write_sync(void *self, struct disk_file *file, const void *p,
    size_t len, uint64_t at)
{
	ssize_t n;

	(void)self;
	if (file->sync_fd >= 0)
		return write_fd(file->sync_fd, p, len, at);
	n = write_fd(file->fd, p, len, at);
	if (n >= 0 && fdatasync(file->fd) != 0)
		return -errno;
	return n;
}

static int
real_sync(void *self, struct disk_file *file)
{
	(void)self;
	return fsync(file->fd) == 0 ? 0 : -errno;
}

const struct disk disk_real = {
	.make_dir = real_make_dir,
	.look_dir = real_look_dir,
	.list = real_list,
	.sync_dir = real_sync_dir,
	.space = real_space,
	.rename = real_rename,
	.unlink = real_unlink,
	.lock = real_lock,
	.open = real_open,
	.close = real_close,
	.size = real_size,
	.allocate = real_allocate,
	.read = real_read,
	.write = real_write,
	.write_sync = real_write_sync,
	.sync = real_sync,
};
