/* SPDX-License-Identifier: Apache-2.0 */
/* header: the first octet says what is mended, the second how to cut; the
 * rest is the text.
 * 1. Cut anywhere, slices and findings are the same.
 * 2. The output is the text with one insertion where a slow and simple reader
 *    of whole lines finds the end of the header section.
 * Seen to catch: the CR held before the LF of the empty line lost; additions
 * in front of the last field; a continuation as the first line taken. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/text.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	struct header_reader reader;
	struct buf out;
};

static const struct span addition[] = { { "Date: D", 7 },
	{ "Message-ID: <M>", 15 }, { "From: <F>", 9 } };

static void
begin(struct reading *r, unsigned mends)
{
	buf_init(&r->out, 1 << 24);
	header_init(&r->reader,
	    mends & 1 ? addition[0] : SPAN(""),
	    mends & 2 ? addition[1] : SPAN(""),
	    mends & 4 ? addition[2] : SPAN(""));
}

static void
feed(struct reading *r, struct span piece)
{
	char *copy = malloc(piece.len ? piece.len : 1);
	struct span in = span_of(copy, piece.len), slice;
	size_t used;

	must(copy != NULL);
	memcpy(copy, piece.p, piece.len);
	do {
		slice = header_next(&r->reader, in, &used);
		must(used <= in.len);
		must(buf_append(&r->out, slice) == 0);
		in = span_skip(in, used);
	} while (in.len != 0 || slice.len != 0);
	free(copy);
}

static void
end(struct reading *r)
{
	struct span slice;

	while ((slice = header_end(&r->reader)).len != 0)
		must(buf_append(&r->out, slice) == 0);
	must(r->reader.is_done);
}

static void
check_same(const struct reading *a, const struct reading *b)
{
	must(span_eq(buf_span(&a->out), buf_span(&b->out)));
	must(a->reader.seen == b->reader.seen);
	must(a->reader.flaws == b->reader.flaws);
	must(a->reader.received_n == b->reader.received_n);
	must(a->reader.fields_n == b->reader.fields_n);
	must(a->reader.size == b->reader.size);
	must(span_eq(span_str(a->reader.message_id),
	    span_str(b->reader.message_id)));
	must(span_eq(span_str(a->reader.tls_required),
	    span_str(b->reader.tls_required)));
}

/* --- the slow reader */

struct simple {
	size_t end;		/* where the insertion belongs */
	unsigned fields_n, received_n, seen;
	bool has_empty_line;
	bool is_line_open;	/* the last field has no line end */
};

static void
note(struct simple *s, struct span name)
{
	s->fields_n++;
	s->received_n += span_caseeq(name, SPAN("received"));
	for (size_t i = 0; i < countof(addition); i++)
		if (span_caseeq(name, span_first(addition[i],
		    span_find(addition[i], ':'))))
			s->seen |= 1u << i;
}

static bool
is_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] < 33 || name.p[i] > 126)
			return false;
	return name.len != 0;
}

static struct simple
read_simply(struct span in)
{
	struct simple s = { 0 };

	while (in.len != 0) {
		size_t n = span_find(in, '\n');
		bool is_whole = n < in.len;
		struct span line = span_first(in, n + is_whole);
		size_t colon = span_find(line, ':');
		struct span name = span_first(line, colon);

		s.has_empty_line = span_eq(line, SPAN("\r\n")) ||
		    span_eq(line, SPAN("\n"));
		while (name.len != 0 && (name.p[name.len - 1] == ' ' ||
		    name.p[name.len - 1] == '\t'))
			name.len--;
		if (line.p[0] == ' ' || line.p[0] == '\t') {
			if (s.fields_n == 0)
				break;
		} else if (colon < line.len && colon < 128 && is_name(name)) {
			note(&s, name);
		} else {
			break;
		}
		s.end += line.len;
		s.is_line_open = !is_whole;
		in = span_skip(in, line.len);
	}
	return s;
}

static void
check_simply(const struct reading *r, struct span in, unsigned mends)
{
	struct simple s = read_simply(in);
	struct buf expected;

	buf_init(&expected, 1 << 24);
	must(buf_append(&expected, span_first(in, s.end)) == 0);
	if (s.is_line_open)
		must(buf_append(&expected, SPAN("\r\n")) == 0);
	for (unsigned i = 0; i < countof(addition); i++) {
		if (!(mends & ~s.seen & 1u << i))
			continue;
		must(buf_append(&expected, addition[i]) == 0);
		must(buf_append(&expected, SPAN("\r\n")) == 0);
	}
	if (!s.has_empty_line)
		must(buf_append(&expected, SPAN("\r\n")) == 0);
	must(buf_append(&expected, span_skip(in, s.end)) == 0);
	must(span_eq(buf_span(&expected), buf_span(&r->out)));
	must(s.fields_n == r->reader.fields_n);
	must(s.received_n == r->reader.received_n);
	buf_free(&expected);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole, cut;
	unsigned mends, step;
	struct span in;

	if (size < 2 || size > 1 << 20)
		return 0;
	mends = data[0] & 7;
	step = data[1];
	in = span_of(data + 2, size - 2);
	begin(&whole, mends);
	feed(&whole, in);
	end(&whole);
	check_simply(&whole, in, mends);
	begin(&cut, mends);
	for (struct span left = in; left.len != 0; step = step * 5 + 1) {
		size_t n = 1 + (step >> 2) % 37 % (1 + (step & 3) * 12);

		feed(&cut, span_first(left, n));
		left = span_skip(left, n);
	}
	end(&cut);
	check_same(&whole, &cut);
	buf_free(&cut.out);
	buf_free(&whole.out);
	return 0;
}
