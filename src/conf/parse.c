/* SPDX-License-Identifier: Apache-2.0 */
/* parse: tokens to blocks and options.
 *
 *   file  = { statement }
 *   statement = name value … `;`  |  block [name] `{` { name value … `;` } `}`
 *
 * 1. All mistakes are told, not the first; none hides or invents another.
 * 2. Blocks do not nest, so nothing here calls itself.
 * 3. Work and memory are bounded by the file's size. */
#include "conf/load.h"

#include "base/buf.h"
#include "base/die.h"
#include "conf/domain.h"
#include "conf/via.h"

#define LISTENER_NAME_MAX 64

static struct block *
current(const struct loader *loader)
{
	return &loader->block[loader->at];
}

/* The struct that a block's options go to. */
static void *
target_of(const struct loader *loader, const struct block *block)
{
	switch (block->kind) {
	case OPTION_TOP:
	case OPTION_USERS:
	case OPTION_ALIASES:
	case OPTION_TRAIL:
	case OPTION_CAPTURE:
	case OPTION_BLOCKS:
		return loader->conf;
	case OPTION_LISTENER:
		return &loader->conf->listener[block->item];
	case OPTION_TLS:
		return &loader->conf->tls[block->item];
	case OPTION_DOMAIN:
		return &loader->conf->domain[block->item];
	case OPTION_FAULT:
		return &loader->conf->fault[block->item];
	case OPTION_ROUTE:
		return &loader->conf->route[block->item];
	}
	return NULL;
}

static const char *
keep(struct loader *loader, struct span text)
{
	struct span copy = arena_copy(loader->memory, text);

	must(copy.p != NULL);	/* bounded by the file's size */
	return copy.p;
}

/* An array one longer, its last item zeroed. Its room doubles. */
static void *
grow(void *old, size_t n, size_t size)
{
	char *p = old;

	if ((n & (n - 1)) == 0)	/* 0 and the powers of two: full */
		p = mem_grow_array(old, n != 0 ? n * 2 : 1, size);
	memset(p + n * size, 0, size);
	return p;
}

/* A new block, its defaults set; it becomes the current one. */
static void
begin_block(struct loader *loader, enum option_block kind, const char *name)
{
	struct conf *conf = loader->conf;
	int line = loader->name.line;
	struct block *block;
	const struct option *option;

	loader->block = grow(loader->block, loader->block_n,
	    sizeof *loader->block);
	loader->at = loader->block_n++;
	block = current(loader);
	block->kind = kind;
	block->head = loader->name.place;
	loader->has[kind] = true;
	if (kind == OPTION_LISTENER) {
		conf->listener = grow(conf->listener, conf->listener_n,
		    sizeof *conf->listener);
		block->item = conf->listener_n++;
		conf->listener[block->item].name = name;
		conf->listener[block->item].line = line;
	} else if (kind == OPTION_TLS) {
		conf->tls = grow(conf->tls, conf->tls_n, sizeof *conf->tls);
		block->item = conf->tls_n++;
		conf->tls[block->item] = (struct conf_tls_files){
			.name = name, .certificate = "", .key = "",
			.line = line };
	} else if (kind == OPTION_DOMAIN) {
		conf->domain = grow(conf->domain, conf->domain_n,
		    sizeof *conf->domain);
		block->item = conf->domain_n++;
		conf->domain[block->item] = (struct conf_domain){
			.name = name, .maildir = "", .line = line };
	} else if (kind == OPTION_ROUTE) {
		conf->route = grow(conf->route, conf->route_n,
		    sizeof *conf->route);
		block->item = conf->route_n++;
		conf->route[block->item].name = name;
		conf->route[block->item].line = line;
	} else if (kind == OPTION_FAULT) {
		conf->fault = grow(conf->fault, conf->fault_n,
		    sizeof *conf->fault);
		block->item = conf->fault_n++;
		conf->fault[block->item].name = name;
		conf->fault[block->item].line = line;
	}
	for (size_t i = 0; (option = option_at(kind, i)) != NULL; i++)
		option_set_normal(option, target_of(loader, block),
		    loader->memory);
}

