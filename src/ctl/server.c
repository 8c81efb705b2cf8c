/* SPDX-License-Identifier: Apache-2.0 */
/* server: see server.h. */
#include "ctl/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "ctl/socket.h"
#include "net/conn.h"
#include "net/listen.h"

#define CLIENTS_MAX 64
#define IDLE_MS     60000	/* for a request to be said */
#define FULL        ((size_t)256 << 10)
#define OUT_MAX     ((size_t)4 << 20)

/* A client; it has at most one request under way. */
struct ctl_call {
	struct ctl_call *next, **prev;
	struct ctl_server *server;
	struct conn *conn;
	json_t *request;	/* NULL: none is under way */
	void (*on_gone)(void *arg);
	void (*on_room)(void *arg);
	void *arg;
	struct ucred who;
	bool is_closing;
	bool is_in_input;	/* on_input is at work: it looks for more */
};

struct ctl_server {
	struct loop *loop;
	struct conn_pool *conns;
	struct listener *listener;
	char *path;
	const struct ctl_request **row;
	void **arg;
	size_t row_n;
	struct ctl_call *calls;
	unsigned calls_n;
};

static const struct conn_limits limits = { CTL_LINE_MAX, OUT_MAX };

static void look_for_request(struct ctl_call *call);

/* --- answers */

static void
say(struct ctl_call *call, struct span text)
{
	conn_write(call->conn, text);
	conn_write(call->conn, SPAN("\n"));
}

static void
say_json(struct ctl_call *call, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	if (text != NULL)
		say(call, span_str(text));
	free(text);
}

/* The request is over: the next one may come. */
static void
finish(struct ctl_call *call)
{
	json_decref(call->request);
	call->request = NULL;
	call->on_gone = call->on_room = NULL;
	conn_deadline(call->conn, IDLE_MS);
	if (!call->is_in_input)
		look_for_request(call);
}

void
ctl_item(struct ctl_call *call, struct span json)
{
	must(call->request != NULL);
	conn_write(call->conn, SPAN("{\"item\":"));
	conn_write(call->conn, json);
	say(call, SPAN("}"));
	if (ctl_is_full(call) && call->on_room != NULL)
		conn_want_drained(call->conn);
}

void
ctl_item_json(struct ctl_call *call, json_t *item)
{
	char *text = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text != NULL)
		ctl_item(call, span_str(text));
	free(text);
	json_decref(item);
}

bool
ctl_is_full(const struct ctl_call *call)
{
	return conn_waiting(call->conn) > FULL;
}

void
ctl_end(struct ctl_call *call, json_t *result)
{
	must(call->request != NULL);
	if (result == NULL)
		result = json_object();
	(void)json_object_set_new(result, "ok", json_true());
	say_json(call, result);
	json_decref(result);
	finish(call);
}

static void
say_error(struct ctl_call *call, const char *text)
{
	json_t *answer = json_pack("{s:b,s:s+}", "ok", 0, "error", text, "");

	/* only if the text is no UTF-8, which we do not say */
	if (answer == NULL)
		answer = json_pack("{s:b,s:s}", "ok", 0, "error", "failed");
	say_json(call, answer);
	json_decref(answer);
}

void
ctl_refuse(struct ctl_call *call, const char *format, ...)
{
	char text[1024];
	va_list args;

	must(call->request != NULL);
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);	/* may be cut */
	va_end(args);
	say_error(call, text);
	finish(call);
}

const json_t *
ctl_request_of(const struct ctl_call *call)
{
	return call->request;
}

void
ctl_later(struct ctl_call *call, void (*on_gone)(void *arg),
    void (*on_room)(void *arg), void *arg)
{
	must(call->request != NULL);
	call->on_gone = on_gone;
	call->on_room = on_room;
	call->arg = arg;
}

struct loop *
ctl_loop(const struct ctl_call *call)
{
	return call->server->loop;
}

/* --- requests */

static void
log_request(const struct ctl_call *call, const struct ctl_request *row)
{
	log_event(row->is_change ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,
	    "control", LOG_Z("request", row->name),
	    LOG_U("uid", call->who.uid),
	    LOG_U("pid", (uint64_t)call->who.pid));
}

static void
refuse_line(struct ctl_call *call, struct put *error)
{
	const char *text = put_cstr(error);

	log_warning("control-refused", LOG_U("uid", call->who.uid),
	    LOG_U("pid", (uint64_t)call->who.pid), LOG_Z("why", text));
	say_error(call, text);
}

static void
run_line(struct ctl_call *call, struct span line)
{
	struct ctl_server *server = call->server;
	char memory[512];
	struct put error = put_init(memory, sizeof memory);
	json_t *object = ctl_request_parse(line, &error);
	const struct ctl_request *row = NULL;
	size_t at = 0;

	if (object != NULL)
		row = ctl_request_find(object, server->row, server->row_n,
		    &at, &error);
	if (row == NULL) {
		refuse_line(call, &error);
		json_decref(object);
		return;
	}
	log_request(call, row);
	call->request = object;
	conn_deadline(call->conn, 0);
	row->run(server->arg[at], call);
}

