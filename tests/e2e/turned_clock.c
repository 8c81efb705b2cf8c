/* SPDX-License-Identifier: Apache-2.0 */
/* turned_clock: stands between a program and its clocks (LD_PRELOAD). They are
 * ahead by so many seconds as the file that EHLO_TURNED_CLOCK names has
 * octets: all of them alike, as if that time had passed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

int
clock_gettime(clockid_t id, struct timespec *out)
{
	static int (*real)(clockid_t, struct timespec *);
	const char *control = getenv("EHLO_TURNED_CLOCK");
	int result, before = errno;
	struct stat how;

	if (real == NULL)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "clock_gettime");
	result = real(id, out);
	if (result != 0)
		return result;
	if ((id == CLOCK_REALTIME || id == CLOCK_MONOTONIC) &&
	    control != NULL && stat(control, &how) == 0)
		out->tv_sec += how.st_size;
	errno = before;
	return result;
}
