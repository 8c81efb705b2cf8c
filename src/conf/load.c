/* SPDX-License-Identifier: Apache-2.0 */
/* load: the parser. Collects every mistake; a file with one gives nothing.
 *
 *   file   = { option | block }
 *   option = name value … ";"
 *   block  = name [ value ] "{" { option } "}"
 */
#include "conf/load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/text.h"
#include "conf/check.h"
#include "conf/domain.h"
#include "conf/value.h"

#define FILE_MAX   ((size_t)1 << 20)
#define VALUES_MAX 256
#define BLOCKS_MAX 1000
#define OPTIONS_MAX 64

struct parser {
	struct lex lex;
	struct value_reader reader;
	struct conf *conf;
	bool is_seen[BLOCK_COUNT];
};

/* The block being filled. */
struct filling {
	enum conf_block block;
	void *target;
	bool is_set[OPTIONS_MAX];	/* by place in conf_options */
};

static const struct conf_option *
find_option(enum conf_block block, struct span name)
{
	for (size_t i = 0; i < conf_options_n; i++)
		if (conf_options[i].block == block &&
		    span_eq(span_str(conf_options[i].name), name))
			return &conf_options[i];
	return NULL;
}

/* "in listener", "here" */
static void
tell_unknown(struct parser *parser, enum conf_block block, struct span name)
{
	char words[2048];
	struct put all = put_init(words, sizeof words);
	const char *where = conf_blocks[block].name;
	struct span near;

	for (size_t i = 0; i < conf_options_n; i++)
		if (conf_options[i].block == block) {
			put_str(&all, conf_options[i].name);
			put_char(&all, ' ');
		}
	for (int i = 1; block == BLOCK_GLOBAL && i < BLOCK_COUNT; i++) {
		put_str(&all, conf_blocks[i].name);
		put_char(&all, ' ');
	}
	near = value_nearest(name, put_cstr(&all));
	if (near.len != 0)
		lex_error(&parser->lex, name, "unknown option '%.*s'%s%s; did "
		    "you mean '%.*s'?", SPAN_ARG(name),
		    *where ? " in " : "", where, SPAN_ARG(near));
	else
		lex_error(&parser->lex, name, "unknown option '%.*s'%s%s",
		    SPAN_ARG(name), *where ? " in " : "", where);
}

static void
set_option(struct parser *parser, struct filling *filling,
    const struct lex_token *name, const struct lex_token *value, size_t n)
{
	const struct conf_option *option = find_option(filling->block,
	    name->text);
	size_t place;

	if (option == NULL) {
		tell_unknown(parser, filling->block, name->text);
		return;
	}
	place = (size_t)(option - conf_options);
	if (filling->is_set[place]) {
		lex_error(&parser->lex, name->text,
		    "'%s' stands here twice", option->name);
		return;
	}
	filling->is_set[place] = true;
	if (n == 0) {
		lex_error(&parser->lex, name->text, "'%s' wants a value",
		    option->name);
		return;
	}
	(void)value_read(&parser->reader, option, value, n, filling->target);
}

static void
set_defaults(struct parser *parser, enum conf_block block, void *target)
{
	must(conf_options_n <= OPTIONS_MAX);
	for (size_t i = 0; i < conf_options_n; i++)
		if (conf_options[i].block == block)
			value_default(&parser->reader, &conf_options[i],
			    target);
}

/* What has no default and was not given. */
static void
tell_missing(struct parser *parser, const struct filling *filling,
    struct span mark)
{
	for (size_t i = 0; i < conf_options_n; i++)
		if (conf_options[i].block == filling->block &&
		    conf_options[i].value == NULL && !filling->is_set[i])
			lex_error(&parser->lex, mark, "'%s' is missing in "
			    "this %s", conf_options[i].name,
			    conf_blocks[filling->block].name);
}

static const char *
keep(struct parser *parser, struct span text)
{
	struct span copy = arena_copy(parser->reader.memory, text);

	must(copy.p != NULL);
	return copy.p;
}

/* Room for one more element of an array that grows by copying: there are few.
 */
