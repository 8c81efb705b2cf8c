/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/fold.h"

#include "base/put.h"
#include "base/text.h"

#define LINE_GOOD 78		/* RFC 5322 2.1.1 */
#define LINE_MOST 998
#define WORD_MOST 75		/* of an encoded-word, RFC 2047 2 */
#define CODED_MIN 24		/* room left on a line that one is begun in */
#define ASCII_WORD_MOST 900	/* a longer one is encoded to be cut */
#define PARAM_MOST 60		/* octets of one piece of a parameter */

static const char opening_q[] = "=?utf-8?Q?";	/* as long as the B one */
static const char opening_b[] = "=?utf-8?B?";

static void
say(struct fold *fold, struct span bytes)
{
	fold->column += bytes.len;
	if (fold->column > LINE_MOST)
		fold->is_too_long = true;
	if (!text_is_ascii(bytes))
		fold->has_8bit = true;
	if (bytes.len != 0)
		fold->write(fold->arg, bytes);
}

static void
break_line(struct fold *fold)
{
	fold->write(fold->arg, SPAN("\r\n"));
	fold->column = 0;
}

void
fold_field(struct fold *fold, struct span name)
{
	fold->column = 0;
	say(fold, name);
	say(fold, SPAN(":"));
}

void
fold_end(struct fold *fold)
{
	break_line(fold);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
trim(struct span s)
{
	while (s.len != 0 && is_space(s.p[0]))
		s = span_skip(s, 1);
	while (s.len != 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* --- encoded-words */

static bool
is_plain_byte(const struct fold *fold, char c)
{
	if (is_space(c))
		return true;
	if ((unsigned char)c >= 128)
		return fold->is_utf8;
	return !ascii_is_cntrl(c);
}

static bool
is_plain(const struct fold *fold, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_plain_byte(fold, s.p[i]))
			return false;
	return s.len <= ASCII_WORD_MOST;
}

/* What may stand for itself in any kind of Q, RFC 2047 5 (3). */
static bool
is_q_safe(char c)
{
	return ascii_is_alnum(c) || c == '!' || c == '*' || c == '+' ||
	    c == '-' || c == '/';
}

static size_t
q_len(struct span s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++)
		len += is_q_safe(s.p[i]) || is_space(s.p[i]) ? 1 : 3;
	return len;
}

/* Octets of the character at the start; 1 if it is no UTF-8. */
static size_t
char_len(struct span s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

	return len <= s.len && text_is_utf8(span_first(s, len)) ? len : 1;
}

static void
say_q(struct fold *fold, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char three[3];
		struct put out = put_init(three, sizeof three);

		if (is_space(s.p[i]))
			put_char(&out, '_');
		else if (is_q_safe(s.p[i]))
			put_char(&out, s.p[i]);
		else {
			static const char digits[] = "0123456789ABCDEF";

			put_char(&out, '=');
			put_char(&out, digits[(unsigned char)s.p[i] >> 4]);
			put_char(&out, digits[(unsigned char)s.p[i] & 15]);
		}
		say(fold, put_span(&out));
	}
}

static void
say_b(struct fold *fold, struct span s)
{
	char spaced[WORD_MOST], memory[WORD_MOST + 1];
	struct put in = put_init(spaced, sizeof spaced);
	struct put out = put_init(memory, sizeof memory);

	for (size_t i = 0; i < s.len; i++)
		put_char(&in, is_space(s.p[i]) ? ' ' : s.p[i]);
	base64_encode(put_span(&in), &out);
	say(fold, put_span(&out));
}

/* As many whole characters as fit into `room` octets once encoded, at least
 * one. */
static struct span
fitting(struct span s, size_t room, bool is_q)
{
	size_t n = char_len(s);

	while (n < s.len) {
		size_t more = n + char_len(span_skip(s, n));

		if ((is_q ? q_len(span_first(s, more)) :
		    BASE64_LEN(more)) > room)
			break;
		n = more;
	}
	return span_first(s, n);
}

/* Behind a space that was said already. */
static void
say_encoded(struct fold *fold, struct span s)
{
	bool is_q = q_len(s) <= BASE64_LEN(s.len);
	const size_t frame = sizeof opening_q - 1 + 2;

	while (s.len != 0) {
		size_t room = fold->column < LINE_GOOD ?
		    LINE_GOOD - fold->column : 0;
		struct span part;

		if (room > WORD_MOST)
			room = WORD_MOST;
		part = fitting(s, room - frame, is_q);
		say(fold, span_str(is_q ? opening_q : opening_b));
		if (is_q)
			say_q(fold, part);
		else
			say_b(fold, part);
		say(fold, SPAN("?="));
		s = span_skip(s, part.len);
		if (s.len != 0) {
			break_line(fold);
			say(fold, SPAN(" "));
		}
	}
}

/* --- plain words */

