/* SPDX-License-Identifier: Apache-2.0 */
/* bounce: see bounce.h.
 *
 *   loop: begin ─► pool: reads the original, writes the notice ─► loop: spool
 */
#include "deliver/bounce.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "mail/dsn.h"
#include "mail/trace.h"
#include "smtp/explain.h"
#include "smtp/param.h"
#include "trail/trail.h"

#define TEXT_MAX   ((size_t)8 << 20)	/* of a notice */
#define HEADER_MAX ((size_t)64 << 10)	/* of a header that comes back */
#define ARENA_MAX  ((size_t)8 << 20)
#define BUSY_MS    200

struct bounce {
	struct pool_job pool_job;
	struct timer nap;
	const struct bounce_env *env;
	struct parcel *parcel;
	void (*done)(void *arg, struct parcel *parcel, int result);
	void *arg;
	uint64_t now_ms;
	struct dsn dsn;
	struct dsn_rcpt *rcpt;
	struct explain *explain;
	char id[TRACE_ID_LEN];
	uint64_t spool_id;
	int error;
	struct buf original, text;
	struct arena arena;
	struct envelope envelope;
};

/* --- who is told what */

/* Somebody who has not heard of the delay: the attempt that is made when the
 * time has come is the one that tells. */
static bool
is_late(const struct parcel *parcel, uint64_t now_ms)
{
	uint64_t wait = parcel->conf->warn_after_ms;
	uint64_t at = envelope_born(&parcel->envelope) + wait;

	return wait != 0 && now_ms >= at && parcel->due_ms <= at;
}

/* RFC 2852 4.1.4: that it left for where nobody minds its time, or that it
 * left at all if that is to be traced. */
static bool
is_by_told(const struct envelope *envelope, const struct outcome *outcome)
{
	return envelope->by_trace != 0 ||
	    (envelope->by == PARAM_BY_NOTIFY && !outcome->has_by);
}

static bool
is_told(const struct parcel *parcel, uint32_t i, uint64_t now_ms,
    enum dsn_action *action)
{
	uint64_t notify = parcel->envelope.rcpt[i].notify;
	const struct outcome *outcome = &parcel->outcome[i];
	const uint64_t any = PARAM_NOTIFY_SUCCESS | PARAM_NOTIFY_FAILURE |
	    PARAM_NOTIFY_DELAY;
	uint64_t wants = 0;

	switch (outcome->fate) {
	case FATE_OPEN:
	case FATE_SETTLED:
	case FATE_WAITING:
	case FATE_PARKED:
	case FATE_DISCARDED:
		return false;
	case FATE_DELIVERED:
		*action = DSN_DELIVERED;
		wants = PARAM_NOTIFY_SUCCESS;
		break;
	case FATE_RELAYED:
		wants = is_by_told(&parcel->envelope, outcome) ? any :
		    PARAM_NOTIFY_SUCCESS;
		if (outcome->has_dsn && wants != any)
			return false;
		*action = DSN_RELAYED;
		break;
	case FATE_FAILED:
	case FATE_EXPIRED:
		*action = DSN_FAILED;
		wants = PARAM_NOTIFY_FAILURE;
		break;
	case FATE_LATER:
		wants = parcel_is_by_news(parcel, now_ms) ? any :
		    PARAM_NOTIFY_DELAY;
		if (wants != any && !is_late(parcel, now_ms))
			return false;
		*action = DSN_DELAYED;
		break;
	}
	return notify == 0 ? wants != PARAM_NOTIFY_SUCCESS :
	    (notify & wants) != 0;
}

bool
bounce_is_due(const struct parcel *parcel, uint64_t now_ms)
{
	enum dsn_action action;

	for (uint32_t i = 0; i < parcel->envelope.rcpt_n; i++)
		if (is_told(parcel, i, now_ms, &action))
			return true;
	return false;
}

/* --- the notice, on a thread of the pool */

