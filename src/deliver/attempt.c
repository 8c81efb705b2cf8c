/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: one try to deliver some messages. */
#include "deliver/attempt.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/put.h"
#include "base/text.h"
#include "deliver/capture.h"
#include "mail/envelope.h"
#include "mail/trace.h"
#include "smtp/param.h"
#include "trail/trail.h"

#define TEXT_CHUNK     ((size_t)256 << 10)	/* a text up to here is read
						 * once for all recipients */
#define COMMIT_FILES   1024	/* a commit comes after so many files */
#define COMMIT_BYTES   ((uint64_t)64 << 20)	/* or octets */
#define HEAD_MAX       2048	/* octets of what we write in front */

/* One copy on its way: the tag of its file. */
struct copy {
	struct attempt_batch *batch;
	struct attempt *attempt;
	const struct envelope *envelope;
	uint32_t rcpt;
	struct span path;	/* of the mailbox, to be named if it fails */
};

/* --- saying why */

__attribute__((format(printf, 2, 3)))
static void
set_reason(struct attempt *attempt, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(attempt->reason, sizeof attempt->reason, format, args);
	va_end(args);
	attempt->reason_len = n < 0 ? 0 : strlen(attempt->reason);
}

static struct span
id_text(const struct attempt *attempt, char memory[TRACE_ID_LEN])
{
	struct put put = put_init(memory, TRACE_ID_LEN);

	trace_put_id(&put, attempt->pin.id);
	return put_span(&put);
}

/* The message as a whole cannot be tried. */
static void
fail_message(struct attempt *attempt, const char *what, int error)
{
	char id[TRACE_ID_LEN];

	parcel_free(attempt->parcel);
	attempt->parcel = NULL;
	attempt->failed_n++;
	/* damage stays; anything else may pass */
	attempt->is_broken = error == -EBADMSG;
	set_reason(attempt, "%s cannot be read: %s", what, log_errno(error));
	log_error("unreadable", LOG_S("id", id_text(attempt, id)),
	    LOG_Z("part", what), LOG_ERRNO(error));
}

static void
tell_trail(const struct copy *copy, int error)
{
	const struct envelope_rcpt *rcpt =
	    &copy->envelope->rcpt[copy->rcpt];

	trail_event(&(struct trail_event){
		.kind = error == 0 ? TRAIL_DELIVERED : TRAIL_LATER,
		.message = copy->attempt->pin.id, .to = rcpt->address,
		.peer = rcpt->mailbox,
		.words = error == 0 ? SPAN("") : span_str(log_errno(error)) });
}

/* What a parcel is told of a mailbox of ours. */
static void
set_local(struct attempt *attempt, uint32_t rcpt, enum fate fate,
    const char *words)
{
	struct outcome outcome = parcel_outcome(fate, fate == FATE_DELIVERED ?
	    2 : 4, fate == FATE_DELIVERED ? 1 : 2,
	    fate == FATE_DELIVERED ? 5 : 0, words);

	outcome.is_local = true;
	if (attempt->parcel != NULL)
		parcel_set(attempt->parcel, rcpt, &outcome);
}

static void
fail_copy(const struct copy *copy, int error)
{
	const struct envelope *envelope = copy->envelope;
	const struct envelope_rcpt *rcpt = &envelope->rcpt[copy->rcpt];
	char id[TRACE_ID_LEN];

	if (copy->attempt->failed_n++ == 0)
		set_reason(copy->attempt, "mailbox of %.*s, %.*s: %s",
		    SPAN_ARG(span_first(rcpt->mailbox, 60)),
		    SPAN_ARG(span_first(copy->path, 120)), log_errno(error));
	log_warning("deferred", LOG_S("id", id_text(copy->attempt, id)),
	    LOG_S("session", envelope->session), LOG_S("to", rcpt->address),
	    LOG_S("mailbox", rcpt->mailbox), LOG_S("folder", copy->path),
	    LOG_ERRNO(error));
	tell_trail(copy, error);
	set_local(copy->attempt, copy->rcpt, FATE_LATER, log_errno(error));
}

static void
let_wait(struct attempt *attempt, const struct envelope_rcpt *rcpt,
    const char *why)
{
	if (attempt->waiting_n++ != 0 || attempt->failed_n != 0)
		return;
	set_reason(attempt, "%.*s: %s",
	    SPAN_ARG(span_first(rcpt->address, 120)), why);
}

