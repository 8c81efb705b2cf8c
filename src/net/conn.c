/* SPDX-License-Identifier: Apache-2.0 */
/* conn: what the owner of a connection may ask for, and the pool that its
 * conns share. Calls that could end a conn only put it on the pool's list;
 * conn_state.c does the rest at the end of the turn. */
#include "net/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/die.h"
#include "net/conn_state.h"

#define GATHER_MAX ((size_t)64 << 10)	/* sent at once if so much waits */
#define PASSES 2

/* --- the pool --- */

static void
run_wake(struct loop_job *job)
{
	struct conn_pool *pool = container_of(job, struct conn_pool, wake);

	pool->waking = false;	/* the turn's end does the rest */
}

struct conn_pool *
conn_pool_new(struct loop *loop)
{
	struct conn_pool *pool = mem_new(sizeof *pool);

	pool->loop = loop;
	pool->wake.run = run_wake;
	/* OpenSSL writes with write(2), which cannot be told MSG_NOSIGNAL. */
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	return pool;
}

void
conn_pool_free(struct conn_pool *pool)
{
	if (pool == NULL)
		return;
	must(pool->todo == NULL);
	while (pool->spares != 0)
		buf_free(&pool->spare[--pool->spares]);
	free(pool);
}

/* A conn that is put on the list again gets another pass; what is still there
 * then has to let the others have their turn. */
void
conn_pool_flush(struct conn_pool *pool)
{
	for (int pass = 0; pass < PASSES && pool->todo != NULL; pass++) {
		struct conn *list = pool->todo;

		pool->todo = NULL;
		list->prev = &list;
		while (list != NULL) {
			struct conn *conn = list;

			conn_todo_remove(conn);
			conn_step(conn);
		}
	}
	if (pool->todo != NULL && !pool->waking) {
		pool->waking = true;
		loop_post(pool->loop, &pool->wake);
	}
}

/* --- for the owner --- */