/* The white space and the word at the start of `*s`. */
static struct span
next_word(struct span *s, struct span *space)
{
	size_t n = 0;
	struct span word;

	while (n < s->len && is_space(s->p[n]))
		n++;
	*space = span_first(*s, n);
	*s = span_skip(*s, n);
	for (n = 0; n < s->len && !is_space(s->p[n]);)
		n++;
	word = span_first(*s, n);
	*s = span_skip(*s, n);
	return word;
}

/* Spaces in front of `len` octets that belong together: the last of them
 * begins a new line if they do not fit into this one. */
static void
say_space(struct fold *fold, size_t n, size_t len)
{
	bool must_break = fold->column + n + len > LINE_GOOD &&
	    fold->column > 1;

	/* a field's name alone on its line is better kept with something */
	for (size_t i = 1; i < n; i++)
		say(fold, SPAN(" "));
	if (must_break)
		break_line(fold);
	say(fold, SPAN(" "));
}

void
fold_words(struct fold *fold, struct span words)
{
	struct span space, word;

	words = trim(words);
	while (words.len != 0) {
		word = next_word(&words, &space);
		say_space(fold, space.len != 0 ? space.len : 1, word.len);
		say(fold, word);
	}
}

/* How much of `s`, from its start, goes into one run of encoded-words: up to
 * the last word that needs it, as long as no plain word stands between. */
static size_t
run_len(const struct fold *fold, struct span s)
{
	struct span rest = s, space, word;
	size_t end = 0;

	while (rest.len != 0) {
		word = next_word(&rest, &space);
		if (word.len == 0 || is_plain(fold, word))
			break;
		end = (size_t)(word.p + word.len - s.p);
	}
	return end;
}

void
fold_text(struct fold *fold, struct span text)
{
	text = trim(text);
	while (text.len != 0) {
		struct span before = text, space;
		struct span word = next_word(&text, &space);
		size_t n = space.len != 0 ? space.len : 1;

		if (is_plain(fold, word)) {
			say_space(fold, n, word.len);
			say(fold, word);
			continue;
		}
		before = span_skip(before, space.len);
		say_space(fold, n, CODED_MIN);
		word = span_first(before, run_len(fold, before));
		say_encoded(fold, word);
		text = span_skip(before, word.len);
	}
}

/* --- addresses */

static bool
is_atom(struct span s)
{
	static const char more[] = "!#$%&'*+-/=?^_`{|}~ \t";

	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.p[i]) && (unsigned char)s.p[i] < 128 &&
		    memchr(more, s.p[i], sizeof more - 1) == NULL)
			return false;
	return true;
}

static bool
is_quoted(struct span s)
{
	return s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"';
}

/* Without quotes and backslashes: at most 512 octets, cut at a character. */
static struct span
unquote(struct span s, char memory[512])
{
	struct put out = put_init(memory, 512);

	s = span_of(s.p + 1, s.len - 2);
	while (s.len != 0) {
		size_t n;

		if (s.p[0] == '\\' && s.len > 1)
			s = span_skip(s, 1);
		n = char_len(s);
		if (out.len + n > out.cap)
			break;
		put_bytes(&out, span_first(s, n));
		s = span_skip(s, n);
	}
	return put_span(&out);
}

static void
say_quoted(struct fold *fold, struct span s)
{
	say_space(fold, 1, s.len + 2);
	say(fold, SPAN("\""));
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			say(fold, SPAN("\\"));
		say(fold, is_space(s.p[i]) ? SPAN(" ") : span_of(s.p + i, 1));
	}
	say(fold, SPAN("\""));
}

/* The name in front of an address. */
static void
say_phrase(struct fold *fold, struct span phrase)
{
	char memory[512];

	if (is_quoted(phrase)) {
		struct span inner = unquote(phrase, memory);

		if (is_plain(fold, inner)) {
			say_quoted(fold, inner);
		} else if (inner.len != 0) {
			say_space(fold, 1, CODED_MIN);
			say_encoded(fold, inner);
		}
	} else if (!is_plain(fold, phrase)) {
		say_space(fold, 1, CODED_MIN);
		say_encoded(fold, phrase);
	} else if (is_atom(phrase) || span_find(phrase, '"') != phrase.len ||
	    span_find(phrase, ':') != phrase.len) {
		/* parts of it are quoted already, or a group begins */
		fold_words(fold, phrase);
	} else {
		say_quoted(fold, phrase);
	}
}

/* Where the address that began ends: at a comma outside of quotes, comments
 * and angle brackets. */
static size_t
address_end(struct span s)
{
	bool is_in_quotes = false, is_in_angle = false;
	unsigned depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\\' && (is_in_quotes || depth != 0))
			i++;
		else if (c == '"' && depth == 0)
			is_in_quotes = !is_in_quotes;
		else if (is_in_quotes)
			continue;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth != 0)
			depth--;
		else if (c == '<' && depth == 0)
			is_in_angle = true;
		else if (c == '>' && depth == 0)
			is_in_angle = false;
		else if (c == ',' && depth == 0 && !is_in_angle)
			return i;
	}
	return s.len;
}

