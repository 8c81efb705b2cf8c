/* SPDX-License-Identifier: Apache-2.0 */
/* value: see value.h. One function a kind, chosen in value_read(). */
#include "conf/value.h"

#include <arpa/inet.h>

#include "base/die.h"
#include "base/text.h"
#include "conf/domain.h"

#define COUNT_MAX 100000000u

struct span
value_nearest(struct span word, const char *words)
{
	struct span all = span_str(words), best = SPAN("");
	unsigned best_distance = word.len < 4 ? 2 : 3;

	while (all.len != 0) {
		struct span one = span_cut(&all, ' ');
		unsigned distance = text_distance(word, one);

		if (distance < best_distance) {
			best_distance = distance;
			best = one;
		}
	}
	return best;
}

/* The place of `word` among `words`, or -1 with the mistake told. */
static int
pick(const struct value_reader *r, const struct lex_token *token,
    const char *words)
{
	struct span all = span_str(words), near;

	for (int i = 0; all.len != 0; i++)
		if (span_caseeq(span_cut(&all, ' '), token->text))
			return i;
	near = value_nearest(token->text, words);
	if (near.len != 0)
		lex_error(r->lex, token->text, "'%.*s' is unknown here; did "
		    "you mean '%.*s'? one of: %s", SPAN_ARG(token->text),
		    SPAN_ARG(near), words);
	else
		lex_error(r->lex, token->text, "'%.*s' is unknown here; one "
		    "of: %s", SPAN_ARG(token->text), words);
	return -1;
}

static const char *
keep(const struct value_reader *r, struct span text)
{
	struct span copy = arena_copy(r->memory, text);

	must(copy.p != NULL);	/* the file is bounded, so its copies are */
	return copy.p;
}

static bool
read_path(const struct value_reader *r, struct span text, const char **out)
{
	char path[4096];
	struct put put = put_init(path, sizeof path);

	if (text.len == 0 || memchr(text.p, '\0', text.len) != NULL) {
		lex_error(r->lex, text, "a path is wanted here");
		return false;
	}
	if (text.p[0] != '/')
		put_bytes(&put, r->folder);
	put_bytes(&put, text);
	if (put.full) {
		lex_error(r->lex, text, "this path is too long");
		return false;
	}
	*out = keep(r, put_span(&put));
	return true;
}

static bool
read_yesno(const struct value_reader *r, const struct lex_token *token,
    bool *out)
{
	int at = pick(r, token, "yes no on off");

	*out = at == 0 || at == 2;
	return at >= 0;
}

static bool
read_count(const struct value_reader *r, struct span text, unsigned *out)
{
	uint64_t n;

	if (!text_u64(text, &n) || n > COUNT_MAX) {
		lex_error(r->lex, text, "'%.*s' is no number from 0 to %u",
		    SPAN_ARG(text), COUNT_MAX);
		return false;
	}
	*out = (unsigned)n;
	return true;
}

static bool
times(uint64_t n, uint64_t unit, uint64_t *out)
{
	if (n > (UINT64_MAX >> 1) / unit)
		return false;
	*out = n * unit;
	return true;
}

static bool
read_size(const struct value_reader *r, struct span text, uint64_t *out)
{
	size_t digits = 0;
	uint64_t n, unit = 0;
	struct span suffix;

	while (digits < text.len && ascii_is_digit(text.p[digits]))
		digits++;
	suffix = span_skip(text, digits);
	if (suffix.len == 0)
		unit = 1;
	else if (span_caseeq(suffix, SPAN("K")))
		unit = 1u << 10;
	else if (span_caseeq(suffix, SPAN("M")))
		unit = 1u << 20;
	else if (span_caseeq(suffix, SPAN("G")))
		unit = 1u << 30;
	if (unit != 0 && text_u64(span_first(text, digits), &n) &&
	    times(n, unit, out))
		return true;
	lex_error(r->lex, text, "'%.*s' is no size; write a number and K, M "
	    "or G, like 25M", SPAN_ARG(text));
	return false;
}

static bool
read_duration(const struct value_reader *r, struct span text, uint64_t *out)
{
	static const struct {
		struct span suffix;
		uint64_t ms;
	} units[] = { { { "ms", 2 }, 1 }, { { "s", 1 }, 1000 },
		{ { "m", 1 }, 60000 }, { { "h", 1 }, 3600000 },
		{ { "d", 1 }, 86400000 } };
	size_t digits = 0;
	uint64_t n;

	while (digits < text.len && ascii_is_digit(text.p[digits]))
		digits++;
	for (size_t i = 0; i < countof(units); i++)
		if (span_caseeq(span_skip(text, digits), units[i].suffix) &&
		    text_u64(span_first(text, digits), &n) &&
		    times(n, units[i].ms, out))
			return true;
	lex_error(r->lex, text, "'%.*s' is no duration; write a number and "
	    "ms, s, m, h or d, like 5m", SPAN_ARG(text));
	return false;
}

