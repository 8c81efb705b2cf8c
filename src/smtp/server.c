/* SPDX-License-Identifier: Apache-2.0 */
/* The step, the answers, and the only place where the mode changes.
 *
 * What a step does first is tell what is due from before (a note, OVER,
 * CLOSE); then it looks at the input as its mode says. Nothing is read while a
 * question is open, so an answer always finds the mode it was asked in. */
#include "smtp/server_private.h"

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"

bool
engine_tell(struct smtp_event *event, enum smtp_event_type type)
{
	event->type = type;
	return true;
}

bool
engine_ask(struct smtp_server *server, struct smtp_event *event,
    enum smtp_event_type type)
{
	server->question = (unsigned char)type;
	event->type = type;
	return true;
}

void
engine_write(struct smtp_server *server, struct span bytes)
{
	if (server->hooks->edit != NULL)
		bytes = server->hooks->edit(server->hooks->arg, bytes);
	server->hooks->write(server->hooks->arg, bytes);
	if (server->hooks->transcript == NULL)
		return;
	while (bytes.len != 0) {
		struct span line = span_cut(&bytes, '\n');

		line.len -= line.len != 0 && line.p[line.len - 1] == '\r';
		engine_show(server, SMTP_FROM_SERVER, line);
	}
}

void
engine_show(struct smtp_server *server, enum smtp_direction direction,
    struct span line)
{
	if (server->hooks->transcript != NULL)
		server->hooks->transcript(server->hooks->arg, direction, line);
}

void
engine_say(struct smtp_server *server, const struct reply *reply)
{
	char memory[REPLY_MAX];
	struct put out = put_init(memory, sizeof memory);

	reply_format(reply, server->conf->persona, &out);
	must(!out.full);
	engine_write(server, put_span(&out));
}

void
engine_refuse(struct smtp_server *server, const struct reply *reply)
{
	unsigned max = server->conf->errors_max;

	if (reply_code(reply->id, PERSONA_NATIVE) >= 500)
		server->errors++;
	if (max != 0 && server->errors >= max) {
		server->notes |= NOTE_ERRORS;
		engine_hang_up(server,
		    REPLY_OF(TOO_MANY_ERRORS, server->conf->hostname));
		return;
	}
	engine_say(server, reply);
}

void
engine_hang_up(struct smtp_server *server, const struct reply *reply)
{
	if (server->mode != SMTP_MODE_TLS)
		engine_say(server, reply);
	engine_enter(server, SMTP_MODE_CLOSED);
}

void
engine_refuse_size(struct smtp_server *server)
{
	char memory[20];
	struct put number = put_init(memory, sizeof memory);

	put_u64(&number, server->conf->size_max);
	engine_refuse(server, REPLY_OF(TOO_BIG, put_span(&number)));
}

static bool
is_transaction(unsigned mode)
{
	return mode >= SMTP_MODE_MAIL && mode <= SMTP_MODE_WHOLE;
}

/* Every change of mode. Leaving a transaction makes OVER due and forgets all
 * that was said in it, whichever way it was left. */
void
engine_enter(struct smtp_server *server, enum smtp_mode mode)
{
	if (is_transaction(server->mode) && !is_transaction(mode)) {
		server->is_over_due = true;
		server->rcpt_n = 0;
		server->answers_due = 0;
		server->size = 0;
		server->is_utf8 = false;
	}
	server->is_data_refused = false;
	server->mode = (unsigned char)mode;
}

void
engine_name_client(const struct smtp_server *server, char *name)
{
	struct put out = put_init(name, SMTP_HELLO_MAX + 1);
	struct span client = span_str(server->client);

	put_str(&out, span_find(client, ':') != client.len ? "[IPv6:" : "[");
	put_bytes(&out, client);
	put_char(&out, ']');
	(void)put_cstr(&out);	/* of 48 octets at most: it fits */
}

struct span
engine_edit(struct smtp_server *server, struct span line,
    struct smtp_event *event)
{
	char *text = event->scratch + sizeof event->scratch - SMTP_LINE_MAX;
	size_t n = 0;

