/* SPDX-License-Identifier: Apache-2.0 */
/* An LF is always where something is told; what stands before it decides
 * what:
 *
 *                    CR before the LF     none, strict     none, LF-only
 *   up to max        OK or BAD_BYTE       BARE_LF          OK_LF or BAD_BYTE
 *   longer           TOO_LONG             BARE_LF          TOO_LONG
 *
 * 1. What is told depends on the bytes only, never on how they were cut.
 * 2. A line longer than `max` is told with an empty span, whether it was
 *    there whole or was skipped piece by piece.
 * 3. A CR in the last place is never consumed without its successor. */
#include "smtp/line.h"

static bool
has_bad_byte(struct span line)
{
	return span_find(line, '\0') != line.len ||
	    span_find(line, '\r') != line.len;
}

/* No LF in `in`: wait for more, or skip what can no longer become a line. */
static enum line_result
wait_for_more(struct line_reader *reader, struct span in, size_t max,
    size_t *used)
{
	if (!reader->is_skipping && in.len < max) {
		reader->scanned = in.len;
		return LINE_MORE;
	}
	reader->is_skipping = true;
	reader->scanned = 0;
	*used = in.len;
	if (in.len != 0 && in.p[in.len - 1] == '\r')
		(*used)--;	/* the LF may follow */
	return LINE_MORE;
}

enum line_result
line_next(struct line_reader *reader, struct span in, bool is_lf_only,
    size_t max, struct span *line, size_t *used)
{
	size_t lf = span_find(span_skip(in, reader->scanned), '\n');
	bool is_too_long;

	*line = span_first(in, 0);
	*used = 0;
	lf += in.len < reader->scanned ? in.len : reader->scanned;
	if (lf == in.len)
		return wait_for_more(reader, in, max, used);

	is_too_long = reader->is_skipping || lf >= max;
	reader->is_skipping = false;
	reader->scanned = 0;
	reader->is_crlf = lf != 0 && in.p[lf - 1] == '\r';
	*used = lf + 1;
	if (!is_too_long)
		*line = span_first(in, reader->is_crlf ? lf - 1 : lf);
	if (!reader->is_crlf && !is_lf_only)
		return LINE_BARE_LF;
	if (is_too_long)
		return LINE_TOO_LONG;
	if (has_bad_byte(*line))
		return LINE_BAD_BYTE;
	return reader->is_crlf ? LINE_OK : LINE_OK_LF;
}
