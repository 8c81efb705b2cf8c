/* SPDX-License-Identifier: Apache-2.0 */
/* session_auth: the login of a session: asks login.c, answers, and says in one
 * log line who tried, from where, how, and why it failed (never a password).
 */
#include "ehlod/session_state.h"

#include "base/buf.h"
#include "base/log.h"

static void
log_login(const struct session *session, const struct login *login,
    const struct login_answer *result)
{
	if (result->is_good)
		log_info("login", LOG_S("id", id_of(session)),
		    LOG_S("user", login_name(login)),
		    LOG_S("peer", peer_of(session)),
		    LOG_Z("mechanism", login_mechanism(login)),
		    LOG_Z("tls", conn_is_tls(session->conn) ? "yes" : "no"));
	else
		log_notice("login-failed", LOG_S("id", id_of(session)),
		    LOG_S("user", login_name(login)),
		    LOG_S("peer", peer_of(session)),
		    LOG_Z("mechanism", login_mechanism(login)),
		    LOG_Z("reason", result->why ? result->why : ""),
		    LOG_Z("tls", conn_is_tls(session->conn) ? "yes" : "no"));
}

static void
finish_login(struct session *session, const struct login_answer *result)
{
	struct shard *shard = session->shard;
	struct login_answer refused = { .why = "a fault on purpose" };
	struct reply reply;

	if (session_fault(session, (struct fault_moment){
	    .stage = CONF_AT_AUTH, .login = login_name(session->login) },
	    &refused.reply))
		result = &refused;
	reply = result->reply;
	log_login(session, session->login, result);
	session_trail_login(session, session->login, result);
	if (result->is_good) {
		shard->logins++;
		session->user = mem_copy(login_identity(session->login));
	} else {
		shard->login_failures++;
		if (reply.id == REPLY_AUTH_FAILED)
			limit_auth_failed(shard->shared->limit,
			    peer_key(session), loop_now(shard->loop));
	}
	login_free(session->login);
	session->login = NULL;
	session_answer(session, &reply);
}

static void
on_verdict(void *arg, const struct login_answer *result)
{
	struct session *session = arg;

	if (result->result == LOGIN_CHALLENGE)
		smtp_server_challenge(&session->smtp, result->challenge);
	else
		finish_login(session, result);
	session_go_on(session);
}

/* Offered, begun, refused: whatever is said. */
static bool
answer_decoy(struct session *session, const struct smtp_event *event)
{
	struct span mechanism = event->auth.mechanism;

	if (mechanism.len != 0)
		session->is_decoy = snapshot_is_decoy(session->listener,
		    mechanism);
	if (!session->is_decoy)
		return false;
	if (!event->auth.has_response) {
		smtp_server_challenge(&session->smtp, SPAN(""));
		return true;
	}
	log_notice("login-failed", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)), LOG_Z("reason", "a decoy"),
	    LOG_Z("tls", conn_is_tls(session->conn) ? "yes" : "no"));
	session_answer(session, REPLY_OF(AUTH_FAILED));
	return true;
}

static bool
has_guessed_too_often(struct session *session)
{
	struct shard *shard = session->shard;
	unsigned max = session->snapshot->conf->max_auth_failures_per_address;

	return max != 0 && limit_auth_failures(shard->shared->limit,
	    peer_key(session), loop_now(shard->loop)) >= max;
}

void
session_on_auth(struct session *session, const struct smtp_event *event)
{
	struct login_answer result;

	if (answer_decoy(session, event))
		return;
	if (event->auth.mechanism.len != 0) {
		if (has_guessed_too_often(session)) {
			log_notice("login-blocked",
			    LOG_S("id", id_of(session)),
			    LOG_S("peer", peer_of(session)),
			    LOG_Z("reason", "too many failed logins from "
				"this address in ten minutes"));
			session_trail_refused(session, "login", SPAN(""),
			    REPLY_OF(AUTH_TOO_MANY));
			session_answer(session, REPLY_OF(AUTH_TOO_MANY));
			return;
		}
		login_free(session->login);
		session->login = login_new(&(struct login_start){
			session->shard, session->snapshot, session->listener,
			session->conn, on_verdict, session },
		    event->auth.mechanism);
	}
	if (session->login != NULL &&
	    session->listener->conf->capture_any_login)
		login_accept_any(session->login);
	if (session->login == NULL) {
		session_answer(session, REPLY_OF(AUTH_TEMP));
		return;
	}
	login_step(session->login, event->auth.has_response
	    ? &event->auth.response : NULL, &result);
	switch (result.result) {
	case LOGIN_CHALLENGE:
		smtp_server_challenge(&session->smtp, result.challenge);
		break;
	case LOGIN_WAIT:
		session_wait(session, WAIT_ANSWER);
		break;
	case LOGIN_DONE:
		finish_login(session, &result);
		break;
	}
}

void
session_on_auth_over(struct session *session)
{
	login_free(session->login);
	session->login = NULL;
}
