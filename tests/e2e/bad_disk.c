/* SPDX-License-Identifier: Apache-2.0 */
/* bad_disk: stands between a program and its disk (LD_PRELOAD). While the file
 * that EHLO_BAD_DISK names is there, every n-th write or sync of a regular
 * file fails with EIO, n being the length of that file in octets; a write that
 * fails has done half of its work before. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic unsigned long calls;

static int
is_bad(int fd)
{
	const char *control = getenv("EHLO_BAD_DISK");
	struct stat file, how;
	int before = errno, bad;

	bad = control != NULL && stat(control, &how) == 0 &&
	    how.st_size > 0 && fstat(fd, &file) == 0 &&
	    S_ISREG(file.st_mode) && (unsigned long)atomic_fetch_add(&calls,
	    1) % (unsigned long)how.st_size == 0;
	errno = before;
	return bad;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL do { errno = EIO; return -1; } while (0)

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (is_bad(fd)) {
		(void)!REAL(pwrite)(fd, p, len / 2 / 4096 * 4096, at);
		FAIL;
	}
	return REAL(pwrite)(fd, p, len, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return pwrite(fd, p, len, at);
}

ssize_t
write(int fd, const void *p, size_t len)
{
	if (is_bad(fd)) {
		(void)!REAL(write)(fd, p, len / 2);
		FAIL;
	}
	return REAL(write)(fd, p, len);
}

int
fsync(int fd)
{
	if (is_bad(fd))
		FAIL;
	return REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	if (is_bad(fd))
		FAIL;
	return REAL(fdatasync)(fd);
}

int
syncfs(int fd)
{
	if (is_bad(fd))
		FAIL;
	return REAL(syncfs)(fd);
}
