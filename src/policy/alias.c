/* SPDX-License-Identifier: Apache-2.0 */
/* alias: the aliases file, read whole or not at all.
 *
 * A line that begins with a space goes on with the line before. Names are
 * compared in lower case, domains as A-labels; the local part of a target is
 * kept as it is written, for it may belong to somebody else's server.
 *
 * Loops are looked for among addresses, not among lines: "a: b@one" and
 * "b@one: a" lead back only for a@one. So the search walks from every name,
 * within the domain it is about ("" for any other of ours). A target that is
 * its own alias is no loop but the mailbox of that name. */
#include "policy/alias.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/map.h"
#include "base/text.h"
#include "conf/domain.h"

#define FILE_MAX   ((size_t)16 << 20)
#define MEMORY_MAX ((size_t)4 << 30)	/* far above what such a file needs */
#define LOCAL_MAX  64			/* RFC 5321 4.5.3.1.1 */
#define WHOLE_MAX  (LOCAL_MAX + 1 + 255)
#define DEPTH_MAX  10
#define STEPS_MAX  1000000		/* of the search for loops */

struct alias {
	struct span name;	/* "local" or "local@domain", lower case */
	struct span *target;
	size_t n;
	int line;
};

struct alias_table {
	struct map map;
	struct arena memory;
	atomic_uint refs;
};

/* An address on the way of the search. */
struct state {
	struct span name;	/* "local@domain" */
	unsigned height;	/* steps to the end of its longest chain */
	bool is_open;		/* on the chain being walked */
};

struct reader {
	struct alias_table *table;
	const char *name;
	char *error;
	size_t error_len;
	int line;
	struct alias *alias;	/* that a further line goes on with */
	struct span *target;	/* its targets so far */
	size_t target_n, target_cap;
	struct arena memory;	/* of the search */
	struct map states;
	unsigned steps;
	const struct alias *chain[DEPTH_MAX + 2];
};

/* Words of the file in messages. */
#define SHOWN(word) SPAN_ARG(span_first((word), 80))

__attribute__((format(printf, 3, 4))) static bool
fail(const struct reader *reader, int line, const char *format, ...)
{
	char text[1500], clean[1600];
	struct put put = put_init(clean, sizeof clean);
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (const char *p = text; *p != '\0'; p++)
		put_char(&put, ascii_is_cntrl(*p) ? '?' : *p);
	snprintf(reader->error, reader->error_len, "%s:%d: %s", reader->name,
	    line, put_cstr(&put));
	return false;
}

static struct span
keep(struct arena *memory, struct span text)
{
	struct span copy = arena_copy(memory, text);

	must(copy.p != NULL);	/* bounded by the file's size */
	return copy;
}

static void *
keep_new(struct arena *memory, size_t size)
{
	void *p = arena_alloc(memory, size);

	must(p != NULL);
	return p;
}

/* RFC 5322 3.2.3 atext, dots between, and UTF-8 (RFC 6531 3.3). */
static bool
is_local_part(struct span text)
{
	if (text.len == 0 || text.len > LOCAL_MAX || !text_is_utf8(text) ||
	    text.p[0] == '.' || text.p[text.len - 1] == '.')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '.' ? text.p[i + 1] == '.'
		    : !ascii_is_alnum(c) && (unsigned char)c < 128 &&
			memchr("!#$%&'*+-/=?^_`{|}~", c, 19) == NULL)
			return false;
	}
	return true;
}

/* A name or an address, its domain in the compared form; `is_key` lowers the
 * local part too. */
static bool
read_name(struct span word, bool is_key, struct put *out)
{
	struct span domain = word, local = span_cut(&domain, '@');
	char canon[256];

	if (!is_local_part(local) || memchr("|/", word.p[0], 2) != NULL)
		return false;
	if (is_key)
		text_lower(local, out);
	else
		put_bytes(out, local);
	if (local.len == word.len)
		return true;
	if (!conf_domain_canon(domain, canon))
		return false;
	put_char(out, '@');
	put_str(out, canon);
	return !out->full;
}

static bool
add_target(struct reader *reader, struct span word)
{
	char memory[WHOLE_MAX];
	struct put name = put_init(memory, sizeof memory);

	if (word.p[0] == '|' || word.p[0] == '/' || word.p[0] == ':')
		return fail(reader, reader->line, "'%.*s': mail is not given "
		    "to programs, files or lists in other files", SHOWN(word));
	if (!read_name(word, false, &name))
		return fail(reader, reader->line, "'%.*s' is no address: "
		    "write anna or anna@example.org", SHOWN(word));
	if (reader->target_n == reader->target_cap) {
		reader->target_cap = reader->target_cap
		    ? reader->target_cap * 2 : 16;
		reader->target = mem_grow_array(reader->target,
		    reader->target_cap, sizeof *reader->target);
	}
	reader->target[reader->target_n++] = keep(&reader->table->memory,
	    put_span(&name));
	return true;
}

