/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out: against a server that the test plays: what it hears is checked,
 * what it answers decides the fates. No socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "deliver/smtp_out.h"
#include "fake_conf.h"
#include "smtp/param.h"

#define RCPTS 4

static struct smtp_client client;
static struct smtp_out out;
static struct parcel *parcel;
static struct transfer transfer;
static uint32_t index_of[RCPTS] = { 0, 1, 2, 3 };
static const struct peer peer = { .name = "mx.example",
	.text = "mx.example [192.0.2.1]:25" };
static enum smtp_out_result result;
static char said[8192];

static void
say(const char *text)
{
	struct span in = span_str(text);
	struct smtp_client_event event;

	do {
		size_t used = smtp_client_input(&client, in, &event);

		in = span_skip(in, used);
		if (event.type != CLIENT_MORE)
			result = smtp_out_take(&out, &event);
	} while (event.type != CLIENT_MORE && event.type != CLIENT_BROKEN &&
	    result != SMTP_OUT_CLOSE);
}

static const char *
hear(void)
{
	size_t len = 0, n;

	while ((n = smtp_client_output(&client, said + len,
	    sizeof said - 1 - len)) != 0)
		len += n;
	said[len] = '\0';
	return said;
}

static void
send_text(void)
{
	struct span text = SPAN("a\r\n");
	char end[8];

	assert_non_null(smtp_client_wants_text(&client));
	(void)smtp_client_text(&client, &text, said, sizeof said);
	(void)smtp_client_text_end(&client, end);
	smtp_out_text_ended(&out);
}

/* A session behind its EHLO. */
static void
begin(const char *caps, bool is_lmtp, size_t rcpt_n)
{
	static struct smtp_step hello;
	struct smtp_client_conf conf = { .is_lmtp = is_lmtp };
	struct smtp_client_event event;

	hello = (struct smtp_step){ .type = STEP_HELLO,
		.line = SPAN("EHLO me") };
	smtp_client_init(&client, &conf);
	smtp_client_add(&client, &hello);
	(void)hear();
	(void)smtp_client_input(&client, span_str(caps), &event);
	assert_int_equal(event.type, CLIENT_ANSWER);
	smtp_out_init(&out, &client, &peer);
	transfer = (struct transfer){ .parcel = parcel, .rcpt = index_of,
		.rcpt_n = rcpt_n };
	result = SMTP_OUT_GOING;
}

#define CAPS "250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 8BITMIME\r\n"

static int
setup(void **state)
{
	static const char *const names[RCPTS] = { "a@x", "b@x", "c@x", "d@x" };
	struct envelope_rcpt rcpt[RCPTS] = { 0 };
	struct envelope envelope = { .sender = SPAN("s@y"), .rcpt = rcpt,
		.rcpt_n = RCPTS };
	struct store_pin pin = { .text_len = 3 };
	struct conf *conf = fake_conf_new("/tmp", "example.org");
	struct buf bytes;

	(void)state;
	for (size_t i = 0; i < RCPTS; i++)
		rcpt[i].address = span_str(names[i]);
	buf_init(&bytes, 1 << 16);
	assert_int_equal(envelope_encode(&envelope, &bytes), 0);
	assert_int_equal(parcel_new(&pin, buf_span(&bytes), conf, &parcel),
	    0);
	buf_free(&bytes);
	conf_unref(conf);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	smtp_out_free(&out);
	parcel_free(parcel);
	return 0;
}

static enum fate
fate(size_t i)
{
	return parcel->outcome[i].fate;
}

static void
test_pipelined(void **state)
{
	(void)state;
	begin(CAPS, false, 2);
	assert_true(smtp_out_begin(&out, &transfer));
	assert_string_equal(hear(), "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\n"
	    "RCPT TO:<b@x>\r\nDATA\r\n");
	say("250 ok\r\n250 ok\r\n550 5.1.1 nobody\r\n354 go\r\n");
	send_text();
	say("250 2.0.0 kept\r\n");
	assert_int_equal(result, SMTP_OUT_OVER);
	assert_int_equal(fate(0), FATE_RELAYED);
	assert_true(parcel->outcome[0].has_dsn);
	assert_int_equal(fate(1), FATE_FAILED);
	assert_int_equal(parcel->outcome[1].status[2], 1);
	assert_false(smtp_out_begin(&out, &transfer));
}

/* MAIL refused: what is said to RCPT behind it means nothing. */
static void
test_mail_refused(void **state)
{
	(void)state;
	begin(CAPS, false, 2);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("451 4.3.0 later\r\n503 first\r\n503 first\r\n503 first\r\n");
	assert_int_equal(result, SMTP_OUT_OVER);
	assert_int_equal(fate(0), FATE_LATER);
	assert_int_equal(parcel->outcome[1].code, 451);
}

