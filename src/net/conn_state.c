/* SPDX-License-Identifier: Apache-2.0 */
/* conn_state: the life of a connection, as the loop drives it. States are
 * named without their CONN_ here.
 *
 *      conn_new
 *         |
 *         v     conn_start_tls            output gone
 *       OPEN ------------------> CLEARING ------------> HANDSHAKE
 *         |  ^                      |                    |    |
 *         |  '----------------------+--------------------'    |
 *         |         it stands       |                  failed |
 *         v                         v                         v
 *      FLUSHING -> NOTIFYING -> DRAINING -> DONE: on_closed
 *       output      close_notify  what the peer still sends
 *
 * 5. A callback may free its conn, or any other: after each we look whether
 *    ours is still there. No callback comes from inside a call of the owner:
 *    what such a call brings about is put on the pool's list and told at the
 *    end of the turn.
 * 6. We read what the peer still sends for a while before we close, since
 *    close() with unread input resets the connection, and a reset can destroy
 *    our last reply on its way (RFC 1122 4.2.2.13).
 * 7. Pausing is lazy: the socket is taken out of the loop only if it turns
 *    out to have something to say meanwhile. */
#include "net/conn_state.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/die.h"

#define SPARE_MAX ((size_t)16 << 10)
#define CLOSE_MS 10000
#define DRAIN_MS 1000
#define DRAIN_MAX ((size_t)256 << 10)

/* --- small parts --- */

void
conn_todo_add(struct conn *conn)
{
	struct conn **head = &conn->pool->todo;

	if (conn->prev != NULL)
		return;
	conn->next = *head;
	if (conn->next != NULL)
		conn->next->prev = &conn->next;
	conn->prev = head;
	*head = conn;
}

void
conn_todo_remove(struct conn *conn)
{
	if (conn->prev == NULL)
		return;
	*conn->prev = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	conn->next = NULL;
	conn->prev = NULL;
}

/* Calls the owner; false if it has freed the conn. */
static bool
call(struct conn *conn, void (*hook)(struct conn *conn, void *owner))
{
	struct conn_pool *pool = conn->pool;
	bool alive;

	must(pool->calling == NULL);
	pool->calling = conn;
	hook(conn, conn->owner);
	alive = pool->calling == conn;
	pool->calling = NULL;
	return alive;
}

void
conn_enter(struct conn *conn, enum conn_state state)
{
	struct loop *loop = conn->pool->loop;

	conn->state = (uint8_t)state;
	switch (state) {
	case CONN_OPEN:
	case CONN_CLEARING:
	case CONN_HANDSHAKE:
	case CONN_NOTIFYING:
		break;
	case CONN_FLUSHING:
		timer_set(loop, &conn->timer, CLOSE_MS);
		break;
	case CONN_DRAINING:
		timer_set(loop, &conn->timer, DRAIN_MS);
		break;
	case CONN_DONE:
		timer_stop(loop, &conn->timer);
		break;
	}
}

void
conn_drop_input(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;

	buf_free(&conn->in);
	if (pool->view_of == conn)
		pool->at = pool->len;
}

/* The conn begins to end; the rest happens on the todo list. */
void
conn_begin_end(struct conn *conn, enum conn_end end)
{
	if (conn->state >= CONN_FLUSHING)
		return;
	/* If its input has ended badly, that is the cause of all else. */
	if (!conn->ended || end != CONN_ERROR)
		conn->end = (uint8_t)end;
	conn_drop_input(conn);
	conn_enter(conn, CONN_FLUSHING);
	conn_todo_add(conn);
}

static bool
may_read(const struct conn *conn)
{
	return !conn->paused && !conn->ended &&
	    conn->in.len < conn->limits->in_max;
}

static uint32_t
events_wanted(const struct conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_OPEN:
		return conn->blocked |
		    (may_read(conn) ? conn->read_wants : 0);
	case CONN_CLEARING:
	case CONN_FLUSHING:
	case CONN_NOTIFYING:
		return conn->blocked;
	case CONN_HANDSHAKE:
		return conn->blocked != 0 ? conn->blocked : EPOLLIN;
	case CONN_DRAINING:
		return EPOLLIN;
	case CONN_DONE:
		break;
	}
	return 0;
}

