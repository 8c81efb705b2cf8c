/* SPDX-License-Identifier: Apache-2.0 */
/* sts: see sts.h. */
#include "smtp/sts.h"

#include "base/text.h"

#define MX_MAX 255	/* octets of a pattern */

static const char *const mode_name[] = { "none", "testing", "enforce" };

const char *
sts_mode_name(enum sts_mode mode)
{
	return mode_name[mode];
}

/* --- the record: "v=STSv1; id=20160831085700Z;" */

bool
sts_record_is_one(struct span text)
{
	struct span version = span_trim(span_cut(&text, ';'));

	return span_eq(version, SPAN("v=STSv1"));
}

static bool
is_id(struct span id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!ascii_is_alnum(id.p[i]))
			return false;
	return id.len >= 1 && id.len <= STS_ID_MAX;
}

bool
sts_record_read(struct span text, char id[STS_ID_MAX + 1])
{
	id[0] = '\0';
	if (!sts_record_is_one(text))
		return false;
	while (text.len != 0) {
		struct span value = span_trim(span_cut(&text, ';'));
		struct span key = span_cut(&value, '=');

		if (!span_eq(key, SPAN("id")))
			continue;
		if (!is_id(value))
			return false;
		memcpy(id, value.p, value.len);
		id[value.len] = '\0';
		return true;
	}
	return false;
}

/* --- the policy */

/* Takes the next line "key: value" off the text; one that is none comes as an
 * empty key. */
static void
take_field(struct span *text, struct span *key, struct span *value)
{
	struct span line = span_cut(text, '\n');

	if (line.len != 0 && line.p[line.len - 1] == '\r')
		line.len--;
	*key = *value = SPAN("");
	if (span_find(line, ':') == line.len)
		return;
	*key = span_trim(span_cut(&line, ':'));
	*value = span_trim(line);
}

/* "mail.example.org", "*.example.org": letters, digits, hyphens, dots. */
static bool
is_pattern(struct span pattern)
{
	char before = '.';

	if (span_starts(pattern, SPAN("*.")))
		pattern = span_skip(pattern, 2);
	if (pattern.len == 0 || pattern.len > MX_MAX)
		return false;
	for (size_t i = 0; i < pattern.len; i++) {
		char c = pattern.p[i];

		if (c == '.' ? before == '.' : !ascii_is_alnum(c) &&
		    c != '-' && c != '_')
			return false;
		before = c;
	}
	return before != '.';
}

bool
sts_policy_next_mx(const struct sts_policy *policy, size_t *at,
    struct span *pattern)
{
	struct span text = span_skip(policy->text, *at), key;

	while (text.len != 0) {
		take_field(&text, &key, pattern);
		*at = policy->text.len - text.len;
		if (span_eq(key, SPAN("mx")) && is_pattern(*pattern))
			return true;
	}
	return false;
}

static bool
read_mode(struct span value, enum sts_mode *mode)
{
	for (size_t i = 0; i < countof(mode_name); i++)
		if (span_eq(value, span_str(mode_name[i]))) {
			*mode = (enum sts_mode)i;
			return true;
		}
	return false;
}

const char *
sts_policy_read(struct span text, struct sts_policy *out)
{
	struct span version = SPAN(""), mode = SPAN(""), age = SPAN("");
	struct span rest = text, key, value;
	size_t at = 0;

	*out = (struct sts_policy){ .text = text };
	if (text.len > STS_TEXT_MAX)
		return "it is longer than 64 KiB";
	while (rest.len != 0) {
		take_field(&rest, &key, &value);
		if (span_eq(key, SPAN("version")) && version.len == 0)
			version = value;
		else if (span_eq(key, SPAN("mode")) && mode.len == 0)
			mode = value;
		else if (span_eq(key, SPAN("max_age")) && age.len == 0)
			age = value;
	}
	while (sts_policy_next_mx(out, &at, &value))
		out->mx_n++;
	if (!span_eq(version, SPAN("STSv1")))
		return "it does not say version: STSv1";
	if (mode.len == 0)
		return "it has no mode";
	if (!read_mode(mode, &out->mode))
		return "its mode is none of enforce, testing, none";
	if (!text_u64(age, &out->max_age) || out->max_age > STS_AGE_MAX)
		return "it has no max_age, or more than a year";
	if (out->mode != STS_MODE_NONE && out->mx_n == 0)
		return "it names no mx";
	return NULL;
}

/* A star stands for exactly one label (RFC 8461 4.1). */
bool
sts_policy_allows(const struct sts_policy *policy, struct span host)
{
	struct span pattern, above;
	size_t at = 0;

	if (host.len != 0 && host.p[host.len - 1] == '.')
		host.len--;
	above = host;
	(void)span_cut(&above, '.');
	while (sts_policy_next_mx(policy, &at, &pattern)) {
		bool is_star = span_starts(pattern, SPAN("*."));

		if (is_star ? span_caseeq(span_skip(pattern, 2), above) &&
		    above.len + 1 < host.len : span_caseeq(pattern, host))
			return true;
	}
	return false;
}
