/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of `ehlo load`:
 *
 *   CONNECTING → [HANDSHAKE] → TALKING: hello [STARTTLS → HANDSHAKE → hello]
 *   [AUTH] → READY ⇄ TALKING: a message → QUITTING → closed */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/die.h"
#include "base/log.h"
#include "ehlo/load_priv.h"

#define IN_MAX  (2 * ANSWER_OCTETS_MAX)
#define OUT_MAX ((size_t)64 << 10)

/* --- the end */

void
load_conn_close(struct load_conn *conn, bool has_failed)
{
	struct load *load = conn->load;

	if (conn->watch.fd < 0)
		return;
	if (conn->in_message && !conn->is_refused)
		load_count_error(load, has_failed ? "message not finished" :
		    "closed in a message", SPAN(""));
	conn->in_message = false;
	if (conn->phase == LOAD_READY)
		load_not_ready(conn);
	load_auth_end(conn);
	timer_stop(load->loop, &conn->timer);
	watch_close(load->loop, &conn->watch);
	wire_free(&conn->wire);
	(void)close(conn->watch.fd);	/* nothing is kept there */
	conn->watch.fd = -1;
	buf_free(&conn->in);
	buf_free(&conn->out);
	if (conn->phase != LOAD_CONNECTING)
		load->totals.open--;
	if (conn->opened_us != 0)	/* was never greeted */
		load->pending_n--;
	conn->opened_us = 0;
	load_closed(conn, has_failed);
}

void
load_conn_fail(struct load_conn *conn, const char *what, struct span example)
{
	load_count_error(conn->load, what, example);
	conn->is_refused = true;	/* it is counted */
	load_conn_close(conn, true);
}

static void
fail_wire(struct load_conn *conn, const char *where)
{
	char what[48], why[256];

	(void)snprintf(why, sizeof why, "%s", conn->wire.error != NULL ?
	    conn->wire.error : "closed by the server");	/* or cut */
	(void)snprintf(what, sizeof what, "%s: %.30s", where, why);
	load_conn_fail(conn, what, strlen(why) <= 30 ? SPAN("") :
	    span_str(why));
}

void
load_conn_free(struct load_conn *conn)
{
	struct load *load = conn->load;

	if (conn->watch.fd >= 0) {
		watch_close(load->loop, &conn->watch);
		wire_free(&conn->wire);
		(void)close(conn->watch.fd);
	}
	timer_stop(load->loop, &conn->timer);
	load_auth_end(conn);
	buf_free(&conn->in);
	buf_free(&conn->out);
	free(conn->rcpt);
	free(conn->rcpt_line);
}

static void
be_patient(struct load_conn *conn)
{
	if (conn->phase == LOAD_READY)
		timer_stop(conn->load->loop, &conn->timer);
	else
		timer_set(conn->load->loop, &conn->timer,
		    conn->load->options->answer_ms);
}

/* --- steps */

void
load_conn_add(struct load_conn *conn, struct smtp_step *step,
    enum smtp_step_type type, struct span line)
{
	*step = (struct smtp_step){ .type = type, .line = line };
	smtp_client_add(&conn->engine, step);
}

static void
say_hello(struct load_conn *conn)
{
	(void)snprintf(conn->line, sizeof conn->line, "%s %.255s",
	    conn->load->options->is_lmtp ? "LHLO" : "EHLO",
	    conn->load->options->hello);
	load_conn_add(conn, &conn->hello, STEP_HELLO, span_str(conn->line));
}

static struct span
rcpt_line(struct load_conn *conn, unsigned long i)
{
	const struct load_options *o = conn->load->options;
	char *line = conn->rcpt_line + i * 300;
	const char *mark = strstr(o->to, "%d");
	unsigned long number = (conn->number * o->rcpt_n + i) % o->users;

	if (mark == NULL)
		(void)snprintf(line, 300, "RCPT TO:<%s>", o->to);
	else
		(void)snprintf(line, 300, "RCPT TO:<%.*s%lu%s>",
		    (int)(mark - o->to), o->to, number, mark + 2);
	return span_str(line);
}

