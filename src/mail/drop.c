/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/drop.h"

#include "base/text.h"

bool
drop_begin(struct span *in)
{
	struct span magic = SPAN(DROP_MAGIC);

	if (!span_starts(*in, magic))
		return false;
	*in = span_skip(*in, magic.len);
	return true;
}

enum drop_result
drop_next(struct span *in, unsigned *n, struct drop_line *line)
{
	size_t len = span_find(*in, '\n');
	struct span text = span_first(*in, len);

	if (len == in->len)
		return DROP_BAD;
	*in = span_skip(*in, len + 1);
	if (text.len == 0)
		return *n >= 2 ? DROP_TEXT : DROP_BAD;
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_cntrl(text.p[i]))
			return DROP_BAD;
	line->is_rcpt = *n != 0;
	if (!span_starts(text, line->is_rcpt ? SPAN("rcpt ") : SPAN("mail ")))
		return DROP_BAD;
	line->args = span_skip(text, 5);
	return ++*n <= DROP_RCPTS_MAX + 1 ? DROP_LINE : DROP_BAD;
}

/* The first line of `*text` without its end: CRLF, LF or a CR of its own,
 * which must not travel (RFC 5321 2.3.8). */
static struct span
cut_line(struct span *text)
{
	size_t len = 0;
	struct span line;

	while (len < text->len && text->p[len] != '\n' && text->p[len] != '\r')
		len++;
	line = span_first(*text, len);
	if (len + 1 < text->len && text->p[len] == '\r' &&
	    text->p[len + 1] == '\n')
		len++;
	*text = span_skip(*text, len + 1);
	return line;
}

void
drop_put_text(struct span text, struct put *out)
{
	while (text.len != 0) {
		put_bytes(out, cut_line(&text));
		put_bytes(out, SPAN("\r\n"));
	}
}

size_t
drop_text_len(struct span text)
{
	size_t len = 0;

	while (text.len != 0)
		len += cut_line(&text).len + 2;
	return len;
}

static const char *const fates[] = {
	[DROP_FATE_TAKEN] = "taken", [DROP_FATE_PARTLY] = "partly",
	[DROP_FATE_NOBODY] = "nobody", [DROP_FATE_BAD] = "bad",
	[DROP_FATE_KEPT] = "kept",
};

const char *
drop_fate_word(enum drop_fate fate)
{
	return fates[fate];
}

enum drop_fate
drop_fate_read(struct span *line)
{
	struct span word = span_cut(line, ' ');

	for (size_t i = 0; i < countof(fates); i++)
		if (span_eq(word, span_str(fates[i])))
			return (enum drop_fate)i;
	return DROP_FATE_UNKNOWN;
}
