/* SPDX-License-Identifier: Apache-2.0 */
/* database: the trail as an SQLite file. Events are appended in the order in
 * which they came, so that the oldest have the smallest numbers; texts are
 * quoted (text_quote) on the way in: what comes out can be shown. Private to
 * trail/. */
#ifndef TRAIL_DATABASE_H
#define TRAIL_DATABASE_H

#include <sqlite3.h>

#include "trail/trail.h"

#define DATABASE_VERSION 1

struct database {
	sqlite3 *db;
	sqlite3_stmt *insert;
	uint64_t keep_ms, size_max;
};

/* 0, or -1 with a sentence in `error`. */
int database_open(struct database *database,
    const struct trail_options *options, char *error, size_t error_len);
void database_close(struct database *database);
/* One batch: begin, add …, commit. -1: SQLite said no, see database_why(). */
int database_begin(struct database *database);
int database_add(struct database *database, const struct trail_event *event);
int database_commit(struct database *database);
/* Takes away what is too old or too much, a piece at a time: 1 if there is
 * more to take. */
int database_prune(struct database *database, uint64_t now_ms);
const char *database_why(const struct database *database);

#endif
