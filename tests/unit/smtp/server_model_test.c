/* SPDX-License-Identifier: Apache-2.0 */
/* Every sequence of up to four commands out of two dozen, from the start and
 * from two places further on, against a model that knows the rules of RFC 5321
 * 4.1.4, RFC 3207, RFC 4954 and RFC 3030 in a few lines: which code each
 * command gets, and whether it ends a transaction. The engine is a value, so
 * the tree of sequences is walked by copying it.
 *
 * Seen to catch: OVER forgotten at EHLO, RCPT between two chunks, a login kept
 * over STARTTLS, a BDAT that failed and left its transaction. */
#include "../test.h"

#include "smtp/server.h"

#define DEPTH     4
#define CODES_MAX 8

/* What came of one command: the first code of each reply, OVERs told. */
struct effect {
	unsigned code[CODES_MAX];
	unsigned n, overs;
	bool is_closed;
};

struct model {
	bool hello, extended, tls, login, mail, rcpt, chunks, closed;
};

enum kind { EHLO, HELO, BAD_EHLO, STARTTLS, LOGIN, BAD_LOGIN, CANCEL, MAIL,
	MAIL_SIZE, BAD_MAIL, REFUSED_MAIL, RCPT, REFUSED_RCPT, DATA,
	REFUSED_DATA, CHUNK, LAST, EMPTY_LAST, BAD_CHUNK, RSET, NOOP, EXPN,
	UNKNOWN, QUIT };

static const struct {
	enum kind kind;
	struct span bytes;
} commands[] = {
	{ EHLO, { "EHLO a\r\n", 8 } },
	{ HELO, { "HELO a\r\n", 8 } },
	{ BAD_EHLO, { "EHLO a b\r\n", 10 } },
	{ STARTTLS, { "STARTTLS\r\n", 10 } },
	{ LOGIN, { "AUTH X eQ==\r\n", 13 } },
	{ BAD_LOGIN, { "AUTH X bg==\r\n", 13 } },
	{ CANCEL, { "AUTH X\r\n*\r\n", 11 } },
	{ MAIL, { "MAIL FROM:<>\r\n", 14 } },
	{ MAIL_SIZE, { "MAIL FROM:<> SIZE=1\r\n", 21 } },
	{ BAD_MAIL, { "MAIL TO:<>\r\n", 12 } },
	{ REFUSED_MAIL, { "MAIL FROM:<n@n>\r\n", 17 } },
	{ RCPT, { "RCPT TO:<y@y>\r\n", 15 } },
	{ REFUSED_RCPT, { "RCPT TO:<n@n>\r\n", 15 } },
	{ DATA, { "DATA\r\ny\r\n.\r\n", 12 } },
	{ REFUSED_DATA, { "DATA\r\nn\r\n.\r\n", 12 } },
	{ CHUNK, { "BDAT 6\r\nQUIT\r\n", 14 } },
	{ LAST, { "BDAT 6 LAST\r\nQUIT\r\n", 19 } },
	{ EMPTY_LAST, { "BDAT 0 LAST\r\n", 13 } },
	{ BAD_CHUNK, { "BDAT x\r\n", 8 } },
	{ RSET, { "RSET\r\n", 6 } },
	{ NOOP, { "NOOP\r\n", 6 } },
	{ EXPN, { "EXPN a\r\n", 8 } },
	{ UNKNOWN, { "FROB\r\n", 6 } },
	{ QUIT, { "QUIT\r\n", 6 } },
};

static void
expect(struct effect *effect, unsigned code)
{
	effect->code[effect->n++] = code;
}

static void
model_end_mail(struct model *model, struct effect *effect)
{
	effect->overs += model->mail;
	model->mail = model->rcpt = model->chunks = false;
}

static void
model_close(struct model *model, struct effect *effect, unsigned code)
{
	expect(effect, code);
	model_end_mail(model, effect);
	model->closed = effect->is_closed = true;
}

static void
model_hello(struct model *model, struct effect *effect, bool is_extended)
{
	expect(effect, 250);
	model_end_mail(model, effect);
	model->hello = true;
	model->extended = is_extended;
}

static void
model_auth(struct model *model, struct effect *effect, enum kind kind)
{
	if (!model->hello || model->mail || model->login) {
		expect(effect, 503);
		if (kind == CANCEL)	/* "*" is a command then */
			expect(effect, 500);
	} else if (kind == CANCEL) {
		expect(effect, 334);
		expect(effect, 501);
	} else {
		expect(effect, kind == LOGIN ? 235 : 535);
		model->login = kind == LOGIN;
	}
}

