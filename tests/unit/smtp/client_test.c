/* SPDX-License-Identifier: Apache-2.0 */
/* client: dialogues with a scripted server, in which every byte that is said
 * is known; then whole plans against our own server engine, cut everywhere.
 *
 * A dialogue is a text of lines: "S: " the server says, "C: " is what the
 * engine must say then, all of it and nothing else; "T" the text is due. */
#include "../test.h"

#include <string.h>

#include "pair.h"
#include "smtp/client.h"

#define STEPS_MAX 16

static struct smtp_client client;
static struct smtp_step step[STEPS_MAX];
static size_t step_n;
static char events[4096];
static struct put told;

static void
begin(const struct smtp_client_conf *conf)
{
	smtp_client_init(&client, conf);
	memset(step, 0, sizeof step);
	step_n = 0;
	told = put_init(events, sizeof events);
}

static struct smtp_step *
add(enum smtp_step_type type, const char *line)
{
	struct smtp_step *s = &step[step_n++];

	s->type = type;
	s->line = span_str(line);
	smtp_client_add(&client, s);
	return s;
}

static void
note(const struct smtp_client_event *event)
{
	static const char *const name[] = { "more", "answer", "skipped",
		"unasked", "broken" };

	put_str(&told, name[event->type]);
	if (event->step != NULL) {
		put_char(&told, ' ');
		put_u64(&told, (uint64_t)(event->step - step));
	}
	if (event->answer != NULL) {
		put_char(&told, ' ');
		put_u64(&told, event->answer->code);
	}
	put_char(&told, '\n');
}

/* Feeds what the server says; notes the events until there are none. */
static void
hear(const char *text)
{
	struct span in = span_str(text);

	for (;;) {
		struct smtp_client_event event;
		size_t used = smtp_client_input(&client, in, &event);

		in = span_skip(in, used);
		if (event.type == CLIENT_MORE)
			break;
		note(&event);
		if (event.type == CLIENT_BROKEN)
			return;
	}
	assert_int_equal(in.len, 0);
}

static void
assert_says(const char *expected)
{
	char out[4096];
	struct put all = put_init(out, sizeof out);
	size_t n;

	/* seven octets at a time: a command may leave in pieces */
	while ((n = smtp_client_output(&client, out + all.len, 7)) != 0)
		all.len += n;
	assert_span(put_span(&all), span_str(expected));
}

static void
assert_told(const char *expected)
{
	assert_span(put_span(&told), span_str(expected));
	told.len = 0;
}

static void
say_text(const char *text, const char *expected)
{
	char out[1024];
	struct span in = span_str(text);
	size_t len = 0;

	assert_non_null(smtp_client_wants_text(&client));
	while (in.len != 0)
		len += smtp_client_text(&client, &in, out + len, 6);
	len += smtp_client_text_end(&client, out + len);
	assert_span(span_of(out, len), span_str(expected));
	assert_null(smtp_client_wants_text(&client));
}

static void
greet(const char *caps)
{
	add(STEP_GREETING, "");
	add(STEP_HELLO, "EHLO c");
	assert_says("");
	hear("220 s\r\n");
	assert_says("EHLO c\r\n");
	hear(caps);
	assert_told("answer 0 220\nanswer 1 250\n");
}

#define PIPES "250-s\r\n250 PIPELINING\r\n"
static const struct smtp_client_conf plain = { 0 };

static void
test_one_by_one(void **state)
{
	(void)state;
	begin(&plain);
	greet("250 s\r\n");
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	add(STEP_QUIT, "QUIT");
	assert_says("MAIL FROM:<a>\r\n");
	assert_says("");
	hear("250 ok\r\n");
	assert_says("RCPT TO:<b>\r\n");
	hear("250 ok\r\n");
	assert_says("DATA\r\n");
	hear("354 go\r\n");
	assert_says("");
	say_text(".a\n\n..b\rc", "..a\r\n\r\n...b\r\nc\r\n.\r\n");
	assert_says("");	/* QUIT waits for the answer */
	hear("250 taken\r\n");
	assert_says("QUIT\r\n");
	hear("221 bye\r\n");
	assert_told("answer 2 250\nanswer 3 250\nanswer 4 354\n"
	    "answer 5 250\nanswer 6 221\n");
	assert_null(client.first);
}