static void *
grow(struct parser *parser, void *array, size_t n, size_t size)
{
	char *bigger = arena_alloc(parser->reader.memory, (n + 1) * size);

	must(bigger != NULL);
	if (n != 0)
		memcpy(bigger, array, n * size);
	return bigger;
}

static void *
add_listener(struct parser *parser, const struct lex_token *name)
{
	struct conf *conf = parser->conf;
	struct conf_listener *new;

	for (size_t i = 0; i < conf->listener_n; i++)
		if (span_eq(span_str(conf->listener[i].name), name->text))
			lex_error(&parser->lex, name->text, "listener '%.*s' "
			    "stands here twice", SPAN_ARG(name->text));
	conf->listener = grow(parser, conf->listener, conf->listener_n,
	    sizeof *conf->listener);
	new = &conf->listener[conf->listener_n++];
	*new = (struct conf_listener){ .name = keep(parser, name->text),
		.line = lex_line_of(&parser->lex, name->at) };
	return new;
}

static void *
add_tls(struct parser *parser, const struct lex_token *block,
    const struct lex_token *name)
{
	struct conf *conf = parser->conf;
	struct span text = name != NULL ? name->text : SPAN("");
	struct conf_tls_files *new;

	for (size_t i = 0; i < conf->tls_n; i++)
		if (span_caseeq(span_str(conf->tls[i].name), text))
			lex_error(&parser->lex, block->text,
			    "this tls block stands here twice");
	conf->tls = grow(parser, conf->tls, conf->tls_n, sizeof *conf->tls);
	new = &conf->tls[conf->tls_n++];
	*new = (struct conf_tls_files){ .name = keep(parser, text),
		.line = lex_line_of(&parser->lex, block->at) };
	return new;
}

static void *
add_domain(struct parser *parser, const struct lex_token *name)
{
	struct conf *conf = parser->conf;
	struct conf_domain *new;
	char canon[256] = "";

	if (!conf_domain_canon(name->text, canon))
		lex_error(&parser->lex, name->text, "'%.*s' is no domain",
		    SPAN_ARG(name->text));
	for (size_t i = 0; i < conf->domain_n; i++)
		if (strcmp(conf->domain[i].name, canon) == 0)
			lex_error(&parser->lex, name->text, "domain '%s' "
			    "stands here twice", canon);
	conf->domain = grow(parser, conf->domain, conf->domain_n,
	    sizeof *conf->domain);
	new = &conf->domain[conf->domain_n++];
	*new = (struct conf_domain){ .name = keep(parser, span_str(canon)),
		.line = lex_line_of(&parser->lex, name->at) };
	return new;
}

static void *
add_block(struct parser *parser, enum conf_block block,
    const struct lex_token *word, const struct lex_token *name)
{
	switch (block) {
	case BLOCK_LISTENER:
		return add_listener(parser, name);
	case BLOCK_TLS:
		return add_tls(parser, word, name);
	case BLOCK_DOMAIN:
		return add_domain(parser, name);
	case BLOCK_GLOBAL:
	case BLOCK_USERS:
	case BLOCK_ALIASES:
	case BLOCK_COUNT:
		break;
	}
	return parser->conf;
}

/* --- the grammar */

struct statement {
	struct lex_token name;
	struct lex_token value[VALUES_MAX];
	size_t n;
	enum lex_kind end;	/* LEX_END, LEX_OPEN, or what broke it off */
	struct lex_token last;
};

/* A ';' is missing if the next word begins another line: then this statement
 * ends there, and the mistake is told where the ';' should be. */
static bool
begins_line(const struct parser *parser, const struct lex_token *token,
    const char *after)
{
	return token->kind == LEX_WORD &&
	    lex_line_of(&parser->lex, token->at) !=
	    lex_line_of(&parser->lex, after);
}

static bool
is_known_word(struct span word)
{
	for (size_t i = 0; i < conf_options_n; i++)
		if (span_eq(span_str(conf_options[i].name), word))
			return true;
	for (int i = 1; i < BLOCK_COUNT; i++)
		if (span_eq(span_str(conf_blocks[i].name), word))
			return true;
	return false;
}

