/* SPDX-License-Identifier: Apache-2.0 */
/* sts_file: policies of MTA-STS on disk, so that a restart forgets none: a
 * folder with a file a domain, replaced in one stroke.
 *
 *     id 20160831085700Z
 *     fetched 1795243023123          ms since 1970
 *                                    an empty line, then the policy as got */
#ifndef DELIVER_STS_FILE_H
#define DELIVER_STS_FILE_H

#include <stdint.h>

#include "base/span.h"
#include "smtp/sts.h"

struct sts_file {
	const char *domain;	/* compared form: it is the file's name */
	char id[STS_ID_MAX + 1];
	uint64_t fetched_at;
	struct span text;	/* of the policy */
};

/* 0 or -errno. Makes the folder if it is missing. */
int sts_file_write(const char *folder, const struct sts_file *file);
void sts_file_remove(const char *folder, const char *domain);
/* Calls `each` for every file that can be read; one that cannot is removed, as
 * is what a crash left behind. No folder: nothing. */
void sts_file_read_all(const char *folder,
    void (*each)(void *arg, const struct sts_file *file), void *arg);
/* For tests: the content of a file; false if it is none. */
bool sts_file_parse(struct span bytes, struct sts_file *out);

#endif
