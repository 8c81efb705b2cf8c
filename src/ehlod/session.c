/* SPDX-License-Identifier: Apache-2.0 */
/* session: see session.h.
 *
 *   conn ──input──→ smtp_server_step ──event──→ handlers below ──→ answer
 *
 * 1. The engine is stepped in one place, session_resume(); handlers never step.
 * 2. While a question waits for the disk or the pool nothing is read, so a
 *    slow answer costs its own peer only; and a peer that has said all and
 *    ended its stream still gets its answers.
 * 3. A deadline moves only when the peer got somewhere: a whole command, or
 *    text at a decent rate; single bytes do not keep a session alive. While
 *    the session waits for us there is none.
 */
#include "ehlod/session.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/stamp.h"
#include "ehlod/dialogue.h"
#include "ehlod/etrn.h"
#include "ehlod/session_state.h"
#include "mail/date.h"
#include "smtp/persona.h"

/* Replies that a peer lets pile up before we stop reading its commands. */
#define REPLIES_AHEAD_MAX ((size_t)16 << 10)
/* A handshake must be over by then. */
#define HANDSHAKE_MS      60000

/* --- hooks of the engine */

static void
write_reply(void *arg, struct span bytes)
{
	struct session *session = arg;

	session->has_moved = true;	/* a reply: there was a whole command */
	if (session->fault != NULL)
		session_fault_write(session, bytes);
	else
		conn_write(session->conn, bytes);
}

/* Into memory, to those who watch, and into the log: whoever wants it. */
static void
note_dialogue(void *arg, enum smtp_direction direction, struct span line)
{
	const struct session *session = arg;
	struct transcript *transcript = session->shard->transcript;

	if (transcript_is_wanted(transcript))
		transcript_add(transcript, &(struct transcript_line){
			.session = session->number,
			.at_ms = clock_real_ms(),
			.peer = peer_of(session),
			.name = smtp_server_hello(&session->smtp),
			.is_ours = direction == SMTP_FROM_SERVER,
			.text = line });
	if (session->snapshot->conf->show_dialogue)
		dialogue_show(id_of(session), direction, line);
}

/* --- the end of a session */

static void
end(struct session *session, const char *why)
{
	struct shard *shard = session->shard;

	/* its place is free before anybody can read that it has ended */
	if (session->tally != NULL) {
		limit_close(shard->shared->limit, peer_key(session));
		atomic_fetch_sub(&session->tally->sessions, 1);
	}
	log_info("session-end", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)),
	    LOG_U("mails", session->mails), LOG_Z("why", why));
	session_trail_end(session, why);
	if (session->transaction != NULL)
		transaction_over(session->transaction);
	login_free(session->login);
	etrn_forget(session->etrn);
	session_fault_free(session);
	conn_free(session->conn);
	*session->prev = session->next;
	if (session->next != NULL)
		session->next->prev = session->prev;
	shard->sessions_n--;
	snapshot_unref(session->snapshot);
	free(session->user);
	free(session);
	shard_work_gone(shard);
}

/* on_closed() ends it. */
void
session_close(struct session *session)
{
	if (session->is_closing)
		return;
	session->is_closing = true;
	conn_close(session->conn);
}

/* --- deadlines */

static void
set_deadline(struct session *session)
{
	const struct conf_listener *conf = session->listener->conf;

	session->has_moved = false;
	if (session->is_closing)
		return;
	if (session->wait == WAIT_ANSWER || session->wait == WAIT_STORE ||
	    session_fault_holds(session))
		conn_deadline(session->conn, 0);
	else if (smtp_server_in_body(&session->smtp))
		conn_deadline(session->conn, conf->data_timeout_ms);
	else
		conn_deadline(session->conn, conf->timeout_ms);
}

static void
on_time(struct conn *conn, void *owner)
{
	struct session *session = owner;

	(void)conn;
	log_info("timeout", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)),
	    LOG_Z("in", smtp_server_in_body(&session->smtp) ? "text"
		: "command"));
	smtp_server_close(&session->smtp,
	    REPLY_OF(TIMEOUT, session->listener->smtp.hostname));
	session_close(session);
}

void
session_answer(struct session *session, const struct reply *reply)
{
	if (!reply_is_positive(reply->id))
		session->shard->refused++;
	smtp_server_answer(&session->smtp, reply);
}