static void
tell_no_end(struct parser *parser, const struct statement *s,
    const char *after)
{
	lex_error(&parser->lex, span_of(after, 1), "'%.*s' is not ended: a "
	    "';' is missing", SPAN_ARG(s->name.text));
}

/* Reads on from s->name. */
static void
read_statement(struct parser *parser, struct statement *s)
{
	s->n = 0;
	for (;;) {
		const char *after = parser->lex.last_end;
		struct lex before = parser->lex;
		struct lex_token token = lex_next(&parser->lex);

		s->last = token;
		s->end = token.kind;
		if (token.kind == LEX_END || token.kind == LEX_OPEN)
			return;
		if (token.kind == LEX_CLOSE || token.kind == LEX_FINISH ||
		    (begins_line(parser, &token, after) &&
		    is_known_word(token.text))) {
			tell_no_end(parser, s, after);
			before.errors_n = parser->lex.errors_n;
			parser->lex = before;	/* it is looked at again */
			s->end = LEX_END;
			return;
		}
		if (s->n == VALUES_MAX) {
			lex_error(&parser->lex, token.text,
			    "too many values");
			continue;
		}
		s->value[s->n++] = token;
	}
}

static void
skip_block(struct parser *parser)
{
	for (int depth = 1; depth > 0;) {
		struct lex_token token = lex_next(&parser->lex);

		if (token.kind == LEX_FINISH)
			return;
		depth += token.kind == LEX_OPEN;
		depth -= token.kind == LEX_CLOSE;
	}
}

static void
read_block(struct parser *parser, struct filling *filling,
    const struct lex_token *open)
{
	struct statement *s = mem_new(sizeof *s);

	for (;;) {
		s->name = lex_next(&parser->lex);
		if (s->name.kind == LEX_CLOSE)
			break;
		if (s->name.kind == LEX_FINISH) {
			lex_error(&parser->lex, open->text, "this block is "
			    "not closed: a '}' is missing");
			break;
		}
		if (s->name.kind == LEX_END)
			continue;
		if (s->name.kind != LEX_WORD) {
			lex_error(&parser->lex, s->name.text,
			    "an option's name is wanted here");
			if (s->name.kind == LEX_OPEN)
				skip_block(parser);
			continue;
		}
		read_statement(parser, s);
		if (s->end == LEX_OPEN) {
			lex_error(&parser->lex, s->name.text, "no block may "
			    "stand inside '%s'; is a '}' missing before it?",
			    conf_blocks[filling->block].name);
			skip_block(parser);
			continue;
		}
		set_option(parser, filling, &s->name, s->value, s->n);
	}
	free(s);
}

static enum conf_block
block_of(struct span name)
{
	for (int i = 1; i < BLOCK_COUNT; i++)
		if (span_eq(span_str(conf_blocks[i].name), name))
			return (enum conf_block)i;
	return BLOCK_COUNT;
}

static void
open_block(struct parser *parser, const struct statement *s)
{
	struct filling filling = { block_of(s->name.text), NULL, { false } };
	const struct conf_block_kind *kind = &conf_blocks[filling.block %
	    BLOCK_COUNT];

	if (filling.block == BLOCK_COUNT) {
		tell_unknown(parser, BLOCK_GLOBAL, s->name.text);
		skip_block(parser);
		return;
	}
	if ((kind->name_rule == NAME_REQUIRED && s->n != 1) ||
	    (kind->name_rule == NAME_OPTIONAL && s->n > 1) ||
	    (kind->name_rule == NAME_NONE && s->n != 0)) {
		lex_error(&parser->lex, s->name.text, "write: %s%s {",
		    kind->name, kind->name_rule == NAME_REQUIRED
		    ? " \"name\"" : kind->name_rule == NAME_OPTIONAL
		    ? " or tls \"name\"" : "");
		skip_block(parser);
		return;
	}
	if (kind->is_once && parser->is_seen[filling.block])
		lex_error(&parser->lex, s->name.text, "'%s' stands here "
		    "twice", kind->name);
	parser->is_seen[filling.block] = true;
	if (parser->conf->listener_n + parser->conf->domain_n +
	    parser->conf->tls_n > BLOCKS_MAX) {
		lex_error(&parser->lex, s->name.text, "too many blocks");
		skip_block(parser);
		return;
	}
	filling.target = add_block(parser, filling.block, &s->name,
	    s->n != 0 ? &s->value[0] : NULL);
	if (filling.target != parser->conf)
		set_defaults(parser, filling.block, filling.target);
	read_block(parser, &filling, &s->last);
	tell_missing(parser, &filling, s->name.text);
}

