/* SPDX-License-Identifier: Apache-2.0 */
#include "user/line.h"

#include "base/text.h"
#include "user/hash.h"
#include "user/keys.h"

#define QUOTED_MAX 64	/* of what somebody wrote, in a message about it */

/* says "…" followed by the rest of the sentence */
static bool
complain(struct put *why, const char *before, struct span what,
    const char *after)
{
	put_str(why, before);
	put_char(why, '"');
	text_quote(span_first(what, QUOTED_MAX), why);
	if (what.len > QUOTED_MAX)
		put_str(why, "...");
	put_char(why, '"');
	put_str(why, after);
	return false;
}

static bool
complain_plain(struct put *why, const char *text)
{
	put_str(why, text);
	return false;
}

bool
user_name_check(struct span name, struct put *why)
{
	if (name.len == 0)
		return complain_plain(why, "the name is empty");
	if (name.len > USER_NAME_MAX)
		return complain(why, "the name ", name,
		    " is longer than 255 bytes");
	if (!text_is_utf8(name))
		return complain(why, "the name ", name, " is not UTF-8");
	if (strchr(".#-!", name.p[0]) != NULL)
		return complain(why, "the name ", name,
		    " may not begin with . # - or !");
	/* at a file's start it would be lost */
	if (span_starts(name, SPAN("\xef\xbb\xbf")))
		return complain_plain(why,
		    "the name begins with a byte order mark");
	for (size_t i = 0; i < name.len; i++)
		if (ascii_is_cntrl(name.p[i]) ||
		    strchr(" :/,*\"<>", name.p[i]) != NULL)
			return complain(why, "the name ", name,
			    " may not hold white space, control characters "
			    "or : / , * \" < >");
	return true;
}

/* address or *@domain: exactly what user_send_as_has() can match */
static bool
check_address(struct span address, struct put *why)
{
	size_t at = span_find(address, '@');

	if (address.len == 0)
		return complain_plain(why, "send-as has an empty address");
	if (at == 0 || at + 1 >= address.len ||
	    (span_find(address, '*') != address.len &&
	    (!span_starts(address, SPAN("*@")) ||
	    span_find(span_skip(address, 1), '*') != address.len - 1)))
		return complain(why, "send-as: ", address,
		    " is neither an address nor *@domain");
	return true;
}

static bool
set_send_as(struct span value, struct user_attributes *out, struct put *why)
{
	struct span rest = value;
	bool is_last;

	do {
		is_last = span_find(rest, ',') == rest.len;
		if (!check_address(span_cut(&rest, ','), why))
			return false;
	} while (!is_last);
	out->send_as = value;
	return true;
}

static bool
take_yes_no(const char *name, struct span value, bool *is_yes, struct put *why)
{
	*is_yes = span_eq(value, SPAN("yes"));
	if (*is_yes || span_eq(value, SPAN("no")))
		return true;
	put_str(why, name);
	return complain(why, "=", value, ": expected yes or no");
}

static bool
set_mailbox(struct span value, struct user_attributes *out, struct put *why)
{
	bool is_yes;

	if (!take_yes_no("mailbox", value, &is_yes, why))
		return false;
	out->has_no_mailbox = !is_yes;
	return true;
}

static bool
set_disabled(struct span value, struct user_attributes *out, struct put *why)
{
	return take_yes_no("disabled", value, &out->is_disabled, why);
}

static bool
set_scram(struct span value, struct user_attributes *out, struct put *why)
{
	out->scram = value;
	return user_keys_check_scram(value, why);
}

static bool
set_nt(struct span value, struct user_attributes *out, struct put *why)
{
	out->nt = value;
	return user_keys_check_nt(value, why);
}

static const struct {
	const char *name;
	bool (*set)(struct span value, struct user_attributes *out,
	    struct put *why);
} known[] = {
	{ "send-as", set_send_as },
	{ "mailbox", set_mailbox },
	{ "disabled", set_disabled },
	{ "scram", set_scram },
	{ "nt", set_nt },
};

