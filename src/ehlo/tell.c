/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/tell.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

bool
tell_has_colour(FILE *out)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	if (no_colour != NULL && no_colour[0] != '\0')
		return false;
	return isatty(fileno(out)) && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

/* Whether stderr takes it is nobody's business any more. */
__attribute__((format(printf, 3, 0)))
static void
tell(const char *colour, const char *kind, const char *format, va_list args)
{
	bool has_colour = tell_has_colour(stderr) && colour[0] != '\0';

	fprintf(stderr, "ehlo: %s%s%s", has_colour ? colour : "", kind,
	    has_colour ? "\033[0m" : "");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void
tell_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell("\033[1;31m", "error: ", format, args);
	va_end(args);
}

void
tell_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell("\033[1;33m", "warning: ", format, args);
	va_end(args);
}

void
tell_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell("", "", format, args);
	va_end(args);
}

/* RFC 8259 7 */
void
tell_json(FILE *out, struct span s)
{
	fputc('"', out);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			fprintf(out, "\\%c", s.p[i]);
		else if (ascii_is_cntrl(s.p[i]))
			fprintf(out, "\\u%04x", (unsigned)s.p[i]);
		else
			fputc(s.p[i], out);
	}
	fputc('"', out);
}
