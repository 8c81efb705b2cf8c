/* SPDX-License-Identifier: Apache-2.0 */
/* client: asks the daemon through its control socket; blocking, for ehlo.
 * Whatever answers is not believed: lines are bounded and must be JSON. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>

#include "base/span.h"

struct ctl_client;

/* NULL with -errno in `*error`. */
struct ctl_client *ctl_open(const char *path, int *error);
void ctl_close(struct ctl_client *client);
/* For poll(2) of whoever waits for a terminal, too. */
int ctl_fd(const struct ctl_client *client);

enum ctl_answer {
	CTL_DONE,		/* `*result` is the last line */
	CTL_REFUSED,		/* the same; its "error" says why */
	CTL_STOPPED,		/* `each` wanted no more */
	CTL_BROKEN		/* the daemon has gone, or it is no daemon */
};
/* Asks (takes `request` over) and waits: `each` (may be NULL) gets every item
 * and returns whether it wants more; after CTL_STOPPED the client can only be
 * closed. `*result` (may be NULL) is the caller's. */
enum ctl_answer ctl_ask(struct ctl_client *client, json_t *request,
    bool (*each)(void *arg, const json_t *item), void *arg, json_t **result);
/* The "error" of a result, or "". */
const char *ctl_why(const json_t *result);

#endif