static void
say_ready(struct session *session)
{
	char text[64];
	struct put date = put_init(text, sizeof text);
	uint64_t now = clock_real_ms();
	struct reply refusal;

	if (persona_has(session->listener->smtp.persona, PERSONA_SHORT_HOUR))
		date_put_short(&date, now, clock_zone_min(now));
	else
		date_put(&date, now, clock_zone_min(now));
	if (session_fault(session,
	    (struct fault_moment){ .stage = CONF_AT_BANNER }, &refusal))
		smtp_server_greet(&session->smtp, &refusal);
	else
		smtp_server_greet(&session->smtp, REPLY_OF(READY,
		    session->listener->smtp.hostname, put_span(&date)));
	session_resume(session);	/* a fault may want more */
}

/* --- TLS */

void
session_start_tls(struct session *session, struct tls_server *tls)
{
	size_t dropped = conn_start_tls(session->conn, tls);

	conn_deadline(session->conn, HANDSHAKE_MS);
	session->has_moved = false;	/* on_tls() sets the next one */
	if (dropped != 0)
		log_warning("plaintext-dropped", LOG_S("id", id_of(session)),
		    LOG_S("peer", peer_of(session)),
		    LOG_U("octets", dropped),
		    LOG_Z("why", "sent behind STARTTLS, before the "
			"handshake"));
}

static void
on_starttls(struct session *session)
{
	struct reply refusal;

	if (session->listener->tls == NULL) {
		session_answer(session, REPLY_OF(STARTTLS_FAILED));
		return;
	}
	if (session_fault(session,
	    (struct fault_moment){ .stage = CONF_AT_STARTTLS }, &refusal)) {
		session_answer(session, &refusal);
		return;
	}
	session_answer(session, REPLY_OF(STARTTLS_GO));
	if (session->fault != NULL)
		session_fault_tls_later(session);
	else
		session_start_tls(session, session->listener->tls);
}

/* Nothing said in clear counts inside TLS (RFC 3207 4.2): who logged in before
 * is nobody again. */
static void
forget_everything(struct session *session)
{
	free(session->user);
	session->user = NULL;
	smtp_server_tls_up(&session->smtp);
}

static void
on_tls(struct conn *conn, void *owner)
{
	struct session *session = owner;
	char text[128];

	conn_tls_text(conn, text, sizeof text);
	log_info("tls", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)), LOG_Z("session", text));
	session_trail_tls(session);
	if (session->listener->conf->tls == CONF_TLS_IMPLICIT)
		say_ready(session);
	else
		forget_everything(session);
	set_deadline(session);
}

/* --- the loop of one session */

/* With the latest date to which mail is held, for those for whom it is. */
static void
say_hello(struct session *session)
{
	char memory[STAMP_LEN];
	struct put latest = put_init(memory, sizeof memory);

	stamp_put(&latest, clock_real_ms() / 1000 +
	    session->listener->smtp.hold_max_s);
	session_answer(session, REPLY_OF(HELLO, put_span(&latest)));
}

static void
answer_hello(struct session *session, bool is_extended)
{
	struct reply refusal;

	if (is_extended && session_fault(session,
	    (struct fault_moment){ .stage = CONF_AT_EHLO }, &refusal))
		session_answer(session, &refusal);
	else
		say_hello(session);
}

/* True: an event has been dealt with, go on. */
static bool
handle(struct session *session, const struct smtp_event *event)
{
	switch (event->type) {
	case SMTP_MORE:
	case SMTP_WAIT:
		return false;
	case SMTP_HELLO:
		answer_hello(session, event->hello.is_extended);
		return true;
	case SMTP_STARTTLS:
	case SMTP_CLOSE:
		return false;	/* the input ends: session_resume() */
	case SMTP_AUTH:
		session_on_auth(session, event);
		return true;
	case SMTP_AUTH_OVER:
		session_on_auth_over(session);
		return true;
	case SMTP_MAIL:
		session_on_mail(session, event);
		return true;
	case SMTP_RCPT:
		session_on_rcpt(session, event);
		return true;
	case SMTP_ETRN:
		session_on_etrn(session, event->etrn.domain);
		return true;
	case SMTP_DATA:
		session_on_data(session);
		return true;
	case SMTP_BODY:
		session_on_body(session, event->body.bytes);
		return true;
	case SMTP_END:
		session_on_end(session);
		return true;
	case SMTP_OVER:
		session_on_over(session);
		return true;
	case SMTP_NOTE:
		log_info("note", LOG_S("id", id_of(session)),
		    LOG_S("peer", peer_of(session)),
		    LOG_Z("what", event->note.what));
		return true;
	}
	return false;
}