static void
test_too_many(void **state)
{
	(void)state;
	begin(CAPS, false, 3);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("250 ok\r\n250 ok\r\n452 enough\r\n552 enough\r\n354 go\r\n");
	send_text();
	say("250 kept\r\n");
	assert_int_equal(fate(0), FATE_RELAYED);
	assert_int_equal(fate(1), FATE_OPEN);
	assert_true(smtp_out_begin(&out, &transfer));
	assert_string_equal(hear(), "MAIL FROM:<s@y>\r\nRCPT TO:<b@x>\r\n"
	    "RCPT TO:<c@x>\r\nDATA\r\n");
	/* the first of a transaction: it is full, come later */
	say("250 ok\r\n452 full\r\n552 full\r\n503 nobody\r\n");
	assert_int_equal(fate(1), FATE_LATER);
	assert_int_equal(fate(2), FATE_LATER);
	assert_false(smtp_out_begin(&out, &transfer));
}

/* LMTP: each his own answer. */
static void
test_lmtp(void **state)
{
	(void)state;
	begin(CAPS, true, 3);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n");
	send_text();
	say("250 kept\r\n");
	assert_int_equal(result, SMTP_OUT_GOING);
	say("452 4.2.2 full\r\n");
	assert_int_equal(result, SMTP_OUT_OVER);
	assert_int_equal(fate(0), FATE_RELAYED);
	assert_int_equal(fate(1), FATE_FAILED);
	assert_int_equal(fate(2), FATE_LATER);
}

/* Lost before the end of the text: open for another host. Behind it: later,
 * and it may arrive twice. Seen to catch: those taken for delivered. */
static void
test_lost(void **state)
{
	struct outcome why = parcel_outcome(FATE_LATER, 4, 4, 2, "gone");

	(void)state;
	begin(CAPS, false, 2);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n");
	assert_false(smtp_out_lost(&out, &why));
	assert_int_equal(fate(0), FATE_OPEN);
	assert_int_equal(fate(1), FATE_FAILED);
	smtp_out_free(&out);
	begin(CAPS, false, 2);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	send_text();
	assert_true(smtp_out_lost(&out, &why));
	assert_int_equal(fate(0), FATE_LATER);
}

static void
test_421(void **state)
{
	struct outcome why = parcel_outcome(FATE_LATER, 4, 4, 2, "gone");

	(void)state;
	begin(CAPS, false, 1);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	send_text();
	say("421 4.3.2 going down\r\n");
	assert_int_equal(result, SMTP_OUT_CLOSE);
	/* it said that it did not take it */
	assert_false(smtp_out_lost(&out, &why));
	assert_int_equal(fate(0), FATE_OPEN);
	assert_int_equal(out.lost.code, 421);
}

static void
test_what_it_cannot(void **state)
{
	(void)state;
	parcel->envelope.body = 1;	/* 8BITMIME */
	parcel->has_8bit = true;
	begin("250 mx\r\n", false, 1);
	assert_false(smtp_out_begin(&out, &transfer));
	assert_int_equal(fate(0), FATE_FAILED);
	assert_int_equal(parcel->outcome[0].status[1], 6);
	smtp_out_free(&out);
	parcel->has_8bit = false;
	parcel->pin.text_len = 1001;
	parcel->outcome[0].fate = FATE_OPEN;
	begin("250-mx\r\n250 SIZE 1000\r\n", false, 1);
	assert_false(smtp_out_begin(&out, &transfer));
	assert_int_equal(parcel->outcome[0].status[1], 3);
}

/* What the sender asked for goes on, in the words of RFC 3461 and 6531; none of
 * it to a server that does not know it. Seen to catch: a NOTIFY dropped, and
 * SMTPUTF8 not said, which servers let pass until one is strict. */
static void
test_asked_for(void **state)
{
	struct envelope *envelope = &parcel->envelope;

	(void)state;
	envelope->is_utf8 = true;
	envelope->ret = PARAM_RET_HDRS;
	envelope->envid = SPAN("my+20mark");
	envelope->rcpt[0].address = SPAN("\303\274@x");
	envelope->rcpt[0].notify = PARAM_NOTIFY_SUCCESS | PARAM_NOTIFY_DELAY;
	envelope->rcpt[0].orcpt = SPAN("rfc822;a@old");
	envelope->rcpt[1].notify = PARAM_NOTIFY_NEVER;
	envelope->rcpt[1].original = SPAN("B+@x");
	begin("250-mx\r\n250-DSN\r\n250-SIZE\r\n250 SMTPUTF8\r\n", false, 2);
	assert_true(smtp_out_begin(&out, &transfer));
	assert_string_equal(hear(), "MAIL FROM:<s@y> SIZE=3 SMTPUTF8 RET=HDRS "
	    "ENVID=my+20mark\r\n");
	say("250 ok\r\n");
	assert_string_equal(hear(), "RCPT TO:<\303\274@x> "
	    "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@old\r\n");
	say("250 ok\r\n");
	assert_string_equal(hear(), "RCPT TO:<b@x> NOTIFY=NEVER "
	    "ORCPT=rfc822;B+2B@x\r\n");
	smtp_out_free(&out);
	envelope->is_utf8 = false;
	envelope->rcpt[0].address = SPAN("a@x");
	begin("250-mx\r\n250 PIPELINING\r\n", false, 2);
	assert_true(smtp_out_begin(&out, &transfer));
	assert_string_equal(hear(), "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\n"
	    "RCPT TO:<b@x>\r\nDATA\r\n");
}

