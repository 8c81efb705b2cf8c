/* SPDX-License-Identifier: Apache-2.0 */
/* DATA and BDAT, and the text behind them.
 *
 * 1. A text that will be refused is read to its true end and given to nobody;
 *    only then is it refused. No octet of it is ever read as a command.
 * 2. A BDAT that fails ends its transaction, so that no later chunk can make
 *    a message of what is left (RFC 3030 2); its octets are skipped. */
#include "smtp/server_private.h"

#include "base/put.h"
#include "base/text.h"

bool
engine_data_command(struct smtp_server *server, struct smtp_event *event)
{
	if (server->body == PARAM_BODY_BINARYMIME) {
		engine_refuse(server, REPLY_OF(NEED_BDAT));
		server->is_data_refused = true;
		return false;
	}
	server->is_chunked = false;
	event->data.is_bdat = false;
	return engine_ask(server, event, SMTP_DATA);
}

/* "n" or "n LAST". The number is told even if what follows is wrong; 0 if
 * there is none. */
static bool
parse_bdat(struct span args, uint64_t *n, bool *has_number, bool *is_last)
{
	struct span number = span_cut(&args, ' ');

	args = span_trim(args);
	*has_number = text_u64(number, n);
	if (!*has_number)
		*n = 0;
	*is_last = span_caseeq(args, SPAN("LAST"));
	return *has_number && (*is_last || args.len == 0);
}

static bool
is_too_big(const struct smtp_server *server, uint64_t n)
{
	uint64_t max = server->conf->size_max;

	if (max == 0)
		max = UINT64_MAX;
	return n > max || server->size > max - n;
}

/* An answer a recipient in LMTP, once the whole message was there. */
static void
refuse_whole(struct smtp_server *server, void (*refuse)(struct smtp_server *))
{
	unsigned n = server->conf->is_lmtp ? server->rcpt_n : 1;

	while (n-- != 0 && server->mode != SMTP_MODE_CLOSED)
		refuse(server);
	if (server->mode != SMTP_MODE_CLOSED)
		engine_enter(server, SMTP_MODE_READY);
}

/* The transaction of a BDAT that failed. */
static void
drop_transaction(struct smtp_server *server)
{
	if (server->mode != SMTP_MODE_CLOSED &&
	    server->mode != SMTP_MODE_GREETED)
		engine_enter(server, SMTP_MODE_READY);
}

/* Octets that belong to no mail any more; unknown in number if the command
 * was malformed (then what looks like text ends the session). */
static bool
refuse_bdat(struct smtp_server *server, const struct reply *reply,
    bool has_number)
{
	engine_refuse(server, reply);
	drop_transaction(server);
	server->is_data_refused = !has_number;
	return false;
}

bool
engine_bdat_command(struct smtp_server *server, struct span args,
    const struct reply *fault, struct smtp_event *event)
{
	bool has_number, is_well;

	is_well = parse_bdat(args, &server->chunk_left, &has_number,
	    &server->is_chunk_last);
	if (!is_well)
		return refuse_bdat(server, REPLY_OF(BDAT_SYNTAX), has_number);
	if (fault->id != REPLY_COUNT)
		return refuse_bdat(server, fault, true);
	server->chunk_size = server->chunk_left;
	if (is_too_big(server, server->chunk_size)) {
		if (server->is_chunk_last) {
			refuse_whole(server, engine_refuse_size);
		} else {
			engine_refuse_size(server);
			drop_transaction(server);
		}
		return false;
	}
	if (server->mode == SMTP_MODE_RCPT) {
		server->is_chunked = true;
		event->data.is_bdat = true;
		return engine_ask(server, event, SMTP_DATA);
	}
	engine_enter(server, SMTP_MODE_CHUNK);
	return false;
}

void
engine_answer_data(struct smtp_server *server, const struct reply *reply)
{
	if (!reply_is_positive(reply->id)) {
		engine_refuse(server, reply);
		if (server->is_chunked)
			drop_transaction(server);
		else
			server->is_data_refused = true;
		return;
	}
	data_init(&server->data, server->line_ends == LINES_LF);
	server->size = 0;
	server->is_discarding = false;
	if (server->is_chunked) {
		engine_enter(server, SMTP_MODE_CHUNK);
	} else {
		engine_say(server, reply);
		engine_enter(server, SMTP_MODE_TEXT);
	}
}