/* Back to the top level. */
static void
end_block(struct loader *loader)
{
	const struct block *block = current(loader);
	const struct option *option;

	for (size_t i = 0; (option = option_at(block->kind, i)) != NULL; i++)
		if (option_is_required(option) && !block->has_unknown &&
		    block->given[i].len == 0)
			mistake_error(&loader->mistakes, block->head,
			    "this '%s' has no '%s'; write it like '%s %s;'",
			    option_blocks[block->kind].name, option->name,
			    option->name, option->example);
	loader->at = 0;
}

/* The name behind `listener`, `tls`, `domain`, as we keep it; NULL if it is
 * none (told). */
static const char *
block_name(struct loader *loader, enum option_block kind)
{
	const struct token *token = &loader->value[0];
	char canon[260];

	if (loader->value_n == 0)
		return "";
	if (kind == OPTION_ROUTE) {
		if (via_read_pattern(token->text, canon))
			return keep(loader, span_str(canon));
		mistake_error(&loader->mistakes, token->place,
		    "'%.*s' is no domain: write example.org, *.example.org "
		    "or *", SPAN_ARG(span_first(token->text, 80)));
		return NULL;
	}
	if (kind == OPTION_LISTENER || kind == OPTION_FAULT) {
		if (token->text.len != 0 &&
		    token->text.len <= LISTENER_NAME_MAX)
			return keep(loader, token->text);
		mistake_error(&loader->mistakes, token->place,
		    "a %s's name has 1 to %d bytes", option_blocks[kind].name,
		    LISTENER_NAME_MAX);
		return NULL;
	}
	if (conf_domain_canon(token->text, canon))
		return keep(loader, span_str(canon));
	mistake_error(&loader->mistakes, token->place,
	    "'%.*s' is no domain name: write it like example.org",
	    SPAN_ARG(span_first(token->text, 80)));
	return NULL;
}

static bool
check_naming(struct loader *loader, enum option_block kind)
{
	const struct option_block_kind *info = &option_blocks[kind];
	size_t most = info->naming == OPTION_UNNAMED ? 0 : 1;

	if (info->naming == OPTION_NAMED && loader->value_n == 0) {
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%s' needs a name: write %s \"%s\" { … }", info->name,
		    info->name, info->example);
		return false;
	}
	if (loader->value_n > most) {
		mistake_error(&loader->mistakes, loader->value[most].place,
		    most == 0 ? "'%s' has no name: write %s { … }"
		    : "'%s' has one name: write %s \"…\" { … }",
		    info->name, info->name);
		return false;
	}
	return true;
}

/* Is this the second of its name? Blocks are remembered by index + 1. */
static void
check_twice(struct loader *loader, enum option_block kind, const char *name)
{
	struct map *names = &loader->names[kind];
	size_t first = (size_t)(uintptr_t)map_find(names, span_str(name));

	if (first == 0)
		(void)map_put(names, span_str(name),	/* was not there */
		    (void *)(uintptr_t)(loader->block_n + 1));
	else
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%s%s%s%s' is there already, in line %d",
		    option_blocks[kind].name, *name ? " \"" : "", name,
		    *name ? "\"" : "", mistake_line(&loader->mistakes,
			loader->block[first - 1].head.at));
}

/* Reads over a block that means nothing, to its `}`. */
static void
skip_block(struct loader *loader)
{
	struct token token, name = loader->name;

	for (size_t depth = 1; depth != 0;) {
		token = lexer_next(&loader->lexer);
		if (token.kind == TOKEN_END) {
			mistake_error(&loader->mistakes, name.place,
			    "the block opened here is never closed: a '}' is "
			    "missing");
			return;
		}
		depth += token.kind == TOKEN_OPEN;
		depth -= token.kind == TOKEN_CLOSE;
	}
}

static void
unknown_block(struct loader *loader)
{
	struct option_guess guess = { .word = loader->name.text };
	const struct option *option =
	    option_find(current(loader)->kind, guess.word);

	loader->has_unknown_block = true;
	if (option != NULL) {
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%s' is an option, not a block: write '%s %s;'",
		    option->name, option->name, option->normal != NULL
		    ? option->normal : option->example);
		skip_block(loader);
		return;
	}
	for (size_t i = OPTION_TOP + 1; i < OPTION_BLOCKS; i++)
		option_guess(&guess, option_blocks[i].name);
	mistake_error(&loader->mistakes, loader->name.place,
	    "unknown block '%.*s'%s%s%s",
	    SPAN_ARG(span_first(guess.word, 80)),
	    guess.best != NULL ? "; did you mean '" : "",
	    guess.best != NULL ? guess.best : "",
	    guess.best != NULL ? "'?" : "");
	skip_block(loader);
}

