/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: a point in time as RFC 3339 5.6 writes it, "2026-11-21T12:00:00Z".
 * Pure. */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H

#include <stdint.h>

#include "base/put.h"
#include "base/span.h"

#define STAMP_LEN 20	/* octets of what stamp_put writes */

/* Seconds since 1970, in UTC. Nothing behind the year 9999. */
void stamp_put(struct put *out, uint64_t seconds);
/* With any offset, and with a fraction, which is dropped. False if it is no
 * date-time, or none of 1970 to 9999. A leap second is the next minute's
 * first. */
bool stamp_read(struct span text, uint64_t *seconds);

#endif