static void
model_mail(struct model *model, struct effect *effect, enum kind kind)
{
	if (!model->hello || model->mail) {
		expect(effect, 503);
	} else if (kind == BAD_MAIL) {
		expect(effect, 501);
	} else if (kind == REFUSED_MAIL) {
		expect(effect, 550);
	} else if (kind == MAIL_SIZE && !model->extended) {
		expect(effect, 555);
	} else {
		expect(effect, 250);
		model->mail = true;
	}
}

static void
model_data(struct model *model, struct effect *effect, bool is_kept)
{
	if (!model->rcpt || model->chunks) {
		expect(effect, 503);
		model_close(model, effect, 421);	/* the text */
		return;
	}
	expect(effect, 354);
	expect(effect, is_kept ? 250 : 451);
	model_end_mail(model, effect);
}

static void
model_chunk(struct model *model, struct effect *effect, enum kind kind)
{
	if (kind == BAD_CHUNK || !model->rcpt) {
		expect(effect, kind == BAD_CHUNK ? 501 : 503);
		model_end_mail(model, effect);
		return;
	}
	expect(effect, 250);
	model->chunks = true;
	if (kind != CHUNK)
		model_end_mail(model, effect);
}

static struct effect
model_run(struct model *model, enum kind kind, bool is_text_due)
{
	struct effect effect = { .n = 0 };

	if (model->closed)
		return effect;
	switch (kind) {
	case EHLO:
	case HELO:
		model_hello(model, &effect, kind == EHLO);
		break;
	case BAD_EHLO:
		expect(&effect, 501);
		break;
	case STARTTLS:
		expect(&effect, model->mail || model->tls ? 503 : 220);
		if (effect.code[0] == 220)
			*model = (struct model){ .tls = true };
		break;
	case LOGIN:
	case BAD_LOGIN:
	case CANCEL:
		model_auth(model, &effect, kind);
		break;
	case MAIL:
	case MAIL_SIZE:
	case BAD_MAIL:
	case REFUSED_MAIL:
		model_mail(model, &effect, kind);
		break;
	case RCPT:
	case REFUSED_RCPT:
		if (!model->mail || model->chunks) {
			expect(&effect, 503);
			break;
		}
		expect(&effect, kind == RCPT ? 250 : 550);
		model->rcpt |= kind == RCPT;
		break;
	case DATA:
	case REFUSED_DATA:
		model_data(model, &effect, kind == DATA);
		break;
	case CHUNK:
	case LAST:
	case EMPTY_LAST:
	case BAD_CHUNK:
		model_chunk(model, &effect, kind);
		break;
	case RSET:
		expect(&effect, 250);
		model_end_mail(model, &effect);
		break;
	case NOOP:
		expect(&effect, 250);
		break;
	case EXPN:
		expect(&effect, 502);
		break;
	case UNKNOWN:
		if (is_text_due)
			model_close(model, &effect, 421);
		else
			expect(&effect, 500);
		break;
	case QUIT:
		model_close(model, &effect, 221);
		break;
	}
	return effect;
}

/* The caller of the engine: says no to whatever begins with an n. */
static struct effect got;
static bool is_text_bad;

static void
on_write(void *arg, struct span bytes)
{
	(void)arg;
	assert_true(got.n < CODES_MAX);
	got.code[got.n++] = (unsigned)(bytes.p[0] - '0') * 100 +
	    (unsigned)(bytes.p[1] - '0') * 10 + (unsigned)(bytes.p[2] - '0');
}

static const struct smtp_server_hooks hooks = { .write = on_write };

static bool
is_no(struct span text)
{
	return text.len != 0 && text.p[0] == 'n';
}

static void
answer(struct smtp_server *server, const struct smtp_event *event)
{
	bool no = false;
	enum reply_id yes_id = REPLY_HELLO, no_id = REPLY_RCPT_REFUSED;

	if (event->type == SMTP_STARTTLS) {
		smtp_server_answer(server, REPLY_OF(STARTTLS_GO));
		smtp_server_tls_up(server);
		return;
	}
	if (event->type == SMTP_AUTH && !event->auth.has_response) {
		smtp_server_challenge(server, SPAN(""));
		return;
	}
	if (event->type == SMTP_AUTH) {
		no = is_no(event->auth.response);
		yes_id = REPLY_AUTH_OK;
		no_id = REPLY_AUTH_FAILED;
	} else if (event->type == SMTP_MAIL) {
		no = is_no(event->mail.from.local);
		yes_id = REPLY_MAIL_OK;
	} else if (event->type == SMTP_RCPT) {
		no = is_no(event->rcpt.to.local);
		yes_id = REPLY_RCPT_OK;
	} else if (event->type == SMTP_DATA) {
		is_text_bad = false;
		yes_id = REPLY_DATA_GO;
	} else if (event->type == SMTP_END) {
		no = is_text_bad;
		yes_id = REPLY_QUEUED;
		no_id = REPLY_STORE_FAILED;
	}
	smtp_server_answer(server,
	    &(struct reply){ .id = no ? no_id : yes_id });
}

