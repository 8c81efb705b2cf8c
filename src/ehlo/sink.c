/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "mail/date.h"
#include "sasl/sasl.h"

#define IN_MAX  32768
#define OUT_MAX (256u << 10)
#define AHEAD_MAX ((size_t)16 << 10)	/* of replies that nobody reads */
#define LAST_MS 2000		/* for a QUIT behind the last message */
#define ENVELOPE_MAX ((size_t)4 << 20)

struct sink_session {
	struct sink *sink;
	struct sink_session *next, **prev;
	struct conn *conn;
	struct smtp_server smtp;
	struct smtp_server_hooks hooks;
	struct sasl_server *sasl;
	struct buf envelope;	/* for --save: sender, then recipients */
	FILE *file;
	unsigned rcpt_n;
	uint64_t number;
	bool is_closing, is_paused;
};

/* --- the dialogue shown */

static void
show(void *arg, enum smtp_direction direction, struct span line)
{
	const struct sink_session *s = arg;
	char memory[3 * SMTP_LINE_MAX];
	struct put out = put_init(memory, sizeof memory);

	text_quote(line, &out);
	fprintf(s->sink->options.dialogue, "%llu %s %.*s\n",
	    (unsigned long long)s->number,
	    direction == SMTP_FROM_CLIENT ? "C:" : "S:",
	    SPAN_ARG(put_span(&out)));
}

static void
say(void *arg, struct span bytes)
{
	struct sink_session *s = arg;

	conn_write(s->conn, bytes);
}

/* --- messages kept */

static void
fail(struct sink *sink, const char *why)
{
	sink->error = why;
	sink->is_over = true;
	loop_stop(sink->loop);
}

/* DIR/NUMBER.END, new; or NULL. */
static FILE *
open_file(const struct sink_session *s, const char *end)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof path, "%s/%08llu.%s",
	    s->sink->options.save, (unsigned long long)s->sink->totals.messages,
	    end) >= (int)sizeof path)
		return NULL;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 ? fdopen(fd, "w") : NULL;
}

static void
begin_file(struct sink_session *s)
{
	if (s->sink->options.save == NULL)
		return;
	s->file = open_file(s, "eml.part");
	if (s->file == NULL)
		fail(s->sink, log_errno(errno));
}

static void
abandon_file(struct sink_session *s)
{
	if (s->file != NULL)
		(void)fclose(s->file);	/* it stays as ….part, overwritten */
	s->file = NULL;
}

/* The text under its final name, the envelope beside it. */
static bool
finish_file(struct sink_session *s)
{
	const char *folder = s->sink->options.save;
	unsigned long long n = s->sink->totals.messages;
	char from[4096], to[4096];
	struct span envelope = buf_span(&s->envelope);
	FILE *file;
	bool is_good;

	if (folder == NULL)
		return true;
	is_good = s->file != NULL && fclose(s->file) == 0;
	s->file = NULL;
	file = is_good ? open_file(s, "envelope") : NULL;
	if (file == NULL)
		return false;
	fwrite(envelope.p, 1, envelope.len, file);
	if (fclose(file) != 0)
		return false;
	(void)snprintf(from, sizeof from, "%s/%08llu.eml.part", folder, n);
	(void)snprintf(to, sizeof to, "%s/%08llu.eml", folder, n);
	return rename(from, to) == 0;
}

static void
note_address(struct sink_session *s, const char *what,
    const struct addr *address)
{
	char text[ADDR_MAX + 1];
	struct put out = put_init(text, sizeof text);

	if (s->sink->options.save == NULL)
		return;
	addr_put(address, &out);
	/* a hundred thousand long recipients are cut */
	(void)buf_printf(&s->envelope, "%s <%.*s>\n", what, SPAN_ARG(
	    put_span(&out)));
}

/* --- answers */

