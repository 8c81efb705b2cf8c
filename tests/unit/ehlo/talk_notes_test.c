/* SPDX-License-Identifier: Apache-2.0 */
/* What is odd about an answer is said, and nothing about a good one. */
#include "../test.h"

#include "ehlo/talk_notes.h"

struct noted {
	char text[1024];
	struct put out;
};

static void
on_note(void *arg, const char *text)
{
	struct noted *noted = arg;

	put_str(&noted->out, text);
	put_char(&noted->out, '\n');
}

/* Do the notes about that reply hold that word ("": is there none at all)? */
static void
check(struct talk_notes query, const char *reply, const char *expected)
{
	struct answer answer;
	struct answer_reader reader;
	struct noted noted;
	size_t used;

	answer_init(&reader, &answer);
	assert_int_equal(answer_next(&reader, span_str(reply), &answer,
	    &used), ANSWER_OK);
	noted.out = put_init(noted.text, sizeof noted.text - 1);
	query.answer = &answer;
	query.note = on_note;
	query.arg = &noted;
	talk_notes(&query);
	(void)put_cstr(&noted.out);
	if (expected[0] == '\0' ? noted.out.len != 0 :
	    strstr(noted.text, expected) == NULL)
		fail_msg("%s: noted \"%s\", not \"%s\"", reply, noted.text,
		    expected);
}

#define Q(...) ((struct talk_notes){ __VA_ARGS__ })

static void
test_nothing_odd(void **state)
{
	(void)state;
	check(Q(STEP_GREETING), "220 mail.example.org\r\n", "");
	check(Q(STEP_HELLO, SPAN("EHLO x"), .mechs = SPAN("PLAIN"),
	    .is_tls = true), "250-h\r\n250 AUTH PLAIN\r\n", "");
	check(Q(STEP_HELLO, SPAN("EHLO x"), .mechs = SPAN("PLAIN"),
	    .is_local = true), "250-h\r\n250 AUTH PLAIN\r\n", "");
	check(Q(STEP_MAIL, SPAN("MAIL FROM:<a@b>")), "250 OK\r\n", "");
	check(Q(STEP_RCPT, SPAN("RCPT TO:<a@b>")), "550 5.1.1 no\r\n", "");
	check(Q(STEP_DATA, SPAN("DATA")), "354 go\r\n", "");
	check(Q(STEP_AUTH, SPAN("AUTH LOGIN")), "334 VXNlcm5hbWU6\r\n", "");
	check(Q(STEP_RESPONSE), "235 yes\r\n", "");
	check(Q(STEP_HELLO, SPAN("HELO x")), "250 h\r\n", "");
}

static void
test_odd(void **state)
{
	(void)state;
	check(Q(STEP_OTHER), "250 OK\n", "bare LF");
	check(Q(STEP_HELLO, SPAN("EHLO x")), "250-h\r\n220 SIZE\r\n",
	    "different codes");
	check(Q(STEP_OTHER), "250 \x1b[2J\r\n", "not obeyed");
	check(Q(STEP_HELLO, SPAN("EHLO x")), "250 h\r\n", "no extensions");
	check(Q(STEP_HELLO, SPAN("EHLO x"), .mechs = SPAN("NTLM PLAIN LOGIN")),
	    "250-h\r\n250-STARTTLS\r\n250 AUTH NTLM PLAIN LOGIN\r\n",
	    "PLAIN and LOGIN in the clear");
	check(Q(STEP_HELLO, SPAN("EHLO x")), "250-h\r\n250 STARTTLS\r\n",
	    "may come after starttls");
	check(Q(STEP_AUTH, SPAN("AUTH NTLM")), "334 NTLM supported\r\n",
	    "no base64");
	check(Q(STEP_DATA, SPAN("DATA")), "250 ok\r\n", "354 was to be");
	check(Q(STEP_AUTH, SPAN("AUTH PLAIN x")), "250 ok\r\n", "235");
	check(Q(STEP_OTHER, SPAN("mial from:<a>")), "500 what?\r\n",
	    "did you mean MAIL?");
	check(Q(STEP_MAIL, SPAN("mail frrom:<a>")), "501 no\r\n",
	    "did you mean MAIL FROM:<address>?");
	check(Q(STEP_OTHER, SPAN("mial from:<a>")),
	    "500 did you mean MAIL?\r\n", "");
	check(Q(STEP_OTHER), "421 bye\r\n", "ends this connection");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_odd),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
