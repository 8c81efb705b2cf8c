/* SPDX-License-Identifier: Apache-2.0 */
/* pause: routes and domains that nothing goes to for now, because an operator
 * said so. A value that never changes, counted by references: attempts on
 * threads of the pool look into the one they began with. Kept in a file, so
 * that a restart does not let go what was held back. */
#ifndef DELIVER_PAUSE_H
#define DELIVER_PAUSE_H

#include <stdio.h>

#include "deliver/route.h"

#define PAUSE_MAX 1000		/* routes and domains */

struct pause_item {
	bool is_domain;		/* else a route */
	char name[260];		/* of a domain: compared form */
};

struct pause;

struct pause *pause_new(void);		/* of nothing */
struct pause *pause_ref(struct pause *pause);	/* thread-safe */
void pause_unref(struct pause *pause);
/* As `pause`, with that item, or without. NULL: too many. */
struct pause *pause_with(const struct pause *pause,
    const struct pause_item *item, bool is_paused);
bool pause_has(const struct pause *pause, const struct pause_item *item);
/* NULL behind the last. */
const struct pause_item *pause_at(const struct pause *pause, size_t i);
/* If that way is paused, the target stays. */
void pause_apply(const struct pause *pause, struct route_target *target);

/* Lines of "route NAME" and "domain NAME". Reads: what is there and
 * understood; a file that is not there is an empty one. */
struct pause *pause_load(const char *path);
/* Durable: 0 or -errno. */
int pause_save(const struct pause *pause, const char *path);

#endif
