/* SPDX-License-Identifier: Apache-2.0 */
/* session_state: what the files of a session share: session.c (its life and
 * its loop), session_mail.c (MAIL to the durable write), session_auth.c
 * (logins). Nobody else includes this. */
#ifndef EHLOD_SESSION_STATE_H
#define EHLOD_SESSION_STATE_H

#include "ehlod/login.h"
#include "ehlod/session.h"
#include "ehlod/transaction.h"
#include "policy/fault.h"
#include "mail/trace.h"

/* What has to happen before the engine is stepped again; one at a time. */
enum session_wait {
	WAIT_NONE,
	WAIT_ANSWER,	/* of the disk or the pool */
	WAIT_STORE,	/* it has more text than it has written */
	WAIT_PEER	/* it does not read our replies */
};

struct session {
	struct session *next, **prev;
	struct shard *shard;
	struct tally *tally;		/* counted there and with limit_open;
					 * NULL: it was refused */
	struct snapshot *snapshot;
	struct snapshot_listener *listener;
	struct conn *conn;
	struct smtp_server smtp;
	struct smtp_server_hooks hooks;
	struct transaction *transaction;
	struct login *login;
	struct session_fault *fault;	/* that is played now, or NULL */
	struct etrn *etrn;		/* under way, or NULL */
	char *user;			/* logged in as, or NULL */
	uint64_t number;		/* the same as `id` */
	char id[TRACE_ID_LEN + 1];
	unsigned char peer_bytes[16];
	unsigned char peer_len;
	unsigned char wait;		/* enum session_wait */
	bool has_moved;			/* since the deadline was set */
	bool is_closing;
	bool is_decoy;			/* the way to log in under way */
	unsigned mails;
	uint64_t text_at_ms, text_from;	/* since when, from which octet */
};

static inline struct span
peer_of(const struct session *session)
{
	return span_str(session->smtp.client);
}

static inline struct span
id_of(const struct session *session)
{
	return span_of(session->id, TRACE_ID_LEN);
}

/* The address as bytes, for limits and networks. */
static inline struct span
peer_key(const struct session *session)
{
	return span_of(session->peer_bytes, session->peer_len);
}

/* session.c: answers the open question. */
void session_answer(struct session *session, const struct reply *reply);
/* session.c: nothing is read until session_go_on(). */
void session_wait(struct session *session, enum session_wait what);
/* session.c: it waits no more (an answer has been given): on with the rest of
 * its input. */
void session_go_on(struct session *session);

/* session.c: on with its input, if it waits for nothing. */
void session_resume(struct session *session);
/* session.c: says no more, closes when the output has gone. */
void session_close(struct session *session);
/* session.c: the handshake, with these certificates. */
void session_start_tls(struct session *session, struct tls_server *tls);

/* session_mail.c: who is there, for policy. */
struct policy session_policy(const struct session *session);
/* session_mail.c: the questions of a transaction. */
void session_on_mail(struct session *session, const struct smtp_event *event);
void session_on_rcpt(struct session *session, const struct smtp_event *event);
void session_on_data(struct session *session);
void session_on_body(struct session *session, struct span bytes);
void session_on_end(struct session *session);
void session_on_over(struct session *session);
/* Text begins, or goes on after we made it wait: its pace counts from here. */
void session_time_text(struct session *session);
/* Text that comes too slowly to be a mail. */
bool session_is_dripping(const struct session *session);

/* session_trail.c: what happened, for `ehlo trail`. */
void session_trail_begin(const struct session *session);
void session_trail_tls(const struct session *session);
void session_trail_login(const struct session *session,
    const struct login *login, const struct login_answer *result);
/* `what` was refused: "mail", "rcpt", "message", "session", "login". */
void session_trail_refused(const struct session *session, const char *what,
    struct span address, const struct reply *reply);
void session_trail_end(const struct session *session, const char *why);

/* session_etrn.c: a site asks for its mail. */
void session_on_etrn(struct session *session, struct span domain);

/* session_auth.c: one step of a login. */
void session_on_auth(struct session *session, const struct smtp_event *event);
void session_on_auth_over(struct session *session);


/* session_fault.c: is a fault on purpose played at this moment? The reply that
 * comes next is then its. Returns whether it refuses, with what the engine is
 * to be told. The caller fills stage, sender, recipients, and the login where
 * it is not the session's yet. */
bool session_fault(struct session *session, struct fault_moment moment,
    struct reply *refusal);
/* It says nothing at all, and ends the session. */
bool session_fault_is_silent(const struct session *session);
/* Hooks of a reply, see smtp_server_hooks; write only while there is one. */
struct span session_fault_edit(void *arg, struct span bytes);
void session_fault_write(struct session *session, struct span bytes);
/* Its reply waits: the engine is not stepped. */
bool session_fault_holds(const struct session *session);
/* Its reply has been said: does what follows. */
void session_fault_settle(struct session *session);
/* TLS as it wants it: when the reply has been said, or now. */
void session_fault_tls_later(struct session *session);
void session_fault_start_tls(struct session *session);
void session_fault_free(struct session *session);

#endif
