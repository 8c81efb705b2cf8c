/* SPDX-License-Identifier: Apache-2.0 */
/* sendmail_header: see sendmail_header.h. */
#include "ehlo/sendmail_header.h"

#include <errno.h>

#include "base/text.h"

#define ADDRESS_MAX 1024

/* --- addresses */

struct scan {
	struct put out;		/* outside of < > */
	struct put angle;	/* inside */
	bool in_angle, has_angle;
	void (*each)(void *arg, struct span address);
	void *arg;
	char memory[2][ADDRESS_MAX];
};

static void
begin_address(struct scan *scan)
{
	scan->out = put_init(scan->memory[0], ADDRESS_MAX);
	scan->angle = put_init(scan->memory[1], ADDRESS_MAX);
	scan->in_angle = scan->has_angle = false;
}

static void
end_address(struct scan *scan)
{
	struct span found = span_trim(put_span(scan->has_angle
	    ? &scan->angle : &scan->out));

	if (found.len != 0)
		scan->each(scan->arg, found);
	begin_address(scan);
}

/* Behind the quoted string or comment at value[at], nested ones included. */
static size_t
skip_quoted(struct span value, size_t at)
{
	char open = value.p[at], close = open == '(' ? ')' : '"';
	size_t depth = 0;

	for (; at < value.len; at++) {
		char c = value.p[at];

		if (c == '\\')
			at++;
		else if (c == '(' && open == '(')
			depth++;
		else if (c == close && (open == '(' ? --depth == 0
		    : depth++ != 0))
			return at + 1;
	}
	return value.len;
}

static void
take_char(struct scan *scan, char c)
{
	switch (c) {
	case '<':
		scan->in_angle = scan->has_angle = true;
		return;
	case '>':
		scan->in_angle = false;
		return;
	case '\r':
	case '\n':
	case '\t':
		c = ' ';
		break;
	default:
		break;
	}
	/* white space has no place in an address but in quotes */
	if (c != ' ')
		put_char(scan->in_angle ? &scan->angle : &scan->out, c);
}

void
header_addresses(struct span value,
    void (*each)(void *arg, struct span address), void *arg)
{
	struct scan scan = { .each = each, .arg = arg };
	size_t at = 0;

	begin_address(&scan);
	while (at < value.len) {
		char c = value.p[at];

		if (c == '(' || c == '"') {
			size_t end = skip_quoted(value, at);

			if (c == '"')
				put_bytes(scan.in_angle ? &scan.angle
				    : &scan.out, span_first(span_skip(value,
				    at), end - at));
			at = end;
			continue;
		}
		if ((c == ',' || c == ';') && !scan.in_angle)
			end_address(&scan);
		else if (c == ':' && !scan.in_angle)
			begin_address(&scan);	/* a group's name */
		else
			take_char(&scan, c);
		at++;
	}
	end_address(&scan);
}

/* --- fields */

/* The field at the start of `text`, with its folded lines and their ends;
 * empty if there is none. `*name` is its name. */
static struct span
field_of(struct span text, struct span *name)
{
	size_t colon = 0, end;

	while (colon < text.len && text.p[colon] > ' ' &&
	    text.p[colon] != ':' && text.p[colon] != 127)
		colon++;
	*name = span_first(text, colon);
	while (colon < text.len &&
	    (text.p[colon] == ' ' || text.p[colon] == '\t'))
		colon++;
	if (name->len == 0 || colon == text.len || text.p[colon] != ':')
		return span_first(text, 0);
	end = colon;
	do
		end += span_find(span_skip(text, end), '\n') + 1;
	while (end < text.len &&
	    (text.p[end] == ' ' || text.p[end] == '\t'));
	return span_first(text, end);
}

static bool
is_rcpt_field(struct span name)
{
	return span_caseeq(name, SPAN("To")) ||
	    span_caseeq(name, SPAN("Cc")) || span_caseeq(name, SPAN("Bcc"));
}

int
header_take(struct span text, struct buf *out,
    void (*each)(void *arg, struct span address), void *arg,
    struct header_parts *parts)
{
	struct span rest = text, name, field;

	*parts = (struct header_parts){ .has_from = false };
	while ((field = field_of(rest, &name)).len != 0) {
		struct span value = field;

		(void)span_cut(&value, ':');
		parts->has_from |= span_caseeq(name, SPAN("From"));
		if (each != NULL && is_rcpt_field(name))
			header_addresses(value, each, arg);
		if (!span_caseeq(name, SPAN("Bcc")) &&
		    buf_append(out, field) != 0)
			return -ENOBUFS;
		rest = span_skip(rest, field.len);
	}
	parts->header_len = text.len - rest.len;
	return 0;
}
