/* SPDX-License-Identifier: Apache-2.0 */
/* read: see read.h. */
#include "trail/read.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"

#define BUSY_MS 2000

struct trail_reader {
	sqlite3 *db;
};

#define COLUMNS "at, kind, session, message, other, number, peer, name, " \
    "sender, rcpt, facts, words"

/* A session's id or a message's; a message that is told of in another's story
 * (its bounce). */
static const char by_id[] =
    "SELECT message, session, kind FROM event"
    " WHERE (message = ?1 OR session = ?1 OR other = ?1) AND at >= ?2"
    " ORDER BY id DESC";

/* ?1 the word, in lower case; ?3 the same as a pattern of LIKE for hosts with
 * their address, lists of recipients, and domains. */
static const char by_word[] =
    "SELECT message, session, kind FROM event WHERE at >= ?2 AND ("
    " lower(name) = ?1 OR lower(sender) = ?1 OR peer = ?1"
    " OR (kind = 16 AND words = ?4)"
    " OR (' ' || replace(replace(peer, '[', ' '), ']', ' ') || ' ')"
    "  LIKE ?3 ESCAPE '!'"
    " OR (' ' || rcpt || ' ') LIKE ?3 ESCAPE '!'"
    " OR (substr(?1, 1, 1) = '@' AND sender LIKE ?5 ESCAPE '!'))"
    " ORDER BY id DESC";

static const char by_story[] =
    "SELECT " COLUMNS " FROM event WHERE id IN ("
    " SELECT id FROM event WHERE ?1 <> 0 AND message = ?1 UNION"
    " SELECT id FROM event WHERE ?1 <> 0 AND other = ?1 UNION"
    " SELECT id FROM event WHERE ?2 <> 0 AND session = ?2 AND"
    "  (message IS NULL OR ?1 = 0))"
    " ORDER BY at, id";

struct trail_reader *
trail_open(const char *file, char *error, size_t error_len)
{
	struct trail_reader *reader = mem_new(sizeof *reader);

	if (sqlite3_open_v2(file, &reader->db, SQLITE_OPEN_READONLY,
	    NULL) != SQLITE_OK) {
		snprintf(error, error_len, "%s: %s", file, reader->db != NULL
		    ? sqlite3_errmsg(reader->db) : "out of memory");
		trail_close(reader);
		return NULL;
	}
	(void)sqlite3_busy_timeout(reader->db, BUSY_MS);
	return reader;
}

void
trail_close(struct trail_reader *reader)
{
	if (reader == NULL)
		return;
	(void)sqlite3_close(reader->db);
	free(reader);
}

static int
complain(const struct trail_reader *reader, char *error, size_t error_len)
{
	snprintf(error, error_len, "the trail cannot be read: %s",
	    sqlite3_errmsg(reader->db));
	return -1;
}

/* --- searching */

/* The word as a part of a text of LIKE, with its wildcards taken literally. */
static void
put_pattern(struct put *out, struct span word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (word.p[i] == '%' || word.p[i] == '_' || word.p[i] == '!')
			put_char(out, '!');
		put_char(out, word.p[i]);
	}
}

struct patterns {
	char bytes[4][2200];
	struct put word, inside, exact, end;
};

/* An address among others, or with a host's name: "% word %"; a domain ends
 * an address. */
static void
make_patterns(struct patterns *p, struct span word)
{
	bool is_domain = word.len != 0 && word.p[0] == '@';

	p->word = put_init(p->bytes[0], sizeof p->bytes[0]);
	p->inside = put_init(p->bytes[1], sizeof p->bytes[1]);
	p->exact = put_init(p->bytes[2], sizeof p->bytes[2]);
	p->end = put_init(p->bytes[3], sizeof p->bytes[3]);
	word = span_first(word, 1000);
	text_lower(word, &p->word);
	put_bytes(&p->exact, word);
	put_char(&p->end, '%');
	put_pattern(&p->end, word);
	put_str(&p->inside, is_domain ? "%" : "% ");
	put_pattern(&p->inside, word);
	put_str(&p->inside, " %");
}

static bool
is_in(const struct trail_story *story, size_t n, const struct trail_story *one)
{
	for (size_t i = 0; i < n; i++)
		if (one->message != 0 ? story[i].message == one->message
		    : story[i].session == one->session)
			return true;
	return false;
}

static struct trail_story
story_of_row(sqlite3_stmt *statement)
{
	return (struct trail_story){
		(uint64_t)sqlite3_column_int64(statement, 0),
		(uint64_t)sqlite3_column_int64(statement, 1) };
}

/* A message's story begins with the session that brought it. */
static uint64_t
session_of(struct trail_reader *reader, uint64_t message)
{
	sqlite3_stmt *statement;
	uint64_t session = 0;

	if (sqlite3_prepare_v2(reader->db, "SELECT session FROM event WHERE "
	    "message = ?1 AND session IS NOT NULL ORDER BY id LIMIT 1", -1,
	    &statement, NULL) != SQLITE_OK)
		return 0;
	(void)sqlite3_bind_int64(statement, 1, (int64_t)message);
	if (sqlite3_step(statement) == SQLITE_ROW)
		session = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return session;
}

