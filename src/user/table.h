/* SPDX-License-Identifier: Apache-2.0 */
/* table: the accounts of one reading of the users file, never changed
 * afterwards, reference counted. A table owns a copy of the text; everything
 * in it points there. */
#ifndef USER_TABLE_H
#define USER_TABLE_H

#include <stdint.h>

#include "base/map.h"
#include "base/span.h"
#include "user/keys.h"
#include "user/line.h"

struct user_account {
	struct span name;	/* in lower case */
	const char *hash;	/* to compute with; "" if there is nothing */
	bool is_locked;
	struct user_attributes attributes;
	unsigned line;
};

struct user_table {
	struct user_account *account;	/* in the file's order */
	size_t n;
	bool has_seed;		/* user/keys.h */
	unsigned char seed[USER_SEED_LEN];
	/* private */
	size_t scram_n;		/* accounts that have SCRAM keys */
	_Atomic unsigned refs;
	struct map by_name;
	char *text;
	size_t text_len;
};

/* Takes the text apart; with a mistake NULL, and "name:line: what" in
 * `error`. */
struct user_table *user_table_parse(const char *file, struct span text,
    char *error, size_t error_len);
struct user_table *user_table_ref(struct user_table *table);
void user_table_unref(struct user_table *table);

/* `name` in lower case; NULL if there is none. */
const struct user_account *user_table_find(const struct user_table *table,
    struct span name);
/* A hash to compute with in place of that of a name we do not have: that of
 * an account which `seed` and the name pick. Over many names the work is
 * spread as over the real ones, for one name it stays the same; so an answer's
 * time tells nobody who exists. */
const char *user_table_borrow(const struct user_table *table,
    const uint64_t seed[2], struct span name);

/* The same for what SCRAM shows of an account: one to be like; NULL if none has
 * keys. */
const struct user_attributes *user_table_like(const struct user_table *table,
    const uint64_t seed[2], struct span name);

/* Cuts the next line off, with its end ("\n") if it has one. */
struct span user_text_line(struct span *text);
/* What stands in a line behind a byte order mark and before "\n". */
struct span user_text_content(struct span line);

#endif
