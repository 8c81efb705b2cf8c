/* SPDX-License-Identifier: Apache-2.0 */
/* sendmail_smtp: SMTP on the standard input and output: our own engine, and
 * each mail into the drop folder. Who calls this is a program of this machine:
 * what it may send is the daemon's to judge. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "ehlo/drop_write.h"
#include "ehlo/sendmail.h"
#include "ehlo/tell.h"
#include "smtp/server.h"

#define IN_MAX ((size_t)64 << 10)

struct dialogue {
	const struct sendmail *s;
	struct smtp_server server;
	struct smtp_event event;
	struct buf head, text, out;
	bool is_over, has_failed;
};

static void
write_reply(void *arg, struct span bytes)
{
	struct dialogue *d = arg;

	if (buf_append(&d->out, bytes) != 0)
		d->has_failed = true;
}

static void
flush(struct dialogue *d)
{
	struct span bytes = buf_span(&d->out);

	while (bytes.len != 0) {
		ssize_t n = write(STDOUT_FILENO, bytes.p, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			d->has_failed = true;
			break;
		}
		bytes = span_skip(bytes, (size_t)n);
	}
	buf_clear(&d->out);
}

static void
put_by(const struct mail_params *params, struct buf *head)
{
	if (params->by == PARAM_BY_NONE)
		return;
	(void)buf_printf(head, " BY=%" PRIi64 ";%c%s", params->by_s,
	    params->by == PARAM_BY_RETURN ? 'R' : 'N',
	    params->by_trace ? "T" : "");
}

static void
on_mail(struct dialogue *d)
{
	const struct mail_params *params = &d->event.mail.params;
	char from[ADDR_MAX + 1];
	struct put put = put_init(from, sizeof from);

	if (d->event.mail.from.local.len != 0)
		addr_put(&d->event.mail.from, &put);
	buf_clear(&d->head);
	buf_clear(&d->text);
	(void)buf_printf(&d->head, "mail <%.*s>%s%s%s%s%s",
	    SPAN_ARG(put_span(&put)),
	    params->body != PARAM_BODY_7BIT ? " BODY=8BITMIME" : "",
	    params->smtputf8 ? " SMTPUTF8" : "",
	    params->ret == PARAM_RET_FULL ? " RET=FULL"
	    : params->ret == PARAM_RET_HDRS ? " RET=HDRS" : "",
	    params->envid[0] != '\0' ? " ENVID=" : "", params->envid);
	put_by(params, &d->head);
	(void)buf_append(&d->head, SPAN("\n"));
	smtp_server_answer(&d->server, REPLY_OF(MAIL_OK, put_span(&put)));
}

static void
on_rcpt(struct dialogue *d)
{
	static const char *const names[] = { "NEVER", "SUCCESS", "FAILURE",
		"DELAY" };
	unsigned notify = d->event.rcpt.params.notify;
	char to[ADDR_MAX + 1], words[64];
	struct put put = put_init(to, sizeof to);
	struct put list = put_init(words, sizeof words);

	addr_put(&d->event.rcpt.to, &put);
	for (size_t i = 0; i < countof(names); i++)
		if ((notify >> i & 1) != 0) {
			put_str(&list, list.len != 0 ? "," : " NOTIFY=");
			put_str(&list, names[i]);
		}
	if (buf_printf(&d->head, "rcpt <%.*s>%.*s\n",
	    SPAN_ARG(put_span(&put)), SPAN_ARG(put_span(&list))) != 0)
		smtp_server_answer(&d->server, REPLY_OF(TOO_MANY_RCPTS));
	else
		smtp_server_answer(&d->server,
		    REPLY_OF(RCPT_OK, put_span(&put)));
}

static void
on_end(struct dialogue *d)
{
	struct drop_told told = { .fate = DROP_FATE_UNKNOWN };
	char name[64];
	int error = buf_append(&d->head, SPAN("\n"));

	if (error == 0 && d->text.len <= DROP_TEXT_MAX)
		error = drop_leave(d->s->folder, buf_span(&d->head),
		    buf_span(&d->text), name, &told);
	if (error != 0) {
		tell_error("%s: %s", d->s->folder, log_errno(error));
		smtp_server_answer(&d->server, REPLY_OF(STORE_FAILED));
		return;
	}
	if (told.fate == DROP_FATE_NOBODY || told.fate == DROP_FATE_BAD) {
		smtp_server_answer(&d->server, REPLY_OF(NOT_TAKEN,
		    span_first(span_str(told.words), 400)));
		return;
	}
	if (told.fate == DROP_FATE_PARTLY)
		tell_error("not sent to all: %s", told.words);
	smtp_server_answer(&d->server, REPLY_OF(QUEUED,
	    span_skip(span_str(name), strlen(DROP_NEW))));
}

static void
on_body(struct dialogue *d)
{
	if (buf_append(&d->text, d->event.body.bytes) != 0)
		d->has_failed = true;
}

/* True: go on. */
static bool
handle(struct dialogue *d)
{
	switch (d->event.type) {
	case SMTP_MORE:
	case SMTP_WAIT:
		return false;
	case SMTP_CLOSE:
		d->is_over = true;
		return false;
	case SMTP_HELLO:
		smtp_server_answer(&d->server, REPLY_OF(HELLO));
		return true;
	case SMTP_MAIL:
		on_mail(d);
		return true;
	case SMTP_RCPT:
		on_rcpt(d);
		return true;
	case SMTP_DATA:
		smtp_server_answer(&d->server, REPLY_OF(DATA_GO));
		return true;
	case SMTP_BODY:
		on_body(d);
		return true;
	case SMTP_END:
		on_end(d);
		return true;
	case SMTP_ETRN:
		smtp_server_answer(&d->server, REPLY_OF(ETRN_REFUSED,
		    d->event.etrn.domain));
		return true;
	case SMTP_STARTTLS:
		smtp_server_answer(&d->server, REPLY_OF(STARTTLS_FAILED));
		return true;
	case SMTP_AUTH:
		smtp_server_answer(&d->server, REPLY_OF(AUTH_TEMP));
		return true;
	case SMTP_AUTH_OVER:
	case SMTP_OVER:
	case SMTP_NOTE:
		return true;
	}
	return false;
}

