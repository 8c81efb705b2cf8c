/* SPDX-License-Identifier: Apache-2.0 */
/* control_show: "queue.show": one waiting message, whole: what its envelope
 * says, what became of each recipient, and the beginning of its text. The
 * shard that has it pins it, a thread of the pool reads. */
#include "ehlod/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/put.h"
#include "ehlod/queue_item.h"
#include "mail/trace.h"
#include "smtp/param.h"

#define TEXT_MAX  ((size_t)16 << 10)
#define ARENA_MAX ((size_t)16 << 20)
#define ITEM_MAX  ((size_t)2 << 20)

struct show_part {
	struct gather_part base;
	struct pool_job pool_job;
	uint64_t id;
	struct shard_store *at;		/* NULL: it is not here */
	struct store_pin pin;
	char *envelope, *text;
	size_t text_len;
	int error;
	struct buf out;
};

struct show {
	struct gather gather;
	struct control *control;
	struct ctl_call *call;
	unsigned part_n;
	struct show_part part[];
};

/* --- the item, on the shard's thread */

static int
put_member(struct buf *out, const char *name, struct span text)
{
	if (text.len == 0)
		return 0;
	if (buf_printf(out, ",\"%s\":", name) != 0)
		return -1;
	return queue_put_string(out, text);
}

static int
put_rcpt(struct show_part *part, const struct envelope_rcpt *rcpt, uint32_t i)
{
	struct buf *out = &part->out;

	if (buf_printf(out, "%s{\"settled\":%s", i != 0 ? "," : "",
	    store_is_settled(part->at->store, part->id, i) ? "true"
		: "false") != 0 ||
	    put_member(out, "address", rcpt->address) != 0 ||
	    put_member(out, "original", rcpt->original) != 0 ||
	    put_member(out, "orcpt", rcpt->orcpt) != 0 ||
	    put_member(out, "mailbox", rcpt->mailbox) != 0 ||
	    put_member(out, "route", rcpt->route) != 0)
		return -1;
	return buf_append(out, SPAN("}"));
}

/* What its sender wanted of the time. */
static int
put_times(struct buf *out, const struct envelope *envelope)
{
	if (envelope->release_at != 0 && buf_printf(out,
	    ",\"release\":%" PRIu64, envelope->release_at) != 0)
		return -1;
	if (envelope->by == PARAM_BY_NONE)
		return 0;
	return buf_printf(out, ",\"by\":%" PRIu64 ",\"by_mode\":\"%s\"",
	    envelope->by_at, envelope->by == PARAM_BY_RETURN ? "return" :
	    "notify");
}

static int
put_envelope(struct show_part *part, const struct envelope *envelope)
{
	struct buf *out = &part->out;
	static const char *const need[] = {
		[ENVELOPE_TLS_AS_USUAL] = "",
		[ENVELOPE_TLS_REQUIRED] = "TLS is demanded (REQUIRETLS)",
		[ENVELOPE_TLS_RELAXED] =
		    "TLS only if it works (TLS-Required: No)",
	};
	struct span tls_need = envelope->tls_need < countof(need) ?
	    span_str(need[envelope->tls_need]) : SPAN("");

	if (put_member(out, "client", envelope->client) != 0 ||
	    put_member(out, "hello", envelope->hello) != 0 ||
	    put_member(out, "tls", envelope->tls) != 0 ||
	    put_member(out, "tls_need", tls_need) != 0 ||
	    put_member(out, "session", envelope->session) != 0 ||
	    put_member(out, "envid", envelope->envid) != 0 ||
	    put_times(out, envelope) != 0 ||
	    buf_append(out, SPAN(",\"recipients\":[")) != 0)
		return -1;
	for (size_t i = 0; i < envelope->rcpt_n; i++)
		if (put_rcpt(part, &envelope->rcpt[i], (uint32_t)i) != 0)
			return -1;
	return buf_append(out, SPAN("]"));
}

/* Folded lines begin with a tab, which would be shown as such. */
static int
put_line(struct buf *out, struct span line)
{
	char text[1024];
	struct put put = put_init(text, sizeof text);

	line = span_first(line, sizeof text - 8);
	if (line.p[0] == '\t')
		put_str(&put, "    ");
	put_bytes(&put, line.p[0] == '\t' ? span_skip(line, 1) : line);
	return queue_put_string(out, put_span(&put));
}

/* The header's lines, as far as they were read. */
static int
put_header(struct show_part *part)
{
	struct span text = span_of(part->text, part->text_len);
	bool is_first = true;

	if (buf_append(&part->out, SPAN(",\"header\":[")) != 0)
		return -1;
	while (text.len != 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			break;
		if ((!is_first &&
		    buf_append(&part->out, SPAN(",")) != 0) ||
		    put_line(&part->out, line) != 0)
			return -1;
		is_first = false;
	}
	return buf_append(&part->out, SPAN("]"));
}