/* Is this one to be refused? 5, 4, or 0. */
static unsigned
verdict(struct sink *sink, enum sink_refuse what)
{
	const struct sink_options *o = &sink->options;

	if (((o->refuse | o->defer) & what) == 0)
		return 0;
	if (o->every > 1 && ++sink->refusals % o->every != 0)
		return 0;
	sink->totals.refused++;
	return (o->refuse & what) != 0 ? 5 : 4;
}

static void
answer(struct sink_session *s, const struct reply *reply)
{
	smtp_server_answer(&s->smtp, reply);
}

/* The good reply, or one of the two bad ones. */
static bool
answer_by(struct sink_session *s, enum sink_refuse what,
    const struct reply *good, const struct reply *later,
    const struct reply *never)
{
	unsigned class = verdict(s->sink, what);

	answer(s, class == 0 ? good : class == 4 ? later : never);
	return class == 0;
}

static void
on_mail(struct sink_session *s, const struct smtp_event *event)
{
	char text[ADDR_MAX + 1];
	struct put out = put_init(text, sizeof text);

	addr_put(&event->mail.from, &out);
	s->rcpt_n = 0;
	buf_clear(&s->envelope);
	note_address(s, "from", &event->mail.from);
	(void)answer_by(s, SINK_MAIL, REPLY_OF(MAIL_OK, put_span(&out)),
	    REPLY_OF(STORE_FULL), REPLY_OF(SENDER_BAD_DOMAIN, put_span(&out)));
}

static void
on_rcpt(struct sink_session *s, const struct smtp_event *event)
{
	char text[ADDR_MAX + 1];
	struct put out = put_init(text, sizeof text);

	addr_put(&event->rcpt.to, &out);
	if (!answer_by(s, SINK_RCPT, REPLY_OF(RCPT_OK, put_span(&out)),
	    REPLY_OF(RCPT_TEMP, put_span(&out)),
	    REPLY_OF(USER_UNKNOWN, put_span(&out))))
		return;
	s->rcpt_n++;
	note_address(s, "to", &event->rcpt.to);
}

/* With the session that brought the last message, whose peer wants to say
 * QUIT; not for ever. */
static void
end_if_enough(struct sink_session *s)
{
	struct sink *sink = s->sink;

	if (sink->options.count == 0 ||
	    sink->totals.messages < sink->options.count)
		return;
	if (sink->last == NULL)
		sink->last = s;
	sink->options.idle_ms = LAST_MS;
}

static void
on_end(struct sink_session *s, const struct smtp_event *event)
{
	struct sink *sink = s->sink;
	unsigned answers = s->sink->options.smtp.is_lmtp ?
	    event->end.rcpt_n : 1, good = 0;
	char number[20];
	struct put out = put_init(number, sizeof number);

	put_u64(&out, sink->totals.messages);
	for (unsigned i = 0; i < answers; i++)
		good += answer_by(s, SINK_TEXT,
		    REPLY_OF(QUEUED, put_span(&out)), REPLY_OF(STORE_FAILED),
		    REPLY_OF(CONTENT_REFUSED));
	if (good == 0) {
		abandon_file(s);
		return;
	}
	if (!finish_file(s)) {
		fail(sink, "a message could not be written");
		return;
	}
	if (sink->totals.messages == 0)
		sink->totals.first_ms = loop_now(sink->loop);
	sink->totals.last_ms = loop_now(sink->loop);
	sink->totals.messages++;
	sink->totals.recipients += s->rcpt_n;
	sink->totals.octets += event->end.size;
	end_if_enough(s);
}