	if (!server->conf->is_typist || line.len > SMTP_LINE_MAX)
		return line;
	/* none of the others knows what a backspace is */
	if (server->conf->persona != PERSONA_NATIVE)
		return span_trim(line);
	if (span_find(line, '\b') == line.len &&
	    span_find(line, '\x7f') == line.len)
		return span_trim(line);
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] != '\b' && line.p[i] != '\x7f') {
			text[n++] = line.p[i];
			continue;
		}
		/* one character, which may be several octets */
		while (n != 0 && ((unsigned char)text[--n] & 0xc0) == 0x80)
			continue;
	}
	server->notes |= NOTE_BACKSPACE;
	return span_trim(span_of(text, n));
}

/* Takes a line and keeps the books of dialogues 7: how lines end, and whether
 * the first octet of this command was there already when the last one was
 * taken. `*is_at_once` tells that it was, which ends an LF-only session. */
static enum line_result
take_line(struct smtp_server *server, struct span in, struct span *line,
    size_t *used, bool *is_at_once)
{
	bool is_command = server->mode != SMTP_MODE_AUTH;
	bool is_lenient = server->line_ends != LINES_CRLF;
	size_t max = SMTP_LINE_MAX;
	enum line_result result;

	if (!server->line.is_skipping)
		server->is_auth_line = !is_command ||
		    span_casestarts(in, SPAN("AUTH ")) ||
		    span_casestarts(in, SPAN("X-EXPS "));
	if (server->is_auth_line)
		max = SMTP_AUTH_LINE_MAX;
	*is_at_once = false;
	result = line_next(&server->line, in, is_lenient, max, line, used);
	if (result == LINE_MORE)
		return result;
	if (is_command) {
		*is_at_once = server->line_ends == LINES_LF &&
		    server->position < server->seen_until;
		server->seen_until = server->position + in.len;
	}
	if (server->line.is_crlf || *is_at_once)
		server->line_ends = LINES_CRLF;
	else if (server->line_ends == LINES_OPEN)
		server->line_ends = LINES_LF;
	return result;
}

static bool
hang_up_on_line(struct smtp_server *server, enum note note,
    const struct reply *reply)
{
	server->notes |= (unsigned char)note;
	engine_hang_up(server, reply);
	return false;
}

static bool
refuse_line(struct smtp_server *server, const struct reply *reply)
{
	engine_refuse(server, reply);
	return false;
}

static bool
refuse_long_line(struct smtp_server *server)
{
	char memory[20];
	struct put number = put_init(memory, sizeof memory);

	put_u64(&number, SMTP_LINE_MAX);
	return refuse_line(server, server->is_auth_line
		? REPLY_OF(AUTH_LINE_TOO_LONG)
		: REPLY_OF(LINE_TOO_LONG, put_span(&number)));
}

static bool
step_command(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used)
{
	enum line_result result;
	struct span line;
	bool is_at_once;

	/* the start of a TLS record, RFC 8446 5.1 */
	if (!server->line.is_skipping && span_starts(in, SPAN("\x16\x03")))
		return hang_up_on_line(server, NOTE_PROTOCOL,
		    REPLY_OF(NOT_TLS));
	result = take_line(server, in, &line, used, &is_at_once);
	if (result == LINE_MORE)
		return engine_tell(event, SMTP_MORE);
	if (result != LINE_OK && result != LINE_OK_LF)
		engine_show(server, SMTP_FROM_CLIENT, SPAN("(no command)"));
	switch (result) {
	case LINE_BARE_LF:
		return hang_up_on_line(server, NOTE_LF_COMMAND,
		    REPLY_OF(LINE_BARE_LF));
	case LINE_BAD_BYTE:
		return refuse_line(server, REPLY_OF(BAD_BYTE));
	case LINE_TOO_LONG:
		return refuse_long_line(server);
	case LINE_MORE:
	case LINE_OK:
	case LINE_OK_LF:
		break;
	}
	if (is_at_once)
		return hang_up_on_line(server, NOTE_AT_ONCE,
		    REPLY_OF(LINES_AT_ONCE));
	return engine_run_command(server, line, event);
}

