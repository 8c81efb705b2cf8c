/* SPDX-License-Identifier: Apache-2.0 */
/* session_fault: a fault on purpose, played in one session.
 *
 *   session_fault() ──→ ARMED ──the next reply──→ HOLDING ──time──→ OVER
 *                          └──── no delay ──────────────────────────↑ │
 *                    BROKEN: the handshake gets an alert ←────────────┘
 *
 * 1. The fault's words decide what happens: 4xx and 5xx refuse, with anything
 *    else things take their course. Its other effects decide how the reply
 *    arrives, if it does.
 * 2. While a reply is held the engine is not stepped and nothing is read (who
 *    has ended his stream still gets it), and there is no deadline.
 * 3. What a fault holds goes with its session. */
#include "ehlod/session_state.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlod/faults.h"

#define TEXT_MAX 8192	/* of a reply that was changed */
#define ERROR_MAX 512

enum state { ARMED, HOLDING, OVER, BROKEN };

struct session_fault {
	struct session *session;
	const struct conf_fault *fault;
	struct conf *conf;		/* a reference, for `fault` */
	enum state state;
	bool starts_tls;		/* after the reply */
	uint64_t octet_at;		/* when the next is due */
	struct timer timer;
	struct buf held;		/* not sent yet */
	char text[TEXT_MAX];
};

/* A fatal alert of TLS 1.2, handshake_failure (RFC 5246 7.2). */
static const char broken[] = { 0x15, 0x03, 0x03, 0, 2, 2, 40 };

/* --- what it does */

static unsigned
code_of(struct span text)
{
	uint64_t code = 0;

	if (text.len < 4 || text.p[3] != ' ' ||
	    !text_u64(span_first(text, 3), &code))
		return 0;
	return (unsigned)code;
}

static bool
refuses(const struct conf_fault *fault, struct reply *refusal)
{
	unsigned code = code_of(span_str(fault->reply));

	if (code < 400 || code > 599)
		return false;
	*refusal = (struct reply){ .id = code == 421 ? REPLY_FAULT_BYE
		: code < 500 ? REPLY_FAULT_TEMP : REPLY_FAULT_PERM };
	return true;
}

/* Nothing is said at all. */
static bool
is_silent(const struct conf_fault *fault)
{
	return fault->then != CONF_THEN_GO_ON && *fault->reply == '\0' &&
	    fault->cut == 0;
}

/* "%n" begins a new line, which gets the code if there is one. */
static void
put_reply(struct span text, struct put *out)
{
	bool has_code = code_of(text) != 0;
	struct span code = span_first(text, has_code ? 3 : 0);

	text = span_skip(text, has_code ? 4 : 0);
	for (;;) {
		const char *end = memmem(text.p, text.len, "%n", 2);
		size_t len = end != NULL ? (size_t)(end - text.p) : text.len;

		put_bytes(out, code);
		if (has_code)
			put_char(out, end != NULL ? '-' : ' ');
		put_bytes(out, span_first(text, len));
		put_bytes(out, SPAN("\r\n"));
		if (end == NULL)
			return;
		text = span_skip(text, len + 2);
	}
}

static bool
lacks(const struct conf_fault *fault, struct span line)
{
	struct span word = span_skip(line, 4), wanted;

	for (size_t i = 0; i < fault->without_n; i++) {
		wanted = span_str(fault->without[i]);
		if (span_casestarts(word, wanted) &&
		    (word.len == wanted.len || word.p[wanted.len] == ' ' ||
			word.p[wanted.len] == '='))
			return true;
	}
	return false;
}

/* The EHLO list without some lines, and with others. */
static void
put_list(const struct conf_fault *fault, struct span bytes, struct put *out)
{
	size_t last = 0;
	bool is_first = true;

	while (bytes.len != 0) {
		struct span line = span_cut(&bytes, '\n');

		line.len--;		/* its CR */
		if (is_first || !lacks(fault, line)) {
			last = out->len;
			put_bytes(out, line);
			put_bytes(out, SPAN("\r\n"));
			out->p[last + 3] = '-';
		}
		is_first = false;
	}
	for (size_t i = 0; i < fault->with_n; i++) {
		last = out->len;
		put_str(out, "250-");
		put_str(out, fault->with[i]);
		put_bytes(out, SPAN("\r\n"));
	}
	if (!out->full)
		out->p[last + 3] = ' ';
}

