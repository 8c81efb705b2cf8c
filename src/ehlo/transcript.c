/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/transcript.h"

#include "base/text.h"

/* Printable ASCII and well-formed UTF-8 without controls may stand as it is;
 * a backslash means itself outside of escapes. */
static bool
is_plain(struct span line)
{
	if (!text_is_utf8(line))
		return false;
	for (size_t i = 0; i < line.len; i++) {
		if (ascii_is_cntrl(line.p[i]))
			return false;
		/* U+0080 to U+009F, the C1 controls */
		if (line.p[i] == '\xc2' && i + 1 < line.len &&
		    (unsigned char)line.p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static void
write_escaped(FILE *out, struct span bytes, const char *end)
{
	static const char from[] = "\r\n\t\b\\", to[] = "rntb\\";

	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.p[i];
		const char *at = c != '\0' ? strchr(from, c) : NULL;

		if (at != NULL)
			fprintf(out, "\\%c", to[at - from]);
		else if (c >= ' ' && c <= '~')
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)c);
	}
	fprintf(out, "%s\n", end);
}

void
transcript_write_head(FILE *out, const char *host, unsigned port,
    bool is_implicit_tls)
{
	bool is_v6 = strchr(host, ':') != NULL;

	fprintf(out, "# ehlo transcript 1\n! host %s%s%s", is_v6 ? "[" : "",
	    host, is_v6 ? "]" : "");
	if (port != 0)
		fprintf(out, ":%u", port);
	fprintf(out, "%s\n", is_implicit_tls ? " tls" : "");
}

void
transcript_write_joined(FILE *out, bool is_starttls)
{
	fprintf(out, "! joined%s\n", is_starttls ? " tls" : "");
}

/* "AUTH PLAIN AGd1eXQA…": who it was stays out as well. */
static void
write_secret(FILE *out, struct span line)
{
	struct span verb = span_cut(&line, ' ');
	struct span mech = span_cut(&line, ' ');
	bool is_auth = span_caseeq(verb, SPAN("AUTH")) && mech.len < 32;

	for (size_t i = 0; i < mech.len; i++)
		is_auth = is_auth && (ascii_is_alnum(mech.p[i]) ||
		    mech.p[i] == '-' || mech.p[i] == '_');
	if (is_auth)
		fprintf(out, "C* AUTH %.*s\n", SPAN_ARG(mech));
	else
		fprintf(out, "C*\n");
}

void
transcript_write(FILE *out, enum session_news news, struct span line)
{
	bool plain = is_plain(line);

	if (news == SESSION_SAID_SECRET) {
		write_secret(out, line);
	} else if (news == SESSION_SAID && !plain) {
		fprintf(out, "C| ");
		write_escaped(out, line, "\\r\\n");
	} else if (!plain) {
		fprintf(out, "%s", news == SESSION_NOTE ? "# " : "S| ");
		write_escaped(out, line, "");
	} else {
		fprintf(out, "%s%.*s\n", news == SESSION_NOTE ? "# " :
		    news == SESSION_SAID ? "C: " : "S: ", SPAN_ARG(line));
	}
}

void
transcript_write_raw(FILE *out, struct span bytes)
{
	fprintf(out, "C| ");
	write_escaped(out, bytes, "");
}

void
transcript_write_tls(FILE *out)
{
	fprintf(out, "T\n");
}

void
transcript_write_closed(FILE *out)
{
	fprintf(out, "X\n");
}
