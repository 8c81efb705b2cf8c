/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/netrc.h"

#include "base/put.h"
#include "base/buf.h"

struct words {
	struct span rest;
	unsigned line;
	struct put word;
	bool is_bad;
	char memory[SECRET_MAX + 1];
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char
take(struct words *w)
{
	char c = w->rest.p[0];

	w->line += c == '\n';
	w->rest = span_skip(w->rest, 1);
	return c;
}

static void
skip_spaces(struct words *w)
{
	while (w->rest.len != 0 && is_space(w->rest.p[0]))
		(void)take(w);
}

static char
unescape(char c)
{
	return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

static void
take_quoted(struct words *w)
{
	(void)take(w);
	while (w->rest.len != 0 && w->rest.p[0] != '"') {
		char c = take(w);

		if (c == '\\' && w->rest.len != 0)
			c = unescape(take(w));
		put_char(&w->word, c);
	}
	w->is_bad = w->rest.len == 0;
	if (!w->is_bad)
		(void)take(w);
}

/* The next word; false at the end or at a mistake. */
static bool
next_word(struct words *w)
{
	w->word = put_init(w->memory, sizeof w->memory);
	for (;;) {
		skip_spaces(w);
		if (w->rest.len == 0)
			return false;
		if (w->rest.p[0] != '#')
			break;
		while (w->rest.len != 0 && w->rest.p[0] != '\n')
			(void)take(w);
	}
	if (w->rest.p[0] == '"')
		take_quoted(w);
	else
		while (w->rest.len != 0 && !is_space(w->rest.p[0]))
			put_char(&w->word, take(w));
	w->is_bad |= w->word.full;
	return !w->is_bad;
}

static bool
is_word(const struct words *w, const char *what)
{
	return span_eq(put_span(&w->word), span_str(what));
}

/* Up to an empty line. */
static void
skip_macro(struct words *w)
{
	while (w->rest.len != 0) {
		struct span line = span_cut(&w->rest, '\n');

		w->line++;
		if (span_trim(line).len == 0 || span_eq(line, SPAN("\r")))
			return;
	}
}

static bool
take_login(struct words *w, struct netrc_entry *out)
{
	struct put to = put_init(out->login, sizeof out->login - 1);

	if (!next_word(w))
		return false;
	put_bytes(&to, put_span(&w->word));
	w->is_bad |= to.full;
	out->login[to.len] = '\0';
	out->has_login = true;
	return !w->is_bad;
}

static bool
take_password(struct words *w, struct netrc_entry *out)
{
	if (!next_word(w))
		return false;
	memcpy(out->password.bytes, w->word.p, w->word.len);
	out->password.len = w->word.len;
	out->has_password = true;
	return true;
}

/* One word, and what belongs to it, inside an entry. False: not understood. */
static bool
take_part(struct words *w, struct netrc_entry *out)
{
	if (is_word(w, "login"))
		return take_login(w, out);
	if (is_word(w, "password"))
		return take_password(w, out);
	if (is_word(w, "account"))
		return next_word(w);
	if (is_word(w, "macdef")) {
		skip_macro(w);
		return true;
	}
	return false;
}

static bool
is_match(const struct netrc_entry *entry, struct span login)
{
	return login.len == 0 || !entry->has_login ||
	    span_eq(span_str(entry->login), login);
}

static enum netrc_result
walk(struct words *w, struct span machine, struct span login,
    struct netrc_entry *out)
{
	bool is_ours = false, is_more = next_word(w);

	while (is_more) {
		if (is_word(w, "machine") || is_word(w, "default")) {
			if (is_ours && is_match(out, login))
				return NETRC_FOUND;
			secret_wipe(&out->password);
			out->has_login = out->has_password = false;
			is_ours = is_word(w, "default");
			if (!is_ours && !next_word(w))
				return NETRC_BAD;
			is_ours |= span_caseeq(put_span(&w->word), machine);
		} else if (!take_part(w, out)) {
			return NETRC_BAD;
		}
		is_more = next_word(w);
	}
	if (w->is_bad)
		return NETRC_BAD;
	return is_ours && is_match(out, login) ? NETRC_FOUND : NETRC_NONE;
}

enum netrc_result
netrc_find(struct span text, struct span machine, struct span login,
    struct netrc_entry *out, unsigned *line)
{
	struct words w = { .rest = text, .line = 1 };
	enum netrc_result result;

	*out = (struct netrc_entry){ .has_login = false };
	result = walk(&w, machine, login, out);
	*line = w.line;
	mem_wipe(&w, sizeof w);
	if (result != NETRC_FOUND) {
		secret_wipe(&out->password);
		out->has_login = out->has_password = false;
	}
	return result;
}