/* `name value … {` was read. */
static void
open_block(struct loader *loader)
{
	enum option_block kind = option_find_block(loader->name.text);
	const char *name;

	if (kind == OPTION_TOP) {
		unknown_block(loader);
		return;
	}
	if (loader->at != 0) {
		struct block *outer = current(loader);

		mistake_error(&loader->mistakes, loader->name.place,
		    "'%s' cannot stand inside '%s', which line %d opened: a "
		    "'}' is missing before it", option_blocks[kind].name,
		    option_blocks[outer->kind].name,
		    mistake_line(&loader->mistakes, outer->head.at));
		outer->has_unknown = true;
		end_block(loader);
	}
	name = check_naming(loader, kind) ? block_name(loader, kind) : NULL;
	if (name != NULL && kind != OPTION_ROUTE)
		check_twice(loader, kind, name);
	begin_block(loader, kind, name != NULL ? name : "");
}

static void
unknown_option(struct loader *loader)
{
	struct option_guess guess = { .word = loader->name.text };
	struct block *block = current(loader);
	const char *where = option_blocks[block->kind].name;
	const struct option *option;
	const char *home = NULL;

	block->has_unknown = true;
	if (option_find_block(guess.word) != OPTION_TOP) {
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%.*s' is a block: write %.*s … { … }",
		    SPAN_ARG(guess.word), SPAN_ARG(guess.word));
		return;
	}
	for (size_t i = 0; (option = option_at(block->kind, i)) != NULL; i++)
		option_guess(&guess, option->name);
	for (size_t i = 0; i < OPTION_BLOCKS; i++)
		if (option_find((enum option_block)i, guess.word) != NULL)
			home = option_blocks[i].name;
	if (home != NULL)
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%.*s' does not belong %s%s%s: it stands %s%s%s",
		    SPAN_ARG(guess.word), *where ? "into '" : "here", where,
		    *where ? "'" : "", *home ? "in '" : "outside of any block",
		    home, *home ? "'" : "");
	else
		mistake_error(&loader->mistakes, loader->name.place,
		    "unknown option '%.*s'%s%s%s%s%s",
		    SPAN_ARG(span_first(guess.word, 80)),
		    *where ? " in " : "", where,
		    guess.best != NULL ? "; did you mean '" : "",
		    guess.best != NULL ? guess.best : "",
		    guess.best != NULL ? "'?" : "");
}

static void
bad_value(void *arg, size_t i, const char *text)
{
	struct loader *loader = arg;

	mistake_error(&loader->mistakes, loader->value[i].place, "%s", text);
}

/* `name value … ;` was read. */
static void
end_option(struct loader *loader)
{
	struct block *block = current(loader);
	const struct option *option =
	    option_find(block->kind, loader->name.text);
	struct option_values values = { loader->word, loader->value_n,
		loader->folder, loader->memory, bad_value, loader };
	struct place *given;

	if (option == NULL) {
		unknown_option(loader);
		return;
	}
	given = &block->given[option_index(option)];
	if (given->len != 0) {
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%s' is there already, in line %d", option->name,
		    mistake_line(&loader->mistakes, given->at));
		return;
	}
	*given = loader->name.place;
	if (loader->value_n == 0)
		mistake_error(&loader->mistakes, loader->name.place,
		    "'%s' needs a value, like '%s %s;'", option->name,
		    option->name, option->normal != NULL ? option->normal
		    : option->example);
	else if (!option_set(option, target_of(loader, block), &values))
		block->has_bad_value = true;
}

static void
add_value(struct loader *loader, const struct token *token)
{
	if (loader->value_n == loader->value_cap) {
		loader->value_cap = loader->value_cap ? loader->value_cap * 2
		    : 16;
		loader->value = mem_grow_array(loader->value,
		    loader->value_cap, sizeof *loader->value);
		loader->word = mem_grow_array(loader->word, loader->value_cap,
		    sizeof *loader->word);
	}
	loader->value[loader->value_n] = *token;
	loader->word[loader->value_n++] = token->text;
}

