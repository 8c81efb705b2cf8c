/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 that people typed: where it breaks, and what it was meant to be. */
#include "sasl/look.h"

#include "base/text.h"

#define GUESS_LEN_MAX 512	/* longer ones were not typed by hand */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_alphabet(char c)
{
	return ascii_is_alnum(c) || c == '+' || c == '/';
}

/* Text that a person would type: no control byte, well-formed. */
static bool
is_readable(struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (ascii_is_cntrl(bytes.p[i]))
			return false;
	return bytes.len != 0 && text_is_utf8(bytes);
}

static bool
decodes(struct span text, struct put *out)
{
	out->len = 0;
	out->full = false;
	return base64_decode(text, out, NULL) == BASE64_OK;
}

/* Keeps `text` as a guess if it decodes; to something readable, if that is
 * asked for. Two guesses that mean the same are one. */
static void
guess(struct look_base64 *look, struct span text, bool want_readable)
{
	char memory[GUESS_LEN_MAX], *to;
	struct put out = put_init(memory, sizeof memory);

	if (look->n_guesses == LOOK_GUESSES_MAX ||
	    text.len > sizeof look->memory / LOOK_GUESSES_MAX ||
	    !decodes(text, &out) ||
	    (want_readable && !is_readable(put_span(&out))))
		return;
	for (unsigned i = 0; i < look->n_guesses; i++)
		if (span_eq(look->guess[i], text))
			return;
	to = look->memory + look->n_guesses *
	    (sizeof look->memory / LOOK_GUESSES_MAX);
	if (text.len != 0)
		memcpy(to, text.p, text.len);
	look->guess[look->n_guesses++] = span_of(to, text.len);
}

/* The text without what does not belong there, with its padding. */
static void
guess_cleaned(struct look_base64 *look, struct span text)
{
	char memory[GUESS_LEN_MAX];
	struct put out = put_init(memory, sizeof memory);

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (is_alphabet(c))
			put_char(&out, c);
		else if (c == '-' || c == '_')
			put_char(&out, c == '-' ? '+' : '/');
	}
	while (out.len % 4 != 0 && out.len % 4 != 1 && !out.full)
		put_char(&out, '=');
	if (!out.full)
		guess(look, put_span(&out), false);
}

/* One character is too many: without which one does it make sense? */
static void
guess_without_one(struct look_base64 *look, struct span text)
{
	char memory[GUESS_LEN_MAX];

	for (size_t i = 0; i < text.len && text.len <= sizeof memory; i++) {
		struct put out = put_init(memory, sizeof memory);

		put_bytes(&out, span_first(text, i));
		put_bytes(&out, span_skip(text, i + 1));
		guess(look, put_span(&out), true);
	}
}

static size_t
find_bad(struct span text, bool (*is_bad)(char))
{
	size_t i = 0;

	while (i < text.len && !is_bad(text.p[i]))
		i++;
	return i;
}

static bool
is_foreign(char c)
{
	return !is_alphabet(c) && c != '=' && !is_space(c) && c != '-' &&
	    c != '_';
}

static bool
is_url_safe(char c)
{
	return c == '-' || c == '_';
}

/* Which trap it is; the first that applies. */
static enum look_trap
find_trap(struct span text, size_t *at)
{
	size_t pad = span_find(text, '='), behind = pad;
	char memory[3];
	struct put three = put_init(memory, sizeof memory);
	size_t last = 0;

	*at = 0;
	if (text.len == 0)
		return LOOK_EMPTY;
	if (text.len > 2 && (text.p[0] == '"' || text.p[0] == '\'') &&
	    text.p[text.len - 1] == text.p[0])
		return LOOK_QUOTED;
	if ((*at = find_bad(text, is_foreign)) < text.len)
		return LOOK_FOREIGN;
	if ((*at = find_bad(text, is_space)) < text.len)
		return LOOK_SPACE;
	if ((*at = find_bad(text, is_url_safe)) < text.len)
		return LOOK_URL_SAFE;
	while (behind < text.len && text.p[behind] == '=')
		behind++;
	*at = pad;
	if (behind < text.len)
		return LOOK_INNER_PADDING;
	if (pad % 4 == 1)
		return LOOK_ONE_TOO_MANY;
	if (text.len % 4 != 0 && behind - pad < 3)
		return LOOK_NO_PADDING;
	if (text.len % 4 != 0 || pad < text.len - 2)
		return LOOK_INNER_PADDING;	/* too many of them */
	/* all but the last four cannot be wrong any more */
	if (base64_decode(span_skip(text, text.len - 4), &three, &last) ==
	    BASE64_OK)
		return LOOK_SOUND;
	*at = text.len - 4 + last;
	return LOOK_LOOSE_BITS;
}

static const char *
words(enum look_trap trap)
{
	static const char *const of[] = {
		[LOOK_SOUND] = "",
		[LOOK_EMPTY] = "it is empty",
		[LOOK_SPACE] = "there is white space in it; servers do not skip"
		    " that (a long string must not be broken into lines)",
		[LOOK_QUOTED] = "it stands in quotes, which are no part of"
		    " base64",
		[LOOK_FOREIGN] = "this character is none of base64's: A-Z, a-z,"
		    " 0-9, + and /, with = at the end only",
		[LOOK_URL_SAFE] = "it is base64 for web addresses (- and _);"
		    " mail wants + and /",
		[LOOK_NO_PADDING] = "the padding is missing: the length must"
		    " be a multiple of four, filled up with =",
		[LOOK_INNER_PADDING] = "= stands where it does not belong; two"
		    " strings in a row, or too many =",
		[LOOK_ONE_TOO_MANY] = "no base64 has this length (4n+1): one"
		    " character is too many, or some are missing",
		[LOOK_LOOSE_BITS] = "its last character has bits that belong to"
		    " no byte: it was cut off or mistyped there",
	};

	return of[trap];
}

void
look_base64(struct span text, struct look_base64 *look, struct put *out)
{
	struct span inner = text;

	memset(look, 0, sizeof *look);
	look->trap = find_trap(text, &look->at);
	look->why = words(look->trap);
	if (look->trap == LOOK_QUOTED)
		inner = span_first(span_skip(text, 1), text.len - 2);
	if (look->trap == LOOK_SOUND) {
		(void)decodes(text, out);	/* too long: `out` is full */
		return;
	}
	if (look->trap == LOOK_ONE_TOO_MANY)
		guess_without_one(look, text);
	else if (look->trap == LOOK_INNER_PADDING)
		guess(look, span_first(text, (look->at + 3) / 4 * 4), false);
	else if (look->trap != LOOK_FOREIGN && look->trap != LOOK_LOOSE_BITS &&
	    look->trap != LOOK_EMPTY)
		guess_cleaned(look, inner);
	/* which one it was that is too many */
	while (look->trap == LOOK_ONE_TOO_MANY && look->n_guesses == 1 &&
	    look->at > 0 && !span_eq(span_first(text, look->at),
	    span_first(look->guess[0], look->at)))
		look->at--;
	if (look->n_guesses == 1)
		(void)decodes(look->guess[0], out);	/* as a guess does */
}
