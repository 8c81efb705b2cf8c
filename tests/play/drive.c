/* SPDX-License-Identifier: Apache-2.0 */
/* The caller of an engine, as small as it can be. */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "smtp/persona.h"

#define GREETED_AT "Sat, 8 Jan 2011 6:03:15 -0600"
#define MAIL_ID    UINT64_C(0x000001945ba4d7f3)
#define KEEP_MAX   (64u << 20)

static const char *const event_names[] = {
	[SMTP_MORE] = "MORE", [SMTP_WAIT] = "WAIT", [SMTP_HELLO] = "HELLO",
	[SMTP_STARTTLS] = "STARTTLS", [SMTP_AUTH] = "AUTH",
	[SMTP_AUTH_OVER] = "AUTH_OVER", [SMTP_MAIL] = "MAIL",
	[SMTP_RCPT] = "RCPT", [SMTP_ETRN] = "ETRN", [SMTP_DATA] = "DATA",
	[SMTP_BODY] = "BODY", [SMTP_END] = "END", [SMTP_OVER] = "OVER",
	[SMTP_NOTE] = "NOTE",
	[SMTP_CLOSE] = "CLOSE",
};

static const struct {
	const char *user, *password;
} logins[] = {
	{ "guyt", "Pauline13" },
	{ "administrator", "password" },
	{ "user1@contoso.com", "P@$$w0rd" },
	{ "username", "password" },
	{ "iperborea", "iperb01!" },
};

const char *
drive_event_name(enum smtp_event_type type)
{
	return event_names[type];
}

static void
add(struct buf *buf, struct span bytes)
{
	int error = buf_append(buf, bytes);

	must(error == 0);
}

static void
broke(struct drive *drive, const char *promise)
{
	if (drive->broken == NULL)
		drive->broken = promise;
}

static void
on_write(void *arg, struct span bytes)
{
	struct drive *drive = arg;
	struct span rest = bytes;

	add(&drive->said, bytes);
	if (bytes.len < 6 || bytes.p[bytes.len - 1] != '\n')
		broke(drive, "replies leave whole");
	while (rest.len != 0) {
		struct span line = span_cut(&rest, '\n');

		if (line.len < 5 || line.p[line.len - 1] != '\r' ||
		    (line.p[3] == ' ') != (rest.len == 0))
			broke(drive, "a reply has one last line");
	}
	drive->replies++;
}

static void
on_transcript(void *arg, enum smtp_direction direction, struct span line)
{
	struct drive *drive = arg;

	add(&drive->shown, direction == SMTP_FROM_CLIENT ? SPAN("C: ")
							 : SPAN("S: "));
	add(&drive->shown, line);
	add(&drive->shown, SPAN("\n"));
}

struct smtp_server_conf
drive_conf(void)
{
	return (struct smtp_server_conf){ .hostname = SPAN("mx.example.org"),
		.has_starttls = true, .auth_tls = SPAN("PLAIN LOGIN"),
		.auth_clear = SPAN(""), .size_max = 50u << 20,
		.rcpt_max = 1000, .errors_max = 20, .commands_max = 100,
		.transactions_max = 1000, .auth_failures_max = 3 };
}

void
drive_init(struct drive *drive, const struct smtp_server_conf *conf,
    struct span client, bool is_tls)
{
	struct buf *bufs[] = { &drive->in, &drive->said, &drive->told,
		&drive->notes, &drive->delivered, &drive->body,
		&drive->shown };

	memset(drive, 0, sizeof *drive);
	drive->conf = *conf;
	drive->hooks = (struct smtp_server_hooks){ .write = on_write,
		.transcript = on_transcript, .arg = drive };
	drive->event = mem_new(sizeof *drive->event);
	for (size_t i = 0; i < countof(bufs); i++)
		buf_init(bufs[i], KEEP_MAX);
	smtp_server_init(&drive->server, &drive->conf, &drive->hooks, client,
	    is_tls);
	smtp_server_greet(&drive->server,
	    REPLY_OF(READY, drive->conf.hostname, SPAN(GREETED_AT)));
}

void
drive_free(struct drive *drive)
{
	struct buf *bufs[] = { &drive->in, &drive->said, &drive->told,
		&drive->notes, &drive->delivered, &drive->body,
		&drive->shown };

	for (size_t i = 0; i < countof(bufs); i++)
		buf_free(bufs[i]);
	free(drive->event);
}

