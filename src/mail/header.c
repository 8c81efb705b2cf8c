/* SPDX-License-Identifier: Apache-2.0 */
/* header: reads the header section of a message while it streams by.
 *
 *        ┌────────── field, continuation ──────────┐
 *        ▼                                         │
 *   ┌─ LINE ──── end of the line ────► START ◄──── init
 *   │  (of a field: passes through)    │   ▲
 *   │                          not yet │   │ (held until it is clear,
 *   │                            clear ▼   │  at most 128 octets)
 *   │                                 START
 *   │        empty line, or no field   │
 *   └─ the text ends ──► ADD ◄─────────┘
 *                         │ what is missing, then what was held
 *                         ▼
 *                        BODY
 *
 * What a line is follows from its first 128 octets alone, and once a part of
 * them has decided it, more do not change it: hence promise 1. What needs no
 * addition is given out as one slice of the input, however many lines. */
#include "mail/header.h"

#include "base/text.h"

enum state { START, LINE, ADD, BODY };

/* What is still to be given out in ADD, in this order. */
enum adding {
	ADD_LINE_END = 1, ADD_DATE = 2, ADD_DATE_END = 4, ADD_ID = 8,
	ADD_ID_END = 16, ADD_FROM = 32, ADD_FROM_END = 64, ADD_EMPTY_LINE = 128
};

enum keeping { KEEP_NOTHING, KEEP_MESSAGE_ID, KEEP_TLS_REQUIRED };

enum line {
	LINE_UNCLEAR,		/* more is needed */
	LINE_FIELD,
	LINE_MORE,		/* of the field before it */
	LINE_EMPTY,
	LINE_TEXT		/* the body */
};

static const struct {
	struct span name;
	unsigned bit;		/* 0: Received */
} known[] = {
	{ { "Date", 4 }, HEADER_DATE },
	{ { "Message-ID", 10 }, HEADER_MESSAGE_ID },
	{ { "From", 4 }, HEADER_FROM },
	{ { "Sender", 6 }, HEADER_SENDER },
	{ { "To", 2 }, HEADER_TO },
	{ { "Cc", 2 }, HEADER_CC },
	{ { "Bcc", 3 }, HEADER_BCC },
	{ { "Subject", 7 }, HEADER_SUBJECT },
	{ { "MIME-Version", 12 }, HEADER_MIME_VERSION },
	{ { "TLS-Required", 12 }, HEADER_TLS_REQUIRED },
	{ { "Received", 8 }, 0 },
};

void
header_init(struct header_reader *reader, struct span date,
    struct span message_id, struct span from)
{
	/* not the arrays: this runs once a message */
	reader->state = START;
	reader->is_done = false;
	reader->is_mending = date.len + message_id.len + from.len != 0;
	reader->seen = reader->flaws = 0;
	reader->received_n = reader->fields_n = 0;
	reader->size = 0;
	reader->add_date = date;
	reader->add_message_id = message_id;
	reader->add_from = from;
	reader->held_len = 0;
	reader->adding = 0;
	reader->message_id[0] = reader->tls_required[0] = '\0';
	reader->message_id_len = reader->tls_required_len = 0;
	reader->keeping = KEEP_NOTHING;
}

/* --- what a line is */

/* `text` begins a line and is at most as long as `held`. */
static enum line
classify(const struct header_reader *reader, struct span text, size_t *name)
{
	size_t i = 0;

	if (text.len == 0)
		return LINE_UNCLEAR;
	if (text.p[0] == ' ' || text.p[0] == '\t')
		return reader->fields_n != 0 ? LINE_MORE : LINE_TEXT;
	if (text.p[0] == '\n')
		return LINE_EMPTY;
	if (text.p[0] == '\r' && text.len == 1)
		return LINE_UNCLEAR;
	if (text.p[0] == '\r')
		return text.p[1] == '\n' ? LINE_EMPTY : LINE_TEXT;
	/* RFC 5322 3.6.8: printable ASCII but the colon */
	while (i < text.len && text.p[i] > 32 && text.p[i] < 127 &&
	    text.p[i] != ':')
		i++;
	*name = i;
	/* RFC 5322 4.5: space before the colon, obsolete but a field */
	while (i < text.len && (text.p[i] == ' ' || text.p[i] == '\t'))
		i++;
	if (i < text.len)
		return text.p[i] == ':' && *name != 0 ? LINE_FIELD : LINE_TEXT;
	return i < sizeof reader->held ? LINE_UNCLEAR : LINE_TEXT;
}

