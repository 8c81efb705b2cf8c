/* SPDX-License-Identifier: Apache-2.0 */
/* transaction: see transaction.h. */
#include "ehlod/transaction.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/note.h"
#include "mail/date.h"
#include "mail/trace.h"
#include "trail/trail.h"

/* Envelope of one transaction: a thousand recipients with every parameter. */
#define ARENA_MAX    ((size_t)4 << 20)
/* … and of what we know of its session, which recipients cannot use up. */
#define FACTS_MAX    ((size_t)16 << 10)
#define ENVELOPE_MAX ((size_t)8 << 20)

static struct span
keep(struct transaction *t, struct span s)
{
	struct span copy = arena_copy(&t->arena, s);

	return copy.p != NULL ? copy : SPAN("");
}

static struct span
keep_addr(struct transaction *t, const struct addr *addr)
{
	char text[ADDR_MAX + 1];
	struct put out = put_init(text, sizeof text);

	if (addr->local.len != 0)
		addr_put(addr, &out);
	return keep(t, put_span(&out));
}

/* When it is released, and until when its sender wants to hear of it: from its
 * release (RFC 4865, RFC 2852). */
static void
set_times(struct envelope *envelope, const struct mail_params *params)
{
	uint64_t now = clock_real_ms(), ms;

	if (params->hold == PARAM_HOLD_UNTIL)
		envelope->release_at = params->hold_s * 1000;
	else if (params->hold == PARAM_HOLD_FOR)
		envelope->release_at = now + params->hold_s * 1000;
	if (envelope->release_at > now)
		now = envelope->release_at;
	if (params->by == PARAM_BY_NONE)
		return;
	ms = (uint64_t)(params->by_s < 0 ? -params->by_s : params->by_s) *
	    1000;
	envelope->by = params->by;
	envelope->by_trace = params->by_trace;
	envelope->by_at = params->by_s >= 0 ? now + ms :
	    now > ms ? now - ms : 1;
}

struct transaction *
transaction_new(struct shard *shard, struct session *session,
    struct snapshot *snapshot, const struct smtp_event *mail)
{
	struct transaction *t = mem_new(sizeof *t);
	const struct mail_params *params = &mail->mail.params;

	t->shard = shard;
	t->session = session;
	t->snapshot = snapshot_ref(snapshot);
	arena_init(&t->arena, ARENA_MAX);
	t->envelope.sender = keep_addr(t, &mail->mail.from);
	t->envelope.body = params->body;
	t->envelope.is_utf8 = params->smtputf8;
	t->envelope.ret = params->ret;
	if (params->requiretls)
		t->envelope.tls_need = ENVELOPE_TLS_REQUIRED;
	t->envelope.envid = keep(t, span_str(params->envid));
	if (params->has_auth)
		t->envelope.auth = keep(t, span_str(params->auth));
	set_times(&t->envelope, params);
	return t;
}

static void
free_transaction(struct transaction *t)
{
	snapshot_unref(t->snapshot);
	arena_reset(&t->arena);
	free(t);
}

/* The fields to add if they are missing (dialogues 9): only for people and
 * programs that logged in; a relayed message stays as it came. */
static void
prepare_header(struct transaction *t, uint64_t now)
{
	struct put date = put_init(t->date, sizeof t->date);
	struct put message_id =
	    put_init(t->message_id, sizeof t->message_id);
	struct put from = put_init(t->from, sizeof t->from);

	if (t->envelope.login.len == 0) {
		header_init(&t->header, SPAN(""), SPAN(""), SPAN(""));
		return;
	}
	put_str(&date, "Date: ");
	date_put(&date, now, clock_zone_min(now));
	put_str(&message_id, "Message-ID: <");
	trace_put_id(&message_id, t->id);
	put_char(&message_id, '@');
	put_str(&message_id, t->snapshot->conf->hostname);
	put_char(&message_id, '>');
	if (t->envelope.sender.len != 0) {
		put_str(&from, "From: ");
		put_bytes(&from, t->envelope.sender);
	}
	header_init(&t->header, put_span(&date), put_span(&message_id),
	    put_span(&from));
}

