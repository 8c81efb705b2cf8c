/* SPDX-License-Identifier: Apache-2.0 */
/* unit: numbers with a unit behind them, 25M and 5m. Private to conf/. */
#ifndef CONF_UNIT_H
#define CONF_UNIT_H

#include <stdint.h>
#include <stdio.h>

#include "base/span.h"

/* From the largest; the last has factor 1. */
struct unit {
	const char *name;
	uint64_t factor;
};

extern const struct unit unit_sizes[];		/* G M K, octets */
extern const struct unit unit_durations[];	/* d h m s ms */

/* False if it is no number with one of the units, or past 64 bits. */
bool unit_read(const struct unit *units, struct span word, uint64_t *out);
/* The largest in which the number is whole; for 0, the smallest. */
const struct unit *unit_of(const struct unit *units, uint64_t n);
void unit_print(const struct unit *units, uint64_t n, FILE *out);

#endif