/* A line without an end that is longer than any request. */
static void
refuse_endless(struct ctl_call *call)
{
	char memory[64];
	struct put error = put_init(memory, sizeof memory);

	put_str(&error, "the request is too long");
	refuse_line(call, &error);
	call->is_closing = true;
	conn_close(call->conn);
}

/* Takes lines until one has begun a request that is not over yet. */
static void
look_for_request(struct ctl_call *call)
{
	call->is_in_input = true;
	while (call->request == NULL && !call->is_closing) {
		struct span in = conn_input(call->conn);
		size_t len = span_find(in, '\n');
		char *copy;

		if (len == in.len) {
			if (in.len >= CTL_LINE_MAX)
				refuse_endless(call);
			break;
		}
		/* the input moves under our feet */
		copy = mem_copy(span_first(in, len));
		conn_consume(call->conn, len + 1);
		if (span_trim(span_of(copy, len)).len != 0)
			run_line(call, span_of(copy, len));
		free(copy);
	}
	call->is_in_input = false;
}

/* --- clients */

static void
on_input(struct conn *conn, void *owner)
{
	struct ctl_call *call = owner;

	(void)conn;
	if (call->request == NULL)
		look_for_request(call);
}

static void
on_drained(struct conn *conn, void *owner)
{
	struct ctl_call *call = owner;

	(void)conn;
	if (call->request != NULL && call->on_room != NULL)
		call->on_room(call->arg);
}

static void
on_time(struct conn *conn, void *owner)
{
	struct ctl_call *call = owner;

	call->is_closing = true;
	conn_close(conn);
}

static void
free_call(struct ctl_call *call)
{
	void (*gone)(void *arg) = call->on_gone;
	void *arg = call->arg;

	*call->prev = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	call->server->calls_n--;
	json_decref(call->request);
	conn_free(call->conn);
	free(call);
	if (gone != NULL)
		gone(arg);
}

static void
on_closed(struct conn *conn, void *owner, enum conn_end how)
{
	(void)conn;
	(void)how;
	free_call(owner);
}

static const struct conn_ops ops = {
	.on_input = on_input,
	.on_drained = on_drained,
	.on_time = on_time,
	.on_closed = on_closed,
};

static void
on_accepted(void *arg, int fd)
{
	struct ctl_server *server = arg;
	struct ctl_call *call = mem_new(sizeof *call);
	socklen_t len = sizeof call->who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &call->who, &len) != 0)
		call->who.uid = (uid_t)-1;
	call->server = server;
	call->conn = conn_new(server->conns, fd, &ops, &limits, call);
	if (call->conn == NULL) {
		free(call);
		return;
	}
	call->next = server->calls;
	call->prev = &server->calls;
	if (call->next != NULL)
		call->next->prev = &call->next;
	server->calls = call;
	server->calls_n++;
	if (server->calls_n > CLIENTS_MAX) {
		log_warning("control-refused", LOG_U("uid", call->who.uid),
		    LOG_Z("why", "too many clients"));
		say_error(call, "too many clients at the control socket");
		call->is_closing = true;
		conn_close(call->conn);
		return;
	}
	conn_deadline(call->conn, IDLE_MS);
}

/* --- public */

struct ctl_server *
ctl_server_new(struct loop *loop, const char *path, const char *group,
    int *error)
{
	struct ctl_server *server;
	int fd = ctl_socket_listen(path, group);

	if (fd < 0) {
		*error = fd;
		return NULL;
	}
	server = mem_new(sizeof *server);
	server->loop = loop;
	server->path = mem_copy(span_str(path));
	server->conns = conn_pool_new(loop);
	server->listener = listen_start(loop, fd, on_accepted, server);
	if (server->listener != NULL)
		return server;
	*error = -errno;
	ctl_server_free(server);
	return NULL;
}

void
ctl_server_add(struct ctl_server *server, const struct ctl_request *row,
    size_t n, void *arg)
{
	size_t all = server->row_n + n;

	server->row = mem_grow_array(server->row, all, sizeof *server->row);
	server->arg = mem_grow_array(server->arg, all, sizeof *server->arg);
	for (size_t i = 0; i < n; i++) {
		server->row[server->row_n] = &row[i];
		server->arg[server->row_n++] = arg;
	}
}

void
ctl_server_stop(struct ctl_server *server)
{
	if (server->listener == NULL)
		return;
	listen_stop(server->listener);
	server->listener = NULL;
	(void)unlink(server->path);	/* or somebody did before us */
	while (server->calls != NULL)
		free_call(server->calls);
}

void
ctl_server_free(struct ctl_server *server)
{
	if (server == NULL)
		return;
	ctl_server_stop(server);
	conn_pool_free(server->conns);
	free(server->row);
	free(server->arg);
	free(server->path);
	free(server);
}

void
ctl_server_flush(struct ctl_server *server)
{
	conn_pool_flush(server->conns);
}