static bool
read_name(const struct value_reader *r, struct span text, const char **out)
{
	char name[256];

	if (text.len != 0 && !conf_domain_canon(text, name)) {
		lex_error(r->lex, text, "'%.*s' is no host name",
		    SPAN_ARG(text));
		return false;
	}
	*out = text.len != 0 ? keep(r, span_str(name)) : "";
	return true;
}

static bool
read_auth(const struct value_reader *r, const struct conf_option *option,
    const struct lex_token *value, size_t n, struct conf_listener *listener)
{
	bool is_good = true;

	listener->auth = arena_alloc(r->memory, n * sizeof(char *));
	must(listener->auth != NULL);
	listener->auth_n = 0;
	for (size_t i = 0; i < n; i++) {
		char name[32];
		struct put put = put_init(name, sizeof name);

		if (pick(r, &value[i], option->words) < 0) {
			is_good = false;
			continue;
		}
		if (span_caseeq(value[i].text, SPAN("none"))) {
			if (n == 1)
				return true;
			lex_error(r->lex, value[i].text,
			    "'none' stands alone");
			return false;
		}
		for (size_t j = 0; j < value[i].text.len; j++)
			put_char(&put, ascii_upper(value[i].text.p[j]));
		listener->auth[listener->auth_n++] = keep(r, put_span(&put));
	}
	return is_good;
}

static bool
read_relay(const struct value_reader *r, const struct conf_option *option,
    const struct lex_token *value, size_t n, unsigned *out)
{
	bool is_good = true;

	*out = 0;
	for (size_t i = 0; i < n; i++) {
		int at = pick(r, &value[i], option->words);

		if (at < 0) {
			is_good = false;
		} else if (at == 0 && n > 1) {
			lex_error(r->lex, value[i].text,
			    "'nobody' stands alone");
			is_good = false;
		} else if (at > 0) {
			*out |= 1u << (at - 1);
		}
	}
	return is_good;
}

/* "192.0.2.1:25" or "[2001:db8::1]:25". */
static bool
parse_address(struct span text, struct conf_address *out)
{
	struct sockaddr_in *in = (void *)&out->address;
	struct sockaddr_in6 *in6 = (void *)&out->address;
	char host[INET6_ADDRSTRLEN + 1];
	struct put put = put_init(host, sizeof host);
	size_t colon = text.len;
	struct span name;
	uint64_t port;

	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || !text_u64(span_skip(text, colon), &port) ||
	    port > 65535)
		return false;
	name = span_first(text, colon - 1);
	out->address = (struct sockaddr_storage){ 0 };
	if (name.len > 2 && name.p[0] == '[' && name.p[name.len - 1] == ']') {
		put_bytes(&put, span_of(name.p + 1, name.len - 2));
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		out->len = sizeof *in6;
		return !put.full && inet_pton(AF_INET6, put_cstr(&put),
		    &in6->sin6_addr) == 1;
	}
	put_bytes(&put, name);
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	out->len = sizeof *in;
	return !put.full &&
	    inet_pton(AF_INET, put_cstr(&put), &in->sin_addr) == 1;
}

static bool
read_addresses(const struct value_reader *r, const struct lex_token *value,
    size_t n, struct conf_listener *listener)
{
	bool is_good = true;

	listener->address = arena_alloc(r->memory,
	    n * sizeof *listener->address);
	must(listener->address != NULL);
	listener->address_n = n;
	for (size_t i = 0; i < n; i++) {
		struct conf_address *address = &listener->address[i];

		address->text = keep(r, value[i].text);
		if (parse_address(value[i].text, address))
			continue;
		lex_error(r->lex, value[i].text, "'%.*s' is no address with "
		    "a port; write 0.0.0.0:587 or [::]:587",
		    SPAN_ARG(value[i].text));
		is_good = false;
	}
	return is_good;
}

static bool
parse_network(struct span text, struct conf_network *out)
{
	struct span host = span_cut(&text, '/');
	char name[INET6_ADDRSTRLEN + 1];
	struct put put = put_init(name, sizeof name);
	uint64_t bits;

	put_bytes(&put, host);
	if (put.full)
		return false;
	(void)put_cstr(&put);
	if (inet_pton(AF_INET, name, out->bytes) == 1)
		out->len = 4;
	else if (inet_pton(AF_INET6, name, out->bytes) == 1)
		out->len = 16;
	else
		return false;
	bits = out->len * 8u;
	if (text.len != 0 && (!text_u64(text, &bits) || bits > out->len * 8u))
		return false;
	out->bits = (unsigned char)bits;
	return true;
}

