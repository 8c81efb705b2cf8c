/* SPDX-License-Identifier: Apache-2.0 */
/* box: for tests of delivery: a scratch folder, what lies in its Maildirs, and
 * file operations of which the n-th fails or is the last. */
#ifndef TESTS_BOX_H
#define TESTS_BOX_H

#include <stdbool.h>

#include "deliver/files.h"

/* A new empty folder; its path lives until box_close(), which removes it with
 * all that is in it. */
const char *box_open(void);
void box_close(void);
/* dir/name as a string of its own that lives until box_close(). */
const char *box_path(const char *dir, const char *name);
/* How many files lie in this folder; -1 if there is no such folder. */
int box_count(const char *dir);
/* The only file of the folder: its content; NULL if there is not one. Lives
 * until the next call. `name` (of 256) may be NULL. */
const char *box_read_only_file(const char *dir, char *name);

/* The real operations, counted. `fail_at` n > 0: the n-th gives `error`, and
 * `exit_at`: the process is gone before the n-th, as if killed. */
struct box_faults {
	int n;
	int fail_at, error;
	int exit_at;
	int writes, fsyncs, fdatasyncs, syncfss;
	const char *fail_op;	/* NULL: any */
	bool keeps_failing;	/* all from the n-th on */
};
extern struct box_faults box_faults;
extern const struct files box_files;

#endif
