/* SPDX-License-Identifier: Apache-2.0 */
/* box: scratch folders and failing file operations for tests. */
#include "box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATHS_MAX 256

struct box_faults box_faults;

static char root[64];
static char *paths[PATHS_MAX];
static unsigned paths_n;

static void
fail(const char *what)
{
	perror(what);
	abort();
}

const char *
box_open(void)
{
	snprintf(root, sizeof root, "/tmp/ehlo-box-XXXXXX");
	if (mkdtemp(root) == NULL)
		fail(root);
	box_faults = (struct box_faults){ 0 };
	return root;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
box_close(void)
{
	if (nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fail(root);
	while (paths_n != 0)
		free(paths[--paths_n]);
}

const char *
box_path(const char *dir, const char *name)
{
	size_t len = strlen(dir) + strlen(name) + 2;
	char *path = malloc(len);

	if (path == NULL || paths_n == PATHS_MAX)
		abort();
	snprintf(path, len, "%s/%s", dir, name);
	paths[paths_n++] = path;
	return path;
}

int
box_count(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int n = 0;

	if (stream == NULL)
		return -1;
	while ((entry = readdir(stream)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(stream);
	return n;
}

const char *
box_read_only_file(const char *dir, char *name)
{
	static char content[1 << 20];
	DIR *stream = opendir(dir);
	struct dirent *entry;
	char path[4096];
	ssize_t len = -1;
	int fd;

	if (stream == NULL || box_count(dir) != 1) {
		if (stream != NULL)
			closedir(stream);
		return NULL;
	}
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (name != NULL)
			memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = read(fd, content, sizeof content - 1);
		close(fd);
	}
	closedir(stream);
	if (len < 0)
		return NULL;
	content[len] = '\0';
	return content;
}

/* --- faults */

/* 0, or the error that this operation is to give. */
static int
next(const char *op)
{
	struct box_faults *f = &box_faults;
	int n = ++f->n;

	if (f->exit_at == n)
		_exit(9);
	if (f->fail_at == 0 || n < f->fail_at ||
	    (n > f->fail_at && !f->keeps_failing))
		return 0;
	if (f->fail_op != NULL && strcmp(f->fail_op, op) != 0) {
		if (!f->keeps_failing)
			f->fail_at++;	/* the first of its kind from here */
		return 0;
	}
	return f->error;
}

#define OR_FAULT(op, ...) \
	int fault = next(op); \
	return fault != 0 ? fault : files_real.__VA_ARGS__

static int
box_openat(int dir, const char *name, int flags, mode_t mode)
{
	OR_FAULT("openat", openat(dir, name, flags, mode));
}

static int
box_close_fd(int fd)
{
	int fault = next("close");
	int error = files_real.close(fd);	/* it is gone in any case */

	return fault != 0 ? fault : error;
}

static ssize_t
box_write(int fd, const void *bytes, size_t len)
{
	int fault = next("write");

	box_faults.writes++;
	if (fault == 0)
		return files_real.write(fd, bytes, len);
	/* a disk that fills up takes a part first */
	(void)files_real.write(fd, bytes, len / 2);
	return fault;
}

static int
box_fsync(int fd)
{
	box_faults.fsyncs++;
	OR_FAULT("fsync", fsync(fd));
}

static int
box_fdatasync(int fd)
{
	box_faults.fdatasyncs++;
	OR_FAULT("fdatasync", fdatasync(fd));
}

static int
box_syncfs(int fd)
{
	box_faults.syncfss++;
	OR_FAULT("syncfs", syncfs(fd));
}

static int
box_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	OR_FAULT("renameat", renameat(from_dir, from, to_dir, to));
}

static int
box_unlinkat(int dir, const char *name)
{
	OR_FAULT("unlinkat", unlinkat(dir, name));
}

static int
box_mkdir(const char *path, mode_t mode)
{
	OR_FAULT("mkdir", mkdir(path, mode));
}

static int
box_stat(const char *path, struct stat *out)
{
	OR_FAULT("stat", stat(path, out));
}

static int
box_fstat(int fd, struct stat *out)
{
	OR_FAULT("fstat", fstat(fd, out));
}

static int
box_has_prefix(int dir, const char *prefix)
{
	OR_FAULT("has_prefix", has_prefix(dir, prefix));
}

const struct files box_files = {
	.openat = box_openat,
	.close = box_close_fd,
	.write = box_write,
	.fsync = box_fsync,
	.fdatasync = box_fdatasync,
	.syncfs = box_syncfs,
	.renameat = box_renameat,
	.unlinkat = box_unlinkat,
	.mkdir = box_mkdir,
	.stat = box_stat,
	.fstat = box_fstat,
	.has_prefix = box_has_prefix,
};
