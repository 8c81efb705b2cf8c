/* SPDX-License-Identifier: Apache-2.0 */
/* The dot automaton. BOL is the start of a line, MID its inside; CR, DOT and
 * DOT_CR hold back the octets they are named after until it is known what
 * they are.
 *
 *              CR         LF             "."          other
 *            ┌──────────┬──────────────┬────────────┬─────────────┐
 *    BOL     │ → CR     │ a bare LF    │ → DOT      │ out, → MID  │
 *    MID     │ → CR     │ a bare LF    │ out        │ out         │
 *    CR      │ drops CR │ CRLF, → BOL  │ drops CR, then as MID    │
 *    DOT     │ → DOT_CR │ drops ".", a │ drops ".", then as MID   │
 *            │          │ bare LF      │ (it was stuffed)         │
 *    DOT_CR  │ as CR    │ THE END      │ drops ".", then as CR    │
 *            └──────────┴──────────────┴──────────────────────────┘
 *
 * A bare LF (in BOL, MID or DOT) goes out as CRLF and leads
 *   strict:   to MID. It is no line end, so no dot behind it is special:
 *             neither end of data nor stuffing. "LF ." is given out as
 *             CRLF ".", and whoever sends it on stuffs that dot again.
 *   LF-only:  to BOL; from DOT it is the end. The first CRLF makes the reader
 *             strict for good; "LF . CRLF" is therefore text and no end, since
 *             its two line ends differ.
 * A bare CR is dropped: kept, a next hop may take it for a line end; as CRLF
 * it would turn "Subject: x CR Bcc: y" into a field that nobody sent.
 * So the output holds CR and LF as CRLF only, and is safe once stuffed.
 *
 * BOL and MID take whole runs of lines in one slice; only a dot at the start
 * of a line, a bare CR or LF and the end of the input cut it. */
#include "smtp/data.h"

#include "base/die.h"
#include "base/put.h"

enum data_state { BOL, MID, CR, DOT, DOT_CR };

#define DATA_LINE_MAX 998u	/* RFC 5321 4.5.3.1.6, without CRLF */
/* How far a search looks at most, so that a peer who sends "CR x CR x …"
 * cannot make us look through the whole input again and again. */
#define DATA_WINDOW   1024u

static const struct span crlf = { "\r\n", 2 };
static const struct span dot_crlf = { ".\r\n", 3 };

void
data_init(struct data_reader *reader, bool is_lf_only)
{
	*reader = (struct data_reader){ .state = BOL,
		.is_lf_only = is_lf_only };
}

/* `n` more octets of a line; line_len stays at the limit once reached. */
static void
count_octets(struct data_reader *reader, size_t n)
{
	if (n > DATA_LINE_MAX - reader->line_len) {
		reader->flaws |= DATA_LONG_LINE;
		reader->line_len = DATA_LINE_MAX;
	} else {
		reader->line_len += (uint32_t)n;
	}
}

/* Notes NUL and 8-bit octets, eight at a time: every octet of every message
 * comes by here. */
static void
note_octets(struct data_reader *reader, struct span text)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t word, high = 0, zero = 0;

	for (; text.len >= sizeof word; text = span_skip(text, sizeof word)) {
		memcpy(&word, text.p, sizeof word);
		high |= word;
		zero |= (word - ones) & ~word;	/* top bit: an octet was 0 */
	}
	for (size_t i = 0; i < text.len; i++) {
		uint64_t octet = (unsigned char)text.p[i];

		high |= octet;
		zero |= (octet - 1) & ~octet & 0x80;
	}
	if ((high & tops) != 0)
		reader->flaws |= DATA_8BIT;
	if ((zero & tops) != 0)
		reader->flaws |= DATA_NUL;
}

/* From BOL or MID: how much of `in` goes out as it is. Stops before a dot at
 * the start of a line, a bare LF, and a CR whose LF is not (yet) there. */
static size_t
take_run(struct data_reader *reader, struct span in)
{
	size_t at = 0;

	while (at < in.len && !(reader->state == BOL && in.p[at] == '.')) {
		struct span window = span_first(span_skip(in, at),
		    DATA_WINDOW);
		size_t lf = span_find(window, '\n');
		size_t cr = span_find(span_first(window, lf), '\r');

		count_octets(reader, cr);
		if (cr != 0)
			reader->state = MID;
		at += cr;
		if (cr == window.len)
			continue;	/* neither in sight */
		if (cr == lf || at + 1 == in.len || in.p[at + 1] != '\n')
			break;
		at += crlf.len;
		reader->state = BOL;
		reader->line_len = 0;
		reader->is_lf_only = false;
	}
	return at;
}

/* One byte in a state that holds something back. True if it was consumed;
 * if not, the state is now another one that takes it. */