static bool
add_targets(struct reader *reader, struct span text)
{
	while (text.len != 0) {
		struct span word = span_trim(span_cut(&text, ','));

		if (word.len != 0 && !add_target(reader, word))
			return false;
	}
	return true;
}

/* The lines of an alias have ended. */
static bool
end_alias(struct reader *reader)
{
	struct alias *alias = reader->alias;

	if (alias == NULL)
		return true;
	if (reader->target_n == 0)
		return fail(reader, alias->line, "'%.*s' has no target",
		    SHOWN(alias->name));
	alias->n = reader->target_n;
	alias->target = keep_new(&reader->table->memory,
	    alias->n * sizeof *alias->target);
	memcpy(alias->target, reader->target,
	    alias->n * sizeof *alias->target);
	reader->alias = NULL;
	reader->target_n = 0;
	return true;
}

static bool
begin_alias(struct reader *reader, struct span word)
{
	struct arena *memory = &reader->table->memory;
	char text[WHOLE_MAX];
	struct put name = put_init(text, sizeof text);
	const struct alias *other;
	struct alias *alias;

	if (word.len == 0 || !read_name(word, true, &name))
		return fail(reader, reader->line, "'%.*s' is no name: write "
		    "sales or sales@example.org", SHOWN(word));
	other = map_find(&reader->table->map, put_span(&name));
	if (other != NULL)
		return fail(reader, reader->line, "'%.*s' is there already, "
		    "in line %d", SHOWN(word), other->line);
	alias = keep_new(memory, sizeof *alias);
	alias->name = keep(memory, put_span(&name));
	alias->line = reader->line;
	(void)map_put(&reader->table->map, alias->name, alias);	/* is new */
	reader->alias = alias;
	return true;
}

static bool
read_line(struct reader *reader, struct span line)
{
	bool goes_on = line.len != 0 && (line.p[0] == ' ' || line.p[0] == '\t');
	struct span name;

	line = span_trim(line);
	if (line.len == 0 || line.p[0] == '#')
		return true;
	if (goes_on && reader->alias == NULL)
		return fail(reader, reader->line, "a line that begins with a "
		    "space goes on with an alias, and there is none above");
	if (goes_on)
		return add_targets(reader, line);
	if (!end_alias(reader))
		return false;
	if (span_find(line, ':') == line.len)
		return fail(reader, reader->line, "a ':' is missing: write "
		    "name: target, target");
	name = span_trim(span_cut(&line, ':'));
	return begin_alias(reader, name) && add_targets(reader, line);
}

/* The alias of an address; an alias of the whole address comes before one of
 * its local part. `domain` may be empty. */
static const struct alias *
find(const struct alias_table *table, struct span local, struct span domain)
{
	char text[WHOLE_MAX];
	struct put name = put_init(text, sizeof text);
	const struct alias *alias = NULL;

	/* a quoted @ must not make a local part look like an address */
	if (span_find(local, '@') != local.len)
		return NULL;
	text_lower(local, &name);
	if (name.full)
		return NULL;
	local = put_span(&name);
	put_char(&name, '@');
	text_lower(domain, &name);
	if (domain.len != 0 && !name.full)
		alias = map_find(&table->map, put_span(&name));
	return alias != NULL ? alias : map_find(&table->map, local);
}

static struct state *
state_of(struct reader *reader, struct span local, struct span domain)
{
	char text[WHOLE_MAX];
	struct put name = put_init(text, sizeof text);
	struct state *state;

	text_lower(local, &name);
	put_char(&name, '@');
	put_bytes(&name, domain);
	state = map_find(&reader->states, put_span(&name));
	if (state == NULL) {	/* so map_put() replaces nothing */
		state = keep_new(&reader->memory, sizeof *state);
		state->name = keep(&reader->memory, put_span(&name));
		(void)map_put(&reader->states, state->name, state);
	}
	return state;
}

/* "a -> b -> a", from the line where the chain enters the loop. */
static bool
fail_loop(const struct reader *reader, const struct alias *again,
    unsigned depth)
{
	char text[1200];
	struct put chain = put_init(text, sizeof text);
	unsigned i = 0;

	while (i + 1 < depth && reader->chain[i] != again)
		i++;
	for (; i < depth; i++) {
		put_bytes(&chain, span_first(reader->chain[i]->name, 80));
		put_str(&chain, " -> ");
	}
	put_bytes(&chain, span_first(again->name, 80));
	return fail(reader, again->line, "'%.*s' leads back to itself: %s",
	    SHOWN(again->name), put_cstr(&chain));
}