/* Answers that have come out of step: nothing more is said, for the server may
 * take it for the text. Seen to catch: RSET and MAIL said behind a 354. */
static void
test_out_of_step(void **state)
{
	(void)state;
	begin(CAPS, false, 1);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("250 one\r\n250 one more\r\n250 two\r\n354 go\r\n");
	assert_int_equal(result, SMTP_OUT_CLOSE);
	assert_string_equal(hear(), "");
	assert_false(smtp_out_lost(&out, &out.lost));
	assert_int_equal(fate(0), FATE_OPEN);
	smtp_out_free(&out);
	begin(CAPS, false, 1);
	assert_true(smtp_out_begin(&out, &transfer));
	(void)hear();
	say("354 go\r\n");
	assert_int_equal(result, SMTP_OUT_CLOSE);
}

/* RFC 8689: only who promises it, inside of TLS, gets such mail. */
static void
test_requiretls(void **state)
{
	static const struct {
		const char *caps;
		bool is_tls, is_lmtp, is_sent;
		const char *said;
	} row[] = {
		{ "250-mx\r\n250 REQUIRETLS\r\n", true, false, true,
		    "MAIL FROM:<s@y> REQUIRETLS\r\n" },
		{ "250-mx\r\n250 REQUIRETLS\r\n", false, false, false, "" },
		{ "250-mx\r\n250 DSN\r\n", true, false, false, "" },
		/* final delivery is no relaying */
		{ "250-mx\r\n250 DSN\r\n", false, true, true,
		    "MAIL FROM:<s@y>\r\n" },
	};

	(void)state;
	parcel->envelope.tls_need = ENVELOPE_TLS_REQUIRED;
	for (size_t i = 0; i < countof(row); i++) {
		begin(row[i].caps, row[i].is_lmtp, 1);
		client.is_tls = row[i].is_tls;
		parcel->outcome[0].fate = FATE_OPEN;
		assert_int_equal(smtp_out_begin(&out, &transfer),
		    row[i].is_sent);
		assert_string_equal(hear(), row[i].said);
		assert_int_equal(fate(0), row[i].is_sent ? FATE_OPEN :
		    FATE_FAILED);
		if (!row[i].is_sent)
			assert_int_equal(parcel->outcome[0].status[2], 30);
		if (i + 1 < countof(row))
			smtp_out_free(&out);
	}
}

/* More recipients than one transaction has: none of them stays undecided, for
 * the mail would be taken for done. Seen to catch: only the first hundred told.
 */
static void
test_cannot_for_many(void **state)
{
	enum { MANY = 2 * SMTP_OUT_RCPTS + 50 };
	struct envelope_rcpt rcpt[MANY];
	struct envelope envelope = { .sender = SPAN("s@y"), .rcpt = rcpt,
		.rcpt_n = MANY, .body = PARAM_BODY_BINARYMIME };
	struct store_pin pin = parcel->pin;
	struct conf *conf = conf_ref(parcel->conf);
	uint32_t indices[MANY];
	struct buf bytes;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		rcpt[i] = (struct envelope_rcpt){ .address = SPAN("a@x") };
		indices[i] = i;
	}
	buf_init(&bytes, 1 << 16);
	assert_int_equal(envelope_encode(&envelope, &bytes), 0);
	parcel_free(parcel);
	assert_int_equal(parcel_new(&pin, buf_span(&bytes), conf, &parcel),
	    0);
	buf_free(&bytes);
	conf_unref(conf);
	begin("250-mx\r\n250-CHUNKING\r\n250 BINARYMIME\r\n", false, MANY);
	transfer.rcpt = indices;	/* its text is not in memory */
	assert_false(smtp_out_begin(&out, &transfer));
	assert_int_equal(parcel_count(parcel, FATE_FAILED), MANY);
}

/* A line end in an address never reaches the wire. */
static void
test_injection(void **state)
{
	(void)state;
	parcel->envelope.rcpt[0].address = SPAN("a@x>\r\nRSET\r\nRCPT TO:<b");
	begin(CAPS, false, 1);
	assert_false(smtp_out_begin(&out, &transfer));
	assert_int_equal(fate(0), FATE_FAILED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_pipelined), CASE(test_mail_refused),
		CASE(test_too_many), CASE(test_lmtp), CASE(test_lost),
		CASE(test_421), CASE(test_asked_for),
		CASE(test_what_it_cannot), CASE(test_out_of_step),
		CASE(test_cannot_for_many), CASE(test_requiretls),
		CASE(test_injection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