static bool
read_networks(const struct value_reader *r, const struct lex_token *value,
    size_t n, struct conf_listener *listener)
{
	bool is_good = true;

	listener->network = arena_alloc(r->memory,
	    n * sizeof *listener->network);
	must(listener->network != NULL);
	listener->network_n = n;
	for (size_t i = 0; i < n; i++) {
		if (parse_network(value[i].text, &listener->network[i]))
			continue;
		lex_error(r->lex, value[i].text, "'%.*s' is no network; write "
		    "192.0.2.0/24 or 2001:db8::/32", SPAN_ARG(value[i].text));
		is_good = false;
	}
	return is_good;
}

/* Only %d, %u and %% may stand in the path. */
static bool
read_deliver(const struct value_reader *r, const struct lex_token *value,
    size_t n, const char **out)
{
	struct span path;

	if (n != 2) {
		lex_error(r->lex, value[0].text,
		    "write: deliver maildir PATH");
		return false;
	}
	if (pick(r, &value[0], "maildir") < 0)
		return false;
	path = value[1].text;
	for (size_t i = 0; i < path.len; i++) {
		if (path.p[i] != '%')
			continue;
		i++;
		if (i == path.len || (path.p[i] != 'd' && path.p[i] != 'u' &&
		    path.p[i] != '%')) {
			lex_error(r->lex, path, "only %%d (domain), %%u "
			    "(account) and %%%% may stand in this path");
			return false;
		}
	}
	return read_path(r, path, out);
}

static bool
is_list(enum conf_kind kind)
{
	return kind == KIND_AUTH || kind == KIND_RELAY ||
	    kind == KIND_ADDRESSES || kind == KIND_NETWORKS ||
	    kind == KIND_DELIVER;
}

static bool
read_word(const struct value_reader *r, const struct conf_option *option,
    const struct lex_token *value, const char **out)
{
	char word[64];
	struct put put = put_init(word, sizeof word);

	if (pick(r, value, option->words) < 0)
		return false;
	text_lower(value->text, &put);
	*out = keep(r, put_span(&put));
	return true;
}

bool
value_read(const struct value_reader *r, const struct conf_option *option,
    const struct lex_token *value, size_t n, void *target)
{
	void *field = (char *)target + option->field;
	int at;

	if (n > 1 && !is_list(option->kind)) {
		lex_error(r->lex, value[1].text, "'%s' takes one value",
		    option->name);
		return false;
	}
	switch (option->kind) {
	case KIND_NAME:
		return read_name(r, value->text, field);
	case KIND_PATH:
		return read_path(r, value->text, field);
	case KIND_TEXT:
		*(const char **)field = keep(r, value->text);
		return true;
	case KIND_WORD:
		return read_word(r, option, value, field);
	case KIND_YESNO:
		return read_yesno(r, value, field);
	case KIND_COUNT:
		return read_count(r, value->text, field);
	case KIND_SIZE:
		return read_size(r, value->text, field);
	case KIND_DURATION:
		return read_duration(r, value->text, field);
	case KIND_LOG:
	case KIND_TLS:
		at = pick(r, value, option->words);
		if (option->kind == KIND_LOG && at >= 0)
			*(enum conf_log *)field = (enum conf_log)at;
		else if (at >= 0)
			*(enum conf_tls *)field = (enum conf_tls)at;
		return at >= 0;
	case KIND_AUTH:
		return read_auth(r, option, value, n, target);
	case KIND_RELAY:
		return read_relay(r, option, value, n, field);
	case KIND_ADDRESSES:
		return read_addresses(r, value, n, target);
	case KIND_NETWORKS:
		return read_networks(r, value, n, target);
	case KIND_DELIVER:
		return read_deliver(r, value, n, field);
	}
	return false;
}

void
value_default(const struct value_reader *r, const struct conf_option *option,
    void *target)
{
	struct lex_token token = { LEX_WORD, span_str(option->value), NULL };

	if (option->value == NULL) {
		/* text fields are never NULL */
		if (option->kind == KIND_PATH || option->kind == KIND_DELIVER)
			*(const char **)(void *)((char *)target +
			    option->field) = "";
		return;
	}
	if (token.text.len == 0 && option->kind == KIND_NETWORKS)
		return;
	must(value_read(r, option, &token, 1, target));
}
