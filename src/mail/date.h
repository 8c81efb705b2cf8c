/* SPDX-License-Identifier: Apache-2.0 */
/* date: RFC 5322 3.3 date-time, "Sat, 21 Nov 2026 06:37:03 +0100". Pure. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

#include "base/put.h"

/* `zone_min` is the offset from UTC in minutes (east positive). */
void date_put(struct put *out, uint64_t real_ms, int zone_min);
/* The same with an hour of one digit before ten: "Sat, 8 Jan 2011 6:03:15
 * -0600". */
void date_put_short(struct put *out, uint64_t real_ms, int zone_min);

#endif