static void
set_status(struct dsn_rcpt *to, const struct outcome *outcome)
{
	static const uint16_t delivered[] = { 2, 1, 5 };
	static const uint16_t expired[] = { 4, 4, 7 };
	bool is_expired = outcome->fate == FATE_EXPIRED &&
	    !parcel_is_too_late(outcome);

	memcpy(to->status, to->action >= DSN_DELIVERED ? delivered :
	    is_expired ? expired : outcome->status, sizeof to->status);
	if (to->status[0] == 0)
		to->status[0] = to->action == DSN_FAILED ? 5 : 4;
}

static void
add_rcpt(struct bounce *bounce, uint32_t i, enum dsn_action action)
{
	const struct outcome *outcome = &bounce->parcel->outcome[i];
	const struct envelope_rcpt *from = &bounce->parcel->envelope.rcpt[i];
	struct dsn_rcpt *to = &bounce->rcpt[bounce->dsn.rcpt_n];
	struct explain *explain = &bounce->explain[bounce->dsn.rcpt_n++];
	struct explain_query query = {
		.stage = (enum explain_stage)outcome->stage,
		.code = outcome->code, .text = outcome->words };

	*to = (struct dsn_rcpt){ .address = from->address,
		.original = from->original, .orcpt = from->orcpt,
		.action = action, .code = outcome->code,
		.host = outcome->name, .words = outcome->words };
	set_status(to, outcome);
	if (action > DSN_DELAYED)
		to->words = SPAN("");	/* "250 ok" helps nobody */
	if (action > DSN_DELAYED || !outcome->is_theirs) {
		if (outcome->fate == FATE_EXPIRED &&
		    !parcel_is_too_late(outcome))
			to->advice = "It was tried for too long: send it again "
			    "later, or find another way.";
		if (!outcome->is_theirs && action <= DSN_DELAYED)
			to->host = SPAN("");
		return;
	}
	memcpy(query.status, outcome->status, sizeof query.status);
	explain_reply(&query, explain);
	to->meaning = explain->meaning;
	to->advice = explain->advice;
}

static void
fill(struct bounce *bounce)
{
	const struct parcel *parcel = bounce->parcel;
	const struct envelope *envelope = &parcel->envelope;
	struct dsn *dsn = &bounce->dsn;
	enum dsn_action action;
	bool has_failed = false;

	for (uint32_t i = 0; i < envelope->rcpt_n; i++) {
		if (!is_told(parcel, i, bounce->now_ms, &action))
			continue;
		has_failed = has_failed || action == DSN_FAILED;
		add_rcpt(bounce, i, action);
	}
	dsn->rcpt = bounce->rcpt;
	dsn->hostname = span_str(parcel->conf->hostname);
	dsn->to = envelope->sender;
	dsn->envid = envelope->envid;
	dsn->id = span_of(bounce->id, sizeof bounce->id);
	dsn->now_ms = bounce->now_ms;
	dsn->arrived_ms = envelope->received_at;
	dsn->until_ms = envelope_born(envelope) + parcel->conf->expire_ms;
	dsn->zone_min = clock_zone_min(bounce->now_ms);
	dsn->is_utf8 = envelope->is_utf8 != 0;
	/* RFC 3461 6.2: only failures bring it back whole; what must be kept
	 * from others comes back without its text (RFC 8689 5) */
	dsn->is_whole = has_failed && envelope->ret != PARAM_RET_HDRS &&
	    envelope->tls_need != ENVELOPE_TLS_REQUIRED &&
	    parcel->pin.text_len <= parcel->conf->bounce_size;
}

/* The length of the header, with the line end behind its last field. */
static size_t
header_len(struct span text)
{
	const char *end = text.len == 0 ? NULL :
	    memmem(text.p, text.len, "\r\n\r\n", 4);

	return end != NULL ? (size_t)(end - text.p) + 2 : text.len;
}