static void
answer(struct drive *drive, const struct reply *reply)
{
	enum smtp_event_type question = drive->event->type;

	if (question == SMTP_MAIL && reply_is_positive(reply->id)) {
		if (drive->is_mail_open)
			broke(drive, "OVER comes before the next MAIL");
		drive->is_mail_open = true;
		drive->mails_taken++;
	}
	if (question == SMTP_DATA)
		drive->is_body_allowed = reply_is_positive(reply->id);
	if (question == SMTP_END && reply_is_positive(reply->id)) {
		add(&drive->delivered, buf_span(&drive->body));
		buf_clear(&drive->body);
	}
	if (question == SMTP_STARTTLS && reply_is_positive(reply->id))
		drive->is_tls_due = true;
	smtp_server_answer(&drive->server, reply);
}

static bool
is_login(struct span user, struct span password)
{
	for (size_t i = 0; i < countof(logins); i++)
		if (span_eq(user, span_str(logins[i].user)) &&
		    span_eq(password, span_str(logins[i].password)))
			return true;
	return false;
}

static void
answer_login(struct drive *drive, struct span user, struct span password)
{
	bool is_right = is_login(user, password);

	drive->user[0] = '\0';
	answer(drive, is_right ? REPLY_OF(AUTH_OK) : REPLY_OF(AUTH_FAILED));
}

/* NTLM and GSSAPI as far as a stranger gets. */
static void
answer_stranger(struct drive *drive)
{
	if (drive->event->auth.has_response)
		answer(drive, REPLY_OF(AUTH_FAILED));
	else
		smtp_server_challenge(&drive->server, SPAN(""));
}

/* PLAIN (RFC 4616) and LOGIN, no more than the dialogues need. */
static void
answer_auth(struct drive *drive)
{
	struct smtp_event *event = drive->event;
	struct span response = event->auth.response, user;

	if (event->auth.mechanism.len != 0) {
		drive->is_plain = span_eq(event->auth.mechanism, SPAN("PLAIN"));
		drive->is_stranger = !drive->is_plain &&
		    !span_eq(event->auth.mechanism, SPAN("LOGIN"));
		drive->user[0] = '\0';
		if (!event->auth.has_response && !drive->is_stranger) {
			smtp_server_challenge(&drive->server,
			    drive->is_plain ? SPAN("") : SPAN("Username:"));
			return;
		}
	}
	if (drive->is_stranger) {
		answer_stranger(drive);
	} else if (drive->is_plain) {
		(void)span_cut(&response, '\0');
		user = span_cut(&response, '\0');
		answer_login(drive, user, response);
	} else if (drive->user[0] == '\0') {
		if (response.len == 0 || response.len >= sizeof drive->user) {
			answer(drive, REPLY_OF(AUTH_MALFORMED));
			return;
		}
		memcpy(drive->user, response.p, response.len);
		drive->user[response.len] = '\0';
		smtp_server_challenge(&drive->server, SPAN("Password:"));
	} else {
		answer_login(drive, span_str(drive->user), response);
	}
}

static void
answer_address(struct drive *drive, enum reply_id id, const struct addr *addr)
{
	char text[ADDR_MAX];
	struct put out = put_init(text, sizeof text);

	addr_put(addr, &out);
	must(!out.full);
	answer(drive, &(struct reply){ .id = id, .arg = { put_span(&out) } });
}

/* As the persona names it, 1A2B natively. */
static void
answer_queued(struct drive *drive)
{
	char text[PERSONA_ID_MAX];
	struct put out = put_init(text, sizeof text);

	persona_put_id(drive->conf.persona, MAIL_ID, drive->conf.hostname,
	    &out);
	answer(drive, REPLY_OF(QUEUED,
	    out.len != 0 ? put_span(&out) : SPAN("1A2B"), SPAN("106")));
}

