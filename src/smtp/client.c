/* SPDX-License-Identifier: Apache-2.0 */
/* The list of steps and its two cursors:
 *
 *        first              send                last
 *    told │ said, unanswered │ not yet said       │
 *         ▼                  ▼                    ▼
 *         S → S → S → … →    S → S → … →          S
 *
 * `first` is the step whose answer comes next; it leaves the list when it is
 * told. The sender stops behind a step that must be answered before anything
 * else may be said: must_wait(). */
#include "smtp/client.h"

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"

#define MINUTE_MS UINT64_C(60000)

enum step_flag {
	ENDS_GROUP = 1,		/* RFC 2920 3.1: wait for its answer */
	NEEDS_MAIL = 2,		/* senseless after a refused MAIL */
	NEEDS_RCPT = 4,		/* … or when nobody was accepted */
	WAITS_FIRST = 8		/* and everything before is answered */
};

static const struct step_row {
	unsigned flags;
	uint64_t patience_ms;	/* RFC 5321 4.5.3.2 */
} step_table[] = {
	[STEP_GREETING] = { ENDS_GROUP, 5 * MINUTE_MS },
	[STEP_HELLO] = { ENDS_GROUP, 5 * MINUTE_MS },
	[STEP_STARTTLS] = { ENDS_GROUP, 5 * MINUTE_MS },
	[STEP_AUTH] = { ENDS_GROUP, 5 * MINUTE_MS },
	[STEP_RESPONSE] = { ENDS_GROUP, 5 * MINUTE_MS },
	[STEP_MAIL] = { 0, 5 * MINUTE_MS },
	[STEP_RCPT] = { NEEDS_MAIL, 5 * MINUTE_MS },
	[STEP_DATA] = { ENDS_GROUP | NEEDS_MAIL | NEEDS_RCPT, 2 * MINUTE_MS },
	[STEP_TEXT] = { ENDS_GROUP, 10 * MINUTE_MS },
	[STEP_BDAT] = { NEEDS_MAIL | NEEDS_RCPT | WAITS_FIRST,
	    10 * MINUTE_MS },
	[STEP_RSET] = { 0, 5 * MINUTE_MS },
	[STEP_QUIT] = { ENDS_GROUP, MINUTE_MS },
	[STEP_OTHER] = { ENDS_GROUP, 5 * MINUTE_MS },
	[STEP_RAW] = { 0, 5 * MINUTE_MS },
};

void
smtp_client_init(struct smtp_client *client,
    const struct smtp_client_conf *conf)
{
	*client = (struct smtp_client){ .conf = *conf };
	answer_init(&client->reader, &client->answer);
}

/* --- the list */

void
smtp_client_add(struct smtp_client *client, struct smtp_step *step)
{
	must(step->state == STEP_NEW && step->next == NULL);
	step->sent = 0;
	if (client->last != NULL)
		client->last->next = step;
	else
		client->first = step;
	client->last = step;
	if (client->send == NULL)
		client->send = step;
}

void
smtp_client_insert(struct smtp_client *client, struct smtp_step *step)
{
	struct smtp_step **at = &client->first;

	must(step->state == STEP_NEW);
	must(client->send == NULL || client->send->sent == 0);
	must(step->next == NULL);
	while (*at != client->send)
		at = &(*at)->next;
	step->sent = 0;
	step->next = client->send;
	*at = step;
	if (client->send == NULL)
		client->last = step;
	client->send = step;
}

void
smtp_client_drop(struct smtp_client *client)
{
	client->first = client->last = client->send = NULL;
	client->is_text_due = false;
}

static struct smtp_step *
take_first(struct smtp_client *client)
{
	struct smtp_step *step = client->first;

	client->first = step->next;
	if (client->first == NULL)
		client->last = NULL;
	if (client->send == step)
		client->send = step->next;
	step->next = NULL;
	return step;
}

/* --- what may be said */

static bool
is_pipelining(const struct smtp_client *client)
{
	return !client->conf.no_pipelining &&
	    smtp_client_has(client, CAP_PIPELINING);
}

/* Must the answer to what was said last come first? Chunks are pipelined (RFC
 * 3030 4.2). */