/* Where "<" stands outside of quotes; s.len if it does not. */
static size_t
angle_at(struct span s)
{
	bool is_in_quotes = false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && is_in_quotes)
			i++;
		else if (s.p[i] == '"')
			is_in_quotes = !is_in_quotes;
		else if (s.p[i] == '<' && !is_in_quotes)
			return i;
	}
	return s.len;
}

/* Bytes that no header can hold are left out of addresses: is anything left?
 */
static bool
is_sayable(struct span address)
{
	for (size_t i = 0; i < address.len; i++)
		if (!is_space(address.p[i]) && !ascii_is_cntrl(address.p[i]))
			return true;
	return false;
}

static void
say_address(struct fold *fold, struct span address)
{
	say_space(fold, 1, address.len);
	for (size_t i = 0; i < address.len; i++) {
		char c = address.p[i];

		if (is_space(c))
			say(fold, SPAN(" "));
		else if (!ascii_is_cntrl(c))
			say(fold, span_of(&address.p[i], 1));
	}
}

struct span
fold_next_address(struct span *list)
{
	struct span one = { NULL, 0 };

	while (list->len != 0 && one.len == 0) {
		size_t end = address_end(*list);

		one = trim(span_first(*list, end));
		*list = span_skip(*list, end + 1);
	}
	return one;
}

struct span
fold_bare_address(struct span address)
{
	size_t angle = angle_at(address);

	if (angle == address.len)
		return address;
	address = span_skip(address, angle + 1);
	/* "<" >"@b>" has one in quotes: the last one counts */
	for (size_t i = address.len; i-- > 0;)
		if (address.p[i] == '>')
			return span_first(address, i);
	return address;
}

void
fold_addresses(struct fold *fold, struct span list)
{
	bool is_first = true;

	for (;;) {
		struct span one = fold_next_address(&list);
		size_t angle = angle_at(one);

		if (one.len == 0)
			break;
		if (!is_sayable(one))
			continue;
		if (!is_first)
			say(fold, SPAN(","));
		is_first = false;
		if (angle == one.len) {
			say_address(fold, one);
			continue;
		}
		if (angle != 0)
			say_phrase(fold, trim(span_first(one, angle)));
		say_address(fold, span_skip(one, angle));
	}
}

/* --- parameters */

/* attribute-char of RFC 2231 7. */
static bool
is_attribute_char(char c)
{
	static const char more[] = "!#$&+-.^_`{|}~";

	return ascii_is_alnum(c) ||
	    (c != '\0' && memchr(more, c, sizeof more - 1) != NULL);
}

static void
say_percent(struct fold *fold, struct span s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char three[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (is_attribute_char(s.p[i]))
			say(fold, span_of(&s.p[i], 1));
		else
			say(fold, span_of(three, sizeof three));
	}
}

static size_t
percent_len(struct span s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++)
		len += is_attribute_char(s.p[i]) ? 1 : 3;
	return len;
}

/* What of `s` makes one piece, at least one character. */
static struct span
param_piece(struct span s, bool is_extended)
{
	size_t n = char_len(s);

	while (n < s.len) {
		size_t more = n + char_len(span_skip(s, n));
		struct span part = span_first(s, more);

		if ((is_extended ? percent_len(part) : part.len) > PARAM_MOST)
			break;
		n = more;
	}
	return span_first(s, n);
}

static void
say_quoted_value(struct fold *fold, struct span s)
{
	say(fold, SPAN("\""));
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			say(fold, SPAN("\\"));
		say(fold, span_of(&s.p[i], 1));
	}
	say(fold, SPAN("\""));
}

void
fold_param(struct fold *fold, const char *name, struct span value)
{
	bool is_extended = false, is_whole;
	unsigned number = 0;

	for (size_t i = 0; i < value.len; i++)
		is_extended |= ascii_is_cntrl(value.p[i]) ||
		    (unsigned char)value.p[i] >= 128;
	is_whole = (is_extended ? percent_len(value) : value.len) <=
	    PARAM_MOST;
	do {
		struct span piece = value.len == 0 ? value :
		    param_piece(value, is_extended);
		char memory[64];
		struct put head = put_init(memory, sizeof memory);

		put_str(&head, name);
		if (!is_whole) {
			put_char(&head, '*');
			put_u64(&head, number);
		}
		put_str(&head, is_extended ? "*=" : "=");
		if (is_extended && number == 0)
			put_str(&head, "utf-8''");
		number++;
		say(fold, SPAN(";"));
		break_line(fold);
		say(fold, SPAN(" "));
		say(fold, put_span(&head));
		(is_extended ? say_percent : say_quoted_value)(fold, piece);
		value = span_skip(value, piece.len);
	} while (value.len != 0);
}
