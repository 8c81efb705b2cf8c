/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: match. Input: two lines. A line is like itself; what is equal
 * byte for byte is equal in every way; tolerance never makes two codes one. */
#include <stdint.h>

#include "base/die.h"
#include "ehlo/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span b = span_of(data, size), a = span_cut(&b, '\n');
	size_t at;

	must(match_line(a, a, MATCH_TOLERANT) && match_line(a, a,
	    MATCH_CODES));
	must(match_reply(&a, 1, &a, 1, MATCH_TOLERANT, &at) && at == 1);
	if (span_find(a, '*') == a.len)
		must(match_line(a, b, MATCH_EXACT) == span_eq(a, b));
	else
		must(match_line(SPAN("*"), a, MATCH_EXACT));
	if (a.len >= 3 && b.len >= 3 && (unsigned char)a.p[0] > ' ' &&
	    (unsigned char)b.p[0] > ' ' && a.p[0] != '&' && b.p[0] != '&' &&
	    a.p[0] < '~' && b.p[0] < '~' && a.p[0] != b.p[0])
		must(!match_line(a, b, MATCH_TOLERANT));
	return 0;
}