static bool
set_addresses(struct conn *conn, int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;

	/* A peer that has gone already is told by ENOTCONN. */
	if (getpeername(fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	address_set(&conn->peer, &address);
	len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	address_set(&conn->local, &address);
	return true;
}

struct conn *
conn_new(struct conn_pool *pool, int fd, const struct conn_ops *ops,
    const struct conn_limits *limits, void *owner)
{
	struct conn *conn = calloc(1, sizeof *conn);
	const int on = 1;
	int error = ENOMEM;

	must(limits->in_max > 0 && limits->in_max <= SHARED_LEN);
	must(limits->out_max > 0);
	if (conn == NULL)
		goto failed;
	conn->pool = pool;
	conn->ops = ops;
	conn->limits = limits;
	conn->owner = owner;
	conn->watch.on_ready = conn_on_ready;
	conn->timer.on_time = conn_on_timer;
	conn->read_wants = EPOLLIN;
	buf_init(&conn->in, SHARED_LEN);
	buf_init(&conn->out, limits->out_max);
	wire_init(&conn->wire, fd);
	/* Only slower without it; and a local socket has none. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	error = 0;
	if (!set_addresses(conn, fd))
		error = errno;
	if (error == 0)
		error = -watch_open(pool->loop, &conn->watch, fd, EPOLLIN);
	if (error == 0)
		return conn;
failed:
	free(conn);
	close(fd);
	errno = error;
	return NULL;
}

void
conn_free(struct conn *conn)
{
	struct conn_pool *pool;

	if (conn == NULL)
		return;
	pool = conn->pool;
	if (pool->calling == conn)
		pool->calling = NULL;
	if (pool->view_of == conn)
		pool->view_of = NULL;
	conn_todo_remove(conn);
	timer_stop(pool->loop, &conn->timer);
	wire_free(&conn->wire);
	if (conn->watch.fd >= 0) {
		watch_close(pool->loop, &conn->watch);
		close(conn->watch.fd);
	}
	tls_server_unref(conn->tls);
	wire_forget_session(conn->session);
	tls_client_unref(conn->tls_client);
	buf_free(&conn->in);
	buf_free(&conn->out);
	free(conn);
}

struct span
conn_input(const struct conn *conn)
{
	const struct conn_pool *pool = conn->pool;

	if (pool->view_of != conn)
		return buf_span(&conn->in);
	return span_of(pool->shared + pool->at, pool->len - pool->at);
}

void
conn_consume(struct conn *conn, size_t n)
{
	struct conn_pool *pool = conn->pool;

	/* What the owner wrote since it looked may have ended the conn (the
	 * peer is gone): its input was dropped with that. */
	if (conn->state >= CONN_FLUSHING)
		return;
	if (pool->view_of == conn) {
		must(n <= pool->len - pool->at);
		pool->at += n;
		return;
	}
	buf_consume(&conn->in, n);
	if (conn->in.len == 0)
		buf_free(&conn->in);
	if (conn->state == CONN_OPEN)
		conn_settle(conn);
}

uint64_t
conn_received(const struct conn *conn)
{
	return conn->received;
}

void
conn_write(struct conn *conn, struct span bytes)
{
	size_t out_max = conn->limits->out_max;

	if (conn->state != CONN_OPEN)
		return;
	conn_todo_add(conn);
	while (bytes.len != 0) {
		struct span part = span_first(bytes, out_max - conn->out.len);

		conn_take_spare(conn);
		must(buf_append(&conn->out, part) == 0);
		bytes = span_skip(bytes, part.len);
		if (bytes.len == 0 && conn->out.len < GATHER_MAX)
			return;
		if (!conn_send_out(conn)) {
			conn_begin_end(conn, CONN_ERROR);
			return;
		}
		if (bytes.len != 0 && conn->out.len == out_max) {
			conn_begin_end(conn, CONN_TOO_SLOW);
			return;
		}
	}
}

void
conn_flush(struct conn *conn)
{
	if (conn->state != CONN_OPEN)
		return;
	if (!conn_send_out(conn))
		conn_begin_end(conn, CONN_ERROR);
	else
		conn_settle(conn);
}

size_t
conn_waiting(const struct conn *conn)
{
	return conn->out.len;
}

void
conn_want_drained(struct conn *conn)
{
	must(conn->ops->on_drained != NULL);
	conn->want_drained = true;
	conn_todo_add(conn);
}

void
conn_pause(struct conn *conn)
{
	conn->paused = true;
	conn->again = false;
}

void
conn_resume(struct conn *conn)
{
	if (!conn->paused)
		return;
	conn->paused = false;
	conn->again = true;
	conn_todo_add(conn);
}

void
conn_deadline(struct conn *conn, uint64_t in_ms)
{
	if (conn->state >= CONN_FLUSHING)
		return;
	if (in_ms == 0)
		timer_stop(conn->pool->loop, &conn->timer);
	else
		timer_set(conn->pool->loop, &conn->timer, in_ms);
}

size_t
conn_start_tls(struct conn *conn, struct tls_server *tls)
{
	size_t dropped = conn_input(conn).len;

	if (conn->state >= CONN_FLUSHING)
		return 0;
	must(conn->state == CONN_OPEN && conn->tls == NULL);
	conn->tls = tls_server_ref(tls);
	conn_drop_input(conn);
	conn_enter(conn, CONN_CLEARING);
	conn_todo_add(conn);
	return dropped;
}

size_t
conn_start_tls_client(struct conn *conn, struct tls_client *tls,
    const struct tls_target *target)
{
	size_t dropped = conn_input(conn).len;

	if (conn->state >= CONN_FLUSHING)
		return 0;
	must(conn->state == CONN_OPEN && conn->tls == NULL &&
	    conn->tls_client == NULL);
	conn->tls_client = tls_client_ref(tls);
	conn->session = tls_client_session(tls, conn->wire.fd, target);
	conn_drop_input(conn);
	conn_enter(conn, CONN_CLEARING);
	conn_todo_add(conn);
	return dropped;
}

struct ssl_st *
conn_tls(const struct conn *conn)
{
	return conn->wire.ssl;
}

bool
conn_is_tls(const struct conn *conn)
{
	return conn->secure;
}

void
conn_tls_text(const struct conn *conn, char *out, size_t len)
{
	wire_tls_text(&conn->wire, out, len);
}

size_t
conn_tls_binding(const struct conn *conn, const char *type,
    unsigned char out[TLS_BINDING_MAX])
{
	return conn->secure ? tls_binding(conn->wire.ssl, type, out) : 0;
}

void
conn_close(struct conn *conn)
{
	conn_begin_end(conn, CONN_BY_US);
}

void
conn_reset(struct conn *conn)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (conn->state == CONN_DONE)
		return;
	/* without it, it is an orderly end */
	(void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &at_once,
	    sizeof at_once);
	conn_drop_input(conn);
	conn->end = CONN_BY_US;
	conn_enter(conn, CONN_DONE);
	conn_todo_add(conn);
}

const char *
conn_error(const struct conn *conn)
{
	return conn->wire.error != NULL ? conn->wire.error : "";
}

void
conn_peer(const struct conn *conn, char out[64], uint16_t *port)
{
	address_text(&conn->peer, out);
	*port = conn->peer.port;
}

void
conn_local(const struct conn *conn, char out[64], uint16_t *port)
{
	address_text(&conn->local, out);
	*port = conn->local.port;
}

size_t
conn_peer_bytes(const struct conn *conn, unsigned char out[16])
{
	memcpy(out, conn->peer.bytes, sizeof conn->peer.bytes);
	return conn->peer.len;
}
