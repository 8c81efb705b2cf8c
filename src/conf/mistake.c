/* SPDX-License-Identifier: Apache-2.0 */
/* mistake: messages with the line and carets. The text has been checked: it is
 * UTF-8 without control characters but tab and line end (or the message is
 * about just that, and then such bytes are shown as '?'). */
#include "conf/mistake.h"

#include <stdarg.h>

#include "base/text.h"

#define WINDOW_BEFORE 100	/* bytes of a long line that are shown */
#define WINDOW_BEHIND 60

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line a byte stands in, without its end. */
static struct place
line_around(struct span text, size_t at)
{
	struct place line = { at, 0 };

	while (line.at > 0 && text.p[line.at - 1] != '\n')
		line.at--;
	line.len = span_find(span_skip(text, line.at), '\n');
	if (line.len != 0 && text.p[line.at + line.len - 1] == '\r')
		line.len--;
	return line;
}

static unsigned
characters(struct span text)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += !is_continuation(text.p[i]);
	return n;
}

int
mistake_line(const struct mistakes *mistakes, size_t at)
{
	int line = 1;

	for (size_t i = 0; i < at && i < mistakes->text.len; i++)
		line += mistakes->text.p[i] == '\n';
	return line;
}

static void
show_byte(char c, FILE *out)
{
	fputc(ascii_is_cntrl(c) && c != '\t' ? '?' : c, out);
}

/* The line, or of a long one what stands around the place, and carets. */
static void
show_line(const struct mistakes *mistakes, struct place line,
    struct place place)
{
	struct span text = mistakes->text;
	size_t begin = line.at, end = line.at + line.len;
	bool is_text = text_is_utf8(span_of(text.p + line.at, line.len));
	unsigned carets;

	if (place.at - begin > WINDOW_BEFORE)
		begin = place.at - WINDOW_BEFORE;
	if (end > place.at && end - place.at > WINDOW_BEHIND)
		end = place.at + WINDOW_BEHIND;
	while (begin < end && is_continuation(text.p[begin]))
		begin++;
	while (end > begin && end < line.at + line.len &&
	    is_continuation(text.p[end]))
		end--;
	fputs("    ", mistakes->out);
	for (size_t i = begin; i < end; i++)
		show_byte(is_text || text_is_ascii(span_of(&text.p[i], 1))
		    ? text.p[i] : '?', mistakes->out);
	fputs("\n    ", mistakes->out);
	for (size_t i = begin; i < place.at; i++)
		if (!is_text || !is_continuation(text.p[i]))
			fputc(i < end && text.p[i] == '\t' ? '\t' : ' ',
			    mistakes->out);
	if (place.at >= end)
		place.len = 0;
	else if (place.len > end - place.at)
		place.len = end - place.at;
	carets = characters(span_of(text.p + place.at, place.len));
	do
		fputc('^', mistakes->out);
	while (carets-- > 1);
	fputc('\n', mistakes->out);
}

__attribute__((format(printf, 4, 0))) static void
tell(const struct mistakes *mistakes, struct place place, const char *kind,
    const char *format, va_list args)
{
	struct place line;

	if (mistakes->errors + mistakes->warnings > MISTAKES_MAX)
		return;
	if (place.at == PLACE_NOWHERE.at) {
		fprintf(mistakes->out, "%s: %s: ", mistakes->file, kind);
		vfprintf(mistakes->out, format, args);
		fputc('\n', mistakes->out);
		return;
	}
	line = line_around(mistakes->text, place.at);
	fprintf(mistakes->out, "%s:%d:%u: %s: ", mistakes->file,
	    mistake_line(mistakes, place.at),
	    1 + characters(span_of(mistakes->text.p + line.at,
		place.at - line.at)), kind);
	vfprintf(mistakes->out, format, args);
	fputc('\n', mistakes->out);
	show_line(mistakes, line, place);
}

void
mistake_error(struct mistakes *mistakes, struct place place,
    const char *format, ...)
{
	va_list args;

	mistakes->errors++;
	va_start(args, format);
	tell(mistakes, place, "error", format, args);
	va_end(args);
}

void
mistake_warning(struct mistakes *mistakes, struct place place,
    const char *format, ...)
{
	va_list args;

	mistakes->warnings++;
	va_start(args, format);
	tell(mistakes, place, "warning", format, args);
	va_end(args);
}

void
mistakes_end(const struct mistakes *mistakes)
{
	unsigned n = mistakes->errors + mistakes->warnings;

	if (n > MISTAKES_MAX)
		fprintf(mistakes->out, "%s: %u more %s not shown\n",
		    mistakes->file, n - MISTAKES_MAX,
		    n - MISTAKES_MAX == 1 ? "mistake is" : "mistakes are");
}
