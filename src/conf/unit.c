/* SPDX-License-Identifier: Apache-2.0 */
/* unit: what unit_print() writes is read back as the same number. */
#include "conf/unit.h"

#include <inttypes.h>

#include "base/text.h"

const struct unit unit_sizes[] = {
	{ "G", UINT64_C(1) << 30 }, { "M", UINT64_C(1) << 20 },
	{ "K", UINT64_C(1) << 10 }, { "", 1 },
};
const struct unit unit_durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 },
};

bool
unit_read(const struct unit *units, struct span word, uint64_t *out)
{
	struct span name = word;
	uint64_t number;

	while (name.len != 0 && ascii_is_digit(name.p[0]))
		name = span_skip(name, 1);
	if (!text_u64(span_first(word, word.len - name.len), &number))
		return false;
	for (;; units++) {
		if (span_eq(name, span_str(units->name)))
			return !__builtin_mul_overflow(number, units->factor,
			    out);
		if (units->factor == 1)
			return false;
	}
}

const struct unit *
unit_of(const struct unit *units, uint64_t n)
{
	while (units->factor != 1 && (n == 0 || n % units->factor != 0))
		units++;
	return units;
}

void
unit_print(const struct unit *units, uint64_t n, FILE *out)
{
	const struct unit *unit = unit_of(units, n);

	fprintf(out, "%" PRIu64 "%s", n / unit->factor, unit->name);
}