void
load_conn_send(struct load_conn *conn)
{
	struct load *load = conn->load;
	const struct load_options *o = load->options;

	conn->phase = LOAD_TALKING;
	conn->number = load->next_number++;
	conn->sent_n++;
	conn->rcpt_bad = conn->text_good = 0;
	conn->in_message = true;
	conn->is_refused = false;
	load_make_message(conn);
	(void)snprintf(conn->mail_line, sizeof conn->mail_line,
	    "MAIL FROM:<%s>", o->from);		/* its length was judged */
	load_conn_add(conn, &conn->mail, STEP_MAIL, span_str(conn->mail_line));
	for (unsigned long i = 0; i < o->rcpt_n; i++)
		load_conn_add(conn, &conn->rcpt[i], STEP_RCPT,
		    rcpt_line(conn, i));
	load_conn_add(conn, &conn->data, STEP_DATA, SPAN("DATA"));
	load_conn_add(conn, &conn->text, STEP_TEXT, SPAN(""));
	conn->begun_us = load_now_us();
}

void
load_conn_quit(struct load_conn *conn)
{
	conn->phase = LOAD_QUITTING;
	load_conn_add(conn, &conn->end, STEP_QUIT, SPAN("QUIT"));
}

/* --- TLS */

static bool
start_handshake(struct load_conn *conn)
{
	const struct tls_target target = {
		.name = conn->load->options->tls_name };

	conn->wire.ssl = tls_client_session(conn->load->options->tls,
	    conn->watch.fd, &target);
	conn->phase = LOAD_HANDSHAKE;
	buf_clear(&conn->in);
	if (conn->wire.ssl == NULL)
		load_conn_fail(conn, "TLS: no session", SPAN(""));
	return conn->wire.ssl != NULL;
}

/* --- bytes */

static bool
flush(struct load_conn *conn)
{
	while (conn->out.len != 0) {
		size_t sent;
		enum wire_result result = wire_write(&conn->wire,
		    buf_span(&conn->out), &sent);

		buf_consume(&conn->out, sent);
		if (result == WIRE_WANT_OUT || result == WIRE_WANT_IN)
			return false;
		if (result != WIRE_OK) {
			fail_wire(conn, "lost");
			return false;
		}
	}
	return true;
}

/* The next piece of the text into `out`. */
static void
feed(struct load_conn *conn)
{
	char *room = buf_room(&conn->out, OUT_MAX / 2);
	struct span *text = &conn->text_left[conn->text_left[0].len == 0];

	must(room != NULL);
	if (text->len != 0)
		buf_grow(&conn->out, smtp_client_text(&conn->engine, text,
		    room, OUT_MAX / 2));
	else
		buf_grow(&conn->out, smtp_client_text_end(&conn->engine,
		    room));
}

static void
say_all(struct load_conn *conn)
{
	while (conn->watch.fd >= 0 && flush(conn)) {
		char *room = buf_room(&conn->out, OUT_MAX / 2);
		size_t n = smtp_client_output(&conn->engine, room,
		    OUT_MAX / 2);

		buf_grow(&conn->out, n);
		if (n != 0)
			continue;
		if (smtp_client_wants_text(&conn->engine) == NULL)
			break;
		feed(conn);
	}
}

static void
shake(struct load_conn *conn)
{
	struct load *load = conn->load;
	uint32_t events = EPOLLIN;

	switch (wire_handshake(&conn->wire)) {
	case WIRE_OK:
		load->totals.tls++;
		smtp_client_tls_up(&conn->engine);
		conn->phase = LOAD_TALKING;
		if (load->options->tls_mode != TARGET_TLS_IMPLICIT)
			say_hello(conn);
		be_patient(conn);
		load_conn_go(conn);
		return;
	case WIRE_WANT_IN:
		break;
	case WIRE_WANT_OUT:
		events = EPOLLOUT;
		break;
	default:
		fail_wire(conn, "TLS");
		return;
	}
	(void)watch_set(load->loop, &conn->watch, events);	/* is watched */
}

void
load_conn_go(struct load_conn *conn)
{
	do
		say_all(conn);
	while (conn->watch.fd >= 0 && load_conn_digest(conn));
	if (conn->watch.fd < 0)
		return;
	if (conn->engine.is_tls_due && conn->phase != LOAD_HANDSHAKE) {
		if (start_handshake(conn))
			shake(conn);
		return;
	}
	/* an idle one holds no memory */
	if (conn->out.len == 0)
		buf_free(&conn->out);
	if (conn->in.len == 0)
		buf_free(&conn->in);
	(void)watch_set(conn->load->loop, &conn->watch, EPOLLIN |
	    (conn->out.len != 0 ? EPOLLOUT : 0u));	/* is watched */
}

