/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: paste, and what is made of it. Whatever was pasted: reading
 * ends, replies are in the order of their lines, codes and statuses are in
 * their bounds, every reply can be explained. */
#include <stdint.h>

#include "base/die.h"
#include "ehlo/paste.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct paste_reply *reply, unsigned lines)
{
	struct explain_query query = { .stage = reply->stage,
		.code = reply->code, .text = reply->text };
	struct explain explain;

	must(reply->line >= 1 && reply->line <= lines);
	must(reply->code == 0 || (reply->code >= 200 && reply->code < 600));
	must(reply->status[0] <= 5 && reply->status[1] < 1000 &&
	    reply->status[2] < 1000);
	must((unsigned)reply->stage < EXPLAIN_STAGES);
	must(reply->text.len == 0 || reply->text.p != NULL);
	memcpy(query.status, reply->status, sizeof query.status);
	explain_reply(&query, &explain);
	must(explain.name != NULL && explain.meaning[0] != '\0');
	must(explain.is_good || explain.advice[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct paste paste;
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	must(paste_read(&paste, span_of(data, size)) || size > PASTE_MAX);
	for (size_t i = 0; i < paste.n; i++) {
		check(&paste.reply[i], lines);
		must(i == 0 || paste.reply[i].line >=
		    paste.reply[i - 1].line);
	}
	paste_free(&paste);
	return 0;
}