static bool
must_wait(const struct smtp_client *client)
{
	const struct smtp_step *last = client->said, *next = client->send;

	if (client->first == next)
		return false;	/* all is answered */
	if (last->type == STEP_RAW)
		return !last->is_mute;
	if (next->type == STEP_RAW)
		return true;
	if (step_table[last->type].flags & ENDS_GROUP)
		return true;
	if (step_table[next->type].flags & WAITS_FIRST)
		return last->type != STEP_BDAT || !is_pipelining(client);
	return !is_pipelining(client);
}

/* Promise 4, as far as it is known by the answers that have come. */
static bool
is_senseless(const struct smtp_client *client, const struct smtp_step *step)
{
	unsigned flags = step_table[step->type].flags;

	if (step->type == STEP_RESPONSE && !client->in_auth)
		return true;
	if (client->conf.is_stubborn)
		return false;
	if (client->first != step)
		return false;	/* answers are due that it depends on */
	return ((flags & NEEDS_MAIL) && !client->is_mail_ok) ||
	    ((flags & NEEDS_RCPT) && client->rcpt_ok == 0);
}

static bool
may_speak(const struct smtp_client *client)
{
	const struct smtp_step *step = client->send;

	if (client->is_dead || client->is_tls_due || step == NULL)
		return false;
	if (step->sent != 0)
		return true;	/* in the middle of it */
	if (step->type == STEP_GREETING || step->type == STEP_TEXT)
		return false;	/* it has no line */
	if (client->in_auth && step->type != STEP_RESPONSE)
		return false;
	return !must_wait(client) && !is_senseless(client, step);
}

static void
tell(const struct smtp_client *client, enum smtp_said by, struct span line,
    bool is_secret)
{
	if (client->conf.tell != NULL)
		client->conf.tell(client->conf.tell_arg, by, line, is_secret);
}

/* The octets of a step: its line, CRLF, its chunk. */
static struct span
part_of(const struct smtp_step *step)
{
	size_t at = step->sent, end = step->type == STEP_RAW ? 0 : 2;

	if (at < step->line.len)
		return span_skip(step->line, at);
	at -= step->line.len;
	if (at < end)
		return span_skip(SPAN("\r\n"), at);
	return span_skip(step->chunk, at - end);
}

static size_t
whole_len(const struct smtp_step *step)
{
	return step->line.len + step->chunk.len +
	    (step->type == STEP_RAW ? 0 : 2);
}

/* The step under the sender is out. */
static void
was_said(struct smtp_client *client)
{
	client->said = client->send;
	client->send->state = STEP_SENT;
	client->send = client->send->next;
}

static void
say(struct smtp_client *client, struct smtp_step *step, struct put *out)
{
	if (step->sent == 0)
		tell(client, SAID_BY_US, step->line, step->is_secret);
	while (step->sent < whole_len(step) && out->len < out->cap) {
		struct span part = span_first(part_of(step),
		    out->cap - out->len);

		put_bytes(out, part);
		step->sent += part.len;
	}
	if (step->sent == whole_len(step))
		was_said(client);
}

static bool
has_line_end(struct span line)
{
	return span_find(line, '\r') != line.len ||
	    span_find(line, '\n') != line.len;
}

/* The TEXT that follows a 354, or NULL. */
static struct smtp_step *
due_text(const struct smtp_client *client)
{
	if (!client->is_text_due || client->is_dead || client->send == NULL ||
	    client->send->type != STEP_TEXT)
		return NULL;
	return client->send;
}

/* The DATA was pipelined and is answered 354 although nobody may have the text
 * (RFC 2920 3.1). */
static bool
is_text_void(const struct smtp_client *client)
{
	return client->rcpt_ok == 0 && !client->conf.is_stubborn;
}

static void
end_void_text(struct smtp_client *client, struct put *out)
{
	if (due_text(client) == NULL || !is_text_void(client) ||
	    out->cap - out->len < 3)
		return;
	put_bytes(out, SPAN(".\r\n"));
	client->is_text_due = false;
	was_said(client);
}

size_t
smtp_client_output(struct smtp_client *client, char *out, size_t len)
{
	struct put put = put_init(out, len);

	end_void_text(client, &put);
	while (put.len < put.cap && may_speak(client)) {
		must(client->send->type == STEP_RAW ||
		    !has_line_end(client->send->line));
		say(client, client->send, &put);
	}
	return put.len;
}

/* --- text */

struct smtp_step *
smtp_client_wants_text(const struct smtp_client *client)
{
	return is_text_void(client) ? NULL : due_text(client);
}

