/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: compose. What is composed is read back by a parser that knows
 * nothing of the composer: the fields, the forms of the text and the
 * attachment must be what was given, and no line longer than 998 octets or
 * other than ASCII may leave unless that was allowed.
 *
 * Input: a byte of flags, then sections that end in 0xFE: value of the Subject,
 * text, HTML, attachment, its name. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/text.h"
#include "mail/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST ((size_t)1 << 24)

enum { IS_UTF8 = 1, HAS_8BIT = 2, HAS_BINARY = 4, HAS_HTML = 8,
	HAS_FILE = 16, IS_ADDRESS = 32, IS_INLINE = 64 };

struct part {
	struct span head, body;
};

static void
collect(void *arg, struct span bytes)
{
	must(bytes.len != 0);
	must(buf_append(arg, bytes) == 0);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- reading back */

static size_t
find(struct span s, struct span what)
{
	const char *at = what.len <= s.len ?
	    memmem(s.p, s.len, what.p, what.len) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.len;
}

static struct part
split(struct span entity)
{
	size_t end = find(entity, SPAN("\r\n\r\n"));

	must(end != entity.len);
	return (struct part){ span_first(entity, end + 2),
		span_skip(entity, end + 4) };
}

/* The value of the only field of that name, unfolded; no field: .p NULL. */
static struct span
field(struct span head, const char *name, struct buf *memory)
{
	bool is_found = false, is_in = false;

	buf_clear(memory);
	while (head.len != 0) {
		size_t end = find(head, SPAN("\r\n"));
		struct span line = span_first(head, end), rest = line;

		must(end != head.len);
		must(line.len != 0 && line.len <= 998);
		head = span_skip(head, end + 2);
		if (line.p[0] == ' ' || line.p[0] == '\t') {
			must(span_trim(line).len != 0);
		} else {
			struct span got = span_cut(&rest, ':');

			must(compose_is_name(got) && got.len != line.len);
			is_in = span_caseeq(got, span_str(name));
			must(!is_in || !is_found);
			is_found |= is_in;
			line = rest;
		}
		if (is_in)
			must(buf_append(memory, line) == 0);
	}
	return is_found ? span_trim(buf_span(memory)) :
	    (struct span){ NULL, 0 };
}

static int
hex(char c)
{
	must((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* The encoded-word at the start of `*s`, decoded; false if there is none. */
static bool
take_word(struct span *s, struct buf *out)
{
	char memory[80];
	struct put decoded = put_init(memory, sizeof memory);
	size_t end;
	struct span text;

	if (!span_starts(*s, SPAN("=?utf-8?")))
		return false;
	end = find(span_skip(*s, 10), SPAN("?=")) + 12;
	must(end <= s->len && end <= 75);
	text = span_of(s->p + 10, end - 12);
	must(s->p[9] == '?');
	if (s->p[8] == 'B') {
		must(base64_decode(text, &decoded, NULL) == BASE64_OK);
	} else {
		must(s->p[8] == 'Q');
		for (size_t i = 0; i < text.len; i++) {
			char c = text.p[i];

			must(c > ' ' && c <= '~' && c != '?');
			if (c == '=') {
				must(i + 2 < text.len);
				c = (char)(hex(text.p[i + 1]) * 16 +
				    hex(text.p[i + 2]));
				i += 2;
			} else if (c == '_') {
				c = ' ';
			}
			put_char(&decoded, c);
		}
	}
	/* RFC 2047 5: no character is torn in two */
	must(text_is_utf8(put_span(&decoded)));
	must(buf_append(out, put_span(&decoded)) == 0);
	*s = span_skip(*s, end);
	return true;
}

static void
decode_words(struct span s, struct buf *out)
{
	while (s.len != 0) {
		struct span rest;

		if (!take_word(&s, out)) {
			must(buf_append(out, span_first(s, 1)) == 0);
			s = span_skip(s, 1);
			continue;
		}
		/* white space between two of them is none */
		rest = s;
		while (rest.len != 0 && is_space(rest.p[0]))
			rest = span_skip(rest, 1);
		if (span_starts(rest, SPAN("=?utf-8?")))
			s = rest;
	}
}

static void
decode_qp(struct span s, struct buf *out)
{
	while (s.len != 0) {
		size_t n = find(s, SPAN("\r\n"));
		struct span line = span_first(s, n);
		bool is_soft = line.len != 0 && line.p[line.len - 1] == '=';

		must(n != s.len && n <= 76);
		must(n == 0 || (line.p[n - 1] != ' ' && line.p[n - 1] !=
		    '\t'));
		must(!span_starts(line, SPAN(".")) &&
		    !span_starts(line, SPAN("From ")));
		for (size_t i = 0; i + is_soft < line.len; i++) {
			char c = line.p[i];

			if (c == '=') {
				must(i + 2 < line.len);
				c = (char)(hex(line.p[i + 1]) * 16 +
				    hex(line.p[i + 2]));
				i += 2;
			}
			must(buf_append(out, span_of(&c, 1)) == 0);
		}
		if (!is_soft)
			must(buf_append(out, SPAN("\r\n")) == 0);
		s = span_skip(s, n + 2);
	}
}

static void
decode_base64(struct span s, struct buf *out)
{
	while (s.len != 0) {
		char memory[60];
		struct put decoded = put_init(memory, sizeof memory);
		size_t n = find(s, SPAN("\r\n"));

		must(n != s.len && n <= 76);
		must(base64_decode(span_first(s, n), &decoded, NULL) ==
		    BASE64_OK);
		must(buf_append(out, put_span(&decoded)) == 0);
		s = span_skip(s, n + 2);
	}
}

static void
decode_body(const struct part *part, struct buf *out)
{
	struct buf memory;
	struct span how;

	buf_init(&memory, MOST);
	how = field(part->head, "Content-Transfer-Encoding", &memory);
	if (span_eq(how, SPAN("quoted-printable")))
		decode_qp(part->body, out);
	else if (span_eq(how, SPAN("base64")))
		decode_base64(part->body, out);
	else
		must(buf_append(out, part->body) == 0);
	buf_free(&memory);
}

/* The parts of a multipart/`subtype`. */
static size_t
take_apart(const struct part *whole, const char *subtype,
    struct part parts[4])
{
	char memory[100], type[60];
	struct put mark = put_init(memory, sizeof memory);
	struct put want = put_init(type, sizeof type);
	struct buf value;
	struct span boundary, rest = whole->body;
	size_t n = 0, at;

	put_str(&want, "multipart/");
	put_str(&want, subtype);
	put_str(&want, "; boundary=\"");
	buf_init(&value, MOST);
	boundary = field(whole->head, "Content-Type", &value);
	must(span_starts(boundary, put_span(&want)));
	boundary = span_skip(boundary, want.len);
	boundary.len--;
	put_str(&mark, "\r\n--");
	put_bytes(&mark, boundary);
	must(span_starts(rest, span_skip(put_span(&mark), 2)));
	rest = span_skip(rest, mark.len - 2);
	while (span_starts(rest, SPAN("\r\n"))) {
		rest = span_skip(rest, 2);
		at = find(rest, put_span(&mark));
		must(at != rest.len && n < 4);
		parts[n++] = split(span_first(rest, at));
		rest = span_skip(rest, at + mark.len);
	}
	must(span_eq(rest, SPAN("--\r\n")) ||
	    span_starts(rest, SPAN("--\r\n")));
	buf_free(&value);
	return n;
}

/* --- what was given */

static void
canonical_text(struct span text, struct buf *out)
{
	while (text.len != 0) {
		size_t n = 0;

		while (n < text.len && text.p[n] != '\r' && text.p[n] != '\n')
			n++;
		must(buf_append(out, span_first(text, n)) == 0 &&
		    buf_append(out, SPAN("\r\n")) == 0);
		text = span_skip(text, n);
		text = span_skip(text, span_starts(text, SPAN("\r\n")) ? 2 :
		    1);
	}
}

static void
canonical_value(struct span value, struct buf *out)
{
	while (value.len != 0 && is_space(value.p[0]))
		value = span_skip(value, 1);
	while (value.len != 0 && is_space(value.p[value.len - 1]))
		value.len--;
	for (size_t i = 0; i < value.len; i++)
		must(buf_append(out, is_space(value.p[i]) ? SPAN(" ") :
		    span_of(&value.p[i], 1)) == 0);
}

static void
must_be(const struct buf *got, const struct buf *want)
{
	must(span_eq(buf_span(got), buf_span(want)));
}

/* --- the properties */

static void
check_lines(struct span message, unsigned flags)
{
	bool may_binary = (flags & HAS_BINARY) && (flags & HAS_FILE);

	while (message.len != 0 && !may_binary) {
		size_t n = find(message, SPAN("\r\n"));
		struct span line = span_first(message, n);

		must(n != message.len && n <= 998);
		must(span_find(line, '\r') == n && span_find(line, '\n') == n);
		must((flags & (IS_UTF8 | HAS_8BIT)) || text_is_ascii(line));
		message = span_skip(message, n + 2);
	}
}

static void
check_subject(const struct part *message, struct span value)
{
	struct buf memory, got, want;
	struct span subject;

	if (find(value, SPAN("=?")) != value.len)
		return;		/* left as the caller encoded it */
	buf_init(&memory, MOST);
	buf_init(&got, MOST);
	buf_init(&want, MOST);
	subject = field(message->head, "Subject", &memory);
	must(subject.p != NULL);
	decode_words(subject, &got);
	canonical_value(value, &want);
	must_be(&got, &want);
	buf_free(&memory);
	buf_free(&got);
	buf_free(&want);
}

static void
check_body(const struct part *part, struct span given, bool is_text)
{
	struct buf got, want;

	buf_init(&got, MOST);
	buf_init(&want, MOST);
	decode_body(part, &got);
	if (is_text)
		canonical_text(given, &want);
	else
		must(buf_append(&want, given) == 0);
	must_be(&got, &want);
	buf_free(&got);
	buf_free(&want);
}

static void
check_message(struct span message, unsigned flags, const struct span *in)
{
	struct part whole = split(message), mixed[4], forms[4];
	struct part *text = &whole;

	check_lines(message, flags);
	if ((flags & IS_ADDRESS) == 0)
		check_subject(&whole, in[0]);
	if (flags & HAS_FILE) {
		must(take_apart(&whole, "mixed", mixed) == 2);
		check_body(&mixed[1], in[3], false);
		text = &mixed[0];
	}
	if (flags & HAS_HTML) {
		must(take_apart(text, "alternative", forms) == 2);
		check_body(&forms[1], in[2], true);
		text = &forms[0];
	}
	check_body(text, in[1], true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned flags = size != 0 ? data[0] : 0;
	struct span rest = span_of(data + (size != 0), size - (size != 0));
	struct span in[5];
	struct buf message;
	enum compose_result result;

	for (size_t i = 0; i < 5; i++)
		in[i] = span_cut(&rest, (char)0xfe);
	const struct compose_field fields[] = {
		{ SPAN("X-Before"), SPAN("1") },
		{ (flags & IS_ADDRESS) ? SPAN("To") : SPAN("Subject"), in[0] },
		{ SPAN("X-Behind"), SPAN("2") } };
	const struct compose_part bodies[] = { { .bytes = in[1] },
		{ .bytes = in[2], .type = SPAN("text/html") } };
	const struct compose_part file = { .bytes = in[3], .name = in[4],
		.is_inline = flags & IS_INLINE };
	const struct compose compose = { .field = fields, .field_n = 3,
		.body = bodies, .body_n = (flags & HAS_HTML) ? 2 : 1,
		.attached = &file, .attached_n = (flags & HAS_FILE) != 0,
		.boundary = SPAN("0123456789abcdef"),
		.is_utf8 = flags & IS_UTF8, .has_8bit = flags & HAS_8BIT,
		.has_binary = flags & HAS_BINARY };

	buf_init(&message, MOST);
	result = compose_put(&compose, collect, &message, NULL);
	must(result == COMPOSE_OK || result != COMPOSE_NEEDS_UTF8 ||
	    (flags & IS_ADDRESS));
	if (!text_is_utf8(in[0]) || ((flags & HAS_FILE) &&
	    !text_is_utf8(in[4])))
		must(result != COMPOSE_OK);
	if (result == COMPOSE_OK)
		check_message(buf_span(&message), flags, in);
	buf_free(&message);
	return 0;
}