static void
test_pipelining(void **state)
{
	(void)state;
	begin(&plain);
	greet(PIPES);
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_RCPT, "RCPT TO:<c>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	add(STEP_MAIL, "MAIL FROM:<d>");
	assert_says("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\n");
	hear("250 1\r\n550 2\r\n250 3\r\n354 4\r\n");
	assert_told("answer 2 250\nanswer 3 550\nanswer 4 250\n"
	    "answer 5 354\n");
	say_text("x\r\n", "x\r\n.\r\n");
	assert_says("");
	hear("250 taken\r\n");
	assert_says("MAIL FROM:<d>\r\n");
}

/* Promise 4, RFC 2920 3.1: DATA was out already, nobody was accepted. */
static void
test_void_text(void **state)
{
	(void)state;
	begin(&plain);
	greet(PIPES);
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	assert_says("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n");
	hear("250 1\r\n550 2\r\n354 3\r\n");
	assert_null(smtp_client_wants_text(&client));
	assert_says(".\r\n");
	hear("554 no recipients\r\n");
	assert_told("answer 2 250\nanswer 3 550\nanswer 4 354\n"
	    "answer 5 554\n");
}

static void
test_refused(void **state)
{
	(void)state;
	begin(&plain);
	greet("250 s\r\n");
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	add(STEP_RSET, "RSET");
	assert_says("MAIL FROM:<a>\r\n");
	hear("550 no\r\n");
	assert_says("RSET\r\n");
	hear("250 ok\r\n");
	assert_told("answer 2 550\nskipped 3\nskipped 4\nskipped 5\n"
	    "answer 6 250\n");
}

static void
test_stubborn(void **state)
{
	(void)state;
	begin(&(const struct smtp_client_conf){ .is_stubborn = true });
	greet("250 s\r\n");
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	assert_says("MAIL FROM:<a>\r\n");
	hear("550 no\r\n");
	assert_says("RCPT TO:<b>\r\n");
	hear("503 no\r\n");
	assert_says("DATA\r\n");
	hear("354 why not\r\n");
	say_text("", ".\r\n");
}

/* The next transaction does not live on the recipients of the last one. */
static void
test_recipients_of_before(void **state)
{
	(void)state;
	begin(&plain);
	greet("250 s\r\n");
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	add(STEP_MAIL, "MAIL FROM:<c>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	assert_says("MAIL FROM:<a>\r\n");
	hear("250 ok\r\n");
	assert_says("RCPT TO:<b>\r\n");
	hear("250 ok\r\n");
	assert_says("DATA\r\n");
	hear("354 ok\r\n");
	say_text("x", "x\r\n.\r\n");
	hear("250 ok\r\n");
	assert_says("MAIL FROM:<c>\r\n");
	told.len = 0;
	hear("250 ok\r\n");
	assert_says("");
	hear("");
	assert_told("answer 6 250\nskipped 7\nskipped 8\n");
}

static void
test_bdat(void **state)
{
	struct smtp_step *chunk;

	(void)state;
	begin(&plain);
	greet(PIPES);
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	chunk = add(STEP_BDAT, "BDAT 4");
	chunk->chunk = SPAN("\r\n.\r");
	chunk = add(STEP_BDAT, "BDAT 1 LAST");
	chunk->chunk = SPAN("\n");
	chunk->is_last = true;
	assert_says("MAIL FROM:<a>\r\nRCPT TO:<b>\r\n");
	hear("250 1\r\n");
	assert_says("");	/* nobody is accepted yet */
	hear("250 2\r\n");
	assert_says("BDAT 4\r\n\r\n.\rBDAT 1 LAST\r\n\n");
	hear("250 4\r\n250 5\r\n");
	assert_told("answer 2 250\nanswer 3 250\nanswer 4 250\n"
	    "answer 5 250\n");
}

/* A chunk that is refused ends its transaction: the next one would get one
 * answer, of nobody's. Seen to catch: waiting for three. */
static void
test_chunk_refused(void **state)
{
	(void)state;
	begin(&(const struct smtp_client_conf){ .is_lmtp = true });
	greet("250 s\r\n");
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_BDAT, "BDAT 1")->chunk = SPAN("x");
	add(STEP_BDAT, "BDAT 0 LAST")->is_last = true;
	add(STEP_RSET, "RSET");
	assert_says("MAIL FROM:<a>\r\n");
	hear("250 1\r\n");
	assert_says("RCPT TO:<b>\r\n");
	hear("250 2\r\n");
	assert_says("BDAT 1\r\nx");
	told.len = 0;
	hear("452 full\r\n");
	assert_told("answer 4 452\nskipped 5\n");
	assert_says("RSET\r\n");
}