static bool
step_auth(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used)
{
	struct span line;
	bool is_at_once;
	enum line_result result;

	result = take_line(server, in, &line, used, &is_at_once);
	if (result == LINE_MORE)
		return engine_tell(event, SMTP_MORE);
	engine_show(server, SMTP_FROM_CLIENT,
	    span_eq(line, SPAN("*")) ? line : SPAN(MASK));
	return engine_auth_line(server, result, line, event);
}

static bool
step_closed(struct smtp_server *server, struct smtp_event *event)
{
	if (server->is_close_told)
		return engine_tell(event, SMTP_WAIT);
	server->is_close_told = true;
	return engine_tell(event, SMTP_CLOSE);
}

/* One note a call, lowest bit first. */
static bool
tell_note(struct smtp_server *server, struct smtp_event *event)
{
	static const struct {
		enum note note;
		const char *what;
	} names[] = {
		{ NOTE_BARE_LF, "bare-lf" },
		{ NOTE_BACKSPACE, "backspace" },
		{ NOTE_NO_HELLO, "no-hello-after-tls" },
		{ NOTE_LF_COMMAND, "bare-lf-command" },
		{ NOTE_AT_ONCE, "lf-commands-at-once" },
		{ NOTE_PROTOCOL, "other-protocol" },
		{ NOTE_ERRORS, "too-many-errors" },
		{ NOTE_TEXT, "text-as-command" },
	};
	size_t i = 0;

	while (i + 1 < countof(names) &&
	    (server->notes & names[i].note) == 0)
		i++;
	must((server->notes & names[i].note) != 0);
	server->notes &= (unsigned char)~(unsigned)names[i].note;
	event->note.what = names[i].what;
	return engine_tell(event, SMTP_NOTE);
}

static bool
step_once(struct smtp_server *server, struct span in,
    struct smtp_event *event, size_t *used)
{
	if (server->question != 0)
		return engine_tell(event, SMTP_WAIT);
	if (server->notes != 0)
		return tell_note(server, event);
	if (server->is_over_due) {
		server->is_over_due = false;
		return engine_tell(event, SMTP_OVER);
	}
	switch ((enum smtp_mode)server->mode) {
	case SMTP_MODE_START:
	case SMTP_MODE_TLS:
		return engine_tell(event, SMTP_WAIT);
	case SMTP_MODE_CLOSED:
		return step_closed(server, event);
	case SMTP_MODE_AUTH:
		return step_auth(server, in, event, used);
	case SMTP_MODE_TEXT:
		return engine_step_text(server, in, event, used);
	case SMTP_MODE_WHOLE:
		return engine_ask_end(server, event);
	case SMTP_MODE_CHUNK:
		return engine_step_chunk(server, in, event, used);
	case SMTP_MODE_GREETED:
	case SMTP_MODE_READY:
	case SMTP_MODE_MAIL:
	case SMTP_MODE_RCPT:
	case SMTP_MODE_NEXT:
		break;
	}
	/* the chunk of a BDAT that was refused */
	if (server->chunk_left != 0)
		return engine_step_chunk(server, in, event, used);
	return step_command(server, in, event, used);
}

size_t
smtp_server_step(struct smtp_server *server, struct span in,
    struct smtp_event *event)
{
	size_t total = 0;
	bool is_told;

	do {
		size_t used = 0;

		is_told = step_once(server, span_skip(in, total), event,
		    &used);
		server->position += used;
		total += used;
	} while (!is_told);
	return total;
}

static void
answer_mail(struct smtp_server *server, const struct reply *reply)
{
	if (!reply_is_positive(reply->id)) {
		engine_refuse(server, reply);
		return;
	}
	server->transactions++;
	engine_enter(server, SMTP_MODE_MAIL);
	engine_say(server, reply);
}

