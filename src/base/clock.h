/* SPDX-License-Identifier: Apache-2.0 */
/* clock: the only place that asks the system for the time. Pure code gets the
 * time as an argument instead. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that never jump; for deadlines. */
uint64_t clock_mono_ms(void);
/* Milliseconds since 1970, UTC; for dates, ids and retry times. */
uint64_t clock_real_ms(void);
/* The local zone's offset from UTC in minutes at that moment. */
int clock_zone_min(uint64_t real_ms);

#endif