static void
wait_for(struct conn *conn, uint32_t events)
{
	if (watch_set(conn->pool->loop, &conn->watch, events) == 0)
		return;
	/* The kernel has no room to watch it: it would never be heard of. */
	if (conn->state < CONN_FLUSHING)
		conn->end = CONN_ERROR;
	conn_enter(conn, CONN_DONE);
	conn_todo_add(conn);
}

/* Waits for what the state asks for. Promise 7: an open conn keeps waiting
 * for input until input comes that nobody wants. */
void
conn_settle(struct conn *conn)
{
	uint32_t events = events_wanted(conn);

	if (conn->state == CONN_OPEN)
		events |= conn->watch.events & EPOLLIN;
	wait_for(conn, events);
}

/* --- output --- */

void
conn_take_spare(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;

	if (conn->out.p != NULL || pool->spares == 0)
		return;
	conn->out = pool->spare[--pool->spares];
	conn->out.max = conn->limits->out_max;
}

static void
give_spare(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;

	if (conn->out.cap > SPARE_MAX || pool->spares == SPARES) {
		buf_free(&conn->out);
		return;
	}
	buf_clear(&conn->out);
	if (conn->out.p != NULL)
		pool->spare[pool->spares++] = conn->out;
	buf_init(&conn->out, conn->limits->out_max);
}

/* Sends what the socket takes; false if the conn is broken. */
bool
conn_send_out(struct conn *conn)
{
	enum wire_result result;
	size_t sent;

	if (conn->blocked != 0 || conn->out.len == 0)
		return true;
	result = wire_write(&conn->wire, buf_span(&conn->out), &sent);
	buf_consume(&conn->out, sent);
	if (conn->out.len == 0)
		give_spare(conn);
	if (result == WIRE_WANT_OUT)
		conn->blocked = EPOLLOUT;
	else if (result == WIRE_WANT_IN)
		conn->blocked = EPOLLIN;
	else if (result != WIRE_OK)
		return false;
	return true;
}

/* --- the end --- */

static void
finish(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;

	conn_todo_remove(conn);
	watch_close(pool->loop, &conn->watch);
	close(conn->watch.fd);
	conn->watch.fd = -1;
	buf_free(&conn->in);
	buf_free(&conn->out);
	must(pool->calling == NULL);
	pool->calling = conn;
	conn->ops->on_closed(conn, conn->owner, (enum conn_end)conn->end);
	pool->calling = NULL;
}

static void
step_flushing(struct conn *conn)
{
	switch ((enum conn_end)conn->end) {
	case CONN_BY_PEER:
	case CONN_BY_US:
		if (!conn_send_out(conn)) {
			conn->end = CONN_ERROR;
			conn_enter(conn, CONN_DONE);
		} else if (conn->out.len == 0) {
			conn_enter(conn, CONN_NOTIFYING);
		}
		return;
	case CONN_ERROR:
		/* OpenSSL has sent an alert, which shall arrive. */
		conn_enter(conn, conn->wire.ssl != NULL ? CONN_NOTIFYING :
		    CONN_DONE);
		return;
	case CONN_TRUNCATED:
	case CONN_TOO_SLOW:
		conn_enter(conn, CONN_DONE);
		return;
	}
}

static void
step_notifying(struct conn *conn)
{
	enum wire_result result = wire_notify(&conn->wire);

	if (result == WIRE_WANT_OUT || result == WIRE_WANT_IN) {
		conn->blocked = result == WIRE_WANT_OUT ? EPOLLOUT : EPOLLIN;
		return;
	}
	wire_shut(&conn->wire);
	conn_enter(conn, CONN_DRAINING);
}

