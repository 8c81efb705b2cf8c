/* SPDX-License-Identifier: Apache-2.0 */
/* Reads left to right with a cursor, each function for one rule of the
 * grammar of RFC 5321 4.1.2. Stricter than the grammar in three places:
 *
 * 1. A literal is an IPv4 or IPv6 address; no other tag was ever registered.
 *    Its numbers have no zeroes in front, which others read as octal.
 * 2. C1 controls and U+2028, U+2029 are refused: some take them for line ends.
 * 3. The dots of IDNA 2003 (U+3002, U+FF0E, U+FF61) are refused in a domain:
 *    mapped later, they would make it another domain.
 *
 * A label that is not ASCII is only checked to be UTF-8; whether it is a
 * U-label is for the one who looks it up. */
#include "smtp/addr.h"

#include "base/text.h"

#define LABEL_MAX 63	/* octets, RFC 1035 2.3.4 */

static bool
is_8bit(char c)
{
	return (unsigned char)c >= 0x80;
}

/* RFC 5322 3.2.3, and UTF8-non-ascii of RFC 6531 3.3. */
static bool
is_atext(char c)
{
	const struct span special = SPAN("!#$%&'*+-/=?^_`{|}~");

	return ascii_is_alnum(c) || is_8bit(c) ||
	    span_find(special, c) != special.len;
}

static bool
is_hex(char c)
{
	char lower = ascii_lower(c);

	return ascii_is_digit(c) || (lower >= 'a' && lower <= 'f');
}

static bool
has_sequence(struct span text, struct span sequence)
{
	for (; text.len >= sequence.len; text = span_skip(text, 1))
		if (span_starts(text, sequence))
			return true;
	return false;
}

static bool
is_clean_utf8(struct span text)
{
	if (!text_is_utf8(text) || has_sequence(text, SPAN("\xe2\x80\xa8")) ||
	    has_sequence(text, SPAN("\xe2\x80\xa9")))
		return false;
	for (size_t i = 0; i + 1 < text.len; i++)
		if ((unsigned char)text.p[i] == 0xc2 &&
		    (unsigned char)text.p[i + 1] < 0xa0)
			return false;
	return true;
}

/* The length of `"…"` at the start of `text`; 0 if it is not well-formed. */
static size_t
quoted_len(struct span text)
{
	for (size_t i = 1; i < text.len; i++) {
		if (text.p[i] == '"')
			return i + 1;
		if (text.p[i] == '\\' &&
		    (++i == text.len || is_8bit(text.p[i])))
			return 0;
		if (ascii_is_cntrl(text.p[i]))
			return 0;
	}
	return 0;
}

/* The length of a Dot-string at the start of `text`; 0 if a dot stands at one
 * of its ends or next to another. */
static size_t
dot_string_len(struct span text)
{
	size_t n = 0;
	bool was_dot = true;

	for (; n < text.len; n++) {
		if (text.p[n] == '.' && was_dot)
			return 0;
		if (text.p[n] != '.' && !is_atext(text.p[n]))
			break;
		was_dot = text.p[n] == '.';
	}
	return was_dot ? 0 : n;
}

static bool
is_label(struct span label, bool takes_underscore)
{
	if (label.len == 0 || label.p[0] == '-' ||
	    label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.p[i];

		if (!ascii_is_alnum(c) && !is_8bit(c) && c != '-' &&
		    !(takes_underscore && c == '_'))
			return false;
	}
	/* the limit of a U-label holds for its A-label */
	return label.len <= LABEL_MAX || !text_is_ascii(label);
}

static bool
is_domain(struct span text, bool takes_underscore)
{
	if (text.len == 0 || text.p[text.len - 1] == '.')
		return false;
	if (!text_is_ascii(text) && (!is_clean_utf8(text) ||
	    has_sequence(text, SPAN("\xe3\x80\x82")) ||
	    has_sequence(text, SPAN("\xef\xbc\x8e")) ||
	    has_sequence(text, SPAN("\xef\xbd\xa1"))))
		return false;
	while (text.len != 0)
		if (!is_label(span_cut(&text, '.'), takes_underscore))
			return false;
	return true;
}

bool
addr_is_domain(struct span text)
{
	return text.len <= ADDR_DOMAIN_MAX && is_domain(text, false);
}

static bool
is_ipv4(struct span text)
{
	unsigned n = 0;

	for (; text.len != 0; n++) {
		bool is_last = span_find(text, '.') == text.len;
		struct span part = span_cut(&text, '.');
		uint64_t value;

		if (part.len > 3 || !text_u64(part, &value) || value > 255 ||
		    (part.len > 1 && part.p[0] == '0') ||
		    is_last != (n == 3))
			return false;
	}
	return n == 4;
}

/* Counts groups of one to four hexadecimal digits between colons, or an IPv4
 * address as the last two; -1 if something else stands there. */
static int
ipv6_groups(struct span text, bool may_end_in_ipv4)
{
	int n = 0;

	while (text.len != 0) {
		bool is_last = span_find(text, ':') == text.len;
		struct span group = span_cut(&text, ':');

		if (is_last && may_end_in_ipv4 && is_ipv4(group))
			return n + 2;
		if (group.len == 0 || group.len > 4 ||
		    (!is_last && text.len == 0))
			return -1;
		for (size_t i = 0; i < group.len; i++)
			if (!is_hex(group.p[i]))
				return -1;
		if (++n > 8)
			return -1;
	}
	return n;
}