/* Whatever the password: a login that is well formed is one. */
static void
on_auth(struct sink_session *s, const struct smtp_event *event)
{
	struct span response = event->auth.response, out;
	enum sasl_result result;

	if (s->sasl == NULL)
		s->sasl = mem_new(sizeof *s->sasl);
	if (event->auth.mechanism.len != 0)
		sasl_server_init(s->sasl,
		    sasl_mech_find(event->auth.mechanism));
	result = sasl_server_step(s->sasl, event->auth.has_response ||
	    event->auth.mechanism.len == 0 ? &response : NULL, &out);
	if (result == SASL_CHECK_PASSWORD)
		result = sasl_server_checked(s->sasl, true, true);
	switch (result) {
	case SASL_CHALLENGE:
		smtp_server_challenge(&s->smtp, out);
		return;
	case SASL_DONE:
		s->sink->totals.logins += answer_by(s, SINK_AUTH,
		    REPLY_OF(AUTH_OK), REPLY_OF(AUTH_TEMP),
		    REPLY_OF(AUTH_FAILED));
		break;
	case SASL_MALFORMED:
		answer(s, REPLY_OF(AUTH_MALFORMED));
		break;
	default:
		answer(s, REPLY_OF(AUTH_FAILED));
		break;
	}
	sasl_server_wipe(s->sasl);
}

/* --- a session */

static void
end_session(struct sink_session *s)
{
	struct sink *sink = s->sink;

	if (s->sasl != NULL)
		sasl_server_wipe(s->sasl);
	free(s->sasl);
	abandon_file(s);
	buf_free(&s->envelope);
	conn_free(s->conn);
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	free(s);
	sink->totals.open--;
	if ((sink->options.is_once || sink->last == s) && !sink->is_over) {
		sink->is_over = true;
		loop_stop(sink->loop);
	}
}

static void
close_session(struct sink_session *s)
{
	if (s->is_closing)
		return;
	s->is_closing = true;
	conn_close(s->conn);
}

static void
greet(struct sink_session *s)
{
	const struct sink_options *o = &s->sink->options;
	char text[64];
	struct put date = put_init(text, sizeof text);
	uint64_t now = clock_real_ms();
	unsigned class = verdict(s->sink, SINK_CONNECT);

	date_put(&date, now, clock_zone_min(now));
	if (class == 0)
		smtp_server_greet(&s->smtp, REPLY_OF(READY, o->smtp.hostname,
		    put_span(&date)));
	else if (class == 4)
		smtp_server_greet(&s->smtp, REPLY_OF(SERVER_BUSY));
	else
		smtp_server_greet(&s->smtp, REPLY_OF(ACCESS_DENIED,
		    SPAN("Nobody")));
	if (class != 0)
		close_session(s);
}

/* True: go on. */
static bool
handle(struct sink_session *s, const struct smtp_event *event)
{
	switch (event->type) {
	case SMTP_MORE:
	case SMTP_WAIT:
	case SMTP_STARTTLS:
	case SMTP_CLOSE:
		return false;
	case SMTP_HELLO:
		(void)answer_by(s, SINK_HELLO, REPLY_OF(HELLO),
		    REPLY_OF(SERVER_BUSY), REPLY_OF(HELLO_REFUSED,
		    event->hello.name));
		return true;
	case SMTP_AUTH:
		on_auth(s, event);
		return true;
	case SMTP_AUTH_OVER:
		sasl_server_wipe(s->sasl);
		return true;
	case SMTP_MAIL:
		on_mail(s, event);
		return true;
	case SMTP_RCPT:
		on_rcpt(s, event);
		return true;
	case SMTP_ETRN:
		answer(s, REPLY_OF(ETRN_REFUSED, event->etrn.domain));
		return true;
	case SMTP_DATA:
		if (answer_by(s, SINK_DATA, REPLY_OF(DATA_GO),
		    REPLY_OF(STORE_FULL), REPLY_OF(CONTENT_REFUSED)))
			begin_file(s);
		return true;
	case SMTP_BODY:
		if (s->file != NULL)
			fwrite(event->body.bytes.p, 1, event->body.bytes.len,
			    s->file);
		return true;
	case SMTP_END:
		on_end(s, event);
		return true;
	case SMTP_OVER:
		abandon_file(s);
		return true;
	case SMTP_NOTE:
		return true;
	}
	return false;
}

static void
on_starttls(struct sink_session *s)
{
	answer(s, REPLY_OF(STARTTLS_GO));
	(void)conn_start_tls(s->conn, s->sink->options.tls);
}

