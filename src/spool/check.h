/* SPDX-License-Identifier: Apache-2.0 */
/* check: is a store sound? Everything is read: every record of every segment
 * against its sums, then every living message as a delivery would read it.
 * Nothing is written; nobody else may work on the store meanwhile. */
#ifndef SPOOL_CHECK_H
#define SPOOL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/disk.h"

enum check_what {
	CHECK_TORN,		/* a crash cut off a write: no damage */
	CHECK_LOST,		/* a record is not sound */
	CHECK_TEXT,		/* a text is not, its envelope is */
	CHECK_HEADER_COPY,	/* of two headers one is not sound */
	CHECK_HEADERS,		/* neither is: the segment is lost to the
				 * daemon, not to `ehlo spool dump` */
	CHECK_SUMMARY,		/* the next start takes longer */
	CHECK_MESSAGE,		/* a living message cannot be read */
	CHECK_SET_ASIDE,	/* a file, at an earlier start */
	CHECK_UNREADABLE	/* the file system does not give the file */
};

struct check_finding {
	enum check_what what;
	bool is_damage;
	const char *file;	/* while the callback runs */
	uint64_t at, len;
	uint64_t id;		/* CHECK_MESSAGE */
	int error;		/* -errno or 0 */
};
typedef void check_found(void *arg, const struct check_finding *finding);

struct check_report {
	uint64_t segments, spares, octets;
	uint64_t records;
	uint64_t messages, text_octets;
	uint64_t damaged;	/* findings that are damage */
};

/* In words, for a finding of that kind. */
const char *check_words(enum check_what what);

/* `path` is the directory of one store; adds to `report`. 0, or -errno with a
 * sentence in `error` if it could not be looked at. `disk` NULL: the real
 * one. */
int check_store(const char *path, const struct disk *disk,
    check_found *found, void *arg, struct check_report *report,
    char *error, size_t error_len);

#endif