/* --- outcomes */

static void
on_copy(void *arg, void *tag, int result)
{
	const struct copy *copy = tag;
	struct attempt *attempt = copy->attempt;
	const struct envelope_rcpt *rcpt = &copy->envelope->rcpt[copy->rcpt];
	char id[TRACE_ID_LEN];

	(void)arg;
	if (result != 0) {
		fail_copy(copy, result);
		return;
	}
	attempt->rcpt[attempt->rcpt_n] = copy->rcpt;
	attempt->outcome[attempt->rcpt_n++] = STORE_DELIVERED;
	log_info("delivered", LOG_S("id", id_text(attempt, id)),
	    LOG_S("session", copy->envelope->session),
	    LOG_S("to", rcpt->address), LOG_S("mailbox", rcpt->mailbox));
	tell_trail(copy, 0);
	set_local(attempt, copy->rcpt, FATE_DELIVERED, "");
}

static void
commit(struct attempt_batch *batch)
{
	maildir_commit(batch->maildir, on_copy, NULL);
	batch->open_files = 0;
	batch->open_bytes = 0;
}

/* --- one copy */

/* Return-Path is final delivery's duty (RFC 5321 4.4); Delivered-To tells the
 * owner of several addresses which one it was. */
static void
write_head(struct maildir_file *file, const struct envelope *envelope,
    const struct envelope_rcpt *rcpt)
{
	char memory[HEAD_MAX];
	struct put put = put_init(memory, sizeof memory);

	trace_put_return_path(&put, envelope->sender);
	put_str(&put, "Delivered-To: ");
	for (size_t i = 0; i < rcpt->address.len; i++)
		put_char(&put, ascii_is_cntrl(rcpt->address.p[i]) ? '?' :
		    rcpt->address.p[i]);
	put_str(&put, "\r\n");
	if (!put.full)	/* addresses are bounded far below */
		maildir_write(file, put_span(&put));
}

/* Exactly `len` octets at `offset` into batch->text: 0 or -errno. */
static int
read_text(struct attempt_batch *batch, const struct store_pin *pin,
    uint64_t offset, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = store_read_text(batch->store, pin, offset + have,
		    batch->text + have, len - have);

		if (n <= 0)
			return n == 0 ? -EBADMSG : (int)n;
		have += (size_t)n;
	}
	return 0;
}

/* The whole text: 0 or -errno. One of a single chunk is read once and stays
 * for the message's next recipient. */
static int
write_text(struct attempt_batch *batch, const struct store_pin *pin,
    struct maildir_file *file)
{
	for (uint64_t at = 0; at < pin->text_len; at += TEXT_CHUNK) {
		uint64_t left = pin->text_len - at;
		size_t len = left < TEXT_CHUNK ? (size_t)left : TEXT_CHUNK;
		int error = 0;

		if (!batch->has_text)
			error = read_text(batch, pin, at, len);
		if (error != 0)
			return error;
		batch->has_text = len == pin->text_len;
		maildir_write(file, span_of(batch->text, len));
	}
	return 0;
}

/* The mailbox of this recipient; NULL, or why the configuration has no place
 * for it. */
static const char *
find_path(const struct conf *conf, const struct envelope_rcpt *rcpt,
    const struct conf_domain *domain, char path[PATH_MAX])
{
	if (capture_is_one(rcpt->mailbox))
		return capture_path(conf, rcpt->mailbox, path, PATH_MAX) == 0
		    ? NULL : "it was captured, and nothing is captured any "
			"more";
	if (maildir_path(domain->maildir, rcpt->mailbox,
	    span_str(domain->name), path, PATH_MAX) != 0)
		return "its account's name cannot be part of a path";
	return NULL;
}

