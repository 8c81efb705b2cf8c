/* SPDX-License-Identifier: Apache-2.0 */
/* A reply is lines of "code-text", the last one "code text" (RFC 5321 4.2.1).
 *
 *            "250-…"           "250 …", "250"
 *   begin ───────────→ open ──────────────────→ whole
 *     │                 │ ↺ "250-…"
 *     └────── anything else, too long, too many: bad, for good
 */
#include "smtp/answer.h"

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"

void
answer_init(struct answer_reader *reader, struct answer *answer)
{
	*reader = (struct answer_reader){ 0 };
	answer->code = 0;
	answer->len = 0;
	answer->n_lines = 0;
}

static void
begin(struct answer_reader *reader, struct answer *answer)
{
	reader->is_open = true;
	reader->octets = 0;
	answer->code = 0;
	answer->status[0] = answer->status[1] = answer->status[2] = 0;
	answer->flaws = 0;
	answer->n_lines = 0;
	answer->is_cut = false;
	answer->len = 0;
}

static enum answer_result
bad(struct answer_reader *reader, const char *why)
{
	reader->why = why;
	return ANSWER_BAD;
}

/* 200-599, or 0. */
static unsigned
read_code(struct span line)
{
	if (line.len < 3 || line.p[0] < '2' || line.p[0] > '5' ||
	    !ascii_is_digit(line.p[1]) || !ascii_is_digit(line.p[2]))
		return 0;
	return (unsigned)(line.p[0] - '0') * 100 +
	    (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
}

/* One part of "5.7.1": at most three digits. */
static bool
read_part(struct span *text, char end, uint16_t *part)
{
	uint64_t n;
	size_t at = 0;

	while (at < text->len && ascii_is_digit(text->p[at]))
		at++;
	if (at == 0 || at > 3 || !text_u64(span_first(*text, at), &n))
		return false;
	if (at < text->len ? text->p[at] != end : end != ' ')
		return false;
	*part = (uint16_t)n;
	*text = span_skip(*text, at + 1);
	return true;
}

/* RFC 3463 2: class 2, 4 or 5. */
static void
read_status(struct answer *answer, struct span text)
{
	uint16_t part[3];

	if (!read_part(&text, '.', &part[0]) ||
	    !read_part(&text, '.', &part[1]) ||
	    !read_part(&text, ' ', &part[2]))
		return;
	if (part[0] != 2 && part[0] != 4 && part[0] != 5)
		return;
	memcpy(answer->status, part, sizeof part);
}

static void
note_bytes(struct answer *answer, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.p[i] > 127)
			answer->flaws |= ANSWER_8BIT;
		else if (ascii_is_cntrl(text.p[i]) && text.p[i] != '\t')
			answer->flaws |= ANSWER_CONTROL;
	}
}

static void
add_text(struct answer *answer, struct span text)
{
	struct put out = put_init(answer->text, sizeof answer->text);

	out.len = answer->len;
	if (answer->n_lines != 0) {
		if (answer->is_cut || out.len == out.cap) {
			answer->is_cut = true;
			return;
		}
		put_char(&out, '\n');
	}
	if (out.cap - out.len < text.len)
		answer->is_cut = true;
	put_bytes(&out, span_first(text, out.cap - out.len));
	answer->len = out.len;
}

/* Who says such a line: the usual cause is the wrong port. */
static const char *
name_stranger(struct span line)
{
	static const struct {
		struct span begin;
		const char *why;
	} known[] = {
		{ { "SSH-", 4 }, "this is no mail server but SSH" },
		{ { "HTTP/", 5 }, "this is no mail server but a web server" },
		{ { "* OK", 4 }, "this is an IMAP server: mail is fetched "
		    "there, not sent" },
		{ { "* BYE", 5 }, "this is an IMAP server, and it is busy" },
		{ { "+OK", 3 }, "this is a POP3 server: mail is fetched "
		    "there, not sent" },
		{ { "-ERR", 4 }, "this is a POP3 server: mail is fetched "
		    "there, not sent" },
	};

	for (size_t i = 0; i < countof(known); i++)
		if (span_starts(line, known[i].begin))
			return known[i].why;
	return "a line without a reply code";
}

/* One line without its end. */
static enum answer_result
take_line(struct answer_reader *reader, struct span line,
    struct answer *answer)
{
	unsigned code = read_code(line);
	bool is_last;

	if (code == 0)
		return bad(reader, name_stranger(line));
	if (line.len > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return bad(reader, "neither a space nor a hyphen behind the "
		    "reply code");
	if (line.len == 3)
		answer->flaws |= ANSWER_NO_TEXT;
	if (answer->code != 0 && answer->code != code)
		answer->flaws |= ANSWER_MIXED_CODES;
	is_last = line.len == 3 || line.p[3] == ' ';
	line = span_skip(line, 4);
	answer->code = code;
	note_bytes(answer, line);
	add_text(answer, line);
	if (++answer->n_lines >= ANSWER_LINES_MAX && !is_last)
		return bad(reader, "a reply of more than a thousand lines");
	if (!is_last)
		return ANSWER_MORE;
	read_status(answer, line);
	reader->is_open = false;
	return ANSWER_OK;
}

enum answer_result
answer_next(struct answer_reader *reader, struct span in,
    struct answer *answer, size_t *used)
{
	enum answer_result result = ANSWER_MORE;

	*used = 0;
	if (reader->why != NULL)
		return ANSWER_BAD;
	if (!reader->is_open && in.len != 0)
		begin(reader, answer);
	while (result == ANSWER_MORE) {
		struct span line;
		size_t n;
		enum line_result found = line_next(&reader->lines,
		    span_skip(in, *used), true, ANSWER_LINE_MAX, &line, &n);

		if (found == LINE_TOO_LONG || reader->lines.is_skipping)
			return bad(reader, "a line of more than 4096 octets");
		if (found == LINE_MORE)
			return ANSWER_MORE;
		*used += n;
		reader->octets += n;
		if (reader->octets > ANSWER_OCTETS_MAX)
			return bad(reader, "a reply of more than 256 KiB");
		if (!reader->lines.is_crlf)
			answer->flaws |= ANSWER_BARE_LF;
		result = take_line(reader, line, answer);
	}
	return result;
}

struct span
answer_line(const struct answer *answer, unsigned i)
{
	struct span text = answer_text(answer), line = span_first(text, 0);

	if (i >= answer->n_lines)
		return line;
	for (unsigned at = 0; at <= i; at++) {
		if (at != 0 && text.len == 0)
			return span_first(text, 0);
		line = span_cut(&text, '\n');
	}
	return line;
}