/* Walks all chains behind an address, depth first. Bounded: by DEPTH_MAX down,
 * by STEPS_MAX in all; nothing is walked twice. */
static bool
walk(struct reader *reader, struct span local, struct span domain,
    unsigned depth, unsigned *height)
{
	const struct alias *alias = find(reader->table, local, domain);
	struct state *state;

	*height = 0;
	if (alias == NULL)
		return true;
	state = state_of(reader, local, domain);
	if (state->is_open)
		return fail_loop(reader, alias, depth);
	if (reader->steps++ == STEPS_MAX)
		return fail(reader, alias->line, "these aliases are too "
		    "entangled to be checked for loops");
	if (depth == DEPTH_MAX || depth + state->height > DEPTH_MAX)
		return fail(reader, reader->chain[0]->line, "the chain that "
		    "begins with '%.*s' is longer than %d",
		    SHOWN(reader->chain[0]->name), DEPTH_MAX);
	*height = state->height;
	if (state->height != 0)
		return true;
	state->is_open = true;
	reader->chain[depth] = alias;
	for (size_t i = 0; i < alias->n; i++) {
		struct span to = alias->target[i], name = span_cut(&to, '@');
		unsigned below;

		to = to.len != 0 ? to : domain;
		if (span_caseeq(name, local) && span_eq(to, domain))
			continue;	/* the mailbox itself */
		if (!walk(reader, name, to, depth + 1, &below))
			return false;
		*height = below > *height ? below : *height;
	}
	state->is_open = false;
	state->height = ++*height;
	return true;
}

static bool
check_loops(struct reader *reader)
{
	void *value;
	bool is_good = true;

	arena_init(&reader->memory, MEMORY_MAX);
	map_init(&reader->states);
	for (size_t at = 0; is_good && map_next(&reader->table->map, &at, NULL,
	    &value);) {
		struct span domain = ((const struct alias *)value)->name;
		struct span local = span_cut(&domain, '@');
		unsigned height;

		is_good = walk(reader, local, domain, 0, &height);
	}
	map_free(&reader->states);
	arena_reset(&reader->memory);
	return is_good;
}

struct alias_table *
alias_parse(const char *name, struct span text, char *error, size_t error_len)
{
	struct alias_table *table = mem_new(sizeof *table);
	struct reader reader = { .table = table, .name = name,
		.error = error, .error_len = error_len };
	bool is_good = true;

	atomic_init(&table->refs, 1);
	map_init(&table->map);
	arena_init(&table->memory, MEMORY_MAX);
	while (is_good && text.len != 0) {
		struct span line = span_cut(&text, '\n');

		reader.line++;
		/* NOLINTNEXTLINE: the analyzer loses what span_cut says */
		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		is_good = read_line(&reader, line);
	}
	is_good = is_good && end_alias(&reader) && check_loops(&reader);
	free(reader.target);
	if (is_good)
		return table;
	alias_unref(table);
	return NULL;
}

/* Appends what the file holds: 0, or -errno (-EFBIG past the buf's limit). */
static int
read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	char part[16384];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (error == 0 && (n = read(fd, part, sizeof part)) != 0) {
		if (n > 0)
			error = buf_append(text, span_of(part, (size_t)n));
		else if (errno != EINTR)
			error = -errno;
	}
	(void)close(fd);	/* only read */
	return error == -ENOBUFS ? -EFBIG : error;
}

struct alias_table *
alias_load(const char *path, char *error, size_t error_len)
{
	struct alias_table *table = NULL;
	struct buf text;
	int rc;

	buf_init(&text, FILE_MAX);
	rc = read_file(path, &text);
	if (rc != 0)
		snprintf(error, error_len, "%s: cannot read it: %s", path,
		    strerror(-rc));
	else
		table = alias_parse(path, buf_span(&text), error, error_len);
	buf_free(&text);
	return table;
}

struct alias_table *
alias_ref(struct alias_table *table)
{
	unsigned before = atomic_fetch_add(&table->refs, 1);

	must(before != 0);
	return table;
}

void
alias_unref(struct alias_table *table)
{
	unsigned before;

	if (table == NULL)
		return;
	before = atomic_fetch_sub(&table->refs, 1);
	must(before != 0);
	if (before != 1)
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