static void
write_received(struct transaction *t, const struct transaction_facts *facts,
    uint64_t now)
{
	char text[4096];
	struct put out = put_init(text, sizeof text);
	const struct trace_received received = {
		.envelope = &t->envelope,
		.hostname = span_str(t->snapshot->conf->hostname),
		.spool_id = t->id,
		.is_extended = facts->is_extended,
		.is_lmtp = facts->is_lmtp,
		.now_ms = now,
		.zone_min = clock_zone_min(now),
	};

	trace_put_received(&out, &received);
	store_write(t->msg, put_span(&out));
}

static void
on_drained(void *arg)
{
	struct transaction *t = arg;

	if (t->is_paused && t->session != NULL) {
		t->is_paused = false;
		session_drained(t->session);
	}
}

struct reply
transaction_refusal(int error)
{
	return (struct reply){ .id = error == -ENOSPC || error == -EDQUOT
		? REPLY_STORE_FULL : REPLY_STORE_FAILED };
}

bool
transaction_begin_text(struct transaction *t,
    const struct transaction_facts *facts, struct reply *reply)
{
	uint64_t now = clock_real_ms();
	int error = 0;

	t->msg = store_begin(t->shard->store[0].store, &error);
	if (t->msg == NULL) {
		*reply = transaction_refusal(error);
		return false;
	}
	t->id = store_msg_id(t->msg);
	store_on_drained(t->msg, on_drained, t);
	t->arena.max += FACTS_MAX;
	t->envelope.received_at = now;
	t->envelope.listener = keep(t, facts->listener);
	t->envelope.session = keep(t, facts->session);
	t->session_number = facts->session_number;
	t->envelope.login = keep(t, facts->login);
	t->envelope.client = keep(t, facts->client);
	t->envelope.hello = keep(t, facts->hello);
	t->envelope.tls = keep(t, facts->tls);
	t->envelope.rcpt = t->rcpts.rcpt;
	t->envelope.rcpt_n = t->rcpts.n;
	prepare_header(t, now);
	write_received(t, facts, now);
	return true;
}

void
transaction_write(struct transaction *t, struct span bytes)
{
	while (!t->header.is_done && bytes.len != 0) {
		size_t used = 0;
		struct span slice = header_next(&t->header, bytes, &used);

		store_write(t->msg, slice);
		t->envelope.size += slice.len;
		bytes = span_skip(bytes, used);
	}
	store_write(t->msg, bytes);
	t->envelope.size += bytes.len;
	if (store_is_full(t->msg))
		t->is_paused = true;
}

/* What only the whole header section shows. */
static bool
check_header(struct transaction *t, struct reply *reply)
{
	const struct header_reader *header = &t->header;
	enum reply_id id;

	if ((header->flaws & (HEADER_TOO_BIG | HEADER_TOO_MANY)) != 0)
		id = REPLY_HEADER_TOO_BIG;
	else if ((header->flaws & HEADER_FROM_TWICE) != 0)
		id = REPLY_TWO_FROM;
	else if (header->received_n > t->snapshot->conf->max_hops)
		id = REPLY_TOO_MANY_HOPS;
	else
		return true;
	*reply = (struct reply){ .id = id };
	return false;
}

/* All for the outside, to which there is no way yet: nothing to try. */
static enum store_state
first_state(const struct transaction *t)
{
	if (t->snapshot->conf->route_n != 0 || t->envelope.release_at != 0 ||
	    t->envelope.by != PARAM_BY_NONE)
		return STORE_READY;
	for (size_t i = 0; i < t->rcpts.n; i++)
		if (t->rcpts.rcpt[i].mailbox.len != 0)
			return STORE_READY;
	return STORE_WAITING;
}

/* Also for a session that has gone: the mail is ours all the same. */
static void
log_result(const struct transaction *t, int result)
{
	const struct envelope *envelope = &t->envelope;
	char id[TRACE_ID_LEN];
	struct put out = put_init(id, sizeof id);

	trace_put_id(&out, t->id);
	if (result == 0)
		log_info("accepted", LOG_S("id", envelope->session),
		    LOG_S("message", put_span(&out)),
		    LOG_S("from", envelope->sender),
		    LOG_U("rcpts", envelope->rcpt_n),
		    LOG_U("size", envelope->size),
		    LOG_S("login", envelope->login));
	else
		log_error("not-stored", LOG_S("id", envelope->session),
		    LOG_S("message", put_span(&out)), LOG_ERRNO(result));
}