static void
engine_run(struct smtp_server *server, struct span bytes)
{
	static struct smtp_event event;

	got = (struct effect){ .n = 0 };
	for (;;) {
		bytes = span_skip(bytes,
		    smtp_server_step(server, bytes, &event));
		switch (event.type) {
		case SMTP_MORE:
		case SMTP_WAIT:
			return;
		case SMTP_BODY:
			is_text_bad |= is_no(event.body.bytes);
			break;
		case SMTP_OVER:
			got.overs++;
			break;
		case SMTP_CLOSE:
			got.is_closed = true;
			break;
		case SMTP_AUTH_OVER:
		case SMTP_NOTE:
			break;
		case SMTP_HELLO:
		case SMTP_STARTTLS:
		case SMTP_AUTH:
		case SMTP_MAIL:
		case SMTP_RCPT:
		case SMTP_ETRN:
		case SMTP_DATA:
		case SMTP_END:
			answer(server, &event);
			break;
		}
	}
}

static unsigned walked;
static size_t path[DEPTH];

static void
compare(const struct effect *want, unsigned depth)
{
	if (got.n == want->n && got.overs == want->overs &&
	    got.is_closed == want->is_closed &&
	    memcmp(got.code, want->code, sizeof got.code) == 0)
		return;
	for (unsigned i = 0; i <= depth; i++)
		test_print("command", commands[path[i]].bytes);
	for (unsigned i = 0; i < CODES_MAX; i++)
		print_error("got %u, expected %u\n", got.code[i],
		    want->code[i]);
	fail_msg("OVER: got %u, expected %u; closed: got %d, expected %d",
	    got.overs, want->overs, got.is_closed, want->is_closed);
}

static void
walk(const struct smtp_server *server, const struct model *model,
    bool is_text_due, unsigned depth)
{
	for (size_t i = 0; i < countof(commands); i++) {
		struct smtp_server next = *server;
		struct model next_model = *model;
		struct effect want = model_run(&next_model, commands[i].kind,
		    is_text_due);

		path[depth] = i;
		engine_run(&next, commands[i].bytes);
		compare(&want, depth);
		walked++;
		/* octets may follow that nobody counted */
		if (depth + 1 < DEPTH && !next_model.closed)
			walk(&next, &next_model,
			    commands[i].kind == BAD_CHUNK, depth + 1);
	}
}

/* Four commands from the start reach no chunk; hence from further on too. */
static void
walk_behind(const enum kind *kinds, size_t n)
{
	const struct smtp_server_conf conf = { .hostname = SPAN("mx"),
		.has_starttls = true, .auth_clear = SPAN("X"),
		.auth_tls = SPAN("X") };
	struct smtp_server server;
	struct model model = { .hello = false };

	smtp_server_init(&server, &conf, &hooks, SPAN("192.0.2.7"), false);
	smtp_server_greet(&server, REPLY_OF(READY, conf.hostname));
	for (size_t i = 0; i < n; i++) {
		struct effect want = model_run(&model, kinds[i], false);

		engine_run(&server, commands[kinds[i]].bytes);
		path[0] = kinds[i];
		compare(&want, 0);
	}
	walk(&server, &model, false, 0);
}

static void
every_sequence(void **state)
{
	const enum kind behind_rcpt[] = { EHLO, MAIL, RCPT };
	const enum kind behind_tls[] = { STARTTLS, EHLO, LOGIN };

	(void)state;
	for (unsigned i = 0; i < countof(commands); i++)
		assert_int_equal(commands[i].kind, i);
	walk_behind(NULL, 0);
	walk_behind(behind_rcpt, countof(behind_rcpt));
	walk_behind(behind_tls, countof(behind_tls));
	print_message("%u commands compared\n", walked);
	assert_true(walked > 500000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
