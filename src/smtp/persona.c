/* SPDX-License-Identifier: Apache-2.0 */
/* persona: see persona.h. */
#include "smtp/persona.h"

#include "base/die.h"

static const struct persona_line lines[] = {
#define LINE(persona_, when_, text_)                                           \
	{ PERSONA_##persona_, PERSONA_##when_, text_ },
#include "smtp/persona.def"
#undef LINE
};

enum id_form { ID_NONE, ID_GUID, ID_IIS, ID_HEX };

static const struct {
	unsigned traits;	/* enum persona_trait */
	enum id_form form;
} ways[PERSONA_COUNT] = {
	[PERSONA_NATIVE] = { 0, ID_NONE },
	[PERSONA_EXCHANGE2003] = { PERSONA_BARE_HELLO | PERSONA_BARE_PATH |
		PERSONA_ADDS_DOMAIN | PERSONA_ONE_HELP, ID_IIS },
	[PERSONA_EXCHANGE2007] = { PERSONA_BARE_HELLO | PERSONA_BARE_PATH |
		PERSONA_SHORT_HOUR | PERSONA_ONE_HELP, ID_GUID },
	[PERSONA_EXCHANGE2010] = { PERSONA_BARE_HELLO | PERSONA_BARE_PATH |
		PERSONA_SHORT_HOUR | PERSONA_ONE_HELP, ID_GUID },
	[PERSONA_IIS6] = { PERSONA_BARE_HELLO | PERSONA_BARE_PATH |
		PERSONA_ADDS_DOMAIN | PERSONA_ONE_HELP, ID_IIS },
	[PERSONA_POSTFIX_OLD] = { PERSONA_BARE_PATH | PERSONA_ONE_HELP,
		ID_HEX },
	[PERSONA_POSTFIX] = { PERSONA_BARE_PATH | PERSONA_ONE_HELP, ID_HEX },
};

const struct persona_line *
persona_line_at(enum persona persona, size_t i)
{
	size_t at = 0;

	while (at < countof(lines) && lines[at].persona != persona)
		at++;
	at += i;
	return at < countof(lines) && lines[at].persona == persona
	    ? &lines[at] : NULL;
}

bool
persona_has(enum persona persona, enum persona_trait trait)
{
	must(persona < PERSONA_COUNT);
	return (ways[persona].traits & (unsigned)trait) != 0;
}

/* Ids that follow one another look as if they did not. Each step can be
 * undone, so that two ids never become one. */
static uint64_t
scatter(uint64_t n)
{
	n ^= n >> 32;
	n *= UINT64_C(0x9e3779b97f4a7c15);	/* odd */
	n ^= n >> 29;
	return n;
}

static void
put_digits(struct put *out, uint64_t n, unsigned width, const char *digit)
{
	uint64_t base = strlen(digit), scale = 1;

	for (unsigned i = 1; i < width; i++)
		scale *= base;
	for (; width != 0; width--, scale /= base)
		put_char(out, digit[n / scale % base]);
}

static const char hex[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "abcdefghijklmnopqrstuvwxyz";

/* RFC 4122, version 4: 4b5125d6-e494-47f2-9917-7bd91e455544. The first twelve
 * and the last four digits hold the id, the others follow from it. */
static void
put_guid(uint64_t id, struct put *out)
{
	uint64_t mixed = scatter(id), filler = scatter(mixed ^ id);

	put_digits(out, mixed >> 32, 8, hex);
	put_char(out, '-');
	put_digits(out, mixed >> 16 & 0xffff, 4, hex);
	put_str(out, "-4");
	put_digits(out, filler >> 48 & 0xfff, 3, hex);
	put_char(out, '-');
	put_digits(out, 0x8 | (filler >> 60 & 0x3), 1, hex);
	put_digits(out, filler >> 32 & 0xfff, 3, hex);
	put_char(out, '-');
	put_digits(out, filler & 0xffffffff, 8, hex);
	put_digits(out, mixed & 0xffff, 4, hex);
}

/* C34495-51701DcBi4FS00000001@C34495-51701: the host, seven letters, a count.
 * The letters hold half of the id, spread over most of 62 to the 7th. */
static void
put_iis(uint64_t id, struct span hostname, struct put *out)
{
	uint64_t high = id >> 32;

	put_bytes(out, hostname);
	high = (high * 0x9e3779b1 & 0xffffffff) * 409 + 500000000000;
	put_digits(out, high, 7, letters);
	put_digits(out, id & 0xffffffff, 8, hex);
	put_char(out, '@');
	put_bytes(out, hostname);
}

void
persona_put_id(enum persona persona, uint64_t id, struct span hostname,
    struct put *out)
{
	must(persona < PERSONA_COUNT);
	hostname = span_first(hostname, 128);
	switch (ways[persona].form) {
	case ID_NONE:
		return;
	case ID_GUID:
		put_guid(id, out);
		put_char(out, '@');
		put_bytes(out, hostname);
		return;
	case ID_IIS:
		put_iis(id, hostname, out);
		return;
	case ID_HEX:
		put_digits(out, scatter(id), 16, hex_upper);
		return;
	}
}
