/* SPDX-License-Identifier: Apache-2.0 */
/* session: one inbound connection: joins a conn, an smtp_server engine, policy
 * and the spool. It belongs to its shard and frees itself when it is over. */
#ifndef EHLOD_SESSION_H
#define EHLOD_SESSION_H

#include "ehlod/shard.h"

/* Takes over a freshly accepted descriptor. */
void session_open(struct shard_port *port, int fd);
/* The server stops: idle ones are told 421 and closed, those that are sending
 * a message may finish it; with `is_now` all are ended. */
void session_end_all(struct shard *shard, bool is_now);

#endif