static bool
take_held(struct data_reader *reader, char c, struct span *slice, bool *is_end)
{
	switch ((enum data_state)reader->state) {
	case BOL:
	case MID:
		return false;
	case CR:
		if (c == '\n') {
			*slice = crlf;
			reader->state = BOL;
			reader->line_len = 0;
			reader->is_lf_only = false;
			return true;
		}
		reader->flaws |= DATA_BARE_CR;
		if (c != '\r')
			reader->state = MID;
		return c == '\r';
	case DOT:
		*is_end = c == '\n' && reader->is_lf_only;
		reader->state = c == '\r' ? DOT_CR : MID;
		if (*is_end)
			reader->flaws |= DATA_BARE_LF;
		return *is_end || c == '\r';
	case DOT_CR:
		if (c != '\n') {
			reader->state = CR;
			return false;
		}
		reader->state = BOL;
		*is_end = !reader->is_lf_only;
		if (reader->is_lf_only)
			*slice = dot_crlf;
		reader->is_lf_only = false;
		return true;
	}
	return false;
}

/* BOL or MID, and no run begins at `c`: it is a dot to hold back, a CR to
 * hold back, or a bare LF. */
static void
take_special(struct data_reader *reader, char c, struct span *slice)
{
	if (c == '.') {
		reader->state = DOT;
	} else if (c == '\r') {
		reader->state = CR;
	} else {
		reader->flaws |= DATA_BARE_LF;
		reader->state = reader->is_lf_only ? BOL : MID;
		reader->line_len = 0;
		*slice = crlf;
	}
}

bool
data_next(struct data_reader *reader, struct span in, struct span *slice,
    size_t *used)
{
	bool is_end = false;

	*slice = span_first(in, 0);
	*used = 0;
	if (in.len == 0)
		return false;
	while (reader->state != BOL && reader->state != MID && *used == 0)
		*used = take_held(reader, in.p[0], slice, &is_end);
	if (*used == 0) {
		*used = take_run(reader, in);
		*slice = span_first(in, *used);
		note_octets(reader, *slice);
	}
	if (*used == 0) {
		take_special(reader, in.p[0], slice);
		*used = 1;
	}
	reader->total += slice->len;
	return is_end;
}

void
data_scan(struct data_reader *reader, struct span in, bool is_last)
{
	bool is_behind_cr = reader->state == CR;

	note_octets(reader, in);
	reader->total += in.len;
	while (in.len != 0) {
		size_t len = span_find(in, '\n');
		struct span line = span_first(in, len);

		if (line.len != 0) {
			if (is_behind_cr || span_find(line, '\r') < len - 1)
				reader->flaws |= DATA_BARE_CR;
			is_behind_cr = line.p[len - 1] == '\r';
		}
		if (len == in.len)
			break;
		if (!is_behind_cr)
			reader->flaws |= DATA_BARE_LF;
		is_behind_cr = false;
		in = span_skip(in, len + 1);
	}
	if (is_behind_cr && is_last)
		reader->flaws |= DATA_BARE_CR;
	reader->state = is_behind_cr ? CR : BOL;
}

/* --- the way out */

enum { WRITE_LINE_START, WRITE_INSIDE, WRITE_CR };

static void
write_byte(struct data_writer *writer, char c, struct put *out)
{
	if (c == '\n' || writer->state == WRITE_CR) {
		put_bytes(out, SPAN("\r\n"));
		writer->state = WRITE_LINE_START;
	}
	if (c == '\n')
		return;
	if (c == '\r') {
		writer->state = WRITE_CR;
		return;
	}
	if (writer->state == WRITE_LINE_START && c == '.')
		put_char(out, '.');
	put_char(out, c);
	writer->state = WRITE_INSIDE;
}

/* The bytes that may go as they are. */
static struct span
plain_run(const struct data_writer *writer, struct span text, size_t max)
{
	size_t n;

	if (writer->state != WRITE_INSIDE)
		return span_first(text, 0);
	text = span_first(text, max);
	n = span_find(text, '\n');
	return span_first(text, span_find(span_first(text, n), '\r'));
}

size_t
data_write(struct data_writer *writer, struct span *text, char *out,
    size_t len)
{
	struct put put = put_init(out, len);

	must(len >= 4);
	while (text->len != 0 && put.cap - put.len >= 4) {
		struct span run = plain_run(writer, *text, put.cap - put.len);

		if (run.len != 0) {
			put_bytes(&put, run);
			*text = span_skip(*text, run.len);
			continue;
		}
		write_byte(writer, text->p[0], &put);
		*text = span_skip(*text, 1);
	}
	return put.len;
}

size_t
data_write_end(const struct data_writer *writer, char *out)
{
	struct put put = put_init(out, 5);

	if (writer->state != WRITE_LINE_START)
		put_bytes(&put, SPAN("\r\n"));
	put_bytes(&put, SPAN(".\r\n"));
	return put.len;
}