/* The server stops and this session has nothing half done. */
static bool
must_leave(const struct session *session)
{
	return session->shard->is_stopping && !session->is_closing &&
	    session->wait != WAIT_ANSWER &&
	    !smtp_server_in_transaction(&session->smtp);
}

static void
leave(struct session *session)
{
	smtp_server_close(&session->smtp,
	    REPLY_OF(SHUTDOWN, session->listener->smtp.hostname));
	session_close(session);
}

static bool
may_step(struct session *session)
{
	session_fault_settle(session);
	if (session->wait != WAIT_NONE || session->is_closing ||
	    session_fault_holds(session))
		return false;
	if (conn_waiting(session->conn) <= REPLIES_AHEAD_MAX)
		return true;
	/* it does not read: read no more from it either */
	session_wait(session, WAIT_PEER);
	conn_want_drained(session->conn);
	return false;
}

/* Steps the engine until it wants input or an answer. Nobody calls back from
 * inside a step: conn, store and pool tell what they have from the loop. */
void
session_resume(struct session *session)
{
	struct smtp_event *event = &session->shard->event;
	bool was_in_text = smtp_server_in_body(&session->smtp);
	bool goes_on = true;
	size_t total = 0;

	if (!was_in_text)
		session_time_text(session);
	while (goes_on && may_step(session)) {
		struct span in = conn_input(session->conn);
		size_t used = smtp_server_step(&session->smtp, in, event);

		total += used;
		goes_on = handle(session, event);
		/* the event's spans may point into the input: only now */
		conn_consume(session->conn, used);
		if (event->type == SMTP_STARTTLS)
			on_starttls(session);
		else if (event->type == SMTP_CLOSE)
			session_close(session);
		if (must_leave(session))
			leave(session);
	}
	if (total != 0 &&
	    (was_in_text || smtp_server_in_body(&session->smtp)) &&
	    !session_is_dripping(session))
		session->has_moved = true;
	if (session->has_moved)
		set_deadline(session);
}

void
session_wait(struct session *session, enum session_wait what)
{
	must(session->wait == WAIT_NONE);
	session->wait = (unsigned char)what;
	session->has_moved = true;
	conn_pause(session->conn);
}

void
session_go_on(struct session *session)
{
	must(session->wait != WAIT_NONE);
	session->wait = WAIT_NONE;
	session->has_moved = true;
	if (!session_fault_holds(session))
		conn_resume(session->conn);
	session_resume(session);
}

static void
on_input(struct conn *conn, void *owner)
{
	(void)conn;
	session_resume(owner);
}

static void
on_drained(struct conn *conn, void *owner)
{
	struct session *session = owner;

	(void)conn;
	if (session->wait == WAIT_PEER)
		session_go_on(session);
}

static void
on_closed(struct conn *conn, void *owner, enum conn_end how)
{
	static const char *const words[] = {
		[CONN_BY_PEER] = "peer closed",
		[CONN_BY_US] = "closed",
		[CONN_TRUNCATED] = "TLS stream cut off",
		[CONN_ERROR] = "error",
		[CONN_TOO_SLOW] = "peer does not read",
	};
	struct session *session = owner;

	end(session, how == CONN_ERROR ? conn_error(conn) : words[how]);
}

static const struct conn_ops session_ops = {
	.on_input = on_input,
	.on_drained = on_drained,
	.on_tls = on_tls,
	.on_time = on_time,
	.on_closed = on_closed,
};

/* --- the beginning */

/* Counts a caller that is served; why another is not: false, with the words.
 */
static bool
may_enter(struct session *session, struct tally *tally,
    struct reply *refusal)
{
	const struct conf_listener *conf = session->listener->conf;

	if (atomic_fetch_add(&tally->sessions, 1) >= conf->max_sessions) {
		*refusal = (struct reply){ .id = REPLY_SERVER_BUSY };
		atomic_fetch_sub(&tally->sessions, 1);
		return false;
	}
	if (!limit_open(session->shard->shared->limit, peer_key(session),
	    conf->max_sessions_per_address, loop_now(session->shard->loop))) {
		*refusal = (struct reply){ .id = REPLY_TOO_MANY_SESSIONS,
			.arg = { peer_of(session),
			    session->listener->smtp.hostname } };
		atomic_fetch_sub(&tally->sessions, 1);
		return false;
	}
	session->tally = tally;
	return true;
}