static void
test_lmtp(void **state)
{
	(void)state;
	begin(&(const struct smtp_client_conf){ .is_lmtp = true });
	greet(PIPES);
	add(STEP_MAIL, "MAIL FROM:<a>");
	add(STEP_RCPT, "RCPT TO:<b>");
	add(STEP_RCPT, "RCPT TO:<c>");
	add(STEP_RCPT, "RCPT TO:<d>");
	add(STEP_DATA, "DATA");
	add(STEP_TEXT, "");
	add(STEP_QUIT, "QUIT");
	assert_says("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n"
	    "RCPT TO:<d>\r\nDATA\r\n");
	hear("250 1\r\n250 2\r\n550 3\r\n250 4\r\n354 5\r\n");
	say_text("x\n", "x\r\n.\r\n");
	told.len = 0;
	hear("250 b has it\r\n");
	assert_int_equal(step[7].state, STEP_SENT);
	hear("452 d is full\r\n");
	assert_int_equal(step[7].state, STEP_DONE);
	assert_told("answer 7 250\nanswer 7 452\n");
	assert_says("QUIT\r\n");
}

static void
test_starttls(void **state)
{
	(void)state;
	begin(&plain);
	greet("250-s\r\n250-STARTTLS\r\n250 AUTH LOGIN\r\n");
	assert_true(smtp_client_has(&client, CAP_STARTTLS));
	assert_true(smtp_client_offers(&client, SPAN("login")));
	add(STEP_STARTTLS, "STARTTLS");
	add(STEP_HELLO, "EHLO c");
	assert_says("STARTTLS\r\n");
	hear("220 go\r\n");
	assert_says("");	/* not before TLS stands */
	smtp_client_tls_up(&client);
	assert_false(smtp_client_has(&client, CAP_STARTTLS));
	assert_false(smtp_client_offers(&client, SPAN("LOGIN")));
	assert_says("EHLO c\r\n");
}

/* Promise 5. */
static void
test_injection(void **state)
{
	(void)state;
	begin(&plain);
	greet("250-s\r\n250 STARTTLS\r\n");
	add(STEP_STARTTLS, "STARTTLS");
	assert_says("STARTTLS\r\n");
	hear("220 go\r\n250 you are fine without\r\n");
	assert_told("answer 2 220\nbroken\n");
}

static void
test_auth(void **state)
{
	struct smtp_step answer = { .type = STEP_RESPONSE,
		.line = SPAN("dXNlcg==") };
	struct smtp_step second = { .type = STEP_RESPONSE,
		.line = SPAN("cGFzcw==") };

	(void)state;
	begin(&plain);
	greet(PIPES);
	add(STEP_AUTH, "AUTH LOGIN");
	add(STEP_MAIL, "MAIL FROM:<a>");
	assert_says("AUTH LOGIN\r\n");
	hear("334 VXNlcm5hbWU6\r\n");
	assert_says("");	/* MAIL waits */
	smtp_client_insert(&client, &answer);
	assert_says("dXNlcg==\r\n");
	hear("334 UGFzc3dvcmQ6\r\n");
	smtp_client_insert(&client, &second);
	assert_says("cGFzcw==\r\n");
	hear("235 ok\r\n");
	assert_says("MAIL FROM:<a>\r\n");
}

