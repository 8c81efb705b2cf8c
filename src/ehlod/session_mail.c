/* SPDX-License-Identifier: Apache-2.0 */
/* session_mail: the questions between MAIL and the durable write. Each is
 * answered at once, or the session waits and session_committed() answers. */
#include "ehlod/session_state.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "ehlod/faults.h"
#include "smtp/persona.h"

/* Text must come at this rate, after a minute's grace (octets a second). */
#define TEXT_RATE_MIN     500
#define TEXT_GRACE_MS     60000

struct policy
session_policy(const struct session *session)
{
	return (struct policy){ .conf = session->snapshot->conf,
		.listener = session->listener->conf,
		.users = session->snapshot->users,
		.aliases = session->snapshot->aliases,
		.client = peer_key(session),
		.login = span_str(session->user) };
}

/* As it is compared with a fault's patterns; `memory` has ADDR_MAX + 1. */
static struct span
address_text(const struct addr *addr, char *memory)
{
	struct put out = put_init(memory, ADDR_MAX + 1);

	if (addr->domain.len != 0)
		addr_put(addr, &out);
	else
		put_bytes(&out, addr->local);
	return put_span(&out);
}

/* A fault at data or end, which know all recipients. */
static bool
is_faulty(struct session *session, enum conf_fault_stage stage,
    struct reply *refusal)
{
	struct transaction *t = session->transaction;
	struct span *recipient;
	bool refuses;

	if (!faults_are_there(session->shard->shared->faults))
		return false;
	recipient = mem_new_array(t->rcpts.n + 1, sizeof *recipient);
	for (size_t i = 0; i < t->rcpts.n; i++)
		recipient[i] = t->rcpts.rcpt[i].address;
	refuses = session_fault(session, (struct fault_moment){
	    .stage = stage, .sender = t->envelope.sender,
	    .recipient = recipient, .recipient_n = t->rcpts.n }, refusal);
	free(recipient);
	return refuses;
}

static void
log_refused(const struct session *session, const char *what,
    const struct addr *addr, const struct reply *reply)
{
	char text[ADDR_MAX + 1];
	struct put out = put_init(text, sizeof text);

	if (addr->local.len != 0)
		addr_put(addr, &out);
	log_info("refused", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)), LOG_Z("what", what),
	    LOG_S("address", put_span(&out)),
	    LOG_Z("why", reply_name(reply->id)));
	session_trail_refused(session, what, put_span(&out), reply);
}

/* Not longer than EHLO said, and no time that is over: a minute's difference of
 * clocks does not matter. */
static bool
may_hold(const struct session *session, const struct smtp_event *event,
    struct reply *reply)
{
	const struct mail_params *params = &event->mail.params;
	uint64_t now = clock_real_ms() / 1000;

	if (params->hold != PARAM_HOLD_UNTIL)
		return true;
	if (params->hold_s + 60 < now)
		*reply = *REPLY_OF(HOLD_IS_OVER);
	else if (params->hold_s > now + session->listener->smtp.hold_max_s)
		*reply = *REPLY_OF(HOLD_TOO_LONG);
	else
		return true;
	return false;
}

void
session_on_mail(struct session *session, const struct smtp_event *event)
{
	struct policy policy = session_policy(session);
	struct reply reply = { 0 };
	char text[ADDR_MAX + 1];

	if (session_fault(session, (struct fault_moment){
	    .stage = CONF_AT_MAIL,
	    .sender = address_text(&event->mail.from, text) }, &reply))
		log_refused(session, "mail", &event->mail.from, &reply);
	else if (policy_mail(&policy, event, &reply) &&
	    may_hold(session, event, &reply))
		session->transaction = transaction_new(session->shard,
		    session, session->snapshot, event);
	else
		log_refused(session, "mail", &event->mail.from, &reply);
	session_answer(session, &reply);
}

void
session_on_rcpt(struct session *session, const struct smtp_event *event)
{
	struct transaction *t = session->transaction;
	struct policy policy = session_policy(session);
	struct reply reply = { 0 };
	char text[ADDR_MAX + 1];
	struct span recipient = address_text(&event->rcpt.to, text);

	if (session_fault(session, (struct fault_moment){
	    .stage = CONF_AT_RCPT, .sender = t->envelope.sender,
	    .recipient = &recipient, .recipient_n = 1 }, &reply) ||
	    !policy_rcpt(&policy, event, &t->arena, &t->rcpts, &reply))
		log_refused(session, "rcpt", &event->rcpt.to, &reply);
	session_answer(session, &reply);
}