/* The default answers. */
static void
answer_kindly(struct drive *drive)
{
	switch (drive->event->type) {
	case SMTP_HELLO:
		answer(drive, REPLY_OF(HELLO));
		return;
	case SMTP_STARTTLS:
		answer(drive, REPLY_OF(STARTTLS_GO));
		return;
	case SMTP_AUTH:
		answer_auth(drive);
		return;
	case SMTP_MAIL:
		answer_address(drive, REPLY_MAIL_OK,
		    &drive->event->mail.from);
		return;
	case SMTP_RCPT:
		answer_address(drive, REPLY_RCPT_OK, &drive->event->rcpt.to);
		return;
	case SMTP_ETRN:
		answer(drive, REPLY_OF(ETRN_NONE, drive->event->etrn.domain));
		return;
	case SMTP_DATA:
		answer(drive, REPLY_OF(DATA_GO));
		return;
	case SMTP_END:
		answer_queued(drive);
		return;
	default:
		must(false);
	}
}

static void
answer_once(struct drive *drive)
{
	enum smtp_event_type question = drive->event->type;
	unsigned nth = ++drive->asked[question];

	for (size_t i = 0; i < drive->script_n; i++) {
		const struct drive_script *script = &drive->script[i];

		if (script->question != question || script->nth != nth)
			continue;
		answer(drive, &(struct reply){ .id = script->reply,
				  .arg = { script->arg } });
		return;
	}
	answer_kindly(drive);
}

static void
answer_question(struct drive *drive)
{
	enum smtp_event_type question = drive->event->type;
	unsigned n = 1;
	uint64_t position = drive->server.position;
	struct smtp_event other;

	if (question == SMTP_END) {
		drive->ends++;
		drive->is_body_allowed = false;
		if (drive->conf.is_lmtp)
			n = drive->event->end.rcpt_n;
	}
	while (n-- != 0) {
		/* promise 2: an open question stops the reading */
		(void)smtp_server_step(&drive->server, SPAN("NOOP\r\n"),
		    &other);
		if (other.type != SMTP_WAIT ||
		    drive->server.position != position)
			broke(drive, "nothing is read while one is asked");
		answer_once(drive);
	}
}

static void
on_told(struct drive *drive)
{
	const struct smtp_event *event = drive->event;

	if (event->type == SMTP_BODY) {
		if (!drive->is_body_allowed || event->body.bytes.len == 0)
			broke(drive, "a body comes behind a go-ahead");
		add(&drive->body, event->body.bytes);
	} else if (event->type == SMTP_NOTE) {
		add(&drive->notes, span_str(event->note.what));
		add(&drive->notes, SPAN(" "));
	} else if (event->type == SMTP_OVER) {
		if (!drive->is_mail_open)
			broke(drive, "every MAIL has one OVER");
		drive->is_mail_open = false;
		drive->is_body_allowed = false;
		drive->overs++;
		buf_clear(&drive->body);
	} else if (event->type == SMTP_CLOSE) {
		if (drive->is_closed)
			broke(drive, "CLOSE is told once");
		drive->is_closed = true;
	}
}

static bool
is_question(enum smtp_event_type type)
{
	return type == SMTP_HELLO || type == SMTP_STARTTLS ||
	    type == SMTP_AUTH || type == SMTP_MAIL || type == SMTP_RCPT ||
	    type == SMTP_ETRN || type == SMTP_DATA || type == SMTP_END;
}

static void
run(struct drive *drive)
{
	struct smtp_event *event = drive->event;

	for (;;) {
		struct span in = buf_span(&drive->in);
		size_t used = smtp_server_step(&drive->server, in, event);

		must(used <= in.len);
		buf_consume(&drive->in, used);
		if (event->type == SMTP_MORE || event->type == SMTP_WAIT)
			break;
		if (event->type != SMTP_BODY) {
			add(&drive->told,
			    span_str(event_names[event->type]));
			add(&drive->told, SPAN(" "));
		}
		if (is_question(event->type))
			answer_question(drive);
		else
			on_told(drive);
	}
	if (drive->is_mail_open !=
	    smtp_server_in_transaction(&drive->server))
		broke(drive, "in_transaction is MAIL to OVER");
	if (drive->is_closed && drive->is_mail_open)
		broke(drive, "OVER comes before CLOSE");
}

void
drive_feed(struct drive *drive, struct span bytes)
{
	if (drive->is_closed)
		return;
	add(&drive->in, bytes);
	run(drive);
}

void
drive_tls(struct drive *drive)
{
	if (!drive->is_tls_due)
		return;
	drive->is_tls_due = false;
	buf_clear(&drive->in);
	smtp_server_tls_up(&drive->server);
	if (smtp_server_hello(&drive->server).len != 0)
		broke(drive, "what was said before TLS is forgotten");
	run(drive);
}
