/* SPDX-License-Identifier: Apache-2.0 */
#include "user/prep.h"

#include <stdint.h>
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/buf.h"
#include "base/text.h"

struct range {
	ucs4_t from, to;
};

/* RFC 3454 B.1: mapped to nothing. */
static const struct range nothing[] = {
	{ 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x1806, 0x1806 },
	{ 0x180b, 0x180d }, { 0x200c, 0x200d }, { 0x2060, 0x2060 },
	{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
};

/* RFC 3454 C.1.2: mapped to a space; U+200B is in B.1, too, and RFC 4013 2.1
 * has it here. */
static const struct range space[] = {
	{ 0x00a0, 0x00a0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200b },
	{ 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
};

/* RFC 3454 C.2.1, C.2.2, C.3 to C.9. */
static const struct range prohibited[] = {
	{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x0340, 0x0341 },
	{ 0x06dd, 0x06dd }, { 0x070f, 0x070f }, { 0x180e, 0x180e },
	{ 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2061, 0x2063 },
	{ 0x206a, 0x206f }, { 0x2ff0, 0x2ffb }, { 0xd800, 0xf8ff },
	{ 0xfdd0, 0xfdef }, { 0xfff9, 0xffff }, { 0x1d173, 0x1d17a },
	{ 0x1fffe, 0x1ffff }, { 0x2fffe, 0x2ffff }, { 0xe0001, 0xe0001 },
	{ 0xe0020, 0xe007f }, { 0xefffe, 0x10ffff },
};

static bool
is_in(const struct range *range, size_t n, ucs4_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= range[i].from && c <= range[i].to)
			return true;
	return false;
}

/* RFC 4013 2.1; returns how many characters are left. */
static size_t
map(uint32_t *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (is_in(space, countof(space), text[i]))
			text[n++] = ' ';
		else if (!is_in(nothing, countof(nothing), text[i]))
			text[n++] = text[i];
	}
	return n;
}

static bool
is_right_to_left(ucs4_t c)
{
	int category = uc_bidi_category(c);

	return category == UC_BIDI_R || category == UC_BIDI_AL;
}

/* RFC 4013 2.3 and RFC 3454 6 */
static bool
is_allowed(const uint32_t *text, size_t len)
{
	bool has_left = false, has_right = false;

	for (size_t i = 0; i < len; i++) {
		if (is_in(prohibited, countof(prohibited), text[i]))
			return false;
		has_left |= uc_bidi_category(text[i]) == UC_BIDI_L;
		has_right |= is_right_to_left(text[i]);
	}
	return !has_right || (!has_left && is_right_to_left(text[0]) &&
	    is_right_to_left(text[len - 1]));
}

static bool
put_text(const uint32_t *text, size_t len, struct put *out)
{
	size_t n = 0;
	uint8_t *utf8 = u32_to_u8(text, len, NULL, &n);

	if (utf8 == NULL)
		return false;
	put_bytes(out, span_of(utf8, n));
	mem_wipe(utf8, n);
	free(utf8);
	return !out->full;
}

static bool
prepare(uint32_t *text, size_t len, struct put *out)
{
	size_t n = 0;
	uint32_t *normal;
	bool is_good;

	len = map(text, len);
	normal = u32_normalize(UNINORM_NFKC, text, len, NULL, &n);
	if (normal == NULL)
		return false;
	is_good = n == 0 || (is_allowed(normal, n) &&
	    put_text(normal, n, out));
	mem_wipe(normal, n * sizeof *normal);
	free(normal);
	return is_good;
}

bool
user_prep(struct span text, struct put *out)
{
	size_t len = 0;
	uint32_t *wide;
	bool is_good;

	if (!text_is_utf8(text))
		return false;
	if (text.len == 0)
		return true;
	wide = u8_to_u32((const uint8_t *)text.p, text.len, NULL, &len);
	if (wide == NULL)
		return false;
	is_good = prepare(wide, len, out);
	mem_wipe(wide, len * sizeof *wide);
	free(wide);
	return is_good;
}