/* One read a turn, until the peer ends or we have been patient enough. */
static void
step_draining(struct conn *conn)
{
	size_t got;

	if (wire_drain(&conn->wire, conn->pool->shared, SHARED_LEN, &got) ==
	    WIRE_END)
		conn_enter(conn, CONN_DONE);
	conn->drained += (uint32_t)got;
	if (conn->drained >= DRAIN_MAX)
		conn_enter(conn, CONN_DONE);
}

/* Goes as far towards the end as the socket lets it; the conn may be gone
 * afterwards. */
static void
step_end(struct conn *conn)
{
	if (conn->state == CONN_FLUSHING)
		step_flushing(conn);
	if (conn->state == CONN_NOTIFYING)
		step_notifying(conn);
	if (conn->state == CONN_DRAINING)
		step_draining(conn);
	if (conn->state != CONN_DONE)
		conn_settle(conn);
	if (conn->state == CONN_DONE)
		finish(conn);
}

void
conn_on_timer(struct timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, timer);

	switch ((enum conn_state)conn->state) {
	case CONN_OPEN:
	case CONN_CLEARING:
	case CONN_HANDSHAKE:
		(void)call(conn, conn->ops->on_time);
		return;
	case CONN_FLUSHING:
	case CONN_NOTIFYING:
		conn->end = CONN_TOO_SLOW;
		break;
	case CONN_DRAINING:
	case CONN_DONE:
		break;
	}
	conn_enter(conn, CONN_DONE);
	finish(conn);
}

/* --- TLS --- */

/* 0 or -errno. */
static int
begin_tls(struct conn *conn)
{
	struct ssl_st *session = conn->session;

	if (conn->tls != NULL)
		return wire_start_tls(&conn->wire, conn->tls);
	conn->session = NULL;
	return wire_start_session(&conn->wire, session);
}

/* CONN_CLEARING and CONN_HANDSHAKE; the conn may be gone afterwards. */
static void
step_tls(struct conn *conn)
{
	enum wire_result result;

	if (conn->state == CONN_CLEARING) {
		if (!conn_send_out(conn))
			goto failed;
		if (conn->out.len == 0) {
			if (begin_tls(conn) != 0)
				goto failed;
			conn_enter(conn, CONN_HANDSHAKE);
		}
		conn_settle(conn);
		if (conn->state == CONN_CLEARING || conn->tls != NULL)
			return;		/* the first word is the peer's */
	}
	result = wire_handshake(&conn->wire);
	if (result == WIRE_WANT_IN || result == WIRE_WANT_OUT) {
		conn->blocked = result == WIRE_WANT_OUT ? EPOLLOUT : EPOLLIN;
		conn_settle(conn);
		return;
	}
	conn->blocked = 0;
	if (result != WIRE_OK)
		goto failed;
	conn_enter(conn, CONN_OPEN);
	conn->secure = true;
	conn->again = true;
	conn_todo_add(conn);
	conn_settle(conn);
	(void)call(conn, conn->ops->on_tls);
	return;
failed:
	conn_begin_end(conn, CONN_ERROR);
	step_end(conn);
}

/* --- input --- */

static void
note_result(struct conn *conn, enum wire_result result)
{
	conn->read_wants = EPOLLIN;
	switch (result) {
	case WIRE_OK:
	case WIRE_WANT_IN:
		return;
	case WIRE_WANT_OUT:
		conn->read_wants = EPOLLOUT;
		return;
	case WIRE_END:
		conn->end = CONN_BY_PEER;
		break;
	case WIRE_TRUNCATED:
		conn->end = CONN_TRUNCATED;
		break;
	case WIRE_ERROR:
		conn->end = CONN_ERROR;
		break;
	}
	conn->ended = true;
}

/* Fills the shared buffer: what was left before, then what is new; returns
 * how much is new. */
static size_t
fill(struct conn *conn, bool reading)
{
	struct conn_pool *pool = conn->pool;
	struct span rest = buf_span(&conn->in);
	size_t room = conn->bulk ? SHARED_LEN : conn->limits->in_max;
	size_t got = 0;

	reading = reading && may_read(conn);
	if (rest.len != 0)
		memcpy(pool->shared, rest.p, rest.len);
	buf_clear(&conn->in);
	if (reading)
		note_result(conn, wire_read(&conn->wire,
		    pool->shared + rest.len, room - rest.len, &got));
	conn->received += got;
	if (rest.len + got == room)
		conn->bulk = true;	/* unless something is left of it */
	pool->view_of = conn;
	pool->at = 0;
	pool->len = rest.len + got;
	return got;
}

