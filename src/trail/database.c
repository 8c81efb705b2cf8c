/* SPDX-License-Identifier: Apache-2.0 */
/* database: see database.h. */
#include "trail/database.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/text.h"

#define PRUNE_OLD 5000	/* rows taken at once because of their age */
#define PRUNE_BIG 500	/* … because of the size of all */
#define BUSY_MS    2000

/* Sessions and messages ascend with time: their indices are appended to. A
 * search for an address reads all; that is rare, writing is not. */
static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA journal_size_limit = 16777216;"
    "CREATE TABLE IF NOT EXISTS event ("
    " id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " session INTEGER, message INTEGER, other INTEGER, number INTEGER,"
    " peer TEXT, name TEXT, sender TEXT, rcpt TEXT, facts TEXT,"
    " words TEXT);"
    "CREATE INDEX IF NOT EXISTS event_session ON event(session)"
    " WHERE session IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS event_message ON event(message)"
    " WHERE message IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS event_other ON event(other)"
    " WHERE other IS NOT NULL;";

static const char insert[] =
    "INSERT INTO event (at, kind, session, message, other, number, peer,"
    " name, sender, rcpt, facts, words)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

static int
ask_number(sqlite3 *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement;
	int result = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(statement) == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		result = 0;
	}
	sqlite3_finalize(statement);
	return result;
}

static int
run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* A file of a newer release is left alone. */
static int
set_up(struct database *database, const char *file, char *error, size_t len)
{
	int64_t version = 0;
	char text[64];

	if (ask_number(database->db, "PRAGMA user_version", &version) != 0)
		goto failed;
	if (version > DATABASE_VERSION) {
		snprintf(error, len, "%s: written by a newer release of Ehlo "
		    "(format %d): move it away or set trail { file … }",
		    file, (int)version);
		return -1;
	}
	if (run(database->db, schema) != 0)
		goto failed;
	snprintf(text, sizeof text, "PRAGMA user_version = %d",
	    DATABASE_VERSION);
	if (run(database->db, text) == 0 &&
	    sqlite3_prepare_v3(database->db, insert, -1,
		SQLITE_PREPARE_PERSISTENT, &database->insert, NULL) ==
		SQLITE_OK)
		return 0;
failed:
	snprintf(error, len, "%s: %s: move it away, or set trail { file … }",
	    file, database_why(database));
	return -1;
}

int
database_open(struct database *database, const struct trail_options *options,
    char *error, size_t error_len)
{
	mode_t mask = umask(0077);
	int result;

	*database = (struct database){ .keep_ms = options->keep_ms,
		.size_max = options->size_max };
	result = sqlite3_open_v2(options->file, &database->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX, NULL);
	if (result == SQLITE_OK) {
		(void)sqlite3_busy_timeout(database->db, BUSY_MS);
		result = set_up(database, options->file, error, error_len);
	} else {
		snprintf(error, error_len, "%s: %s", options->file,
		    database_why(database));
		result = -1;
	}
	(void)umask(mask);
	if (result != 0)
		database_close(database);
	return result;
}

void
database_close(struct database *database)
{
	sqlite3_finalize(database->insert);
	/* the last one to close writes the log back and takes it away */
	(void)sqlite3_close(database->db);
	database->insert = NULL;
	database->db = NULL;
}

const char *
database_why(const struct database *database)
{
	return database->db != NULL ? sqlite3_errmsg(database->db)
	    : "out of memory";
}

int
database_begin(struct database *database)
{
	return run(database->db, "BEGIN IMMEDIATE");
}

int
database_commit(struct database *database)
{
	if (run(database->db, "COMMIT") == 0)
		return 0;
	/* what is open would stay so for ever */
	(void)run(database->db, "ROLLBACK");
	return -1;
}

static void
bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
	if (number != 0)
		(void)sqlite3_bind_int64(statement, at, (int64_t)number);
	else
		(void)sqlite3_bind_null(statement, at);
}

/* Quoted into `*memory`, which goes on behind it. */
static void
bind_text(sqlite3_stmt *statement, int at, struct span text,
    struct put *memory)
{
	struct put out = put_init(memory->p + memory->len,
	    memory->cap - memory->len);

	if (text.len == 0) {
		(void)sqlite3_bind_null(statement, at);
		return;
	}
	text_quote(text, &out);
	memory->len += out.len;
	(void)sqlite3_bind_text(statement, at, out.p, (int)out.len,
	    SQLITE_STATIC);
}

int
database_add(struct database *database, const struct trail_event *event)
{
	sqlite3_stmt *statement = database->insert;
	/* every octet may become four */
	char memory[(5 * 1024 + 4096) * 4];
	struct put put = put_init(memory, sizeof memory);

	bind_number(statement, 1, event->at_ms);
	bind_number(statement, 2, (uint64_t)event->kind);
	bind_number(statement, 3, event->session);
	bind_number(statement, 4, event->message);
	bind_number(statement, 5, event->other);
	bind_number(statement, 6, event->number);
	bind_text(statement, 7, event->peer, &put);
	bind_text(statement, 8, event->name, &put);
	bind_text(statement, 9, event->from, &put);
	bind_text(statement, 10, event->to, &put);
	bind_text(statement, 11, event->facts, &put);
	bind_text(statement, 12, event->words, &put);
	if (sqlite3_step(statement) == SQLITE_DONE) {
		(void)sqlite3_reset(statement);
		return 0;
	}
	(void)sqlite3_reset(statement);	/* says the same error again */
	return -1;
}

/* Pages that were freed are used again, so a file does not grow past this. */
static bool
is_too_big(const struct database *database)
{
	int64_t pages = 0, unused = 0, page = 0;

	return ask_number(database->db, "PRAGMA page_count", &pages) == 0 &&
	    ask_number(database->db, "PRAGMA freelist_count", &unused) == 0 &&
	    ask_number(database->db, "PRAGMA page_size", &page) == 0 &&
	    (uint64_t)((pages - unused) * page) > database->size_max;
}

int
database_prune(struct database *database, uint64_t now_ms)
{
	uint64_t before = now_ms > database->keep_ms
	    ? now_ms - database->keep_ms : 0;
	int64_t oldest = 0;
	char text[256];

	if (ask_number(database->db, "SELECT at FROM event ORDER BY id LIMIT "
	    "1", &oldest) != 0)
		return 0;	/* none is there */
	if ((uint64_t)oldest < before)
		snprintf(text, sizeof text, "DELETE FROM event WHERE id IN "
		    "(SELECT id FROM event ORDER BY id LIMIT %d) AND at < "
		    "%llu", PRUNE_OLD, (unsigned long long)before);
	else if (is_too_big(database))
		snprintf(text, sizeof text, "DELETE FROM event WHERE id IN "
		    "(SELECT id FROM event ORDER BY id LIMIT %d)", PRUNE_BIG);
	else
		return 0;
	return run(database->db, text) == 0 ? 1 : -1;
}