size_t
smtp_client_text(struct smtp_client *client, struct span *text, char *out,
    size_t len)
{
	must(smtp_client_wants_text(client) != NULL);
	return data_write(&client->text, text, out, len);
}

size_t
smtp_client_text_end(struct smtp_client *client, char *out)
{
	must(smtp_client_wants_text(client) != NULL);
	client->is_text_due = false;
	was_said(client);
	return data_write_end(&client->text, out);
}

/* --- what was heard */

/* "AUTH PLAIN LOGIN" and "AUTH=LOGIN": the names of both, each once. */
static void
add_mechanisms(struct smtp_client *client, struct span args)
{
	struct put out = put_init(client->auth, sizeof client->auth - 1);

	out.len = strlen(client->auth);
	while (args.len != 0) {
		struct span name = span_cut(&args, ' ');
		size_t before = out.len;

		if (name.len == 0 || smtp_client_offers(client, name))
			continue;
		if (out.len != 0)
			put_char(&out, ' ');
		for (size_t i = 0; i < name.len; i++)
			put_char(&out, ascii_upper(name.p[i]));
		if (out.full || !text_is_ascii(name)) {
			out.len = before;
			out.full = false;
		}
		client->auth[out.len] = '\0';
	}
}

static void
take_caps(struct smtp_client *client, const struct answer *answer)
{
	for (unsigned i = 1; i < answer->n_lines; i++) {
		struct span args;
		enum cap cap = cap_parse(answer_line(answer, i), &args);

		if (cap == CAP_UNKNOWN)
			continue;
		client->caps.bits |= 1u << cap;
		if (cap == CAP_SIZE && !text_u64(args, &client->caps.size))
			client->caps.size = 0;
		/* RFC 2852 2: a list, of which one word is known */
		if (cap == CAP_DELIVERBY && !text_u64(span_first(args,
		    span_find(args, ',')), &client->caps.by_min))
			client->caps.by_min = 0;
		if (cap == CAP_AUTH)
			add_mechanisms(client, args);
	}
}

static void
forget_hello(struct smtp_client *client)
{
	client->caps = (struct cap_set){ 0 };
	client->is_extended = false;
	client->auth[0] = '\0';
}

/* Nobody has been accepted: for what is said from here on. */
static void
forget_transaction(struct smtp_client *client)
{
	client->is_mail_ok = false;
	client->rcpt_ok = 0;
}

static void
hear_hello(struct smtp_client *client, const struct smtp_step *step,
    const struct answer *answer)
{
	if (answer_class(answer) != 2)
		return;
	forget_hello(client);
	forget_transaction(client);
	if (span_casestarts(step->line, SPAN("HELO")))
		return;
	client->is_extended = true;
	take_caps(client, answer);
}

/* What the engine learns; `step` has left the list unless it goes on. */
static void
learn(struct smtp_client *client, const struct smtp_step *step,
    const struct answer *answer)
{
	bool is_good = answer_class(answer) == 2;

	switch (step->type) {
	case STEP_HELLO:
		hear_hello(client, step, answer);
		break;
	case STEP_STARTTLS:
		client->is_tls_due = answer->code == 220;
		break;
	case STEP_AUTH:
	case STEP_RESPONSE:
		client->in_auth = answer->code == 334;
		break;
	case STEP_MAIL:
		client->is_mail_ok = is_good;
		client->rcpt_ok = 0;
		break;
	case STEP_RCPT:
		client->rcpt_ok += is_good;
		break;
	case STEP_DATA:
		client->is_text_due = answer->code == 354;
		client->text = (struct data_writer){ 0 };
		break;
	case STEP_BDAT:
		if (!is_good)	/* RFC 3030 2: that was all of it */
			forget_transaction(client);
		break;
	case STEP_RSET:
		forget_transaction(client);
		break;
	case STEP_GREETING:
	case STEP_TEXT:
	case STEP_QUIT:
	case STEP_OTHER:
	case STEP_RAW:
		break;
	}
}

/* LMTP answers the end of the text once for each accepted recipient (RFC 2033
 * 4.2). True if more of them are due. */
static bool
is_more_due(struct smtp_client *client, const struct smtp_step *step,
    struct smtp_client_event *event)
{
	if (!client->conf.is_lmtp || client->rcpt_ok == 0)
		return false;
	if (step->type != STEP_TEXT && !(step->type == STEP_BDAT &&
	    step->is_last))
		return false;
	event->rcpt = client->answers_had++;
	if (client->answers_had < client->rcpt_ok)
		return true;
	client->answers_had = 0;
	return false;
}

