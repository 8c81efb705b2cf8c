/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/match.h"

#include "base/put.h"
#include "base/text.h"
#include "ehlo/script.h"

/* --- words: from space to space, without the signs around them */

static bool
is_sign(char c)
{
	return c != '\0' && strchr("<>()[]{},;.\"'!?", c) != NULL;
}

/* Takes the signs at both ends off and puts them into `signs`. */
static struct span
strip(struct span word, struct put *signs)
{
	while (word.len != 0 && is_sign(word.p[0])) {
		put_char(signs, word.p[0]);
		word = span_skip(word, 1);
	}
	put_char(signs, ' ');
	/* a colon may end a word, but "::" is an address */
	while (word.len > 1 && (is_sign(word.p[word.len - 1]) ||
	    (word.p[word.len - 1] == ':' && word.p[word.len - 2] != ':'))) {
		put_char(signs, word.p[word.len - 1]);
		word.len--;
	}
	return word;
}

static size_t
count(struct span word, bool (*is)(char))
{
	size_t n = 0;

	for (size_t i = 0; i < word.len; i++)
		n += is(word.p[i]);
	return n;
}

static bool
is_hex_or_dash(char c)
{
	c = ascii_lower(c);
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f') || c == '-';
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_one_of(struct span word, const char *list)
{
	struct span rest = span_str(list);

	while (rest.len != 0)
		if (span_caseeq(word, span_cut(&rest, ' ')))
			return true;
	return false;
}

/* What may stand for each other. */
enum class { CLASS_WORD, CLASS_NUMBER, CLASS_TIME, CLASS_ZONE, CLASS_DAY,
	CLASS_MONTH, CLASS_HOST, CLASS_MAIL, CLASS_ID };

static bool
is_number(struct span word)
{
	return word.len != 0 && count(word, ascii_is_digit) == word.len;
}

static bool
is_time(struct span word)
{
	size_t n = count(word, ascii_is_digit);

	return n >= 3 && n + 2 == word.len && span_find(word, ':') < word.len;
}

static bool
is_zone(struct span word)
{
	return word.len == 5 && (word.p[0] == '+' || word.p[0] == '-') &&
	    is_number(span_skip(word, 1));
}

/* An address of IPv4, perhaps with its last part painted over; of IPv6. */
static bool
is_address(struct span word)
{
	size_t dots = 0, colons = 0, odd = 0;

	for (size_t i = 0; i < word.len; i++) {
		char c = word.p[i];

		dots += c == '.';
		colons += c == ':';
		odd += !ascii_is_digit(c) && c != '.' && c != 'x';
	}
	return (dots == 3 && odd == 0 && count(word, ascii_is_digit) != 0) ||
	    (colons >= 2 && span_casestarts(word, SPAN("IPv6:"))) ||
	    (colons >= 2 && count(word, is_hex_or_dash) + colons + dots ==
	    word.len);
}

static bool
is_host(struct span word)
{
	size_t dot = span_find(word, '.'), good = 0;

	for (size_t i = 0; i < word.len; i++)
		good += ascii_is_alnum(word.p[i]) || word.p[i] == '-' ||
		    word.p[i] == '.';
	return good == word.len && dot != 0 && dot + 1 < word.len &&
	    count(word, ascii_is_alpha) > 1;
}

/* An enhanced code is no address and no host. */
static bool
is_status(struct span word)
{
	size_t dots = 0;

	for (size_t i = 0; i < word.len; i++)
		dots += word.p[i] == '.';
	return dots == 2 && count(word, ascii_is_digit) + dots == word.len &&
	    word.p[0] >= '2' && word.p[0] <= '5' && word.len <= 9;
}

/* Letters and digits mixed, long enough: 308EBE0575E7, 1pXyz2-0004Vw-1k. Not
 * 8BITMIME, SMTPUTF8, SCRAM-SHA-256. */
static bool
is_id(struct span word)
{
	size_t digits = count(word, ascii_is_digit);
	size_t letters = count(word, ascii_is_alpha);

	if (span_casestarts(word, SPAN("SCRAM-")))
		return false;
	return (digits > 1 && letters != 0 && digits + letters +
	    count(word, is_hex_or_dash) >= word.len && word.len >= 8) ||
	    (word.len >= 8 && count(word, is_hex_or_dash) == word.len) ||
	    (word.len >= 16 && count(word, is_upper) == word.len);
}

static enum class
classify(struct span word)
{
	if (is_status(word))
		return CLASS_WORD;
	if (is_number(word))
		return CLASS_NUMBER;
	if (is_time(word))
		return CLASS_TIME;
	if (is_zone(word))
		return CLASS_ZONE;
	if (is_one_of(word, "Mon Tue Wed Thu Fri Sat Sun"))
		return CLASS_DAY;
	if (is_one_of(word, "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"))
		return CLASS_MONTH;
	if (span_find(word, '@') < word.len)
		return CLASS_MAIL;
	if (is_address(word) || is_host(word))
		return CLASS_HOST;
	if (is_id(word))
		return CLASS_ID;
	return CLASS_WORD;
}

/* An address with words stuck to it: "a@b.example....Sender". */
static struct span
cut_tail(struct span *word)
{
	struct span tail = SPAN("");

	for (size_t i = 0; i < word->len && tail.len == 0; i++)
		if (span_starts(span_skip(*word, i), SPAN("....")))
			tail = span_skip(*word, i);
	word->len -= tail.len;
	return tail;
}

/* "InternalId=106": what is before the sign has to be the same. */
static bool
same_setting(struct span a, struct span b)
{
	struct span name = span_cut(&a, '='), other = span_cut(&b, '=');

	return a.len != 0 && b.len != 0 && span_eq(name, other) &&
	    classify(a) != CLASS_WORD && classify(b) != CLASS_WORD;
}

static bool
same_word(struct span a, struct span b, bool is_host_place)
{
	char of_a[64], of_b[64];
	struct put signs_a = put_init(of_a, sizeof of_a);
	struct put signs_b = put_init(of_b, sizeof of_b);
	enum class class_a, class_b;

	if (span_eq(a, b))
		return true;
	if (!span_eq(cut_tail(&a), cut_tail(&b)))
		return false;
	a = strip(a, &signs_a);
	b = strip(b, &signs_b);
	/* a bare address may be printed where the other is in brackets */
	class_a = classify(a);
	class_b = classify(b);
	if (!span_eq(put_span(&signs_a), put_span(&signs_b)) &&
	    class_a != CLASS_MAIL)
		return false;
	if (span_eq(a, b) || same_setting(a, b))
		return true;
	if (class_a == CLASS_WORD || class_b == CLASS_WORD)
		return is_host_place && a.len != 0 && b.len != 0;
	return class_a == class_b ||
	    (class_a >= CLASS_HOST && class_b >= CLASS_HOST) ||
	    (is_host_place && class_a >= CLASS_HOST) ||
	    (class_a == CLASS_NUMBER && class_b == CLASS_ID) ||
	    (class_a == CLASS_ID && class_b == CLASS_NUMBER);
}

/* --- lines */

#define LINE_MAX_TOLERANT 1024

/* As it would have been typed: printers make other dashes and quotes. */
static struct span
normalize(struct span line, struct put *out)
{
	static const struct {
		const char *from, *to;
	} signs[] = {
		{ "\xe2\x80\x93", "-" }, { "\xe2\x80\x94", "-" },
		{ "\xe2\x88\x92", "-" }, { "\xe2\x80\x98", "'" },
		{ "\xe2\x80\x99", "'" }, { "\xe2\x80\x9c", "\"" },
		{ "\xe2\x80\x9d", "\"" }, { "\xc2\xa0", " " },
		{ "\t", " " }, { "&lt;", "<" }, { "&gt;", ">" },
		{ "&amp;", "&" },
	};

	line = span_first(line, LINE_MAX_TOLERANT);
	while (line.len != 0) {
		size_t i = 0;

		while (i < countof(signs) &&
		    !span_starts(line, span_str(signs[i].from)))
			i++;
		if (i < countof(signs))
			put_str(out, signs[i].to);
		else
			put_char(out, line.p[0]);
		line = span_skip(line, i < countof(signs) ?
		    strlen(signs[i].from) : 1);
	}
	return span_trim(put_span(out));
}

/* The next word, spaces before it left out; .p NULL at the end. */
static struct span
next_word(struct span *line)
{
	while (line->len != 0 && line->p[0] == ' ')
		*line = span_skip(*line, 1);
	if (line->len == 0)
		return (struct span){ NULL, 0 };
	return span_cut(line, ' ');
}

/* "220 HOST …", "221 2.0.0 HOST Service …", "250-HOST Hello": there a word
 * without a dot may be a host, too. */
static bool
is_host_place(struct span code, unsigned words_before, struct span behind)
{
	if (span_eq(code, SPAN("220")))
		return words_before == 0;
	if (span_eq(code, SPAN("250")))
		return words_before == 0 &&
		    span_starts(span_trim(behind), SPAN("Hello"));
	return span_eq(code, SPAN("221")) && words_before == 1 &&
	    span_starts(span_trim(behind), SPAN("Service"));
}

/* "Username:" and "Password:" of LOGIN are what they are; challenges of other
 * mechanisms are new each time. */
static bool
is_prompt(struct span base64)
{
	char memory[32];
	struct put out = put_init(memory, sizeof memory);

	return base64_decode(base64, &out, NULL) == BASE64_OK &&
	    out.len > 1 && out.p[out.len - 1] == ':' &&
	    text_is_ascii(put_span(&out));
}

static bool
match_tolerant(struct span expected, struct span got)
{
	char of_expected[2 * LINE_MAX_TOLERANT], of_got[2 * LINE_MAX_TOLERANT];
	struct put e = put_init(of_expected, sizeof of_expected);
	struct put g = put_init(of_got, sizeof of_got);
	struct span want = normalize(expected, &e), have = normalize(got, &g);
	struct span code = span_first(want, 3);

	/* whether more lines follow is judged by match_reply() */
	if (!span_eq(code, span_first(have, 3)))
		return false;
	want = span_skip(want, 4);
	have = span_skip(have, 4);
	if (span_eq(code, SPAN("334")) && (is_prompt(want) ||
	    is_prompt(have)))
		return span_eq(want, have);
	for (unsigned n = 0;; n++) {
		struct span a = next_word(&want), b = next_word(&have);

		if (a.p == NULL || b.p == NULL)
			return a.p == b.p;
		if (!same_word(a, b, is_host_place(code, n, have)))
			return false;
	}
}

bool
match_line(struct span expected, struct span got, enum match_how how)
{
	switch (how) {
	case MATCH_EXACT:
		return script_fits(expected, got);
	case MATCH_TOLERANT:
		return match_tolerant(expected, got);
	case MATCH_CODES:
		return span_eq(span_first(expected, 3), span_first(got, 3));
	}
	return false;
}

/* In order, with lines left out where `expected` has holes; a hole takes as
 * few as it can, which is enough as lines differ. */
bool
match_reply(const struct span *expected, size_t n_expected,
    const struct span *got, size_t n_got, enum match_how how, size_t *at)
{
	bool is_hole = false;
	size_t have = 0;

	*at = 0;
	if (how == MATCH_CODES)
		return n_expected == 0 || (n_got != 0 &&
		    match_line(expected[0], got[0], how));
	for (size_t i = 0; i < n_expected; i++) {
		*at = i;
		if (expected[i].p == NULL) {
			is_hole = true;
			continue;
		}
		while (is_hole && have < n_got &&
		    !match_line(expected[i], got[have], how))
			have++;
		if (have == n_got || !match_line(expected[i], got[have], how))
			return false;
		have++;
		is_hole = false;
	}
	*at = n_expected;
	return have == n_got || is_hole;
}