static void
answer_rcpt(struct smtp_server *server, const struct reply *reply)
{
	if (!reply_is_positive(reply->id)) {
		engine_refuse(server, reply);
		return;
	}
	server->rcpt_n++;
	engine_enter(server, SMTP_MODE_RCPT);
	engine_say(server, reply);
}

void
smtp_server_answer(struct smtp_server *server, const struct reply *reply)
{
	enum smtp_event_type question = server->question;

	if (server->mode == SMTP_MODE_CLOSED)
		return;
	must(question != 0);
	server->question = 0;
	if (reply_code(reply->id, PERSONA_NATIVE) == 421) {
		engine_hang_up(server, reply);
		return;
	}
	if (question == SMTP_HELLO) {
		engine_answer_hello(server, reply);
	} else if (question == SMTP_STARTTLS) {
		engine_say(server, reply);
		if (reply_is_positive(reply->id))
			engine_enter(server, SMTP_MODE_TLS);
	} else if (question == SMTP_AUTH) {
		engine_answer_auth(server, reply);
	} else if (question == SMTP_MAIL) {
		answer_mail(server, reply);
	} else if (question == SMTP_RCPT) {
		answer_rcpt(server, reply);
	} else if (question == SMTP_ETRN) {
		if (reply_is_positive(reply->id))
			engine_say(server, reply);
		else
			engine_refuse(server, reply);
	} else if (question == SMTP_DATA) {
		engine_answer_data(server, reply);
	} else {
		must(question == SMTP_END);
		engine_answer_end(server, reply);
	}
}

void
smtp_server_close(struct smtp_server *server, const struct reply *reply)
{
	if (server->mode == SMTP_MODE_CLOSED)
		return;
	server->question = 0;
	engine_hang_up(server, reply);
}

void
smtp_server_greet(struct smtp_server *server, const struct reply *reply)
{
	must(server->mode == SMTP_MODE_START);
	engine_say(server, reply);
	engine_enter(server, reply_is_positive(reply->id) ? SMTP_MODE_GREETED
							   : SMTP_MODE_CLOSED);
}

void
smtp_server_init(struct smtp_server *server,
    const struct smtp_server_conf *conf,
    const struct smtp_server_hooks *hooks, struct span client, bool is_tls)
{
	struct put out;

	*server = (struct smtp_server){ .conf = conf, .hooks = hooks,
		.mode = SMTP_MODE_START, .is_tls = is_tls,
		.line_ends = conf->is_typist ? LINES_OPEN : LINES_CRLF };
	out = put_init(server->client, sizeof server->client);
	put_bytes(&out, span_first(client, sizeof server->client - 1));
	(void)put_cstr(&out);
}

/* RFC 3207 4.2: "The server MUST discard any knowledge obtained from the
 * client". What stays are our own counters. */
void
smtp_server_tls_up(struct smtp_server *server)
{
	must(server->mode == SMTP_MODE_TLS);
	server->line = (struct line_reader){ .scanned = 0 };
	server->line_ends = server->conf->is_typist ? LINES_OPEN : LINES_CRLF;
	server->seen_until = 0;
	server->is_tls = true;
	server->is_authenticated = false;
	server->is_extended = false;
	server->is_after_starttls = true;
	server->has_failed_auth = false;
	server->hello[0] = '\0';
	server->hello_next = SPAN("");
	engine_enter(server, SMTP_MODE_GREETED);
}

struct span
smtp_server_hello(const struct smtp_server *server)
{
	return span_str(server->hello);
}

bool
smtp_server_is_extended(const struct smtp_server *server)
{
	return server->is_extended;
}

bool
smtp_server_in_transaction(const struct smtp_server *server)
{
	return is_transaction(server->mode) || server->is_over_due;
}

bool
smtp_server_in_body(const struct smtp_server *server)
{
	return server->mode == SMTP_MODE_TEXT ||
	    server->mode == SMTP_MODE_CHUNK || server->chunk_left != 0;
}

bool
smtp_server_is_utf8(const struct smtp_server *server)
{
	return server->is_utf8;
}
