/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a domain name: what comes out is a host name and stays what it
 * is when it goes in again; ASCII case makes no difference. */
#include <stdint.h>
#include <stdio.h>

#include "base/die.h"
#include "base/text.h"
#include "conf/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span name = span_of(data, size), label, rest;
	char out[256], again[256], upper[256];

	if (!conf_domain_canon(name, out))
		return 0;
	rest = span_str(out);
	must(rest.len >= 1 && rest.len <= CONF_DOMAIN_MAX);
	must(rest.p[rest.len - 1] != '.');
	for (size_t i = 0; i < rest.len; i++) {
		must(ascii_is_digit(out[i]) || strchr("-.", out[i]) != NULL ||
		    (out[i] >= 'a' && out[i] <= 'z'));
		upper[i] = ascii_upper(out[i]);
	}
	must(conf_domain_canon(span_of(upper, rest.len), again));
	must(span_eq(span_str(again), span_str(out)));
	while (rest.len != 0) {
		label = span_cut(&rest, '.');
		must(label.len >= 1 && label.len <= 63);
		must(label.p[0] != '-' && label.p[label.len - 1] != '-');
	}
	return 0;
}
