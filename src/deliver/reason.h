/* SPDX-License-Identifier: Apache-2.0 */
/* reason: why mail waits, in words that many messages share: counted by
 * references, one table a store, on its thread. The table is bounded; what
 * comes when it is full is kept by its message alone, cut short. */
#ifndef DELIVER_REASON_H
#define DELIVER_REASON_H

#include "base/map.h"

#define REASON_MAX      256	/* octets of one */
#define REASONS_MAX     4096	/* in a table */
#define REASON_OWN_MAX  40	/* octets of one that is not shared */

struct reason {
	struct reasons *reasons;	/* NULL: not shared */
	uint32_t refs;
	uint16_t len;
	char text[];
};

struct reasons {
	struct map map;		/* by text */
};

void reasons_init(struct reasons *reasons);
/* When nobody has one any more. */
void reasons_free(struct reasons *reasons);
/* Never NULL; reason_unref() it. */
struct reason *reason_get(struct reasons *reasons, struct span text);
void reason_unref(struct reason *reason);

#endif