struct span
session_fault_edit(void *arg, struct span bytes)
{
	struct session *session = arg;
	struct session_fault *play = session->fault;
	const struct conf_fault *fault;
	struct put out;

	if (play == NULL || play->state != ARMED)
		return bytes;
	fault = play->fault;
	out = put_init(play->text, sizeof play->text);
	if (*fault->reply != '\0') {
		put_reply(span_str(fault->reply), &out);
		bytes = put_span(&out);
	} else if (fault->with_n + fault->without_n != 0) {
		put_list(fault, bytes, &out);
		bytes = put_span(&out);
	}
	if (fault->cut != 0)
		bytes = span_first(bytes, fault->cut);
	return is_silent(fault) ? SPAN("") : bytes;
}

/* --- when it is said */

void
session_fault_write(struct session *session, struct span bytes)
{
	struct session_fault *play = session->fault;
	const struct conf_fault *fault = play->fault;
	struct loop *loop = session->shard->loop;

	if (play->state == ARMED && fault->delay_ms + fault->slow_ms != 0) {
		must(buf_append(&play->held, bytes) == 0);
		play->state = HOLDING;
		conn_pause(session->conn);
		play->octet_at = loop_now(loop) + fault->delay_ms +
		    fault->slow_ms;
		timer_set(loop, &play->timer, fault->delay_ms != 0
		    ? fault->delay_ms : fault->slow_ms);
		return;
	}
	/* a farewell, or nothing to wait for: what is held goes first */
	timer_stop(loop, &play->timer);
	conn_write(session->conn, buf_span(&play->held));
	buf_free(&play->held);
	conn_write(session->conn, bytes);
	play->state = OVER;
}

/* Those that are due, each in a packet of its own. The loop's timers are
 * coarser than the pace may be: what is late is caught up with. */
static void
send_octets(struct session_fault *play, uint64_t now_ms)
{
	struct conn *conn = play->session->conn;

	do {
		conn_write(conn, span_first(buf_span(&play->held), 1));
		conn_flush(conn);
		buf_consume(&play->held, play->held.len != 0);
		play->octet_at += play->fault->slow_ms;
	} while (play->held.len != 0 && play->octet_at <= now_ms);
}

static void
on_timer(struct timer *timer)
{
	struct session_fault *play = container_of(timer, struct session_fault,
	    timer);
	struct session *session = play->session;
	struct loop *loop = session->shard->loop;

	if (play->fault->slow_ms != 0) {
		send_octets(play, loop_now(loop));
	} else {
		conn_write(session->conn, buf_span(&play->held));
		buf_free(&play->held);
	}
	if (play->held.len != 0) {
		timer_set(loop, timer, play->fault->slow_ms);
		return;
	}
	play->state = OVER;
	session->has_moved = true;
	conn_resume(session->conn);
	session_resume(session);
}

bool
session_fault_holds(const struct session *session)
{
	return session->fault != NULL && session->fault->state == HOLDING;
}

/* --- TLS */

static struct tls_server *
own_tls(const struct conf_fault *fault)
{
	const struct tls_cert_files files = { "", fault->certificate,
		fault->key };
	char error[ERROR_MAX];
	struct tls_server *tls = tls_server_new(&files, 1, TLS_1_2, error,
	    sizeof error);

	if (tls == NULL)
		log_error("fault-failed", LOG_Z("name", fault->name),
		    LOG_Z("why", error));
	return tls;
}