static void
test_unasked(void **state)
{
	(void)state;
	begin(&plain);
	greet("250 s\r\n");
	hear("421 4.4.2 too slow\r\n");
	assert_told("unasked 421\n");
}

static void
test_auth_lines(void **state)
{
	(void)state;
	begin(&plain);
	greet("250-s\r\n250-AUTH=LOGIN\r\n250-AUTH login PLAIN  x-y\r\n"
	    "250-SIZE 1000\r\n250 OK\r\n");
	assert_string_equal(client.auth, "LOGIN PLAIN X-Y");
	assert_int_equal(client.caps.size, 1000);
	assert_true(client.is_extended);
}

/* --- with our own server */

static void
plan_three(struct pair *pair)
{
	pair_add(pair, STEP_GREETING, "%s", "");
	pair_add(pair, STEP_HELLO, "EHLO c.example");
	pair_add(pair, STEP_MAIL, "MAIL FROM:<a@b.example>");
	pair_add(pair, STEP_RCPT, "RCPT TO:<u@example.org>");
	pair_add(pair, STEP_RCPT, "RCPT TO:<v@example.org>");
	pair_add(pair, STEP_DATA, "DATA");
	pair_add_text(pair, SPAN(".\n..\r\nx\r.\r\r\nend"));
	pair_add(pair, STEP_MAIL, "MAIL FROM:<a@b.example>");
	pair_add(pair, STEP_RCPT, "RCPT TO:<u@example.org>");
	pair_add_chunk(pair, SPAN("one\r\n.\r\n"), false);
	pair_add_chunk(pair, SPAN("two\r\n"), true);
	pair_add(pair, STEP_MAIL, "MAIL FROM:<>");
	pair_add(pair, STEP_RCPT, "RCPT TO:<u@example.org>");
	pair_add(pair, STEP_DATA, "DATA");
	pair_add_text(pair, SPAN(""));
	pair_add(pair, STEP_QUIT, "QUIT");
}

static void
run_three(uint32_t seed, bool no_pipelining, const struct drive_script *script)
{
	static struct pair pair;
	struct smtp_server_conf server = drive_conf();
	const struct smtp_client_conf conf = {
		.no_pipelining = no_pipelining };

	pair_init(&pair, &server, &conf, seed);
	if (script != NULL)
		pair.drive.script[pair.drive.script_n++] = *script;
	plan_three(&pair);
	pair_run(&pair);
	if (pair.broken != NULL) {
		print_error("seed %u: %s\n%.*s\n", seed, pair.broken,
		    SPAN_ARG(buf_span(&pair.drive.shown)));
		fail();
	}
	if (script == NULL)
		assert_span(buf_span(&pair.accepted), SPAN(".\r\n..\r\nx\r\n"
		    ".\r\n\r\nend\r\none\r\n.\r\ntwo\r\n"));
	pair_free(&pair);
}

static void
test_pair(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 300; seed++) {
		run_three(seed, false, NULL);
		run_three(seed, true, NULL);
	}
}

static void
test_pair_refused(void **state)
{
	static const enum smtp_event_type question[] = { SMTP_HELLO,
		SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_END };

	(void)state;
	for (size_t q = 0; q < countof(question); q++)
		for (unsigned nth = 1; nth < 5; nth++)
			for (uint32_t seed = 0; seed < 40; seed++)
				run_three(seed, seed & 1,
				    &(const struct drive_script){
					.question = question[q], .nth = nth,
					.reply = seed & 2 ?
					REPLY_RCPT_REFUSED :
					REPLY_STORE_FULL });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_void_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_stubborn),
		cmocka_unit_test(test_recipients_of_before),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_chunk_refused),
		cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_auth_lines),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_pair_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