static bool
is_ipv6(struct span text)
{
	size_t gap = 0;
	int before, behind;

	while (gap + 1 < text.len &&
	    !(text.p[gap] == ':' && text.p[gap + 1] == ':'))
		gap++;
	if (gap + 1 >= text.len)
		return ipv6_groups(text, true) == 8;
	before = ipv6_groups(span_first(text, gap), false);
	behind = ipv6_groups(span_skip(text, gap + 2), true);
	/* "::" stands for two groups at least */
	return before >= 0 && behind >= 0 && before + behind <= 6;
}

static bool
is_literal(struct span text)
{
	if (text.len < 2 || text.p[0] != '[' || text.p[text.len - 1] != ']')
		return false;
	text = span_first(span_skip(text, 1), text.len - 2);
	if (span_casestarts(text, SPAN("IPv6:")))
		return is_ipv6(span_skip(text, strlen("IPv6:")));
	return is_ipv4(text);
}

bool
addr_is_hello_name(struct span text)
{
	if (text.len > ADDR_DOMAIN_MAX || !text_is_ascii(text))
		return false;
	return is_domain(text, true) || is_literal(text) || is_ipv4(text) ||
	    is_ipv6(text);
}

enum addr_result
addr_parse(struct span text, struct addr *out)
{
	size_t n;

	*out = (struct addr){ .local = { "", 0 }, .domain = { "", 0 } };
	if (!text_is_ascii(text) && !is_clean_utf8(text))
		return ADDR_BAD_UTF8;
	out->is_quoted = text.len != 0 && text.p[0] == '"';
	n = out->is_quoted ? quoted_len(text) : dot_string_len(text);
	if (n == 0 || (n < text.len && text.p[n] != '@'))
		return ADDR_BAD_SYNTAX;
	out->local = span_first(text, n);
	out->is_utf8 = !text_is_ascii(text);
	if (n == text.len)
		return n > ADDR_LOCAL_MAX ? ADDR_TOO_LONG : ADDR_NO_DOMAIN;

	out->domain = span_skip(text, n + 1);
	out->is_literal = out->domain.len != 0 && out->domain.p[0] == '[';
	if (out->is_literal && !is_literal(out->domain))
		return ADDR_BAD_LITERAL;
	if (!out->is_literal && !is_domain(out->domain, false))
		return ADDR_BAD_SYNTAX;
	if (out->local.len > ADDR_LOCAL_MAX ||
	    out->domain.len > ADDR_DOMAIN_MAX)
		return ADDR_TOO_LONG;
	return ADDR_OK;
}

/* Cuts "@a,@b:" from `*text`; false if what begins like a route is none. */
static bool
drop_route(struct span *text)
{
	struct span route;

	if (text->len == 0 || text->p[0] != '@')
		return true;
	if (span_find(*text, ':') == text->len)
		return false;
	route = span_cut(text, ':');
	while (route.len != 0) {
		bool is_last = span_find(route, ',') == route.len;
		struct span hop = span_cut(&route, ',');

		if (hop.len == 0 || hop.p[0] != '@' ||
		    !addr_is_domain(span_skip(hop, 1)) ||
		    (!is_last && route.len == 0))
			return false;
	}
	return true;
}

/* Where `end` stands for the first time outside of a quoted string. */
static size_t
find_unquoted(struct span text, char end)
{
	bool is_quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '"')
			is_quoted = !is_quoted;
		else if (text.p[i] == '\\' && is_quoted)
			i++;
		else if (text.p[i] == end && !is_quoted)
			return i;
	}
	return text.len;
}

enum addr_result
addr_parse_path(struct span *text, bool is_lenient, struct addr *out)
{
	struct span rest = *text;
	struct span inner;
	enum addr_result result;

	*out = (struct addr){ .local = { "", 0 }, .domain = { "", 0 } };
	while (is_lenient && rest.len != 0 && rest.p[0] == ' ')
		rest = span_skip(rest, 1);
	if (rest.len != 0 && rest.p[0] == '<') {
		size_t close = find_unquoted(rest, '>');

		if (close == rest.len)
			return ADDR_BAD_SYNTAX;
		inner = span_skip(span_first(rest, close), 1);
		rest = span_skip(rest, close + 1);
	} else if (is_lenient) {
		inner = span_first(rest, find_unquoted(rest, ' '));
		rest = span_skip(rest, inner.len);
		if (inner.len == 0)
			return ADDR_BAD_SYNTAX;
	} else {
		return ADDR_BAD_SYNTAX;
	}
	/* what follows is nothing or SP and parameters, RFC 5321 4.1.1.2 */
	if (rest.len != 0 && rest.p[0] != ' ')
		return ADDR_BAD_SYNTAX;
	if (inner.len == 0) {
		*text = rest;
		return ADDR_OK;
	}
	if (!drop_route(&inner))
		return ADDR_BAD_SYNTAX;
	result = addr_parse(inner, out);
	if (result == ADDR_OK || result == ADDR_NO_DOMAIN)
		*text = rest;
	return result;
}

void
addr_put_local(const struct addr *addr, struct put *out)
{
	struct span local = addr->local;

	if (!addr->is_quoted) {
		put_bytes(out, local);
		return;
	}
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.p[i] == '\\')
			i++;
		put_char(out, local.p[i]);
	}
}

void
addr_put(const struct addr *addr, struct put *out)
{
	put_bytes(out, addr->local);
	if (addr->domain.len == 0)
		return;
	put_char(out, '@');
	put_bytes(out, addr->domain);
}
