/* SPDX-License-Identifier: Apache-2.0 */
/* data_model: what data.c has to do, written once more the slow way: over the
 * whole input at once, by splitting it into lines. The unit test and the fuzz
 * target compare the two. Also the stuffing that a sender does. */
#ifndef DATA_MODEL_H
#define DATA_MODEL_H

#include "base/put.h"
#include "base/span.h"
#include "smtp/data.h"

struct data_result {
	struct put out;		/* memory of the caller */
	bool is_end;
	size_t used;		/* octets up to the end, if is_end */
	unsigned flaws;
	bool is_lf_only;
};

static inline size_t
model_find_crlf(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.p[i] == '\r' && s.p[i + 1] == '\n')
			return i;
	return s.len;
}

/* One line without its true end; `is_whole` if that end was there. */
static inline void
model_line(struct data_result *result, struct span line, bool is_whole)
{
	if (line.len != 0 && line.p[0] == '.')
		line = span_skip(line, 1);
	for (size_t i = 0; i < line.len; i++) {
		char c = line.p[i];

		if (c == '\n') {
			result->flaws |= DATA_BARE_LF;
			put_str(&result->out, "\r\n");
		} else if (c != '\r') {
			put_char(&result->out, c);
		} else if (is_whole || i + 1 != line.len) {
			result->flaws |= DATA_BARE_CR;
		}
	}
	if (is_whole)
		put_str(&result->out, "\r\n");
}

/* What can be said of the output alone. */
static inline void
model_flaws(struct data_result *result)
{
	struct span rest = put_span(&result->out);

	for (size_t i = 0; i < rest.len; i++) {
		if (rest.p[i] == '\0')
			result->flaws |= DATA_NUL;
		if ((unsigned char)rest.p[i] >= 0x80)
			result->flaws |= DATA_8BIT;
	}
	while (rest.len != 0) {
		size_t n = model_find_crlf(rest);

		if (n > 998)
			result->flaws |= DATA_LONG_LINE;
		rest = span_skip(rest, n + 2);
	}
}

/* The LF-ended lines in front of the first CRLF; leaves `*in` behind them. */
static inline void
model_lf_lines(struct data_result *result, struct span *in, struct span whole)
{
	size_t crlf = model_find_crlf(*in);

	for (;;) {
		size_t n = span_find(*in, '\n');
		struct span line = span_first(*in, n);
		size_t at = (size_t)(in->p - whole.p) + n;

		if (n == in->len)
			return;
		if (crlf != whole.len && at == crlf + 1) {
			result->is_lf_only = false;
			line.len--;
			if (span_eq(line, SPAN(".")))
				put_str(&result->out, ".\r\n");
			else
				model_line(result, line, true);
			*in = span_skip(*in, n + 1);
			return;
		}
		result->flaws |= DATA_BARE_LF;
		if (span_eq(line, SPAN("."))) {
			result->is_end = true;
			result->used = at + 1;
			return;
		}
		model_line(result, line, true);
		*in = span_skip(*in, n + 1);
	}
}

static inline void
data_model(struct span in, bool is_lf_only, struct data_result *result)
{
	struct span whole = in;

	result->is_end = false;
	result->flaws = 0;
	result->is_lf_only = is_lf_only;
	if (is_lf_only)
		model_lf_lines(result, &in, whole);
	while (!result->is_end && in.len != 0) {
		size_t n = result->is_lf_only ? in.len : model_find_crlf(in);
		struct span line = span_first(in, n);

		if (n == in.len) {
			model_line(result, line, false);
			break;
		}
		in = span_skip(in, n + 2);
		if (span_eq(line, SPAN("."))) {
			result->is_end = true;
			result->used = whole.len - in.len;
			break;
		}
		model_line(result, line, true);
	}
	model_flaws(result);
}

/* RFC 5321 4.5.2, the sender's half. */
static inline void
data_stuff(struct span text, struct put *out)
{
	while (text.len != 0) {
		size_t n = model_find_crlf(text);

		if (text.p[0] == '.')
			put_char(out, '.');
		put_bytes(out, span_first(text, n));
		if (n != text.len)
			put_str(out, "\r\n");
		text = span_skip(text, n + 2);
	}
}

/* Runs the reader over `in`, each piece `step` octets long at most and the
 * first one `first` long. */
static inline void
data_run(struct span in, bool is_lf_only, size_t first, size_t step,
    struct data_result *result)
{
	struct data_reader reader;
	struct span whole = in;
	size_t piece = first;

	data_init(&reader, is_lf_only);
	result->is_end = false;
	while (in.len != 0 && !result->is_end) {
		struct span part = span_first(in, piece);

		piece = step;
		while (part.len != 0 && !result->is_end) {
			struct span slice;
			size_t used;

			result->is_end = data_next(&reader, part, &slice,
			    &used);
			put_bytes(&result->out, slice);
			part = span_skip(part, used);
			in = span_skip(in, used);
		}
	}
	result->used = whole.len - in.len;
	result->flaws = reader.flaws;
	result->is_lf_only = reader.is_lf_only;
}

#endif