static void
note_field(struct header_reader *reader, struct span name)
{
	reader->keeping = KEEP_NOTHING;
	if (++reader->fields_n > HEADER_FIELDS_MAX)
		reader->flaws |= HEADER_TOO_MANY;
	for (size_t i = 0; i < countof(known); i++) {
		unsigned bit = known[i].bit;

		if (!span_caseeq(known[i].name, name))
			continue;
		if (bit == 0)
			reader->received_n++;
		if (bit == HEADER_FROM && reader->seen & HEADER_FROM)
			reader->flaws |= HEADER_FROM_TWICE;
		if (!(reader->seen & bit))	/* the first one counts */
			reader->keeping = bit == HEADER_MESSAGE_ID ?
			    KEEP_MESSAGE_ID : bit == HEADER_TLS_REQUIRED ?
			    KEEP_TLS_REQUIRED : KEEP_NOTHING;
		reader->seen |= bit;
		return;
	}
}

static void
note_size(struct header_reader *reader, size_t n)
{
	reader->size += n;
	if (reader->size > HEADER_SIZE_MAX)
		reader->flaws |= HEADER_TOO_BIG;
}

/* A value, which may be folded and cut anywhere: white space has no place in
 * those that are kept, so it is left out. */
static void
keep(struct header_reader *reader, struct span bytes)
{
	bool is_id = reader->keeping == KEEP_MESSAGE_ID;
	char *value = is_id ? reader->message_id : reader->tls_required;
	size_t *len = is_id ? &reader->message_id_len :
	    &reader->tls_required_len;
	size_t max = is_id ? sizeof reader->message_id :
	    sizeof reader->tls_required;

	for (size_t i = 0; i < bytes.len && *len < max - 1; i++)
		if (bytes.p[i] != ' ' && !ascii_is_cntrl(bytes.p[i]))
			value[(*len)++] = bytes.p[i];
	value[*len] = '\0';
}

/* Passes over the rest of a field's line: how many octets. */
static size_t
pass_line(struct header_reader *reader, struct span in)
{
	size_t n = span_find(in, '\n');

	if (n < in.len) {
		n++;
		reader->state = START;
	}
	if (reader->keeping != KEEP_NOTHING)
		keep(reader, span_first(in, n));
	return n;
}

/* --- the end of the header section */

/* From here on only what is missing and what is held comes, then the body. */
static void
begin_adding(struct header_reader *reader, unsigned adding)
{
	unsigned seen = reader->seen;

	if (reader->add_date.len != 0 && !(seen & HEADER_DATE))
		adding |= ADD_DATE | ADD_DATE_END;
	if (reader->add_message_id.len != 0 && !(seen & HEADER_MESSAGE_ID))
		adding |= ADD_ID | ADD_ID_END;
	if (reader->add_from.len != 0 && !(seen & HEADER_FROM))
		adding |= ADD_FROM | ADD_FROM_END;
	reader->adding = (unsigned char)adding;
	reader->state = ADD;
}

static struct span
next_addition(struct header_reader *reader)
{
	unsigned lowest = reader->adding & -(unsigned)reader->adding;
	struct span held = span_of(reader->held, reader->held_len);

	reader->adding ^= (unsigned char)lowest;
	switch (lowest) {
	case ADD_DATE:
		return reader->add_date;
	case ADD_ID:
		return reader->add_message_id;
	case ADD_FROM:
		return reader->add_from;
	case 0:
		reader->state = BODY;
		reader->is_done = true;
		reader->held_len = 0;
		return held;
	}
	return SPAN("\r\n");	/* the ends */
}