/* False if the text cannot be read: another recipient would fare no better. */
static bool
write_copy(const struct copy *copy, const char *path)
{
	const struct store_pin *pin = &copy->attempt->pin;
	const struct envelope *envelope = copy->envelope;
	struct maildir_target target = { .path = path, .id = pin->id,
		.rcpt = copy->rcpt, .is_again = copy->attempt->is_again };
	struct attempt_batch *batch = copy->batch;
	struct maildir_file *file;
	int error;

	file = maildir_begin(batch->maildir, &target,
	    (void *)(uintptr_t)copy);
	write_head(file, envelope, &envelope->rcpt[copy->rcpt]);
	error = write_text(batch, pin, file);
	if (error != 0) {
		maildir_drop(file);
		fail_message(copy->attempt, "text", error);
		return false;
	}
	maildir_end(file);
	batch->open_bytes += pin->text_len;
	if (++batch->open_files >= COMMIT_FILES ||
	    batch->open_bytes >= COMMIT_BYTES)
		commit(batch);
	return true;
}

/* --- one message */

static bool
is_settled(const struct attempt *attempt, uint32_t rcpt)
{
	for (size_t i = 0; i < attempt->settled_n; i++)
		if (attempt->settled[i] == rcpt)
			return true;
	return false;
}

/* 0 or -errno. */
static int
read_envelope(struct attempt_batch *batch, struct attempt *attempt,
    struct envelope *envelope)
{
	size_t len = attempt->pin.envelope_len;
	char *bytes = arena_alloc(batch->arena, len + 1);
	int error;

	if (bytes == NULL)
		return -ENOMEM;
	error = store_read_envelope(batch->store, &attempt->pin, bytes);
	if (error != 0)
		return error;
	return envelope_decode(span_of(bytes, len), batch->arena, envelope);
}

/* Room for what becomes of the recipients. */
static bool
start_copies(struct attempt_batch *batch, struct attempt *attempt,
    const struct envelope *envelope, struct copy **copies)
{
	size_t n = envelope->rcpt_n;

	*copies = arena_alloc(batch->arena, n * sizeof **copies);
	attempt->rcpt = arena_alloc(batch->arena, n * sizeof *attempt->rcpt);
	attempt->outcome = arena_alloc(batch->arena,
	    n * sizeof *attempt->outcome);
	return *copies != NULL && attempt->rcpt != NULL &&
	    attempt->outcome != NULL;
}

/* Is there somebody else whom the attempt concerns: other servers, a sender who
 * wants to hear of it, or who has waited for so long that he must? */
static bool
needs_parcel(const struct attempt_batch *batch,
    const struct envelope *envelope, const struct route_target *target)
{
	const struct conf *conf = batch->conf;
	uint64_t now = clock_real_ms(), born = envelope_born(envelope);
	uint64_t patience = conf->expire_ms;

	if (conf->warn_after_ms != 0 && conf->warn_after_ms < patience)
		patience = conf->warn_after_ms;
	if ((patience != 0 && now > born && now - born >= patience) ||
	    parcel_overdue(envelope, now) != PARAM_BY_NONE)
		return true;
	for (size_t i = 0; i < envelope->rcpt_n; i++)
		if (target[i].kind == ROUTE_REMOTE ||
		    target[i].kind == ROUTE_DISCARD ||
		    (envelope->rcpt[i].notify & PARAM_NOTIFY_SUCCESS) != 0)
			return true;
	return false;
}

/* 0 or -errno. */
static int
make_parcel(struct attempt_batch *batch, struct attempt *attempt)
{
	size_t len = attempt->pin.envelope_len;
	char *bytes = mem_new(len + 1);
	int error = store_read_envelope(batch->store, &attempt->pin, bytes);
	struct parcel *parcel;

	if (error == 0)
		error = parcel_new(&attempt->pin, span_of(bytes, len),
		    batch->conf, &attempt->parcel);
	free(bytes);
	if (error != 0)
		return error;
	parcel = attempt->parcel;
	parcel->store = batch->store;
	parcel->is_again = attempt->is_again;
	return parcel_read_text(parcel, batch->store);
}

static void
send_away(struct attempt *attempt, uint32_t rcpt,
    const struct route_target *target)
{
	struct outcome discarded = { .fate = FATE_DISCARDED };
	struct parcel *parcel = attempt->parcel;

	if (target->kind == ROUTE_DISCARD) {
		parcel_set(parcel, rcpt, &discarded);
		return;
	}
	parcel->target[rcpt] = arena_alloc(&parcel->arena, sizeof *target);
	if (parcel->target[rcpt] != NULL)
		*parcel->target[rcpt] = *target;
	else
		set_local(attempt, rcpt, FATE_LATER, "out of memory");
}