static void
hear(struct load_conn *conn)
{
	char *scratch = conn->load->scratch;
	enum wire_result result;
	size_t got;

	do {
		result = wire_read(&conn->wire, scratch,
		    sizeof conn->load->scratch, &got);
		if (got != 0) {
			be_patient(conn);
			if (buf_append(&conn->in, span_of(scratch, got)) != 0) {
				load_conn_fail(conn, "no SMTP",
				    SPAN("endless"));
				return;
			}
			load_conn_go(conn);
		}
		if (conn->watch.fd < 0 || conn->phase == LOAD_HANDSHAKE)
			return;
	} while (result == WIRE_OK && wire_pending(&conn->wire));
	if (result == WIRE_OK || result == WIRE_WANT_IN ||
	    result == WIRE_WANT_OUT)
		return;
	if (conn->phase == LOAD_QUITTING)
		load_conn_close(conn, false);
	else
		fail_wire(conn, "lost");
}

/* --- beginning */

static void
begin(struct load_conn *conn)
{
	struct load *load = conn->load;
	const struct load_options *o = load->options;
	const struct smtp_client_conf conf = { .is_lmtp = o->is_lmtp,
		.no_pipelining = o->no_pipelining };

	smtp_client_init(&conn->engine, &conf);
	load_conn_add(conn, &conn->mail, STEP_GREETING, SPAN(""));
	say_hello(conn);
	load->totals.opened++;
	load->totals.open++;
	if (load->totals.open > load->totals.most_open)
		load->totals.most_open = load->totals.open;
	conn->phase = LOAD_TALKING;
	if (o->tls_mode == TARGET_TLS_IMPLICIT) {
		if (start_handshake(conn))
			shake(conn);
		return;
	}
	load_conn_go(conn);
}

static void
on_connected(struct load_conn *conn)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(conn->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) !=
	    0)
		error = errno;
	if (error != 0) {
		char what[48];

		(void)snprintf(what, sizeof what, "connect: %.35s",
		    log_errno(error));
		load_conn_fail(conn, what, SPAN(""));
		return;
	}
	begin(conn);
}

static void
on_ready(struct watch *watch, uint32_t events)
{
	struct load_conn *conn = container_of(watch, struct load_conn, watch);

	if (conn->phase == LOAD_CONNECTING) {
		on_connected(conn);
		return;
	}
	if (conn->phase == LOAD_HANDSHAKE) {
		shake(conn);
		return;
	}
	if ((events & EPOLLOUT) != 0)
		load_conn_go(conn);
	if (conn->watch.fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0)
		hear(conn);
}

static void
on_time(struct timer *timer)
{
	static const char *const where[] = { [LOAD_CLOSED] = "",
		[LOAD_CONNECTING] = "time-out: connect",
		[LOAD_HANDSHAKE] = "time-out: TLS",
		[LOAD_TALKING] = "time-out: answer", [LOAD_READY] = "",
		[LOAD_QUITTING] = "time-out: QUIT", [LOAD_OVER] = "" };
	struct load_conn *conn = container_of(timer, struct load_conn, timer);

	if (conn->phase == LOAD_CLOSED)
		load_closed(conn, false);	/* it has waited */
	else
		load_conn_fail(conn, where[conn->phase], SPAN(""));
}

static int
open_socket(const struct load_options *o)
{
	const int on = 1;
	int fd = socket(o->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -errno;
	/* only slower without it; and a local socket has none */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if ((o->source_len == 0 || bind(fd, (const void *)&o->source,
	    o->source_len) == 0) && (connect(fd, (const void *)&o->address,
	    o->address_len) == 0 || errno == EINPROGRESS))
		return fd;
	error = errno;
	(void)close(fd);
	return -error;
}

void
load_conn_open(struct load_conn *conn)
{
	struct load *load = conn->load;
	const struct load_options *o = load->options;
	int fd = open_socket(o);

	conn->timer.on_time = on_time;
	conn->watch.on_ready = on_ready;
	conn->watch.fd = -1;
	conn->sent_n = 0;
	if (fd < 0) {
		char what[48];

		(void)snprintf(what, sizeof what, "connect: %.35s",
		    log_errno(fd));
		load_count_error(load, what, SPAN(""));
		load_closed(conn, true);
		return;
	}
	if (conn->rcpt == NULL) {
		conn->rcpt = mem_new_array(o->rcpt_n, sizeof *conn->rcpt);
		conn->rcpt_line = mem_new_array(o->rcpt_n, 300);
	}
	conn->phase = LOAD_CONNECTING;
	conn->opened_us = load_now_us();
	load->pending_n++;
	wire_init(&conn->wire, fd);
	buf_init(&conn->in, IN_MAX);
	buf_init(&conn->out, OUT_MAX);
	must(watch_open(load->loop, &conn->watch, fd, EPOLLOUT) == 0);
	be_patient(conn);
}