/* `at connect`: whether the greeting is over with it. */
static bool
is_refused_on_purpose(struct session *session, bool is_implicit)
{
	struct reply refusal;

	if (session_fault(session,
	    (struct fault_moment){ .stage = CONF_AT_CONNECT }, &refusal) &&
	    !is_implicit)
		smtp_server_greet(&session->smtp, &refusal);
	else if (session_fault_is_silent(session))
		session_fault_write(session, SPAN(""));
	else
		return false;
	session_resume(session);
	return true;
}

/* TLS from the first byte: nothing can be refused before it. */
static void
begin_tls(struct session *session)
{
	struct reply ignored;

	(void)session_fault(session,
	    (struct fault_moment){ .stage = CONF_AT_STARTTLS }, &ignored);
	if (session->fault != NULL) {
		session_fault_start_tls(session);
		return;
	}
	(void)conn_start_tls(session->conn, session->listener->tls);
	conn_deadline(session->conn, HANDSHAKE_MS);
}

static void
greet(struct session *session, struct tally *tally)
{
	bool is_implicit = session->listener->conf->tls == CONF_TLS_IMPLICIT;
	struct reply refusal;

	if (!may_enter(session, tally, &refusal)) {
		log_notice("refused", LOG_S("id", id_of(session)),
		    LOG_S("peer", peer_of(session)), LOG_Z("what", "session"),
		    LOG_Z("why", reply_name(refusal.id)));
		session_trail_refused(session, "session", SPAN(""), &refusal);
		/* in TLS nobody could read it: the close says it */
		if (!is_implicit)
			smtp_server_greet(&session->smtp, &refusal);
		session_close(session);
		return;
	}
	if (is_refused_on_purpose(session, is_implicit))
		return;
	if (is_implicit) {
		begin_tls(session);
		return;
	}
	say_ready(session);
	set_deadline(session);
}

static void
link_session(struct session *session)
{
	struct shard *shard = session->shard;

	session->next = shard->sessions;
	session->prev = &shard->sessions;
	if (session->next != NULL)
		session->next->prev = &session->next;
	shard->sessions = session;
	shard->sessions_n++;
	shard->sessions_total++;
}

void
session_open(struct shard_port *port, int fd)
{
	struct shard *shard = port->shard;
	struct session *session = mem_new(sizeof *session);
	struct put id = put_init(session->id, sizeof session->id);
	char peer[64];
	uint16_t peer_port;

	session->shard = shard;
	session->snapshot = snapshot_ref(shard->snapshot);
	session->listener = &session->snapshot->listener[port->listener];
	session->conn = conn_new(shard->conns, fd, &session_ops,
	    &session->listener->limits, session);
	if (session->conn == NULL) {
		log_warning("session-failed", LOG_ERRNO(errno));
		snapshot_unref(session->snapshot);
		free(session);
		return;
	}
	session->number = shard_session_id(shard);
	trace_put_id(&id, session->number);
	conn_peer(session->conn, peer, &peer_port);
	session->peer_len = (unsigned char)conn_peer_bytes(session->conn,
	    session->peer_bytes);
	session->hooks = (struct smtp_server_hooks){ .write = write_reply,
		.edit = session_fault_edit,
		.transcript = note_dialogue,
		.arg = session };
	smtp_server_init(&session->smtp, &session->listener->smtp,
	    &session->hooks, span_str(peer),
	    session->listener->conf->tls == CONF_TLS_IMPLICIT);
	link_session(session);
	log_info("session", LOG_S("id", id_of(session)), LOG_Z("peer", peer),
	    LOG_U("port", peer_port),
	    LOG_Z("listener", session->listener->conf->name));
	session_trail_begin(session);
	greet(session, port->port->tally);
}

void
session_end_all(struct shard *shard, enum session_end how)
{
	struct session *session, *next;

	for (session = shard->sessions; session != NULL; session = next) {
		next = session->next;
		if (how == SESSION_END_NOW)
			end(session, "server stopped");
		else if (must_leave(session) || (how == SESSION_END_TOLD &&
		    session->wait != WAIT_ANSWER))
			leave(session);
	}
}