/* What every session has says nothing of its own if it brought mail: that is
 * found by itself. */
static bool
is_beside(struct trail_reader *reader, sqlite3_stmt *row)
{
	int kind = sqlite3_column_int(row, 2);
	sqlite3_stmt *statement;
	bool has_mail;

	if (sqlite3_column_int64(row, 0) != 0 || (kind != TRAIL_CONNECT &&
	    kind != TRAIL_TLS && kind != TRAIL_LOGIN && kind != TRAIL_END))
		return false;
	if (sqlite3_prepare_v2(reader->db, "SELECT 1 FROM event WHERE session"
	    " = ?1 AND message IS NOT NULL LIMIT 1", -1, &statement, NULL) !=
	    SQLITE_OK)
		return false;
	(void)sqlite3_bind_int64(statement, 1, sqlite3_column_int64(row, 1));
	has_mail = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return has_mail;
}

static void
bind_span(sqlite3_stmt *statement, int at, const struct put *text)
{
	(void)sqlite3_bind_text(statement, at, text->p, (int)text->len,
	    SQLITE_STATIC);
}

static void
turn_round(struct trail_story *story, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct trail_story kept = story[i];

		story[i] = story[n - 1 - i];
		story[n - 1 - i] = kept;
	}
}

/* A session whose messages are stories of their own is none. */
static size_t
drop_told_sessions(struct trail_story *story, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_told = false;

		for (size_t j = 0; j < n && story[i].message == 0; j++)
			is_told |= story[j].message != 0 &&
			    story[j].session == story[i].session;
		if (!is_told)
			story[kept++] = story[i];
	}
	return kept;
}

/* Fills the list with what the rows are of, each once: SQLITE_DONE, SQLITE_ROW
 * if there were more, or what went wrong. */
static int
collect(struct trail_reader *reader, sqlite3_stmt *statement,
    struct trail_story *story, size_t max, size_t *n)
{
	int result;

	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct trail_story one = story_of_row(statement);

		if (one.message != 0 && one.session == 0)
			one.session = session_of(reader, one.message);
		if ((one.message == 0 && one.session == 0) ||
		    is_in(story, *n, &one) || is_beside(reader, statement))
			continue;
		if (*n == max)
			break;
		story[(*n)++] = one;
	}
	return result;
}

int
trail_find(struct trail_reader *reader, const struct trail_search *search,
    struct trail_story **story, size_t *n, bool *more, char *error,
    size_t error_len)
{
	struct patterns patterns;
	sqlite3_stmt *statement;
	int result;

	*story = mem_new_array(search->max + 1, sizeof **story);
	*n = 0;
	if (sqlite3_prepare_v2(reader->db, search->id != 0 ? by_id : by_word,
	    -1, &statement, NULL) != SQLITE_OK)
		return complain(reader, error, error_len);
	make_patterns(&patterns, search->word);
	(void)sqlite3_bind_int64(statement, 2, (int64_t)search->since_ms);
	if (search->id != 0) {
		(void)sqlite3_bind_int64(statement, 1, (int64_t)search->id);
	} else {
		bind_span(statement, 1, &patterns.word);
		bind_span(statement, 3, &patterns.inside);
		bind_span(statement, 4, &patterns.exact);
		bind_span(statement, 5, &patterns.end);
	}
	result = collect(reader, statement, *story, search->max, n);
	*more = result == SQLITE_ROW;
	result = result == SQLITE_DONE || result == SQLITE_ROW ? 0
	    : complain(reader, error, error_len);
	sqlite3_finalize(statement);
	*n = drop_told_sessions(*story, *n);
	turn_round(*story, *n);
	return result;
}

/* --- telling */

static struct span
text_at(sqlite3_stmt *statement, int column)
{
	const void *p = sqlite3_column_text(statement, column);

	return p == NULL ? SPAN("") : span_of(p,
	    (size_t)sqlite3_column_bytes(statement, column));
}

static uint64_t
number_at(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

int
trail_tell(struct trail_reader *reader, const struct trail_story *story,
    void (*each)(void *arg, const struct trail_event *event), void *arg,
    char *error, size_t error_len)
{
	sqlite3_stmt *statement;
	int result;

	if (sqlite3_prepare_v2(reader->db, by_story, -1, &statement, NULL) !=
	    SQLITE_OK)
		return complain(reader, error, error_len);
	(void)sqlite3_bind_int64(statement, 1, (int64_t)story->message);
	(void)sqlite3_bind_int64(statement, 2, (int64_t)story->session);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct trail_event event = {
			.at_ms = number_at(statement, 0),
			.kind = (enum trail_kind)number_at(statement, 1),
			.session = number_at(statement, 2),
			.message = number_at(statement, 3),
			.other = number_at(statement, 4),
			.number = number_at(statement, 5),
			.peer = text_at(statement, 6),
			.name = text_at(statement, 7),
			.from = text_at(statement, 8),
			.to = text_at(statement, 9),
			.facts = text_at(statement, 10),
			.words = text_at(statement, 11),
		};

		each(arg, &event);
	}
	result = result == SQLITE_DONE ? 0
	    : complain(reader, error, error_len);
	sqlite3_finalize(statement);
	return result;
}
