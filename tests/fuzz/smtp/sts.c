/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain says of TLS, any bytes: as records of MTA-STS and TLS-RPT, and
 * as a policy. Promised whatever comes:
 *  1. an id is letters and digits, 1 to 32 of them;
 *  2. the walk over the patterns ends, finds as many as were counted, and each
 *     lies inside of the text and looks like a host;
 *  3. a host that is a pattern is allowed, and one above a star is not;
 *  4. with the lines turned to CRLF it is the same policy. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "smtp/sts.h"
#include "smtp/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_records(struct span text)
{
	char id[STS_ID_MAX + 1], memory[64];
	struct put address = put_init(memory, sizeof memory);
	size_t at = 0, n = 0;

	if (sts_record_read(text, id)) {
		must(sts_record_is_one(text));
		must(strlen(id) >= 1 && strlen(id) <= STS_ID_MAX);
		for (const char *c = id; *c != '\0'; c++)
			must(ascii_is_alnum(*c));
	}
	while (tlsrpt_record_next(text, &at, &address)) {
		must(tlsrpt_record_is_one(text) && at <= text.len);
		must(address.len > 0 && address.len <= sizeof memory);
		must(++n <= text.len);
	}
}

static void
check_hosts(const struct sts_policy *policy)
{
	struct span pattern;
	size_t at = 0, n = 0;

	while (sts_policy_next_mx(policy, &at, &pattern)) {
		must(pattern.len != 0 && pattern.p >= policy->text.p &&
		    pattern.p + pattern.len <=
		    policy->text.p + policy->text.len);
		must(span_find(pattern, ' ') == pattern.len);
		must(span_starts(pattern, SPAN("*.")) ||
		    sts_policy_allows(policy, pattern));
		must(++n <= policy->mx_n);
		if (n > 50)	/* it is quadratic */
			return;
	}
	must(n == policy->mx_n);
}

/* "\n" alone becomes "\r\n"; the caller's to free. */
static char *
with_crlf(struct span text, size_t *len)
{
	char *out = malloc(2 * text.len + 1);

	must(out != NULL);
	*len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			out[(*len)++] = '\r';
		out[(*len)++] = text.p[i];
	}
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exactly these bytes, so that one more is noticed */
	char *copy = malloc(size > 0 ? size : 1), *other;
	struct span text = span_of(copy, size);
	struct sts_policy policy, same;
	size_t len;

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	check_records(text);
	if (sts_policy_read(text, &policy) == NULL) {
		must(policy.max_age <= STS_AGE_MAX);
		must(policy.mode == STS_MODE_NONE || policy.mx_n != 0);
		check_hosts(&policy);
		other = with_crlf(text, &len);
		if (len <= STS_TEXT_MAX) {
			must(sts_policy_read(span_of(other, len), &same) ==
			    NULL);
			must(same.mode == policy.mode &&
			    same.mx_n == policy.mx_n &&
			    same.max_age == policy.max_age);
		}
		free(other);
	}
	free(copy);
	return 0;
}
