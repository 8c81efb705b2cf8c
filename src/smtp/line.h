/* SPDX-License-Identifier: Apache-2.0 */
/* line: where a command line ends. With data.h the only code that knows CR
 * and LF.
 *
 * Strict: only CRLF ends a line; a NUL, a bare CR or a bare LF inside spoils
 * it. LF-only (dialogues 7): LF ends a line, CRLF does too and is told, so
 * that the caller can leave that mode for good. Over-long lines are skipped,
 * never buffered, and told once. */
#ifndef SMTP_LINE_H
#define SMTP_LINE_H

#include "base/span.h"

enum line_result {
	LINE_MORE,		/* no end yet; nothing consumed */
	LINE_OK,		/* ended by CRLF */
	LINE_OK_LF,		/* ended by bare LF (LF-only mode) */
	LINE_BARE_LF,		/* strict: a bare LF stands there, however long
				 * the line; `*used` ends behind it */
	LINE_BAD_BYTE,		/* ended, but holds a NUL or a bare CR */
	LINE_TOO_LONG		/* ended, was longer than `max`: told once, at
				 * the end of the line; meanwhile bytes are
				 * consumed with LINE_MORE */
};

struct line_reader {
	size_t scanned;		/* bytes known to hold no end */
	bool is_skipping;	/* inside an over-long line */
	bool is_crlf;		/* the line told last ended in CRLF, whatever
				 * its result was */
};

/* Looks for one line at the start of `in`. `max` counts the end (RFC 5321
 * 4.5.3.1.4: 512 with CRLF); `in` must be able to hold that many. `*line` is
 * without its end and empty if it was longer than `max`; `*used` is what to
 * consume (with LINE_MORE it is 0, or all of `in` while skipping; a trailing
 * CR is then kept). The next call begins with what was not consumed, or with
 * the same bytes and more. */
enum line_result line_next(struct line_reader *reader, struct span in,
    bool is_lf_only, size_t max, struct span *line, size_t *used);

#endif
