/* SPDX-License-Identifier: Apache-2.0 */
/* The table of replies.def, and the one function that turns a row into what
 * goes over the wire.
 *
 * 1. Whatever the arguments hold, a reply is exactly the lines of its row,
 *    each within 512 octets (RFC 5321 4.5.3.1.5).
 * 2. A persona without words of its own borrows those of its relatives:
 *    exchange2003 those of iis6, this and exchange2010 those of exchange2007,
 *    postfix-old those of postfix without the enhanced code, all those of
 *    native. */
#include "smtp/reply.h"

#include "base/die.h"
#include "base/text.h"

#define LINE_MAX_OCTETS 512	/* RFC 5321 4.5.3.1.5 */
#define ARG_MAX         256

struct row {
	const char *name;
	const char *native, *exchange2003, *exchange2007, *exchange2010,
	    *iis6, *postfix_old, *postfix;
};

static const struct row rows[REPLY_COUNT] = {
#define REPLY(id, ...) [REPLY_##id] = { #id, __VA_ARGS__ },
#include "smtp/replies.def"
#undef REPLY
};

static const char *const personas[PERSONA_COUNT] = {
	[PERSONA_NATIVE] = "native",
	[PERSONA_EXCHANGE2003] = "exchange2003",
	[PERSONA_EXCHANGE2007] = "exchange2007",
	[PERSONA_EXCHANGE2010] = "exchange2010",
	[PERSONA_IIS6] = "iis6",
	[PERSONA_POSTFIX_OLD] = "postfix-old",
	[PERSONA_POSTFIX] = "postfix",
};

static const char *
first_of(const char *a, const char *b, const char *c)
{
	return a != NULL ? a : b != NULL ? b : c;
}

static const char *
find_text(enum reply_id id, enum persona persona)
{
	const struct row *row;

	must(id < REPLY_COUNT);
	row = &rows[id];
	switch (persona) {
	case PERSONA_NATIVE:
	case PERSONA_COUNT:
		break;
	case PERSONA_EXCHANGE2003:
		return first_of(row->exchange2003, row->iis6,
		    first_of(row->exchange2007, row->native, NULL));
	case PERSONA_EXCHANGE2007:
		return first_of(row->exchange2007, row->native, NULL);
	case PERSONA_EXCHANGE2010:
		return first_of(row->exchange2010, row->exchange2007,
		    row->native);
	case PERSONA_IIS6:
		return first_of(row->iis6, row->exchange2007, row->native);
	case PERSONA_POSTFIX_OLD:
		return first_of(row->postfix_old, row->postfix, row->native);
	case PERSONA_POSTFIX:
		return first_of(row->postfix, row->native, NULL);
	}
	return row->native;
}

/* How many octets of "5.7.11 " stand at the start of `text`: 0 if none. */
static size_t
enhanced_len(struct span text)
{
	size_t n = 0, dots = 0;

	while (n < text.len && (ascii_is_digit(text.p[n]) || text.p[n] == '.'))
		dots += text.p[n++] == '.';
	return dots == 2 && n < text.len && text.p[n] == ' ' ? n + 1 : 0;
}

/* How many octets the UTF-8 character at the start of `text` has; 0 if there
 * is none, or one that acts as a line end or a control somewhere. */
static size_t
utf8_char_len(struct span text)
{
	size_t n = 1;

	while (n < text.len && n < 4 &&
	    ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n++;
	text = span_first(text, n);
	if (n == 1 || !text_is_utf8(text) ||
	    span_eq(text, SPAN("\xe2\x80\xa8")) ||
	    span_eq(text, SPAN("\xe2\x80\xa9")) ||
	    (text.p[0] == '\xc2' && (unsigned char)text.p[1] < 0xa0))
		return 0;
	return n;
}

static size_t
printable_len(struct span text)
{
	size_t n = 0;

	while (n < text.len && text.p[n] >= ' ' && text.p[n] < 127)
		n++;
	return n;
}

/* At most `max` octets of `arg`, cleaned as reply.h says. */
static void
put_arg(struct span arg, size_t max, struct put *out)
{
	while (arg.len != 0 && max != 0) {
		size_t n = printable_len(span_first(arg, max));

		if (n == 0)
			n = utf8_char_len(arg);
		if (n > max)
			break;
		if (n == 0) {
			put_char(out, '?');
			n = 1;
		} else {
			put_bytes(out, span_first(arg, n));
		}
		arg = span_skip(arg, n);
		max -= n;
	}
}

/* The end of the line that begins at `text`: where its "%n" stands. */
static size_t
line_len(struct span text, size_t *arg_n)
{
	size_t n = 0;

	*arg_n = 0;
	while (n + 1 < text.len && !(text.p[n] == '%' && text.p[n + 1] == 'n'))
		*arg_n += text.p[n++] == '%';
	return n + 1 < text.len ? n : text.len;
}

/* One line without code and end. All its arguments share what 512 octets
 * leave them. */
static void
put_line(const struct reply *reply, struct span text, size_t arg_n,
    struct put *out)
{
	size_t max = LINE_MAX_OCTETS - strlen("250 \r\n") - text.len;

	if (arg_n != 0)
		max /= arg_n;
	if (max > ARG_MAX)
		max = ARG_MAX;
	while (text.len != 0) {
		size_t at = span_find(text, '%');

		put_bytes(out, span_first(text, at));
		text = span_skip(text, at);
		if (text.len == 0)
			break;
		must(text.len > 1 && text.p[1] >= '1' && text.p[1] <= '3');
		put_arg(reply->arg[text.p[1] - '1'], max, out);
		text = span_skip(text, 2);
	}
}

void
reply_format(const struct reply *reply, enum persona persona, struct put *out)
{
	struct span text = span_str(find_text(reply->id, persona));
	struct span code = span_first(text, 3);
	size_t arg_n, len;

	text = span_skip(text, code.len + 1);
	do {
		len = line_len(text, &arg_n);
		if (persona == PERSONA_POSTFIX_OLD) {
			size_t cut = enhanced_len(text);

			text = span_skip(text, cut);
			len -= cut;
		}
		put_bytes(out, code);
		put_char(out, len == text.len ? ' ' : '-');
		put_line(reply, span_first(text, len), arg_n, out);
		put_bytes(out, SPAN("\r\n"));
		text = span_skip(text, len + strlen("%n"));
	} while (text.len != 0);
}

unsigned
reply_code(enum reply_id id, enum persona persona)
{
	const char *text = find_text(id, persona);

	return (unsigned)(text[0] - '0') * 100 +
	    (unsigned)(text[1] - '0') * 10 + (unsigned)(text[2] - '0');
}

const char *
reply_name(enum reply_id id)
{
	must(id < REPLY_COUNT);
	return rows[id].name;
}

enum reply_id
reply_from_name(struct span name)
{
	for (unsigned id = 0; id < REPLY_COUNT; id++)
		if (span_eq(name, span_str(rows[id].name)))
			return (enum reply_id)id;
	return REPLY_COUNT;
}

const char *
persona_name(enum persona persona)
{
	must(persona < PERSONA_COUNT);
	return personas[persona];
}

enum persona
persona_from_name(struct span name)
{
	for (unsigned i = 0; i < PERSONA_COUNT; i++)
		if (span_caseeq(name, span_str(personas[i])))
			return (enum persona)i;
	return PERSONA_COUNT;
}
