/* SPDX-License-Identifier: Apache-2.0 */
/* ntlm_text: between UTF-8, which everybody writes, and UTF-16, which NTLM
 * computes with; and the upper case of a user name, letter by letter as the
 * other side's RtlUpcaseUnicodeChar does it (ß stays ß). */
#include "base/text.h"
#include "sasl/ntlm.h"

static void
put_unit(struct put *out, uint32_t unit)
{
	ntlm_put_u16(out, (uint16_t)unit);
}

/* One character of well-formed UTF-8. */
static uint32_t
take_character(struct span *text)
{
	unsigned char first = (unsigned char)text->p[0];
	size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? first : first & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)text->p[i] & 0x3fu);
	*text = span_skip(*text, n);
	return c;
}

bool
ntlm_put_utf16(struct put *out, struct span utf8)
{
	if (!text_is_utf8(utf8))
		return false;
	while (utf8.len != 0) {
		uint32_t c = take_character(&utf8);

		if (c >= 0x10000) {
			put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else
			put_unit(out, c);
	}
	return !out->full;
}

static void
put_character(struct put *out, uint32_t c)
{
	if (c < 0x80) {
		put_char(out, (char)c);
		return;
	}
	if (c < 0x800)
		put_char(out, (char)(0xc0 | c >> 6));
	else if (c < 0x10000)
		put_char(out, (char)(0xe0 | c >> 12));
	else
		put_char(out, (char)(0xf0 | c >> 18));
	for (unsigned shift = c < 0x800 ? 0 : c < 0x10000 ? 6 : 12;;
	     shift -= 6) {
		put_char(out, (char)(0x80 | (c >> shift & 0x3f)));
		if (shift == 0)
			return;
	}
}

bool
ntlm_put_utf8(struct put *out, struct span utf16)
{
	while (utf16.len >= 2) {
		uint32_t c = ntlm_u16(utf16.p);

		utf16 = span_skip(utf16, 2);
		if (c >= 0xd800 && c < 0xe000) {
			uint32_t low = utf16.len >= 2 ? ntlm_u16(utf16.p) : 0;

			if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
				return false;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			utf16 = span_skip(utf16, 2);
		}
		put_character(out, c);
	}
	return utf16.len == 0 && !out->full;
}

void
ntlm_put_utf16_of_octets(struct put *out, struct span octets)
{
	for (size_t i = 0; i < octets.len; i++)
		put_unit(out, (unsigned char)octets.p[i]);
}

/* Small letters and where their capitals stand. `step` 2: capital and small
 * one take turns, the small ones are from, from + 2, … */
static const struct {
	uint16_t from, to;
	int16_t shift;
	unsigned char step;
} letters[] = {
	{ 'a', 'z', -32, 1 },
	{ 0x00e0, 0x00f6, -32, 1 },	/* à to ö */
	{ 0x00f8, 0x00fe, -32, 1 },	/* ø to þ */
	{ 0x00ff, 0x00ff, 0x79, 1 },	/* ÿ */
	{ 0x0101, 0x012f, -1, 2 },	/* ā to į */
	{ 0x0133, 0x0137, -1, 2 },	/* ĳ to ķ */
	{ 0x013a, 0x0148, -1, 2 },	/* ĺ to ň */
	{ 0x014b, 0x0177, -1, 2 },	/* ŋ to ŷ */
	{ 0x017a, 0x017e, -1, 2 },	/* ź to ž */
	{ 0x03ac, 0x03ac, -38, 1 },	/* ά */
	{ 0x03ad, 0x03af, -37, 1 },	/* έ to ί */
	{ 0x03b1, 0x03c1, -32, 1 },	/* α to ρ */
	{ 0x03c2, 0x03c2, -31, 1 },	/* ς */
	{ 0x03c3, 0x03cb, -32, 1 },	/* σ to ϋ */
	{ 0x03cc, 0x03cc, -64, 1 },	/* ό */
	{ 0x03cd, 0x03ce, -63, 1 },	/* ύ, ώ */
	{ 0x0430, 0x044f, -32, 1 },	/* а to я */
	{ 0x0450, 0x045f, -80, 1 },	/* ѐ to џ */
	{ 0x0461, 0x0481, -1, 2 },
	{ 0x048b, 0x04bf, -1, 2 },
};

static uint32_t
upper(uint32_t unit)
{
	for (size_t i = 0; i < countof(letters); i++)
		if (unit >= letters[i].from && unit <= letters[i].to &&
		    (unit - letters[i].from) % letters[i].step == 0)
			return (uint32_t)((int32_t)unit + letters[i].shift);
	return unit;
}

bool
ntlm_put_utf16_upper(struct put *out, struct span utf16)
{
	for (; utf16.len >= 2; utf16 = span_skip(utf16, 2))
		put_unit(out, upper(ntlm_u16(utf16.p)));
	return utf16.len == 0 && !out->full;
}