static void
read_file(struct parser *parser)
{
	struct filling global = { BLOCK_GLOBAL, parser->conf, { false } };
	struct statement *s = mem_new(sizeof *s);

	for (;;) {
		s->name = lex_next(&parser->lex);
		if (s->name.kind == LEX_FINISH)
			break;
		if (s->name.kind == LEX_CLOSE) {
			lex_error(&parser->lex, s->name.text,
			    "this '}' closes nothing");
			continue;
		}
		if (s->name.kind == LEX_END)
			continue;
		if (s->name.kind != LEX_WORD) {
			lex_error(&parser->lex, s->name.text,
			    "an option's name is wanted here");
			if (s->name.kind == LEX_OPEN)
				skip_block(parser);
			continue;
		}
		read_statement(parser, s);
		if (s->end == LEX_OPEN)
			open_block(parser, s);
		else
			set_option(parser, &global, &s->name, s->value,
			    s->n);
	}
	free(s);
}

static void
set_hostname(struct parser *parser)
{
	char name[256] = "";

	if (parser->conf->hostname[0] != '\0')
		return;
	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
		parser->conf->hostname = "localhost";
	else
		parser->conf->hostname = keep(parser, span_str(name));
}

struct conf *
conf_parse(const char *name, const char *text, size_t len, FILE *errors)
{
	struct conf *conf = load_new();
	struct parser *parser = mem_new(sizeof *parser);
	size_t folder = strlen(name);
	bool is_good;

	while (folder > 0 && name[folder - 1] != '/')
		folder--;
	parser->conf = conf;
	lex_init(&parser->lex, name, span_of(text, len), errors);
	parser->reader = (struct value_reader){ &parser->lex,
		load_memory(conf), span_of(name, folder) };
	conf->file = keep(parser, span_str(name));
	for (int i = 0; i < BLOCK_COUNT; i++)
		if (conf_blocks[i].is_once)
			set_defaults(parser, (enum conf_block)i, conf);
	if (len > FILE_MAX)
		lex_error(&parser->lex, span_of(text, 1),
		    "this file is larger than 1 MiB");
	else
		read_file(parser);
	set_hostname(parser);
	load_sort(conf);
	if (parser->lex.errors_n == 0)
		check_conf(conf, &parser->lex);
	is_good = parser->lex.errors_n == 0;
	free(parser);
	if (is_good)
		return conf;
	conf_unref(conf);
	return NULL;
}

struct conf *
conf_load(const char *path, FILE *errors)
{
	FILE *file = fopen(path, "rb");
	struct conf *conf = NULL;
	struct buf text;
	char part[8192];
	size_t n;

	if (file == NULL) {
		fprintf(errors, "%s: error: cannot read the configuration: "
		    "%s\n", path, strerror(errno));
		return NULL;
	}
	buf_init(&text, FILE_MAX + 1);
	while ((n = fread(part, 1, sizeof part, file)) != 0)
		if (buf_append(&text, span_of(part, n)) != 0)
			break;
	if (ferror(file))
		fprintf(errors, "%s: error: cannot read the configuration: "
		    "%s\n", path, strerror(errno));
	else if (n != 0)
		fprintf(errors, "%s: error: this file is larger than 1 MiB\n",
		    path);
	else
		conf = conf_parse(path, buf_span(&text).p, text.len, errors);
	fclose(file);
	buf_free(&text);
	return conf;
}