/* The last token of the statement so far. */
static const struct token *
last_token(const struct loader *loader)
{
	return loader->value_n != 0 ? &loader->value[loader->value_n - 1]
	    : &loader->name;
}

/* Does this word, on a later line, begin a statement, so that a `;` (or, of a
 * block, a `{`) is missing? Values may stand on several lines, so it must look
 * like an option, or be one value too many. */
static bool
begins_statement(const struct loader *loader, const struct token *token)
{
	enum option_block kind = current(loader)->kind, block;
	const struct option *option = option_find(kind, loader->name.text);
	struct option_guess guess = { .word = token->text };
	const struct option *other;

	if (token->kind != TOKEN_WORD ||
	    token->line == last_token(loader)->line)
		return false;
	block = option_find_block(loader->name.text);
	if (option == NULL && block != OPTION_TOP)
		return true;
	if (option != NULL && option_is_single(option) && loader->value_n != 0)
		return true;
	if (option_find_block(token->text) != OPTION_TOP)
		return true;
	for (size_t i = 0; (other = option_at(kind, i)) != NULL; i++)
		option_guess(&guess, other->name);
	return guess.best != NULL;
}

/* A `;` or `{` is missing behind the last token. */
static void
missing(struct loader *loader)
{
	const struct token *last = last_token(loader);
	struct place behind = { last->place.at + last->place.len, 1 };
	enum option_block block = option_find_block(loader->name.text);

	if (option_find(current(loader)->kind, loader->name.text) != NULL) {
		if (loader->value_n != 0)
			mistake_error(&loader->mistakes, behind,
			    "'%.*s' is not ended: a ';' is missing",
			    SPAN_ARG(loader->name.text));
		end_option(loader);
	} else if (block != OPTION_TOP) {
		mistake_error(&loader->mistakes, behind,
		    "'%.*s' is a block: a '{' is missing",
		    SPAN_ARG(loader->name.text));
		open_block(loader);
	} else {
		unknown_option(loader);
	}
}

static void
read_statement(struct loader *loader, const struct token *name)
{
	loader->name = *name;
	loader->value_n = 0;
	for (;;) {
		struct token token = lexer_next(&loader->lexer);

		switch (token.kind) {
		case TOKEN_WORD:
		case TOKEN_TEXT:
			if (!begins_statement(loader, &token)) {
				add_value(loader, &token);
				continue;
			}
			break;
		case TOKEN_SEMICOLON:
			end_option(loader);
			return;
		case TOKEN_OPEN:
			open_block(loader);
			return;
		case TOKEN_CLOSE:
		case TOKEN_END:
			break;
		}
		lexer_unread(&loader->lexer, &token);
		missing(loader);
		return;
	}
}

void
conf_read(struct loader *loader)
{
	lexer_init(&loader->lexer, &loader->mistakes, loader->memory);
	begin_block(loader, OPTION_TOP, "");
	current(loader)->head = PLACE_NOWHERE;
	for (;;) {
		struct token token = lexer_next(&loader->lexer);
		struct block *block = current(loader);

		switch (token.kind) {
		case TOKEN_END:
			if (loader->at == 0)
				return;
			mistake_error(&loader->mistakes, block->head,
			    "the block '%s' opened here is never closed: a "
			    "'}' is missing", option_blocks[block->kind].name);
			block->has_unknown = true;
			end_block(loader);
			return;
		case TOKEN_WORD:
			read_statement(loader, &token);
			break;
		case TOKEN_CLOSE:
			if (loader->at != 0)
				end_block(loader);
			else
				mistake_error(&loader->mistakes, token.place,
				    "a '}' that closes nothing");
			break;
		case TOKEN_TEXT:
		case TOKEN_SEMICOLON:
		case TOKEN_OPEN:
			mistake_error(&loader->mistakes, token.place,
			    "the name of an option or a block is expected "
			    "here, not %s", token.kind == TOKEN_TEXT
			    ? "a text in quotes" : token.kind == TOKEN_OPEN
			    ? "a '{'" : "a ';'");
			if (token.kind != TOKEN_OPEN)
				break;
			loader->name = token;
			skip_block(loader);
			break;
		}
	}
}