/* Programs write many lines at once, with LF: the engine takes them for a
 * typist's if it sees one at a time. */
static struct span
next_line(struct span in)
{
	return span_first(in, span_find(in, '\n') + 1);
}

static bool
has_line(const struct buf *in)
{
	struct span bytes = buf_span(in);

	return span_find(bytes, '\n') < bytes.len;
}

static void
talk(struct dialogue *d)
{
	struct buf in;
	ssize_t n = 1;
	size_t used;
	bool goes_on;

	buf_init(&in, IN_MAX);
	while (n > 0 && !d->is_over && !d->has_failed) {
		char *room;

		flush(d);
		room = buf_room(&in, 16384);
		if (room == NULL)
			break;
		do
			n = read(STDIN_FILENO, room, 16384);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			break;
		buf_grow(&in, (size_t)n);
		do {
			used = smtp_server_step(&d->server,
			    next_line(buf_span(&in)), &d->event);
			goes_on = handle(d);
			buf_consume(&in, used);
		} while ((goes_on || (used != 0 && has_line(&in))) &&
		    !d->has_failed && !d->is_over);
	}
	flush(d);
	buf_free(&in);
}

int
sendmail_smtp(const struct sendmail *s)
{
	const struct smtp_server_conf conf = {
		.hostname = span_str(s->origin),
		.persona = PERSONA_NATIVE,
		.is_typist = true,
		.size_max = DROP_TEXT_MAX,
		.rcpt_max = DROP_RCPTS_MAX,
		.errors_max = 100,
		.commands_max = 1000,
		.transactions_max = 100000,
		.auth_failures_max = 1,
	};
	struct dialogue *d = mem_new(sizeof *d);
	const struct smtp_server_hooks hooks = { .write = write_reply,
		.arg = d };
	int code;

	d->s = s;
	buf_init(&d->head, DROP_HEAD_MAX);
	buf_init(&d->text, DROP_TEXT_MAX + 1);
	buf_init(&d->out, (size_t)1 << 20);
	smtp_server_init(&d->server, &conf, &hooks, SPAN("127.0.0.1"), false);
	smtp_server_greet(&d->server, REPLY_OF(READY, conf.hostname));
	talk(d);
	code = d->has_failed ? SENDMAIL_LATER : SENDMAIL_GOOD;
	buf_free(&d->head);
	buf_free(&d->text);
	buf_free(&d->out);
	free(d);
	return code;
}