void
session_on_data(struct session *session)
{
	char tls[128] = "";
	struct reply reply = { .id = REPLY_DATA_GO };
	struct transaction_facts facts = {
		.listener = span_str(session->listener->conf->name),
		.session = id_of(session),
		.session_number = session->number,
		.login = span_str(session->user),
		.client = peer_of(session),
		.hello = smtp_server_hello(&session->smtp),
		.is_extended = smtp_server_is_extended(&session->smtp),
		.is_lmtp = session->listener->smtp.is_lmtp,
		.is_utf8 = smtp_server_is_utf8(&session->smtp),
	};

	if (conn_is_tls(session->conn)) {
		conn_tls_text(session->conn, tls, sizeof tls);
		facts.tls = span_str(tls);
	}
	if (is_faulty(session, CONF_AT_DATA, &reply)) {
		session_answer(session, &reply);
		return;
	}
	if (!transaction_begin_text(session->transaction, &facts, &reply))
		log_warning("spool-refused", LOG_S("id", id_of(session)),
		    LOG_Z("why", reply_name(reply.id)));
	session_answer(session, &reply);
}

void
session_on_body(struct session *session, struct span bytes)
{
	transaction_write(session->transaction, bytes);
	if (session->transaction->is_paused)
		session_wait(session, WAIT_STORE);
}

/* One answer; in LMTP one a recipient (RFC 2033 4.2): they share their fate,
 * for it is one durable write. */
static void
answer_end(struct session *session, const struct reply *reply)
{
	unsigned n = session->listener->smtp.is_lmtp
	    ? session->smtp.answers_due : 1;

	do
		session_answer(session, reply);
	while (n-- > 1);
}

void
session_on_end(struct session *session)
{
	struct reply reply = { 0 };

	if (!is_faulty(session, CONF_AT_END, &reply) &&
	    transaction_commit(session->transaction, &reply)) {
		session_wait(session, WAIT_ANSWER);
		return;
	}
	log_info("refused", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)), LOG_Z("what", "message"),
	    LOG_Z("why", reply_name(reply.id)));
	session_trail_refused(session, "message", SPAN(""), &reply);
	answer_end(session, &reply);
}

void
session_on_over(struct session *session)
{
	if (session->transaction != NULL)
		transaction_over(session->transaction);
	session->transaction = NULL;
}

/* The mail is ours: says so with the name the persona gives it, and logs this
 * name where it is not the spool's. */
static void
answer_queued(struct session *session, uint64_t id)
{
	const struct smtp_server_conf *smtp = &session->listener->smtp;
	char text[TRACE_ID_LEN], name_text[PERSONA_ID_MAX], decimal[20];
	struct put out = put_init(text, sizeof text);
	struct put name = put_init(name_text, sizeof name_text);
	struct put number = put_init(decimal, sizeof decimal);

	trace_put_id(&out, id);
	put_u64(&number, id);
	persona_put_id(smtp->persona, id, smtp->hostname, &name);
	if (name.len == 0) {
		answer_end(session, REPLY_OF(QUEUED, put_span(&out)));
		return;
	}
	log_info("named", LOG_S("id", id_of(session)),
	    LOG_S("message", put_span(&out)),
	    LOG_S("as", put_span(&name)), LOG_U("number", id));
	answer_end(session,
	    REPLY_OF(QUEUED, put_span(&name), put_span(&number)));
}

void
session_committed(struct session *session, uint64_t id, int result)
{
	struct reply refusal = transaction_refusal(result);

	session->transaction = NULL;	/* it frees itself */
	if (result == 0) {
		session->mails++;
		answer_queued(session, id);
	} else {
		answer_end(session, &refusal);
	}
	session_go_on(session);
}

void
session_drained(struct session *session)
{
	must(session->wait == WAIT_STORE);
	session_time_text(session);
	session_go_on(session);
}

void
session_time_text(struct session *session)
{
	session->text_at_ms = loop_now(session->shard->loop);
	session->text_from = conn_received(session->conn);
}

/* Text that drips: RFC 5321 wants three minutes between reads, but an hour for
 * a kilobyte is no mail. */
bool
session_is_dripping(const struct session *session)
{
	bool in_text = smtp_server_in_body(&session->smtp);
	uint64_t ms = loop_now(session->shard->loop) - session->text_at_ms;
	uint64_t octets = conn_received(session->conn) - session->text_from;

	return in_text && ms > TEXT_GRACE_MS &&
	    octets / (ms / 1000) < TEXT_RATE_MIN;
}
