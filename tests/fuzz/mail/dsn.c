/* SPDX-License-Identifier: Apache-2.0 */
/* dsn: whatever another server said, and whatever stands in the envelope:
 * 1. All is printable, or (is_utf8) UTF-8 besides; lines end in CRLF and have
 *    at most 998 octets. 2. There are three parts and no more: nothing looks
 *    like a boundary, and each recipient has one Action.
 * Seen to catch: a reply's CR shown as it is. */
#include <stdint.h>

#include "base/die.h"
#include "base/text.h"
#include "mail/dsn.h"

#define OUT_MAX ((size_t)1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span
take(struct span *in)
{
	return span_cut(in, '\xfe');
}

static void
check_line(struct span line, bool is_utf8, unsigned *parts, unsigned *actions)
{
	must(line.len <= 998);
	must(is_utf8 ? text_is_utf8(line) : text_is_ascii(line));
	for (size_t i = 0; i < line.len; i++)
		must(line.p[i] == '\t' || !ascii_is_cntrl(line.p[i]));
	*parts += span_starts(line, SPAN("--"));
	*actions += span_starts(line, SPAN("Action: "));
}

static void
check(struct span out, bool is_utf8, size_t rcpts)
{
	unsigned parts = 0, actions = 0;

	while (out.len != 0) {
		struct span line = span_cut(&out, '\n');

		must(line.len != 0 && line.p[line.len - 1] == '\r');
		check_line(span_first(line, line.len - 1), is_utf8, &parts,
		    &actions);
	}
	must(parts == 4 && actions == rcpts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	unsigned flags = size != 0 ? data[0] : 0;
	struct dsn_rcpt rcpt[3];
	struct dsn dsn = { .hostname = SPAN("mail.example.org"),
		.id = SPAN("ABC"), .rcpt = rcpt, .rcpt_n = 1 + flags % 3,
		.is_utf8 = (flags & 4) != 0, .is_whole = (flags & 8) != 0,
		.random = flags };
	struct buf out;

	in = span_skip(in, 1);
	dsn.to = take(&in);
	dsn.envid = take(&in);
	for (size_t i = 0; i < dsn.rcpt_n; i++)
		rcpt[i] = (struct dsn_rcpt){ .address = take(&in),
			.original = take(&in), .orcpt = take(&in),
			.host = take(&in), .words = take(&in),
			.action = (enum dsn_action)(flags >> 4 & 3),
			.code = flags % 600, .status = { 5, 1, 1 },
			.meaning = "It means something.", .advice = "" };
	buf_init(&out, OUT_MAX);
	must(dsn_put_head(&dsn, &out) == 0);
	must(dsn_put_tail(&dsn, &out) == 0);
	check(buf_span(&out), dsn.is_utf8, dsn.rcpt_n);
	buf_free(&out);
	return 0;
}