static int
put_item(struct show_part *part)
{
	const struct span bytes = span_of(part->envelope,
	    part->pin.envelope_len);
	struct envelope envelope;
	struct store_look look;
	struct arena arena;
	struct note *note;
	char memory[NOTE_REASON_MAX];
	int result = -1;

	if (store_look(part->at->store, part->id, &look) != 0)
		return -1;
	arena_init(&arena, ARENA_MAX);
	if (envelope_decode(bytes, &arena, &envelope) == 0) {
		note = note_new(&envelope, NOTE_RCPTS_MAX);
		if (look.note != NULL)
			note_put_reason(note,
			    delivery_reasons(part->at->delivery),
			    note_reason(look.note, memory));
		if (buf_append(&part->out, SPAN("{")) == 0 &&
		    queue_put_members(&part->out, part->at->store, &look,
			note) == 0 &&
		    put_envelope(part, &envelope) == 0 &&
		    put_header(part) == 0)
			result = buf_append(&part->out, SPAN("}"));
		note_free(note);
	}
	arena_reset(&arena);
	return result;
}

/* --- reading */

static void
read_message(struct pool_job *job)
{
	struct show_part *part = container_of(job, struct show_part,
	    pool_job);
	struct store *store = part->at->store;
	ssize_t n;

	part->envelope = mem_new((size_t)part->pin.envelope_len + 1);
	part->text = mem_new(TEXT_MAX);
	part->error = store_read_envelope(store, &part->pin, part->envelope);
	while (part->error == 0 && part->text_len < TEXT_MAX) {
		n = store_read_text(store, &part->pin, part->text_len,
		    part->text + part->text_len, TEXT_MAX - part->text_len);
		if (n <= 0)
			break;	/* a damaged text has an envelope, still */
		part->text_len += (size_t)n;
	}
}

static void
message_read(struct pool_job *job)
{
	struct show_part *part = container_of(job, struct show_part,
	    pool_job);

	if (part->error == 0 && put_item(part) != 0)
		buf_clear(&part->out);
	store_unpin(part->at->store, &part->pin);
	gather_answer(&part->base);
}

static void
ask_shard(struct loop_job *job)
{
	struct show_part *part = (struct show_part *)job;
	struct shard *shard = part->base.shard;

	for (size_t i = 0; i < shard->store_n && part->at == NULL; i++)
		if (store_pin(shard->store[i].store, part->id,
		    &part->pin) == 0)
			part->at = &shard->store[i];
	if (part->at == NULL) {
		gather_answer(&part->base);
		return;
	}
	if (pool_add(shard->shared->disk_pool, shard->loop,
	    &part->pool_job) != 0) {
		part->error = -EAGAIN;
		store_unpin(part->at->store, &part->pin);
		gather_answer(&part->base);
	}
}

/* --- the answer, on the main loop */

static void
answer(struct ctl_call *call, struct show_part *part)
{
	if (part == NULL)
		ctl_refuse(call, "no message of that id is waiting");
	else if (part->error != 0)
		ctl_refuse(call, "it cannot be read: %s",
		    log_errno(part->error));
	else if (part->out.len == 0)
		ctl_refuse(call, "its envelope is damaged");
	else {
		ctl_item(call, buf_span(&part->out));
		ctl_end(call, NULL);
	}
}

static void
on_all(struct gather *gather)
{
	struct show *show = container_of(gather, struct show, gather);
	struct control *control = show->control;
	struct show_part *found = NULL;

	for (unsigned i = 0; i < show->part_n; i++)
		if (show->part[i].at != NULL)
			found = &show->part[i];
	if (show->call != NULL)
		answer(show->call, found);
	for (unsigned i = 0; i < show->part_n; i++) {
		buf_free(&show->part[i].out);
		free(show->part[i].envelope);
		free(show->part[i].text);
	}
	free(show);
	control_end(control);
}

static void
on_gone(void *arg)
{
	struct show *show = arg;

	show->call = NULL;
}

static void
run_show(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct show *show;
	uint64_t id;

	if (!trace_parse_id(ctl_text(ctl_request_of(call), "id"), &id)) {
		ctl_refuse(call, "this is no id of a message");
		return;
	}
	show = mem_new(sizeof *show + control->shard_n * sizeof *show->part);
	show->gather = (struct gather){ .loop = control->loop,
		.done = on_all };
	show->control = control;
	show->call = call;
	show->part_n = control->shard_n;
	for (unsigned i = 0; i < show->part_n; i++) {
		show->part[i].id = id;
		show->part[i].pool_job.work = read_message;
		show->part[i].pool_job.done = message_read;
		buf_init(&show->part[i].out, ITEM_MAX);
	}
	ctl_later(call, on_gone, NULL, show);
	control_begin(control);
	gather_start(&show->gather, control->shard, control->shard_n,
	    show->part, sizeof *show->part, ask_shard);
}

static const struct ctl_field fields[] = {
	{ "id", CTL_TEXT, true },
};
static const struct ctl_request rows[] = {
	{ .name = "queue.show", .field = fields, .field_n = countof(fields),
	    .run = run_show },
};
const struct control_rows control_show_rows = { rows, countof(rows) };
