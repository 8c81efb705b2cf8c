/* SPDX-License-Identifier: Apache-2.0 */
/* files: the file operations of final delivery, in one table, so that a test
 * can let the n-th one fail, or be the last thing the process did. Each gives
 * back what its namesake of POSIX does, but -errno instead of -1. */
#ifndef DELIVER_FILES_H
#define DELIVER_FILES_H

#include <sys/stat.h>
#include <sys/types.h>

struct files {
	int (*openat)(int dir, const char *name, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*write)(int fd, const void *bytes, size_t len);
	int (*fsync)(int fd);
	int (*fdatasync)(int fd);
	int (*syncfs)(int fd);
	int (*renameat)(int from_dir, const char *from, int to_dir,
	    const char *to);
	int (*unlinkat)(int dir, const char *name);
	int (*mkdir)(const char *path, mode_t mode);
	int (*stat)(const char *path, struct stat *out);
	int (*fstat)(int fd, struct stat *out);
	/* 1 if a name in this folder begins with `prefix`, else 0. */
	int (*has_prefix)(int dir, const char *prefix);
};

extern const struct files files_real;

#endif