/* Who does not read what we say is not read either, until he does. */
static bool
may_step(struct sink_session *s)
{
	if (s->is_closing || s->sink->is_over || s->is_paused)
		return false;
	if (conn_waiting(s->conn) <= AHEAD_MAX)
		return true;
	s->is_paused = true;
	conn_pause(s->conn);
	conn_want_drained(s->conn);
	return false;
}

static void
on_input(struct conn *conn, void *owner)
{
	struct sink_session *s = owner;
	struct smtp_event *event = &s->sink->event;
	bool goes_on = true;

	while (goes_on && may_step(s)) {
		size_t used = smtp_server_step(&s->smtp, conn_input(conn),
		    event);

		goes_on = handle(s, event);
		/* the event's spans may point into the input: only now */
		conn_consume(conn, used);
		if (event->type == SMTP_STARTTLS)
			on_starttls(s);
		else if (event->type == SMTP_CLOSE)
			close_session(s);
	}
	if (!s->is_closing)
		conn_deadline(conn, s->sink->options.idle_ms);
}

static void
on_drained(struct conn *conn, void *owner)
{
	struct sink_session *s = owner;

	if (!s->is_paused)
		return;
	s->is_paused = false;
	conn_resume(conn);	/* on_input comes soon */
}

static void
on_tls(struct conn *conn, void *owner)
{
	struct sink_session *s = owner;

	conn_deadline(conn, s->sink->options.idle_ms);
	s->sink->totals.tls++;
	if (s->sink->options.is_implicit_tls)
		greet(s);
	else
		smtp_server_tls_up(&s->smtp);
}

static void
on_time(struct conn *conn, void *owner)
{
	struct sink_session *s = owner;

	(void)conn;
	smtp_server_close(&s->smtp, REPLY_OF(TIMEOUT,
	    s->sink->options.smtp.hostname));
	close_session(s);
}

static void
on_closed(struct conn *conn, void *owner, enum conn_end how)
{
	struct sink_session *s = owner;

	(void)conn;
	if (how != CONN_BY_US && how != CONN_BY_PEER)
		s->sink->totals.broken++;
	end_session(s);
}

static const struct conn_ops ops = { .on_input = on_input,
	.on_drained = on_drained, .on_tls = on_tls,
	.on_time = on_time, .on_closed = on_closed };

void
sink_accept(void *arg, int fd)
{
	struct sink *sink = arg;
	struct sink_session *s = mem_new(sizeof *s);
	char peer[64];
	uint16_t port;

	s->sink = sink;
	s->conn = conn_new(sink->pool, fd, &ops, &sink->limits, s);
	if (s->conn == NULL || sink->is_over) {
		conn_free(s->conn);
		free(s);
		return;
	}
	s->next = sink->session;
	s->prev = &sink->session;
	if (s->next != NULL)
		s->next->prev = &s->next;
	sink->session = s;
	s->number = ++sink->totals.sessions;
	sink->totals.open++;
	buf_init(&s->envelope, ENVELOPE_MAX);
	s->hooks = (struct smtp_server_hooks){ .write = say, .arg = s,
		.transcript = sink->options.dialogue != NULL ? show : NULL };
	conn_peer(s->conn, peer, &port);
	smtp_server_init(&s->smtp, &sink->options.smtp, &s->hooks,
	    span_str(peer[0] != '\0' ? peer : "127.0.0.1"),
	    sink->options.is_implicit_tls);
	conn_deadline(s->conn, sink->options.idle_ms);
	if (sink->options.is_implicit_tls)
		(void)conn_start_tls(s->conn, sink->options.tls);
	else
		greet(s);
}

void
sink_init(struct sink *sink, struct loop *loop,
    const struct sink_options *options)
{
	*sink = (struct sink){ .loop = loop, .options = *options,
		.limits = { IN_MAX, OUT_MAX } };
	sink->pool = conn_pool_new(loop);
}

void
sink_free(struct sink *sink)
{
	while (sink->session != NULL)
		end_session(sink->session);
	/* what was put on its list has gone with its conns */
	conn_pool_flush(sink->pool);
	conn_pool_free(sink->pool);
}
