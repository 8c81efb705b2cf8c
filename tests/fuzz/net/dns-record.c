/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a record, any bytes, read as every type. Promised whatever comes:
 *  1. a name holds nothing but letters, digits, "-_/" and the dots between its
 *     labels, and is shorter than 256;
 *  2. an address is one, and leads to a reverse name;
 *  3. a text is not longer than its room, and what a TLSA record is about lies
 *     inside of it. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(const char *name)
{
	size_t len = strlen(name);

	must(len < 256);
	for (size_t i = 0; i < len; i++) {
		must(ascii_is_alnum(name[i]) || strchr("-_/.", name[i]) !=
		    NULL);
		must(name[i] != '.' || (i > 0 && i + 1 < len &&
		    name[i - 1] != '.'));
		must(name[i] == ascii_lower(name[i]));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exactly these bytes, so that one more is noticed */
	char *copy = malloc(size > 0 ? size : 1);
	struct dns_record record = { .data = span_of(copy, size) };
	uint8_t usage, selector, matching;
	struct span inner;
	uint16_t preference;
	char out[256];

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (dns_get_name(&record, out))
		check_name(out);
	if (dns_get_mx(&record, &preference, out))
		check_name(out);
	if (dns_get_address(&record, DNS_A, out) ||
	    dns_get_address(&record, DNS_AAAA, out)) {
		char reverse[256];

		must(dns_reverse_name(out, reverse));
		check_name(reverse);
	}
	must(dns_get_text(&record, out, 0) == 0);
	must(dns_get_text(&record, out, sizeof out) <= sizeof out);
	if (dns_get_tlsa(&record, &usage, &selector, &matching, &inner))
		must(inner.p > copy && inner.p + inner.len == copy + size);
	free(copy);
	return 0;
}