/* A reference of the caller's; NULL: none can be had, or it is `broken`. */
static struct tls_server *
tls_of(const struct session *session, const struct conf_fault *fault)
{
	switch (fault->tls) {
	case CONF_FAULT_TLS_GOOD:
		return tls_server_ref(session->listener->tls);
	case CONF_FAULT_TLS_EXPIRED:
		return tls_server_made(session->listener->conf->greeting_name,
		    -1);
	case CONF_FAULT_TLS_WRONG_NAME:
		return tls_server_made("wrong-name.invalid", 30);
	case CONF_FAULT_TLS_OWN:
		return own_tls(fault);
	case CONF_FAULT_TLS_BROKEN:
		break;
	}
	return NULL;
}

void
session_fault_start_tls(struct session *session)
{
	struct tls_server *tls = tls_of(session, session->fault->fault);

	if (tls != NULL) {
		session_start_tls(session, tls);
		tls_server_unref(tls);
		return;
	}
	/* not before the peer has begun: it may read what it has at once */
	session->fault->state = BROKEN;
}

void
session_fault_tls_later(struct session *session)
{
	session->fault->starts_tls = true;
	session_fault_settle(session);
}

/* --- its life */

void
session_fault_free(struct session *session)
{
	struct session_fault *play = session->fault;

	if (play == NULL)
		return;
	timer_stop(session->shard->loop, &play->timer);
	buf_free(&play->held);
	conf_unref(play->conf);
	free(play);
	session->fault = NULL;
}

static void
answer_handshake(struct session *session)
{
	if (session->is_closing || conn_input(session->conn).len == 0)
		return;
	conn_write(session->conn, span_of(broken, sizeof broken));
	session_fault_free(session);
	session_close(session);
}

void
session_fault_settle(struct session *session)
{
	struct session_fault *play = session->fault;
	enum conf_fault_then then;

	if (play != NULL && play->state == BROKEN) {
		answer_handshake(session);
		return;
	}
	if (play == NULL || play->state != OVER)
		return;
	then = play->fault->then;
	if (then == CONF_THEN_GO_ON && play->starts_tls)
		session_fault_start_tls(session);
	if (play->state == BROKEN)
		return;
	session_fault_free(session);
	if (then == CONF_THEN_DROP) {
		session_close(session);
	} else if (then == CONF_THEN_RESET) {
		session->is_closing = true;
		conn_reset(session->conn);
	}
}

static const char *
stage_name(enum conf_fault_stage stage)
{
	static const char *const names[] = {
		[CONF_AT_CONNECT] = "connect", [CONF_AT_BANNER] = "banner",
		[CONF_AT_EHLO] = "ehlo", [CONF_AT_STARTTLS] = "starttls",
		[CONF_AT_AUTH] = "auth", [CONF_AT_MAIL] = "mail",
		[CONF_AT_RCPT] = "rcpt", [CONF_AT_DATA] = "data",
		[CONF_AT_END] = "end",
	};

	return names[stage];
}

bool
session_fault(struct session *session, struct fault_moment moment,
    struct reply *refusal)
{
	struct faults *faults = session->shard->shared->faults;
	const struct conf_fault *fault;
	struct session_fault *play;
	struct conf *conf;

	/* one that waits for its reply goes on: connect, then the banner */
	if (session->fault != NULL)
		return session->fault->state == ARMED &&
		    refuses(session->fault->fault, refusal);
	if (!faults_are_there(faults))
		return false;
	moment.listener = span_str(session->listener->conf->name);
	moment.session = id_of(session);
	moment.client = peer_key(session);
	moment.now_ms = loop_now(session->shard->loop);
	if (moment.login.len == 0)
		moment.login = span_str(session->user);
	fault = faults_find(faults, &moment, &conf);
	if (fault == NULL)
		return false;
	play = mem_new(sizeof *play);
	play->session = session;
	play->fault = fault;
	play->conf = conf;
	play->timer.on_time = on_timer;
	buf_init(&play->held, TEXT_MAX);
	session->fault = play;
	log_notice("fault", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)), LOG_Z("name", fault->name),
	    LOG_Z("at", stage_name(fault->stage)));
	return refuses(fault, refusal);
}

bool
session_fault_is_silent(const struct session *session)
{
	return session->fault != NULL && is_silent(session->fault->fault);
}