/* --- streaming */

/* A line that began in an earlier piece: adds octets until it is clear what
 * it is. Held octets go out before anything else. */
static struct span
go_on_holding(struct header_reader *reader, struct span in, size_t *used)
{
	enum line line = LINE_UNCLEAR;
	struct span held;
	size_t name = 0;

	*used = 0;
	while (line == LINE_UNCLEAR && *used < in.len) {
		reader->held[reader->held_len++] = in.p[(*used)++];
		line = classify(reader, span_of(reader->held,
		    reader->held_len), &name);
	}
	held = span_of(reader->held, reader->held_len);
	switch (line) {
	case LINE_UNCLEAR:
		return span_of("", 0);
	case LINE_FIELD:
		note_field(reader, span_first(held, name));
		break;
	case LINE_MORE:
		break;
	case LINE_EMPTY:
		note_size(reader, held.len);
		begin_adding(reader, 0);
		return next_addition(reader);
	case LINE_TEXT:
		begin_adding(reader, ADD_EMPTY_LINE);
		return next_addition(reader);
	}
	note_size(reader, held.len);
	reader->state = LINE;
	reader->held_len = 0;
	return held;
}

/* The header section is over at `in`, where `line` begins: what is given out
 * of `in` is what stood before it. The line itself is held, or just the body's
 * first octets if it is text. */
static void
end_section(struct header_reader *reader, struct span in, enum line line,
    size_t *used)
{
	size_t n = 0;

	if (line == LINE_EMPTY) {
		n = in.p[0] == '\r' ? 2 : 1;
		memcpy(reader->held, in.p, n);
		note_size(reader, n);
	}
	reader->held_len = n;
	*used += n;
	begin_adding(reader, line == LINE_EMPTY ? 0 : ADD_EMPTY_LINE);
}

/* As many lines as are whole and fields: returns how many octets pass, and
 * moves to the state behind them. */
static size_t
pass_fields(struct header_reader *reader, struct span in, size_t *used)
{
	size_t at = 0;

	while (at < in.len) {
		struct span rest = span_skip(in, at);
		struct span head = span_first(rest, sizeof reader->held);
		enum line line;
		size_t name = 0;

		if (reader->state == LINE) {
			at += pass_line(reader, rest);
			continue;
		}
		line = classify(reader, head, &name);
		*used = at;
		if (line == LINE_UNCLEAR) {
			memcpy(reader->held, rest.p, rest.len);
			reader->held_len = rest.len;
			*used = in.len;
			return at;
		}
		if (line == LINE_EMPTY || line == LINE_TEXT) {
			end_section(reader, rest, line, used);
			return at;
		}
		if (line == LINE_FIELD) {
			note_field(reader, span_first(head, name));
			/* the value begins behind the colon */
			at += name + span_find(span_skip(head, name), ':') + 1;
		}
		reader->state = LINE;
	}
	*used = at;
	return at;
}

struct span
header_next(struct header_reader *reader, struct span in, size_t *used)
{
	size_t n;

	if (reader->state == BODY) {
		*used = in.len;
		return in;
	}
	if (reader->state == ADD) {
		*used = 0;
		return next_addition(reader);
	}
	if (reader->held_len != 0)
		return go_on_holding(reader, in, used);
	n = pass_fields(reader, in, used);
	note_size(reader, n);
	if (n == 0 && reader->state == ADD)
		return next_addition(reader);
	return span_first(in, n);
}

struct span
header_end(struct header_reader *reader)
{
	switch ((enum state)reader->state) {
	case LINE:
		begin_adding(reader, ADD_LINE_END | ADD_EMPTY_LINE);
		break;
	case START:
		/* what is held never became a field */
		begin_adding(reader, ADD_EMPTY_LINE);
		break;
	case ADD:
	case BODY:
		break;
	}
	if (reader->state == BODY)
		return span_of("", 0);
	return next_addition(reader);
}
