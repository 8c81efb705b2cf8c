/* SPDX-License-Identifier: Apache-2.0 */
/* control: the main thread's loop and the control socket on it. What can be
 * asked is in control_*.c, one file a family of requests, each a table of rows
 * that control_start() adds. */
#ifndef EHLOD_CONTROL_H
#define EHLOD_CONTROL_H

#include "ctl/server.h"
#include "ehlod/gather.h"

struct control {
	struct loop *loop;
	struct ctl_server *server;	/* NULL: there is none */
	struct shard **shard;
	unsigned shard_n;
	struct shared *shared;
	struct drop *drop;	/* NULL: no drop folder */
	struct snapshot *snapshot;	/* in force; the server's reference */
	uint64_t started_ms;
	unsigned under_way;	/* gathers and the like: the shards are not
				 * stopped before they are over */
	atomic_bool is_stopping;
	void (*stopped)(struct control *control);
};

/* Opens the socket that the configuration names. That there is none is no
 * reason not to serve mail: it is logged. */
void control_start(struct control *control);
/* No more requests; `stopped` is called when none is under way. */
void control_stop(struct control *control);
void control_free(struct control *control);

/* Work that touches the shards begins and ends. */
void control_begin(struct control *control);
void control_end(struct control *control);

/* --- families of requests */
struct control_rows {
	const struct ctl_request *row;
	size_t n;
};
extern const struct control_rows control_fault_rows;
extern const struct control_rows control_status_rows;
extern const struct control_rows control_queue_rows;
extern const struct control_rows control_show_rows;
extern const struct control_rows control_route_rows;
extern const struct control_rows control_tls_rows;
extern const struct control_rows control_trace_rows;

#endif
