/* SPDX-License-Identifier: Apache-2.0 */
/* notice: what delivery needs of the daemon to tell senders what became of
 * their mail: where mail to an address goes, and the way into the queue. */
#ifndef EHLOD_NOTICE_H
#define EHLOD_NOTICE_H

#include "ehlod/shard.h"

struct bounce_env notice_env(struct shard_store *at);

#endif