static int
read_original(struct bounce *bounce)
{
	const struct parcel *parcel = bounce->parcel;
	uint64_t len = parcel->pin.text_len, at = 0;

	if (!bounce->dsn.is_whole && len > HEADER_MAX)
		len = HEADER_MAX;
	while (at < len) {
		size_t want = (size_t)(len - at < 65536 ? len - at : 65536);
		char *room = buf_room(&bounce->original, want);
		ssize_t n;

		if (room == NULL)
			return -ENOBUFS;
		n = store_read_text(parcel->store, &parcel->pin, at, room,
		    want);
		if (n <= 0)
			return n == 0 ? -EBADMSG : (int)n;
		buf_grow(&bounce->original, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

static int
compose(struct bounce *bounce)
{
	struct span original = buf_span(&bounce->original);
	int error;

	if (!bounce->dsn.is_whole)
		original = span_first(original, header_len(original));
	bounce->dsn.has_8bit = !text_is_ascii(original);
	error = dsn_put_head(&bounce->dsn, &bounce->text);
	if (error == 0)
		error = buf_append(&bounce->text, original);
	if (error == 0)
		error = dsn_put_tail(&bounce->dsn, &bounce->text);
	return error;
}

static void
work(struct pool_job *pool_job)
{
	struct bounce *bounce = container_of(pool_job, struct bounce,
	    pool_job);

	fill(bounce);
	bounce->error = read_original(bounce);
	/* a text that cannot be read any more: the notice without it */
	if (bounce->error == -EBADMSG || bounce->error == -EIO) {
		bounce->dsn.is_whole = false;
		buf_clear(&bounce->original);
		bounce->error = 0;
	}
	if (bounce->error == 0)
		bounce->error = compose(bounce);
}

/* --- into the spool */

static void
end(struct bounce *bounce, int result)
{
	struct parcel *parcel = bounce->parcel;
	void (*done)(void *arg, struct parcel *parcel, int result) =
	    bounce->done;
	void *arg = bounce->arg;

	buf_free(&bounce->original);
	buf_free(&bounce->text);
	arena_reset(&bounce->arena);
	free(bounce->rcpt);
	free(bounce->explain);
	free(bounce);
	done(arg, parcel, result);
}

static void
tell(const struct bounce *bounce)
{
	const struct parcel *parcel = bounce->parcel;
	char of[TRACE_ID_LEN], id[TRACE_ID_LEN];
	struct put put = put_init(of, sizeof of);
	struct put name = put_init(id, sizeof id);
	bool is_delay = true;

	for (size_t i = 0; i < bounce->dsn.rcpt_n; i++)
		is_delay = is_delay &&
		    bounce->dsn.rcpt[i].action == DSN_DELAYED;
	trace_put_id(&put, parcel->pin.id);
	trace_put_id(&name, bounce->spool_id);
	log_info("notice", LOG_S("id", put_span(&name)),
	    LOG_S("of", put_span(&put)), LOG_S("to", bounce->dsn.to),
	    LOG_U("rcpts", bounce->dsn.rcpt_n),
	    LOG_Z("kind", is_delay ? "delay" : "report"));
	trail_event(&(struct trail_event){
		.kind = is_delay ? TRAIL_DELAY_TOLD : TRAIL_BOUNCED,
		.message = parcel->pin.id, .other = bounce->spool_id,
		.to = bounce->dsn.to });
}

static void
on_committed(void *arg, int result)
{
	struct bounce *bounce = arg;
	const struct store_entry entry = { .id = bounce->spool_id,
		.due_ms = bounce->now_ms, .state = STORE_READY };

	if (result == 0) {
		tell(bounce);
		bounce->env->stored(bounce->env->arg, bounce->parcel->store,
		    &entry, &bounce->envelope);
	}
	end(bounce, result);
}

static void
commit(struct bounce *bounce, struct store_msg *msg)
{
	struct envelope *envelope = &bounce->envelope;
	struct buf bytes;

	store_write(msg, buf_span(&bounce->text));
	envelope->received_at = bounce->now_ms;
	envelope->size = bounce->text.len;
	envelope->body = bounce->dsn.has_8bit || bounce->dsn.is_utf8 ?
	    PARAM_BODY_8BITMIME : PARAM_BODY_7BIT;
	envelope->is_utf8 = bounce->dsn.is_utf8;
	if (bounce->parcel->envelope.tls_need == ENVELOPE_TLS_REQUIRED)
		envelope->tls_need = ENVELOPE_TLS_REQUIRED;
	for (size_t i = 0; i < envelope->rcpt_n; i++)
		envelope->rcpt[i].notify = PARAM_NOTIFY_NEVER;
	buf_init(&bytes, ARENA_MAX);
	must(envelope_encode(envelope, &bytes) == 0);
	store_commit(msg, buf_span(&bytes), on_committed, bounce);
	buf_free(&bytes);
}

static void
on_written(struct pool_job *pool_job)
{
	struct bounce *bounce = container_of(pool_job, struct bounce,
	    pool_job);
	struct store_msg *msg;
	int error = bounce->error;

	if (error != 0) {
		end(bounce, error);
		return;
	}
	msg = store_begin(bounce->parcel->store, &error);
	if (msg == NULL) {
		end(bounce, error);
		return;
	}
	bounce->spool_id = store_msg_id(msg);
	commit(bounce, msg);
}

/* --- the beginning */

static void
start(struct bounce *bounce)
{
	if (pool_add(bounce->env->pool, bounce->env->loop,
	    &bounce->pool_job) != 0)
		timer_set(bounce->env->loop, &bounce->nap, BUSY_MS);
}

static void
on_nap_over(struct timer *timer)
{
	start(container_of(timer, struct bounce, nap));
}

static void
on_nobody(struct timer *timer)
{
	struct bounce *bounce = container_of(timer, struct bounce, nap);

	end(bounce, 0);
}

/* Nobody to be told; the log is. */
static bool
has_addressee(struct bounce *bounce)
{
	const struct parcel *parcel = bounce->parcel;
	struct span sender = parcel->envelope.sender;
	const char *why = "the null sender gets no notices";
	char id[TRACE_ID_LEN];
	struct put put = put_init(id, sizeof id);

	if (sender.len != 0) {
		why = "there is no such address here";
		if (bounce->env->find(bounce->env->arg, sender,
		    &bounce->arena, &bounce->envelope.rcpt,
		    &bounce->envelope.rcpt_n))
			return true;
	}
	trace_put_id(&put, parcel->pin.id);
	log_warning("no-notice", LOG_S("id", put_span(&put)),
	    LOG_S("to", sender), LOG_Z("why", why));
	return false;
}

void
bounce_begin(const struct bounce_env *env, struct parcel *parcel,
    void (*done)(void *arg, struct parcel *parcel, int result), void *arg)
{
	struct bounce *bounce = mem_new(sizeof *bounce);
	size_t n = parcel->envelope.rcpt_n + 1;
	struct put put = put_init(bounce->id, sizeof bounce->id);
	uint64_t random = 0;

	bounce->env = env;
	bounce->parcel = parcel;
	bounce->done = done;
	bounce->arg = arg;
	bounce->now_ms = clock_real_ms();
	bounce->rcpt = mem_new_array(n, sizeof *bounce->rcpt);
	bounce->explain = mem_new_array(n, sizeof *bounce->explain);
	bounce->pool_job.work = work;
	bounce->pool_job.done = on_written;
	buf_init(&bounce->original, TEXT_MAX);
	buf_init(&bounce->text, 2 * TEXT_MAX);
	arena_init(&bounce->arena, ARENA_MAX);
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
		random = bounce->now_ms;
	bounce->dsn.random = random;
	trace_put_id(&put, random);
	bounce->nap.on_time = on_nap_over;
	if (has_addressee(bounce)) {
		start(bounce);
		return;
	}
	bounce->nap.on_time = on_nobody;
	timer_set(env->loop, &bounce->nap, 1);
}