/* Shows the input until the owner takes no more of it. False if the conn is
 * gone. */
static bool
show(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;
	size_t before;

	do {
		before = pool->at;
		if (!call(conn, conn->ops->on_input))
			return false;
	} while (conn->state == CONN_OPEN && !conn->paused &&
	    pool->at != before && pool->at != pool->len);
	return true;
}

/* Keeps what the owner left in the shared buffer. */
static void
keep_rest(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;
	struct span rest = span_of(pool->shared + pool->at,
	    pool->len - pool->at);

	pool->view_of = NULL;
	if (rest.len == 0) {
		buf_free(&conn->in);
		return;
	}
	conn->bulk = false;
	must(buf_append(&conn->in, rest) == 0);
}

/* Reads once if `reading`, and shows the owner what is there. The conn may
 * be gone afterwards: false. */
static bool
take_input(struct conn *conn, bool reading)
{
	bool due = conn->again;
	size_t got = fill(conn, reading);

	conn->again = false;
	if ((got != 0 || due) && conn->pool->len != 0 && !show(conn))
		return false;
	keep_rest(conn);
	if (conn->state != CONN_OPEN)
		return true;	/* it is on the todo list */
	if (conn->ended && !conn->paused) {
		conn_begin_end(conn, (enum conn_end)conn->end);
		return true;
	}
	if (may_read(conn) && wire_pending(&conn->wire)) {
		conn->again = true;
		conn_todo_add(conn);
	}
	conn_settle(conn);
	return true;
}

/* --- events --- */

static void
ready_open(struct conn *conn, uint32_t events)
{
	if ((events & conn->blocked) != 0) {
		conn->blocked = 0;
		if (!conn_send_out(conn)) {
			conn_begin_end(conn, CONN_ERROR);
			return;
		}
		if (conn->want_drained)
			conn_todo_add(conn);
	}
	if ((events & conn->read_wants) != 0 && may_read(conn)) {
		(void)take_input(conn, true);
		return;
	}
	wait_for(conn, events_wanted(conn));
}

void
conn_on_ready(struct watch *watch, uint32_t events)
{
	struct conn *conn = container_of(watch, struct conn, watch);

	/* A dead socket is ready for all: the next call says why. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		events |= watch->events;
	switch ((enum conn_state)conn->state) {
	case CONN_OPEN:
		ready_open(conn, events);
		return;
	case CONN_CLEARING:
	case CONN_HANDSHAKE:
		conn->blocked = 0;
		step_tls(conn);
		return;
	case CONN_FLUSHING:
	case CONN_NOTIFYING:
	case CONN_DRAINING:
	case CONN_DONE:
		conn->blocked = 0;
		step_end(conn);
		return;
	}
}

static void
step_open(struct conn *conn)
{
	if (conn->again && !conn->paused) {
		if (!take_input(conn, wire_pending(&conn->wire)))
			return;
		if (conn->state != CONN_OPEN)
			return;
	}
	if (!conn_send_out(conn)) {
		conn_begin_end(conn, CONN_ERROR);
		return;
	}
	conn_settle(conn);
	if (conn->state == CONN_OPEN && conn->want_drained &&
	    conn->out.len == 0) {
		conn->want_drained = false;
		(void)call(conn, conn->ops->on_drained);
	}
}

void
conn_step(struct conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_OPEN:
		step_open(conn);
		return;
	case CONN_CLEARING:
		step_tls(conn);
		return;
	case CONN_HANDSHAKE:
		return;
	case CONN_FLUSHING:
	case CONN_NOTIFYING:
	case CONN_DRAINING:
	case CONN_DONE:
		step_end(conn);
		return;
	}
}
