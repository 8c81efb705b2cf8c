/* SPDX-License-Identifier: Apache-2.0 */
/* line_model: what line.c has to tell, over the whole input at once, as text:
 * "ok+:NOOP|" is LINE_OK, ended by CRLF ("-": by LF), then the line. */
#ifndef LINE_MODEL_H
#define LINE_MODEL_H

#include <stdlib.h>

#include "base/die.h"
#include "base/put.h"
#include "smtp/line.h"

static inline void
line_put(struct put *out, const char *what, bool is_crlf, struct span line)
{
	put_str(out, what);
	put_str(out, is_crlf ? "+:" : "-:");
	put_bytes(out, line);
	put_char(out, '|');
}

static inline void
line_model(struct span in, bool is_lf_only, size_t max, struct put *out)
{
	while (span_find(in, '\n') != in.len) {
		struct span line = span_cut(&in, '\n');
		size_t whole = line.len + 1;
		bool is_crlf = line.len != 0 && line.p[line.len - 1] == '\r';

		if (is_crlf)
			line.len--;
		if (!is_crlf && !is_lf_only)
			line_put(out, "bare", false,
			    whole > max ? SPAN("") : line);
		else if (whole > max)
			line_put(out, "long", is_crlf, SPAN(""));
		else if (span_find(line, '\0') != line.len ||
		    span_find(line, '\r') != line.len)
			line_put(out, "bad", is_crlf, line);
		else
			line_put(out, is_crlf ? "ok" : "lf", is_crlf, line);
	}
}

/* Runs the reader as a session does: `step` octets come at a time, what is
 * not consumed is given again, from memory that ends where the bytes end. */
static inline void
line_run(struct span in, bool is_lf_only, size_t max, size_t step,
    struct put *out)
{
	static const char *const what[] = { [LINE_OK] = "ok",
		[LINE_OK_LF] = "lf", [LINE_BARE_LF] = "bare",
		[LINE_BAD_BYTE] = "bad", [LINE_TOO_LONG] = "long" };
	struct line_reader reader = { 0 };
	size_t from = 0, to = 0;

	while (to < in.len) {
		enum line_result result;

		to += step < in.len - to ? step : in.len - to;
		do {
			struct span line;
			size_t n = to - from, used;
			char *copy = malloc(n ? n : 1);

			must(copy != NULL);
			memcpy(copy, in.p + from, n);
			result = line_next(&reader, span_of(copy, n),
			    is_lf_only, max, &line, &used);
			must(used <= n);
			if (result != LINE_MORE)
				line_put(out, what[result], reader.is_crlf,
				    line);
			free(copy);
			from += used;
		} while (result != LINE_MORE);
		/* no reader makes us buffer more than a line */
		must(to - from <= max + step);
	}
}

#endif