/* Why the text will be refused by us; REPLY_COUNT if it will not. */
static enum reply_id
text_fault(const struct smtp_server *server)
{
	unsigned flaws = server->data.flaws;

	if ((flaws & DATA_NUL) != 0)
		return REPLY_NUL_IN_TEXT;
	if ((flaws & DATA_BARE_CR) != 0)
		return REPLY_BARE_CR;
	if ((flaws & DATA_BARE_LF) != 0 && !server->conf->is_typist)
		return REPLY_BARE_LF;
	return server->conf->size_max != 0 &&
		server->data.total > server->conf->size_max
	    ? REPLY_TOO_BIG
	    : REPLY_COUNT;
}

static void
refuse_text(struct smtp_server *server)
{
	enum reply_id id = text_fault(server);

	if (id == REPLY_TOO_BIG)
		engine_refuse_size(server);
	else
		engine_refuse(server, &(struct reply){ .id = id });
}

/* The end of data was read. */
static void
end_text(struct smtp_server *server)
{
	if (!server->data.is_lf_only)
		server->line_ends = LINES_CRLF;
	if ((server->data.flaws & DATA_BARE_LF) != 0)
		server->notes |= NOTE_BARE_LF;
	server->size = server->data.total;
	if (server->is_discarding)
		refuse_whole(server, refuse_text);
	else
		engine_enter(server, SMTP_MODE_WHOLE);
}

static bool
tell_body(struct smtp_event *event, struct span bytes)
{
	event->body.bytes = bytes;
	return engine_tell(event, SMTP_BODY);
}

bool
engine_step_text(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used)
{
	struct span slice;
	bool is_end;

	if (in.len == 0)
		return engine_tell(event, SMTP_MORE);
	is_end = data_next(&server->data, in, &slice, used);
	if (!server->is_discarding)
		server->is_discarding = text_fault(server) != REPLY_COUNT;
	if (server->is_discarding)
		slice.len = 0;
	if (is_end)
		end_text(server);
	return slice.len != 0 && tell_body(event, slice);
}

/* All octets of the chunk have been told. */
static bool
end_chunk(struct smtp_server *server)
{
	char memory[20];
	struct put number = put_init(memory, sizeof memory);

	if (server->is_chunk_last) {
		if (server->body != PARAM_BODY_BINARYMIME)
			data_scan(&server->data, SPAN(""), true);
		if ((server->data.flaws & DATA_BARE_LF) != 0)
			server->notes |= NOTE_BARE_LF;
		engine_enter(server, SMTP_MODE_WHOLE);
		return false;
	}
	put_u64(&number, server->chunk_size);
	engine_enter(server, SMTP_MODE_NEXT);
	engine_say(server, REPLY_OF(CHUNK_OK, put_span(&number)));
	return false;
}

/* Octets of a chunk; in any mode but CHUNK they are those of one that was
 * refused. */
bool
engine_step_chunk(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used)
{
	if (server->chunk_left == 0)
		return end_chunk(server);
	if (in.len == 0)
		return engine_tell(event, SMTP_MORE);
	if (server->chunk_left < in.len)
		in = span_first(in, (size_t)server->chunk_left);
	*used = in.len;
	server->chunk_left -= in.len;
	if (server->mode != SMTP_MODE_CHUNK)
		return false;
	server->size += in.len;
	if (server->body != PARAM_BODY_BINARYMIME)
		data_scan(&server->data, in, false);
	return tell_body(event, in);
}

bool
engine_ask_end(struct smtp_server *server, struct smtp_event *event)
{
	server->answers_due = server->conf->is_lmtp ? server->rcpt_n : 1;
	event->end.size = server->size;
	event->end.rcpt_n = server->rcpt_n;
	event->end.flaws = server->data.flaws;
	return engine_ask(server, event, SMTP_END);
}

void
engine_answer_end(struct smtp_server *server, const struct reply *reply)
{
	engine_say(server, reply);
	if (reply_is_positive(reply->id))
		server->commands = 0;
	if (--server->answers_due != 0)
		server->question = SMTP_END;
	else
		engine_enter(server, SMTP_MODE_READY);
}
