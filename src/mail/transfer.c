/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/transfer.h"

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"

#define LINE_MOST 76		/* of encoded text, RFC 2045 6.7 (5), 6.8 */
#define LINE_PLAIN_MOST 998
#define BASE64_STEP (LINE_MOST / 4 * 3)

/* The line at the start of `*text`, without its end. */
static struct span
take_line(struct span *text)
{
	size_t n = 0;
	struct span line;

	while (n < text->len && text->p[n] != '\n' && text->p[n] != '\r')
		n++;
	line = span_first(*text, n);
	if (n + 1 < text->len && text->p[n] == '\r' && text->p[n + 1] == '\n')
		n++;
	*text = span_skip(*text, n + 1);
	return line;
}

struct transfer_facts
transfer_look(struct span bytes)
{
	struct transfer_facts facts = { .is_utf8 = text_is_utf8(bytes) };
	size_t line = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.p[i];

		facts.n_8bit += (unsigned char)c >= 128;
		facts.has_nul |= c == '\0';
		if (c == '\r' || c == '\n') {
			bool is_pair = c == '\r' && i + 1 < bytes.len &&
			    bytes.p[i + 1] == '\n';

			facts.has_bare |= !is_pair;
			i += is_pair;
			line = 0;
			continue;
		}
		if (++line > facts.longest)
			facts.longest = line;
	}
	return facts;
}

enum transfer
transfer_choose(const struct transfer_facts *facts, size_t len, bool has_8bit)
{
	bool has_lines = facts->longest <= LINE_PLAIN_MOST && !facts->has_nul;

	if (has_lines && facts->n_8bit == 0)
		return TRANSFER_7BIT;
	if (has_lines && has_8bit)
		return TRANSFER_8BIT;
	/* three octets for one, against four for three, but to be read */
	return facts->n_8bit <= len / 3 ? TRANSFER_QP : TRANSFER_BASE64;
}

const char *
transfer_name(enum transfer transfer)
{
	static const char *const names[] = { [TRANSFER_AUTO] = "",
		[TRANSFER_7BIT] = "7bit", [TRANSFER_8BIT] = "8bit",
		[TRANSFER_BINARY] = "binary",
		[TRANSFER_QP] = "quoted-printable",
		[TRANSFER_BASE64] = "base64",
		[TRANSFER_TEXT_BASE64] = "base64" };

	return names[transfer];
}

static void
put_plain(struct span text, transfer_write *write, void *arg)
{
	while (text.len != 0) {
		struct span line = take_line(&text);

		if (line.len != 0)
			write(arg, line);
		write(arg, SPAN("\r\n"));
	}
}

static void
put_base64(struct span bytes, transfer_write *write, void *arg)
{
	while (bytes.len != 0) {
		char line[LINE_MOST + 2];
		struct put out = put_init(line, sizeof line);

		base64_encode(span_first(bytes, BASE64_STEP), &out);
		put_str(&out, "\r\n");
		write(arg, put_span(&out));
		bytes = span_skip(bytes, BASE64_STEP);
	}
}

/* Text in its canonical form: lines that end in CRLF (RFC 2045 6.8). */
static void
put_base64_text(struct span text, transfer_write *write, void *arg)
{
	char memory[BASE64_STEP];
	struct put step = put_init(memory, sizeof memory);

	while (text.len != 0) {
		struct span line = take_line(&text), part = line;
		size_t end = 0;

		while (part.len != 0 || end < 2) {
			if (step.len == step.cap) {
				put_base64(put_span(&step), write, arg);
				step.len = 0;
			}
			put_char(&step, part.len != 0 ? part.p[0] :
			    "\r\n"[end++]);
			part = span_skip(part, 1);
		}
	}
	put_base64(put_span(&step), write, arg);
}

/* Besides what must be: a dot or "From " that begins a line meets software
 * that changes it (RFC 2049 3). */
static bool
is_literal(struct span line, size_t i, size_t column)
{
	char c = line.p[i];

	if (c == ' ' || c == '\t')
		return i + 1 < line.len;
	if (column == 0 && (c == '.' || (c == 'F' &&
	    span_starts(span_skip(line, i), SPAN("From ")))))
		return false;
	return c > ' ' && c <= '~' && c != '=';
}

static void
put_qp_line(struct span line, transfer_write *write, void *arg)
{
	static const char digits[] = "0123456789ABCDEF";
	char memory[LINE_MOST + 2];
	struct put out = put_init(memory, sizeof memory);

	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];
		/* one is left for the soft end, unless it is the last */
		size_t room = LINE_MOST - out.len - (i + 1 < line.len);
		bool is_plain = is_literal(line, i, out.len);

		if (room < (is_plain ? 1u : 3u)) {
			put_str(&out, "=\r\n");
			write(arg, put_span(&out));
			out.len = 0;
			is_plain = is_literal(line, i, 0);
		}
		if (!is_plain) {
			put_char(&out, '=');
			put_char(&out, digits[c >> 4]);
			put_char(&out, digits[c & 15]);
		} else {
			put_char(&out, (char)c);
		}
	}
	put_str(&out, "\r\n");
	must(!out.full);
	write(arg, put_span(&out));
}

void
transfer_put(enum transfer transfer, struct span bytes, transfer_write *write,
    void *arg)
{
	must(transfer != TRANSFER_AUTO);
	switch (transfer) {
	case TRANSFER_AUTO:
		break;
	case TRANSFER_7BIT:
	case TRANSFER_8BIT:
		put_plain(bytes, write, arg);
		break;
	case TRANSFER_BINARY:
		if (bytes.len != 0)
			write(arg, bytes);
		break;
	case TRANSFER_QP:
		while (bytes.len != 0)
			put_qp_line(take_line(&bytes), write, arg);
		break;
	case TRANSFER_BASE64:
		put_base64(bytes, write, arg);
		break;
	case TRANSFER_TEXT_BASE64:
		put_base64_text(bytes, write, arg);
		break;
	}
}