static bool
complain_unknown(struct span name, struct put *why)
{
	unsigned nearest = 4;	/* farther than that is another word */
	const char *word = NULL;

	for (size_t i = 0; i < countof(known); i++) {
		unsigned n = text_distance(name, span_str(known[i].name));

		if (n < nearest) {
			nearest = n;
			word = known[i].name;
		}
	}
	if (word == NULL)
		return complain(why, "unknown attribute ", name,
		    ", expected send-as, mailbox, disabled, scram or nt");
	(void)complain(why, "unknown attribute ", name, ", did you mean \"");
	put_str(why, word);
	return complain_plain(why, "\"?");
}

/* One name=value; `*seen` is a bit a known name. */
static bool
take_attribute(struct span word, struct user_attributes *out, unsigned *seen,
    struct put *why)
{
	struct span value = word, name = span_cut(&value, '=');

	for (size_t i = 0; i < countof(known); i++) {
		if (!span_eq(name, span_str(known[i].name)))
			continue;
		if (name.len == word.len)
			return complain(why, "", name, " has no value");
		if ((*seen & 1u << i) != 0)
			return complain(why, "", name, " is there twice");
		*seen |= 1u << i;
		return known[i].set(value, out, why);
	}
	return complain_unknown(name, why);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool
user_attributes_parse(struct span attributes, struct user_attributes *out,
    struct put *why)
{
	unsigned seen = 0;

	*out = (struct user_attributes){ .send_as = SPAN(""),
		.scram = SPAN(""), .nt = SPAN("") };
	if (!text_is_utf8(attributes))
		return complain(why, "the attributes ", attributes,
		    " are not UTF-8");
	for (;;) {
		size_t n = 0;

		attributes = span_trim(attributes);
		if (attributes.len == 0)
			return true;
		for (; n < attributes.len && !is_space(attributes.p[n]); n++)
			if (ascii_is_cntrl(attributes.p[n]))
				return complain_plain(why, "control character "
				    "in the attributes");
		if (!take_attribute(span_first(attributes, n), out, &seen, why))
			return false;
		attributes = span_skip(attributes, n);
	}
}

enum user_line_result
user_line_parse(struct span text, struct user_line *line, struct put *why)
{
	struct user_attributes attributes;

	if (text.len != 0 && text.p[text.len - 1] == '\r')
		text.len--;
	text = span_trim(text);
	if (text.len == 0 || text.p[0] == '#')
		return USER_LINE_BLANK;
	/* the line is not shown: it may hold a password */
	if (!text_is_utf8(text)) {
		put_str(why, "the line is not UTF-8");
		return USER_LINE_BAD;
	}
	if (span_find(text, ':') == text.len) {
		put_str(why, "no colon, expected name:hash");
		return USER_LINE_BAD;
	}
	line->name = span_trim(span_cut(&text, ':'));
	line->hash = span_trim(span_cut(&text, ':'));
	line->attributes = span_trim(text);
	if (!user_name_check(line->name, why) ||
	    !user_hash_is_known(line->hash, why) ||
	    !user_attributes_parse(line->attributes, &attributes, why))
		return USER_LINE_BAD;
	return USER_LINE_ACCOUNT;
}

bool
user_send_as_has(struct span list, struct span address)
{
	/* the last @: the local part may hold one, quoted */
	const char *at = memrchr(address.p, '@', address.len);
	struct span at_domain;

	if (at == NULL)
		return false;
	at_domain = span_skip(address, (size_t)(at - address.p));
	while (list.len != 0) {
		struct span one = span_cut(&list, ',');

		if (span_starts(one, SPAN("*@"))
			? span_caseeq(span_skip(one, 1), at_domain)
			: span_caseeq(one, address))
			return true;
	}
	return false;
}
