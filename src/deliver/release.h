/* SPDX-License-Identifier: Apache-2.0 */
/* release: mail that a route holds (`via hold`) goes out once, because its site
 * asks for it (ETRN, RFC 1985) or an operator says so: by the route's
 * `release-via`. If that fails it is held again. A value that never changes,
 * counted by references: attempts look into it on threads of the pool. */
#ifndef DELIVER_RELEASE_H
#define DELIVER_RELEASE_H

#include "deliver/route.h"

enum release_kind {
	RELEASE_ALL,
	RELEASE_DOMAIN,
	RELEASE_BELOW,		/* and the domains below it, "@example.org" */
	RELEASE_ROUTE		/* what the route of that name holds, "#name" */
};

struct release;

/* NULL: this is none. `text` is what stands behind ETRN; "": all. */
struct release *release_new(struct span text);
struct release *release_ref(struct release *release);	/* thread-safe */
void release_unref(struct release *release);
/* Is there a route that holds what this may mean? */
bool release_is_known(const struct release *release, const struct conf *conf);
/* Is this target held, and meant? */
bool release_fits(const struct release *release,
    const struct route_target *target);
/* If so, it goes out. NULL means nothing. */
void release_apply(const struct release *release,
    struct route_target *target);

#endif