static bool
is_waiting(const struct smtp_client *client)
{
	const struct smtp_step *step = client->first;

	return step != NULL && (step->state == STEP_SENT ||
	    (step->type == STEP_GREETING && client->send == step));
}

/* In the middle of a chunk whose answer may have come early: it is heard when
 * the chunk is out. */
static bool
is_speaking(const struct smtp_client *client)
{
	return client->send != NULL && client->first == client->send &&
	    client->send->sent != 0;
}

static void
tell_lines(const struct smtp_client *client, struct span bytes)
{
	while (client->conf.tell != NULL && bytes.len != 0) {
		struct span line = span_cut(&bytes, '\n');

		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		tell(client, SAID_BY_SERVER, line, false);
	}
}

static void
hear(struct smtp_client *client, struct smtp_client_event *event)
{
	struct smtp_step *step = client->first;

	event->answer = &client->answer;
	if (!is_waiting(client)) {
		event->type = CLIENT_UNASKED;
		return;
	}
	event->type = CLIENT_ANSWER;
	event->step = step;
	if (is_more_due(client, step, event))
		return;
	(void)take_first(client);
	step->state = STEP_DONE;
	learn(client, step, &client->answer);
}

/* The next step will not be said: it makes no sense any more. */
static bool
skip(struct smtp_client *client, struct smtp_client_event *event)
{
	struct smtp_step *step = client->first;

	if (step == NULL || client->send != step || step->sent != 0 ||
	    client->is_tls_due)
		return false;
	if (step->type == STEP_TEXT ? client->is_text_due :
	    !is_senseless(client, step))
		return false;
	event->type = CLIENT_SKIPPED;
	event->step = take_first(client);
	event->step->state = STEP_SKIPPED;
	return true;
}

static size_t
break_off(struct smtp_client *client, const char *why, size_t used,
    struct smtp_client_event *event)
{
	client->is_dead = true;
	event->type = CLIENT_BROKEN;
	event->why = why;
	return used;
}

/* Mute steps are finished when they are said. */
static bool
finish_mute(struct smtp_client *client, struct smtp_client_event *event)
{
	struct smtp_step *step = client->first;

	if (step == NULL || !step->is_mute || step->state != STEP_SENT)
		return false;
	event->type = CLIENT_SKIPPED;
	event->step = take_first(client);
	event->step->state = STEP_DONE;
	return true;
}

size_t
smtp_client_input(struct smtp_client *client, struct span in,
    struct smtp_client_event *event)
{
	size_t used;

	*event = (struct smtp_client_event){ .type = CLIENT_MORE };
	if (client->is_dead)
		return break_off(client, client->reader.why != NULL ?
		    client->reader.why : "the dialogue is over", 0, event);
	if (finish_mute(client, event) || skip(client, event))
		return 0;
	if (is_speaking(client))
		return 0;
	if (client->is_tls_due) {
		if (in.len == 0)
			return 0;
		return break_off(client, "bytes behind the answer to "
		    "STARTTLS, before TLS: somebody injects commands", in.len,
		    event);
	}
	switch (answer_next(&client->reader, in, &client->answer, &used)) {
	case ANSWER_MORE:
		tell_lines(client, span_first(in, used));
		break;
	case ANSWER_OK:
		tell_lines(client, span_first(in, used));
		hear(client, event);
		break;
	case ANSWER_BAD:
		tell_lines(client, span_first(in, used));
		return break_off(client, client->reader.why, used, event);
	}
	return used;
}

void
smtp_client_tls_up(struct smtp_client *client)
{
	client->is_tls = true;
	client->is_tls_due = false;
	client->in_auth = false;
	forget_hello(client);
}

const struct smtp_step *
smtp_client_waits(const struct smtp_client *client)
{
	return is_waiting(client) ? client->first : NULL;
}

uint64_t
smtp_client_patience(const struct smtp_step *step)
{
	return step_table[step->type].patience_ms;
}

bool
smtp_client_offers(const struct smtp_client *client, struct span mechanism)
{
	struct span offered = span_str(client->auth);

	while (offered.len != 0)
		if (span_caseeq(span_cut(&offered, ' '), mechanism))
			return true;
	return false;
}
