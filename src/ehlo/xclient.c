/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/xclient.h"

#include "base/die.h"
#include "base/text.h"

const char xclient_help[] =
    "XCLIENT (of Postfix), in the order given:\n"
    "  --xclient-addr, --xclient-name, --xclient-port, --xclient-proto,\n"
    "  --xclient-helo, --xclient-login, --xclient-destaddr,\n"
    "  --xclient-destport, --xclient-reverse-name VALUE\n"
    "  --xclient-delim       what follows goes into a command of its own\n"
    "  --xclient TEXT        a whole command's arguments, as they are\n"
    "  --xclient-no-verify   though the server does not offer it\n"
    "  --xclient-before-starttls\n"
    "  --xclient-optional    goes on whatever comes of it\n"
    "  --xclient-optional-strict  goes on if it is not offered\n";

static bool
add(struct xclient *xclient, const char *name, const char *value)
{
	return args_take_list(&xclient->name, SPAN(""), name) &&
	    args_take_list(&xclient->value, SPAN(""), value);
}

/* What stands behind "--xclient-", and what the command says. */
static const struct {
	const char *option, *attribute;
} attributes[] = {
	{ "addr", "ADDR" }, { "name", "NAME" }, { "port", "PORT" },
	{ "proto", "PROTO" }, { "helo", "HELO" }, { "login", "LOGIN" },
	{ "destaddr", "DESTADDR" }, { "destport", "DESTPORT" },
	{ "reverse-name", "REVERSE_NAME" },
};

static bool
take_attribute(void *arg, struct span name, const char *value)
{
	while (name.len != 0 && name.p[0] == '-')
		name = span_skip(name, 1);
	name = span_skip(name, strlen("xclient-"));
	for (size_t i = 0; i < countof(attributes); i++)
		if (span_eq(name, span_str(attributes[i].option)))
			return add(arg, attributes[i].attribute, value);
	return false;
}

static bool
take_break(void *arg, struct span name, const char *value)
{
	(void)name;
	(void)value;
	return add(arg, "", "");
}

static bool
take_free(void *arg, struct span name, const char *value)
{
	(void)name;
	return add(arg, "=", value);
}

size_t
xclient_options(struct xclient *x, struct args_option *out)
{
	const struct args_option rows[] = {
		{ "--xclient-addr", .take = take_attribute, .arg = x },
		{ "--xclient-reverse-name", .take = take_attribute, .arg = x },
		{ "--xclient-name", .take = take_attribute, .arg = x },
		{ "--xclient-port", .take = take_attribute, .arg = x },
		{ "--xclient-proto", .take = take_attribute, .arg = x },
		{ "--xclient-helo", .take = take_attribute, .arg = x },
		{ "--xclient-login", .take = take_attribute, .arg = x },
		{ "--xclient-destaddr", .take = take_attribute, .arg = x },
		{ "--xclient-destport", .take = take_attribute, .arg = x },
		{ "--xclient-delim", .take = take_break, .arg = x,
		    .kind = ARGS_NO_VALUE },
		{ "--xclient", .take = take_free, .arg = x },
		{ "--xclient-no-verify", .flag = &x->no_verify },
		{ "--xclient-before-starttls", .flag = &x->is_before_tls },
		{ "--xclient-optional", .flag = &x->is_optional },
		{ "--xclient-optional-strict",
		    .flag = &x->is_optional_strict },
	};

	must(countof(rows) <= XCLIENT_OPTIONS_MAX);
	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

void
xclient_free(struct xclient *xclient)
{
	args_list_free(&xclient->name);
	args_list_free(&xclient->value);
}

bool
xclient_next(const struct xclient *xclient, size_t *at, struct put *line)
{
	const char *const *name = xclient->name.word;
	size_t n = xclient->name.n;

	while (*at < n && name[*at][0] == '\0')
		++*at;
	if (*at == n)
		return false;
	put_str(line, "XCLIENT");
	if (strcmp(name[*at], "=") == 0) {
		put_char(line, ' ');
		put_str(line, xclient->value.word[(*at)++]);
		return true;
	}
	for (; *at < n && ascii_is_alpha(name[*at][0]); ++*at) {
		put_char(line, ' ');
		put_str(line, name[*at]);
		put_char(line, '=');
		text_xtext_encode(span_str(xclient->value.word[*at]), line);
	}
	return true;
}

static bool
has_word(struct span list, struct span word)
{
	while (list.len != 0)
		if (span_caseeq(span_cut(&list, ' '), word))
			return true;
	return false;
}

const char *
xclient_missing(const struct xclient *xclient, struct span offered)
{
	for (size_t i = 0; i < xclient->name.n; i++) {
		const char *name = xclient->name.word[i];

		if (ascii_is_alpha(name[0]) &&
		    !has_word(offered, span_str(name)))
			return name;
	}
	return NULL;
}