/* All recipients with a space between; cut where they are many. */
static void
put_rcpts(const struct transaction *t, struct put *out)
{
	for (size_t i = 0; i < t->rcpts.n; i++) {
		const struct envelope_rcpt *rcpt = &t->rcpts.rcpt[i];

		if (out->cap - out->len < rcpt->address.len + 1)
			return;
		if (i != 0)
			put_char(out, ' ');
		put_bytes(out, rcpt->address);
	}
}

/* The value of Message-ID, whoever made it. */
static struct span
message_id_of(const struct transaction *t)
{
	struct span ours = span_str(t->message_id);

	(void)span_cut(&ours, ' ');
	return t->header.message_id_len != 0
	    ? span_of(t->header.message_id, t->header.message_id_len) : ours;
}

static void
tell_trail(const struct transaction *t, int result)
{
	const struct envelope *envelope = &t->envelope;
	char rcpts[4096];
	struct put to = put_init(rcpts, sizeof rcpts);

	if (!trail_is_on())
		return;
	put_rcpts(t, &to);
	trail_event(&(struct trail_event){
		.kind = result == 0 ? TRAIL_ACCEPTED : TRAIL_NOT_STORED,
		.session = t->session_number, .message = t->id,
		.number = envelope->size, .peer = envelope->client,
		.name = envelope->login, .from = envelope->sender,
		.to = put_span(&to), .facts = envelope->tls,
		.words = result == 0 ? message_id_of(t)
		    : span_str(log_errno(result)) });
}

static void
add_delivery(struct transaction *t)
{
	const struct store_entry entry = { .id = t->id,
		.due_ms = envelope_born(&t->envelope),
		.state = first_state(t) };

	t->shard->accepted++;
	store_set_note(t->shard->store[0].store, t->id,
	    note_new(&t->envelope, NOTE_RCPTS_MAX));
	delivery_add(t->shard->store[0].delivery, &entry);
}

static void
on_committed(void *arg, int result)
{
	struct transaction *t = arg;

	log_result(t, result);
	tell_trail(t, result);
	if (t->stored != NULL) {
		void (*stored)(void *, int) = t->stored;
		void *stored_arg = t->stored_arg;

		if (result != 0)
			free_transaction(t);
		stored(stored_arg, result);
		return;
	}
	if (result == 0)
		add_delivery(t);
	if (t->session != NULL)
		session_committed(t->session, t->id, result);
	free_transaction(t);
}

void
transaction_deliver(struct transaction *t)
{
	add_delivery(t);
	free_transaction(t);
}

bool
transaction_commit(struct transaction *t, struct reply *reply)
{
	struct buf envelope;

	for (;;) {
		struct span slice = header_end(&t->header);

		if (slice.len == 0)
			break;
		store_write(t->msg, slice);
		t->envelope.size += slice.len;
	}
	if (!check_header(t, reply)) {
		store_abandon(t->msg);
		t->msg = NULL;
		return false;
	}
	/* RFC 8689 4.1: the parameter counts more than the field */
	if (t->envelope.tls_need == ENVELOPE_TLS_AS_USUAL &&
	    span_caseeq(SPAN("No"), span_of(t->header.tls_required,
		t->header.tls_required_len)))
		t->envelope.tls_need = ENVELOPE_TLS_RELAXED;
	buf_init(&envelope, ENVELOPE_MAX);
	/* the arena bounds what can be in it */
	must(envelope_encode(&t->envelope, &envelope) == 0);
	t->is_committing = true;
	store_accept_as(t->msg, first_state(t), envelope_born(&t->envelope));
	store_commit(t->msg, buf_span(&envelope), on_committed, t);
	t->msg = NULL;
	buf_free(&envelope);
	return true;
}

void
transaction_over(struct transaction *t)
{
	t->session = NULL;
	if (t->is_committing)
		return;		/* on_committed frees it */
	if (t->msg != NULL)
		store_abandon(t->msg);
	free_transaction(t);
}
