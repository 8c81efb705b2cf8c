/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: explain. Input: three bytes (stage, code), then the text, which
 * is also read as lists of EHLO. There is an answer for everything, and every
 * remark has a meaning. */
#include <stdint.h>

#include "base/die.h"
#include "base/put.h"
#include "smtp/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_lists(struct span text)
{
	const struct explain_remark *out[EXPLAIN_REMARKS_MAX];
	struct span tls = text, clear = span_cut(&tls, '\0');
	const char *section;
	size_t n = explain_hello(clear, tls, out);

	must(n <= EXPLAIN_REMARKS_MAX);
	for (size_t i = 0; i < n; i++)
		must(out[i]->name[0] != '\0' && out[i]->meaning[0] != '\0');
	must(explain_keyword(text, &section) != NULL && section != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct explain_query query = { .stage = EXPLAIN_ANY };
	struct explain explain;

	if (size < 3)
		return 0;
	query.stage = (enum explain_stage)(data[0] % EXPLAIN_STAGES);
	query.code = (unsigned)data[1] * 3 + data[2] % 3;
	query.text = span_of(data + 3, size - 3);
	explain_reply(&query, &explain);
	must(explain.name[0] != '\0' && explain.meaning[0] != '\0');
	must(explain.section != NULL && explain.whose != NULL &&
	    explain.status != NULL);
	must((unsigned)explain.fault < EXPLAIN_FAULTS &&
	    (unsigned)explain.remedy < EXPLAIN_REMEDIES);
	must(!explain.is_good || !explain.is_temporary);
	must(explain.is_good == (query.code / 100 == 2 ||
	    query.code / 100 == 3) || query.code == 0);
	check_lists(query.text);
	return 0;
}
