/* SPDX-License-Identifier: Apache-2.0 */
/* alias: see alias.h. One map from "local@domain" or "local" in lower case to
 * the line's targets. */
#include "policy/alias.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/text.h"

#define FILE_MAX    ((size_t)16 << 20)
#define TARGETS_MAX 1000
#define DEPTH_MAX   10

struct alias {
	struct span name;	/* lower case */
	struct span *target;
	size_t n;
	int line;
	unsigned mark;		/* of the search for loops */
};

struct alias_table {
	struct map map;
	struct arena memory;
	unsigned refs;
};

struct reader {
	struct alias_table *table;
	const char *name;
	char *error;
	size_t error_len;
	int line;
};

static bool
fail(const struct reader *r, int line, const char *what, struct span word)
{
	char quoted[256];
	struct put out = put_init(quoted, sizeof quoted);

	text_quote(span_first(word, 60), &out);
	snprintf(r->error, r->error_len, "%s:%d: error: %s: '%s'", r->name,
	    line, what, put_cstr(&out));
	return false;
}

static struct span
keep_lower(struct alias_table *table, struct span s)
{
	char *copy = arena_alloc(&table->memory, s.len + 1);
	struct put out = put_init(copy, copy != NULL ? s.len : 0);

	text_lower(s, &out);
	return put_span(&out);
}

static bool
is_good_target(struct span s)
{
	if (s.len == 0 || s.len > 320 || s.p[0] == '/' || s.p[0] == '|' ||
	    s.p[0] == ':' || s.p[0] == '@')
		return false;	/* files, programs and includes: never */
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_cntrl(s.p[i]) || s.p[i] == ' ')
			return false;
	return true;
}

static bool
read_targets(struct reader *r, struct alias *alias, struct span text)
{
	struct span target[TARGETS_MAX];

	while (text.len != 0) {
		struct span one = span_trim(span_cut(&text, ','));

		if (one.len == 0)
			continue;
		if (!is_good_target(one))
			return fail(r, r->line, "this is no address (files, "
			    "programs and includes are not taken)", one);
		if (alias->n == TARGETS_MAX)
			return fail(r, r->line, "too many targets", one);
		target[alias->n++] = keep_lower(r->table, one);
	}
	if (alias->n == 0)
		return fail(r, r->line, "this alias has no target",
		    alias->name);
	alias->target = arena_alloc(&r->table->memory,
	    alias->n * sizeof *target);
	memcpy(alias->target, target, alias->n * sizeof *target);
	return true;
}

static bool
read_line(struct reader *r, struct span line)
{
	struct alias *alias;
	struct span name;

	line = span_trim(line);
	if (line.len == 0 || line.p[0] == '#')
		return true;
	if (span_find(line, ':') == line.len)
		return fail(r, r->line, "a ':' is missing, write name: target",
		    line);
	name = span_trim(span_cut(&line, ':'));
	if (!is_good_target(name))
		return fail(r, r->line, "this is no name", name);
	alias = arena_alloc(&r->table->memory, sizeof *alias);
	alias->name = keep_lower(r->table, name);
	alias->line = r->line;
	if (map_find(&r->table->map, alias->name) != NULL)
		return fail(r, r->line, "this name stands here twice", name);
	if (!read_targets(r, alias, span_trim(line)))
		return false;
	(void)map_put(&r->table->map, alias->name, alias);
	return true;
}

static struct alias *
find(const struct alias_table *table, struct span local, struct span domain)
{
	char text[600];
	struct put whole = put_init(text, sizeof text);
	struct alias *alias;

	text_lower(local, &whole);
	put_char(&whole, '@');
	text_lower(domain, &whole);
	if (whole.full)
		return NULL;
	alias = map_find(&table->map, put_span(&whole));
	if (alias == NULL)
		alias = map_find(&table->map, span_of(text, local.len));
	return alias;
}

/* Follows every chain; a name that is met again inside its own chain is a
 * loop. `mark`: 1 is in the chain at work, 2 is known to be good. A bare
 * target may be an alias of its own name: that is the mailbox (as in
 * "anna: anna, bert"). */
static bool
follow(struct reader *r, struct alias *alias, unsigned depth)
{
	if (alias->mark == 2)
		return true;
	if (alias->mark == 1)
		return fail(r, alias->line, "this alias leads back to itself",
		    alias->name);
	if (depth > DEPTH_MAX)
		return fail(r, alias->line, "this chain of aliases is longer "
		    "than 10", alias->name);
	alias->mark = 1;
	for (size_t i = 0; i < alias->n; i++) {
		struct span domain = alias->target[i];
		struct span local = span_cut(&domain, '@');
		struct alias *next = find(r->table, local, domain);

		if (next == NULL || (next == alias &&
		    span_eq(alias->target[i], alias->name)))
			continue;
		if (!follow(r, next, depth + 1))
			return false;
	}
	alias->mark = 2;
	return true;
}

static bool
check_loops(struct reader *r)
{
	void *alias;

	for (size_t at = 0; map_next(&r->table->map, &at, NULL, &alias);)
		if (!follow(r, alias, 1))
			return false;
	return true;
}

struct alias_table *
alias_parse(const char *name, struct span text, char *error,
    size_t error_len)
{
	struct alias_table *table = mem_new(sizeof *table);
	struct reader r = { table, name, error, error_len, 0 };
	bool is_good = true;

	table->refs = 1;
	map_init(&table->map);
	arena_init(&table->memory, FILE_MAX * 16);
	while (is_good && text.len != 0) {
		struct span line = span_cut(&text, '\n');

		r.line++;
		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		is_good = read_line(&r, line);
	}
	if (is_good && check_loops(&r))
		return table;
	alias_unref(table);
	return NULL;
}

struct alias_table *
alias_load(const char *path, char *error, size_t error_len)
{
	FILE *file = fopen(path, "rb");
	struct alias_table *table = NULL;
	struct buf text;
	char part[8192];
	size_t n;

	if (file == NULL) {
		snprintf(error, error_len, "%s: error: cannot read the "
		    "aliases: %s", path, strerror(errno));
		return NULL;
	}
	buf_init(&text, FILE_MAX);
	while ((n = fread(part, 1, sizeof part, file)) != 0)
		if (buf_append(&text, span_of(part, n)) != 0)
			break;
	if (ferror(file) || n != 0)
		snprintf(error, error_len, "%s: error: cannot read the "
		    "aliases: %s", path, n != 0 ? "larger than 16 MiB"
		    : strerror(errno));
	else
		table = alias_parse(path, buf_span(&text), error, error_len);
	fclose(file);
	buf_free(&text);
	return table;
}

struct alias_table *
alias_ref(struct alias_table *table)
{
	__atomic_add_fetch(&table->refs, 1, __ATOMIC_RELAXED);
	return table;
}

void
alias_unref(struct alias_table *table)
{
	if (table == NULL ||
	    __atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	map_free(&table->map);
	arena_reset(&table->memory);
	free(table);
}

const struct span *
alias_find(const struct alias_table *table, struct span local,
    struct span domain, size_t *n)
{
	const struct alias *alias = find(table, local, domain);

	if (alias == NULL)
		return NULL;
	*n = alias->n;
	return alias->target;
}
