/* SPDX-License-Identifier: Apache-2.0 */
/* conn_state: what conn.c (the owner's side) and conn_state.c (the loop's
 * side) share about a conn. Nobody else includes this. */
#ifndef NET_CONN_STATE_H
#define NET_CONN_STATE_H

#include "base/buf.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/wire.h"

#define SHARED_LEN ((size_t)64 << 10)
#define SPARES 32

enum conn_state {
	CONN_OPEN,
	CONN_CLEARING,	/* output in clear leaves before the handshake */
	CONN_HANDSHAKE,
	CONN_FLUSHING,	/* from here on it only ends */
	CONN_NOTIFYING,
	CONN_DRAINING,
	CONN_DONE
};

struct conn {
	struct watch watch;
	struct timer timer;
	struct conn *next, **prev;	/* of pool->todo; prev NULL: not in */
	struct conn_pool *pool;
	const struct conn_ops *ops;
	const struct conn_limits *limits;
	void *owner;
	struct tls_server *tls;
	struct tls_client *tls_client;
	struct ssl_st *session;	/* the client's, until output is gone */
	struct wire wire;
	struct buf in, out;
	uint64_t received;
	struct address peer, local;
	uint32_t drained;		/* bytes thrown away at the end */
	uint8_t state, end;		/* enum conn_state, enum conn_end */
	uint8_t blocked;	/* what output waits for; 0: nothing */
	uint8_t read_wants;	/* what input waits for */
	bool paused;
	bool again;		/* on_input is due without the socket */
	bool bulk;		/* took all of a full read: gets larger ones */
	bool want_drained;
	bool ended;		/* nothing more to read; why is in `end` */
	bool secure;		/* the handshake has succeeded */
};

struct conn_pool {
	struct loop *loop;
	struct conn *todo;
	struct conn *calling;		/* whose callback is running */
	/* Whose input lies in `shared`, from `at` to `len`. */
	struct conn *view_of;
	size_t at, len;
	struct loop_job wake;
	bool waking;
	unsigned spares;
	struct buf spare[SPARES];	/* empty, with memory, for output */
	char shared[SHARED_LEN];
};

/* Puts it on the pool's list, for conn_step() at the end of the turn. */
void conn_todo_add(struct conn *conn);
void conn_todo_remove(struct conn *conn);
/* Changes the state, and with it the timer. Only way to do so. */
void conn_enter(struct conn *conn, enum conn_state state);
/* Forgets unconsumed input, wherever it lies. */
void conn_drop_input(struct conn *conn);
/* The conn begins to end, if it has not begun; the rest happens on the todo
 * list. */
void conn_begin_end(struct conn *conn, enum conn_end end);
/* Waits for what the state asks for. */
void conn_settle(struct conn *conn);
/* Takes memory for output that another conn has given back. */
void conn_take_spare(struct conn *conn);
/* Sends what the socket takes; false if the conn is broken. */
bool conn_send_out(struct conn *conn);
/* The loop's two calls. The conn may be gone after each of these three. */
void conn_on_ready(struct watch *watch, uint32_t events);
void conn_on_timer(struct timer *timer);
void conn_step(struct conn *conn);

#endif
