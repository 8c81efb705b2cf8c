/* SPDX-License-Identifier: Apache-2.0 */
/* disk: the dozen things the spool asks of a file system, as a table, so that
 * a test can put a disk below it that lies, forgets and dies (lying_disk.h).
 *
 * 1. write_sync() returns only when its bytes survive a loss of power.
 * 2. write() promises nothing before sync(); make, rename and unlink nothing
 *    before sync_dir().
 * 3. Memory, offset and length of writes are multiples of DISK_BLOCK.
 * 4. read() may be called from any thread, everything else from one.
 *
 * All return -errno on failure. */
#ifndef SPOOL_DISK_H
#define SPOOL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DISK_BLOCK 4096u

enum disk_how {
	DISK_READ,	/* through the page cache */
	DISK_WRITE,	/* past it, where the file system can */
	DISK_CREATE	/* as DISK_WRITE; an old file is emptied */
};

struct disk_file;

struct disk_dir {
	bool is_dir;
	bool is_ours;		/* its owner is who we run as */
	unsigned uid, mode;
};

struct disk {
	void *self;
	/* directories */
	int (*make_dir)(void *self, const char *path);
	int (*look_dir)(void *self, const char *path, struct disk_dir *out);
	int (*list)(void *self, const char *path,
	    void (*name)(void *arg, const char *name), void *arg);
	int (*sync_dir)(void *self, const char *path);
	int (*space)(void *self, const char *path, uint64_t *octets);
	int (*rename)(void *self, const char *from, const char *to);
	int (*unlink)(void *self, const char *path);
	/* 0, or -EWOULDBLOCK with the holder's process id (0: unknown). The
	 * lock is held until the file is closed. */
	int (*lock)(void *self, const char *path, struct disk_file **out,
	    long *holder);
	/* files */
	int (*open)(void *self, const char *path, enum disk_how how,
	    struct disk_file **out);
	void (*close)(void *self, struct disk_file *file);
	int (*size)(void *self, struct disk_file *file, uint64_t *octets);
	/* Reserves the blocks; -EOPNOTSUPP is no failure to the caller. */
	int (*allocate)(void *self, struct disk_file *file, uint64_t octets);
	/* The count, less than `len` only at the end of the file. */
	ssize_t (*read)(void *self, struct disk_file *file, void *p,
	    size_t len, uint64_t at);
	/* The count; a short one is followed up by the caller. */
	ssize_t (*write)(void *self, struct disk_file *file, const void *p,
	    size_t len, uint64_t at);
	ssize_t (*write_sync)(void *self, struct disk_file *file,
	    const void *p, size_t len, uint64_t at);
	int (*sync)(void *self, struct disk_file *file);
};

/* The file system. */
extern const struct disk disk_real;

#endif