/* One recipient; false if there is no use in looking at the others. */
static bool
run_rcpt(struct copy *copy, const struct route_target *target)
{
	struct attempt *attempt = copy->attempt;
	const struct envelope_rcpt *rcpt =
	    &copy->envelope->rcpt[copy->rcpt];
	struct outcome settled = { .fate = FATE_SETTLED };
	struct outcome returned = parcel_outcome(FATE_FAILED, 5, 7, 0,
	    "an operator of this server sent it back");
	struct outcome late = parcel_too_late();
	char path[PATH_MAX];
	const char *why = target->why;

	if (is_settled(attempt, copy->rcpt)) {
		if (attempt->parcel != NULL)
			parcel_set(attempt->parcel, copy->rcpt, &settled);
		return true;
	}
	if (attempt->is_returned) {
		parcel_set(attempt->parcel, copy->rcpt, &returned);
		return true;
	}
	if (attempt->parcel != NULL && parcel_overdue(copy->envelope,
	    clock_real_ms()) == PARAM_BY_RETURN) {
		parcel_set(attempt->parcel, copy->rcpt, &late);
		return true;
	}
	if (target->kind == ROUTE_REMOTE || target->kind == ROUTE_DISCARD) {
		send_away(attempt, copy->rcpt, target);
		return true;
	}
	if (target->kind == ROUTE_MAILBOX)
		why = find_path(copy->batch->conf, rcpt, target->domain, path);
	if (why == NULL) {
		copy->path = arena_copy(copy->batch->arena, span_str(path));
		set_local(attempt, copy->rcpt, FATE_LATER, "");
		return write_copy(copy, path);
	}
	let_wait(attempt, rcpt, why);
	set_local(attempt, copy->rcpt, FATE_WAITING, why);
	return true;
}

static struct route_target *
find_routes(struct attempt_batch *batch, const struct attempt *attempt,
    const struct envelope *envelope)
{
	struct route_target *target = mem_new_array(envelope->rcpt_n + 1,
	    sizeof *target);

	for (uint32_t i = 0; i < envelope->rcpt_n; i++)
		if (!is_settled(attempt, i) &&
		    !capture_is_one(envelope->rcpt[i].mailbox)) {
			route_find(batch->conf, envelope, i, &target[i]);
			release_apply(attempt->release, &target[i]);
			pause_apply(batch->pause, &target[i]);
		}
	return target;
}

static void
run_rcpts(struct attempt_batch *batch, struct attempt *attempt,
    const struct envelope *envelope, struct copy *copies)
{
	struct route_target *target = find_routes(batch, attempt, envelope);
	int error = 0;

	batch->has_text = false;
	attempt->born_ms = envelope_born(envelope);
	attempt->by_at = envelope->by_at;
	if (attempt->is_returned || needs_parcel(batch, envelope, target))
		error = make_parcel(batch, attempt);
	if (error != 0)
		fail_message(attempt, "text", error);
	for (uint32_t i = 0; i < envelope->rcpt_n && error == 0; i++) {
		copies[i] = (struct copy){ batch, attempt, envelope, i };
		if (!run_rcpt(&copies[i], &target[i]))
			break;
		batch->has_captured = batch->has_captured ||
		    capture_is_one(envelope->rcpt[i].mailbox);
	}
	free(target);
}

static void
run_message(struct attempt_batch *batch, struct attempt *attempt)
{
	struct envelope *envelope = arena_alloc(batch->arena,
	    sizeof *envelope);
	int error = envelope == NULL ? -ENOMEM :
	    read_envelope(batch, attempt, envelope);
	struct copy *copies;

	if (error != 0)
		fail_message(attempt, "envelope", error);
	else if (!start_copies(batch, attempt, envelope, &copies))
		fail_message(attempt, "envelope", -ENOMEM);
	else
		run_rcpts(batch, attempt, envelope, copies);
}

void
attempt_run(struct attempt_batch *batch)
{
	batch->text = mem_new(TEXT_CHUNK);
	batch->open_files = 0;
	batch->open_bytes = 0;
	batch->has_captured = false;
	for (size_t i = 0; i < batch->n; i++)
		run_message(batch, &batch->attempt[i]);
	commit(batch);
	if (batch->has_captured)
		(void)capture_trim(batch->conf, clock_real_ms());
	free(batch->text);
	batch->text = NULL;
}
