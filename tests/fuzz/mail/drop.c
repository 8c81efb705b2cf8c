/* SPDX-License-Identifier: Apache-2.0 */
/* drop: 1. Any bytes are a drop with one mail and 1 to DROP_RCPTS_MAX rcpt
 * lines without a control octet, or none. 2. The text travels with CRLF at
 * every line's end and nowhere else a CR or LF, as long as was said, and again
 * the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "mail/drop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(struct span text)
{
	size_t len = drop_text_len(text);
	char *bytes = malloc(2 * len + 1);
	struct put out = put_init(bytes, len);
	struct put again = put_init(bytes + len, len);

	must(bytes != NULL);
	drop_put_text(text, &out);
	must(!out.full && out.len == len);
	for (size_t i = 0; i < len; i++) {
		must(bytes[i] != '\r' ||
		    (i + 1 < len && bytes[i + 1] == '\n'));
		must(bytes[i] != '\n' || (i != 0 && bytes[i - 1] == '\r'));
	}
	must(len == 0 || bytes[len - 1] == '\n');
	must(drop_text_len(put_span(&out)) == len);
	drop_put_text(put_span(&out), &again);
	must(span_eq(put_span(&out), put_span(&again)));
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct drop_line line;
	enum drop_result result;
	unsigned n = 0;

	check_text(in);
	if (!drop_begin(&in))
		return 0;
	while ((result = drop_next(&in, &n, &line)) == DROP_LINE) {
		must(line.is_rcpt == (n > 1));
		for (size_t i = 0; i < line.args.len; i++)
			must(!ascii_is_cntrl(line.args.p[i]));
	}
	if (result == DROP_TEXT)
		must(n >= 2 && n <= DROP_RCPTS_MAX + 1);
	return 0;
}
