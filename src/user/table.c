/* SPDX-License-Identifier: Apache-2.0 */
#include "user/table.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/put.h"
#include "base/text.h"
#include "user/hash.h"

#define WHY_MAX 512

struct span
user_text_line(struct span *text)
{
	size_t n = span_find(*text, '\n');
	struct span line = span_first(*text, n < text->len ? n + 1 : n);

	*text = span_skip(*text, line.len);
	return line;
}

struct span
user_text_content(struct span line)
{
	if (line.len != 0 && line.p[line.len - 1] == '\n')
		line.len--;
	/* some editors begin a file with it; we never write one */
	if (span_starts(line, SPAN("\xef\xbb\xbf")))
		line = span_skip(line, 3);
	return line;
}

static size_t
count_lines(struct span text)
{
	size_t n = 0;

	while (text.len != 0) {
		(void)user_text_line(&text);
		n++;
	}
	return n;
}

/* The same bytes in our own copy, which we may write to. */
static char *
own(struct user_table *table, struct span original, struct span part)
{
	return table->text + (part.p - original.p);
}

static struct span
own_span(struct user_table *table, struct span original, struct span part)
{
	if (part.len == 0)
		return SPAN("");
	return span_of(own(table, original, part), part.len);
}

/* Ends the hash with a NUL in our copy: a separator or the line's end stands
 * there, or the NUL behind the text. */
static const char *
own_hash(struct user_table *table, struct span original, struct span hash)
{
	struct span inner = user_hash_inner(hash);
	char *copy;

	if (inner.len == 0)
		return "";
	copy = own(table, original, inner);
	copy[inner.len] = '\0';
	return copy;
}

static struct user_account *
add_account(struct user_table *table, struct span original,
    const struct user_line *line)
{
	struct user_account *account = &table->account[table->n++];
	char *name = own(table, original, line->name);
	char why[WHY_MAX];
	struct put ignored = put_init(why, sizeof why);

	for (size_t i = 0; i < line->name.len; i++)
		name[i] = ascii_lower(name[i]);
	account->name = span_of(name, line->name.len);
	account->is_locked = line->hash.p[0] == '!';
	must(user_attributes_parse(own_span(table, original, line->attributes),
	    &account->attributes, &ignored));
	account->hash = own_hash(table, original, line->hash);
	return account;
}

/* One line; what is wrong goes to `why`. */
static bool
take_line(struct user_table *table, struct span original, struct span text,
    unsigned number, struct put *why)
{
	const struct user_account *before;
	struct user_account *account;
	struct user_line line;

	switch (user_line_parse(text, &line, why)) {
	case USER_LINE_BLANK:
		if (!table->has_seed)
			table->has_seed = user_seed_parse(text, table->seed);
		return true;
	case USER_LINE_BAD:
		return false;
	case USER_LINE_ACCOUNT:
		break;
	}
	account = add_account(table, original, &line);
	account->line = number;
	if (account->attributes.scram.len != 0)
		table->scram_n++;
	before = map_put(&table->by_name, account->name, account);
	if (before == NULL)
		return true;
	put_str(why, "the name \"");
	text_quote(account->name, why);
	put_str(why, "\" is there twice, first in line ");
	put_u64(why, before->line);
	return false;
}

static struct user_table *
new_table(struct span text)
{
	struct user_table *table = mem_new(sizeof *table);

	table->refs = 1;
	map_init(&table->by_name);
	table->text = mem_copy(text);
	table->text_len = text.len;
	table->account =
	    mem_new_array(count_lines(text), sizeof *table->account);
	return table;
}

struct user_table *
user_table_parse(const char *file, struct span text, char *error,
    size_t error_len)
{
	struct user_table *table = new_table(text);
	struct span rest = text;
	char memory[WHY_MAX];
	struct put why = put_init(memory, sizeof memory);

	for (unsigned number = 1; rest.len != 0; number++) {
		struct span line = user_text_content(user_text_line(&rest));

		if (take_line(table, text, line, number, &why))
			continue;
		(void)snprintf(error, error_len, "%s:%u: %s", file, number,
		    put_cstr(&why));	/* cut if it must be */
		user_table_unref(table);
		return NULL;
	}
	return table;
}

struct user_table *
user_table_ref(struct user_table *table)
{
	atomic_fetch_add(&table->refs, 1);
	return table;
}

void
user_table_unref(struct user_table *table)
{
	if (table == NULL || atomic_fetch_sub(&table->refs, 1) != 1)
		return;
	map_free(&table->by_name);
	free(table->account);
	mem_wipe(table->text, table->text_len);
	mem_wipe(table->seed, sizeof table->seed);
	free(table->text);
	free(table);
}

const struct user_account *
user_table_find(const struct user_table *table, struct span name)
{
	return map_find(&table->by_name, name);
}

const char *
user_table_borrow(const struct user_table *table, const uint64_t seed[2],
    struct span name)
{
	size_t start;

	if (table->n == 0)
		return user_hash_dummy;
	start = (size_t)(siphash13(seed, name) % table->n);
	for (size_t i = 0; i < table->n; i++) {
		const char *hash = table->account[(start + i) % table->n].hash;

		if (hash[0] != '\0')
			return hash;
	}
	return user_hash_dummy;
}

const struct user_attributes *
user_table_like(const struct user_table *table, const uint64_t seed[2],
    struct span name)
{
	size_t start;

	if (table->scram_n == 0)
		return NULL;
	start = (size_t)(siphash13(seed, name) % table->n);
	for (size_t i = 0; i < table->n; i++) {
		const struct user_account *account =
		    &table->account[(start + i) % table->n];

		if (account->attributes.scram.len != 0)
			return &account->attributes;
	}
	return NULL;
}
