/* SPDX-License-Identifier: Apache-2.0 */
/* session: one inbound connection: joins a conn, an smtp_server engine, policy
 * and the spool. It belongs to its shard and frees itself when it is over. */
#ifndef EHLOD_SESSION_H
#define EHLOD_SESSION_H

#include "ehlod/shard.h"

/* Takes over a freshly accepted descriptor. */
void session_open(struct shard_port *port, int fd);
/* The server stops. */
enum session_end {
	SESSION_END_IDLE,	/* 421 to all but those in a transaction */
	SESSION_END_TOLD,	/* 421 to all whose mail is not being written */
	SESSION_END_NOW		/* without a word */
};
void session_end_all(struct shard *shard, enum session_end how);

#endif
