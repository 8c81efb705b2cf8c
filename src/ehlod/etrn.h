/* SPDX-License-Identifier: Apache-2.0 */
/* etrn: what a session asked all shards to release, see session_etrn.c. */
#ifndef EHLOD_ETRN_H
#define EHLOD_ETRN_H

#include "deliver/release.h"
#include "ehlod/shard.h"

struct etrn;

/* Its session goes. */
void etrn_forget(struct etrn *etrn);
/* When all shards have ended. */
void etrn_free_all(struct shared *shared);
/* Is one of the message's open recipients held, and meant? */
bool etrn_is_held(const struct conf *conf, struct store *store,
    const struct store_look *look, const struct note *note,
    const struct release *release);

#endif
