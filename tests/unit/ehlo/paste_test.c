/* SPDX-License-Identifier: Apache-2.0 */
/* paste: replies are found wherever they stand. */
#include "../test.h"

#include "ehlo/paste.h"

static struct paste paste;

static void
read_it(const char *text, size_t want)
{
	paste_free(&paste);
	assert_true(paste_read(&paste, span_str(text)));
	if (paste.n != want)
		print_error("%s", text);
	assert_int_equal(paste.n, want);
}

static void
expect(size_t i, unsigned line, enum explain_stage stage, unsigned code,
    const char *text)
{
	assert_true(i < paste.n);
	assert_int_equal(paste.reply[i].line, line);
	assert_int_equal(paste.reply[i].stage, stage);
	assert_int_equal(paste.reply[i].code, code);
	assert_span(paste.reply[i].text, span_str(text));
}

static void
single(void **state)
{
	(void)state;
	read_it("550 5.1.1 User unknown", 1);
	expect(0, 1, EXPLAIN_ANY, 550, "5.1.1 User unknown");
	assert_int_equal(paste.reply[0].status[1], 1);
	read_it("550\n", 1);
	read_it("550-5.7.26 one\n550-5.7.26 two\n550 5.7.26 three\n", 1);
	expect(0, 1, EXPLAIN_ANY, 550, "5.7.26 one\n5.7.26 two\n5.7.26 three");
	read_it("Relay access denied\n", 1);
	assert_int_equal(paste.reply[0].source, PASTE_WORDS);
	read_it("5.7.57", 1);
	read_it("The weather is fine.", 0);
	read_it("", 0);
}

/* Seen to catch: stages that go out of step (ehlo-paste-stage). */
static void
session(void **state)
{
	(void)state;
	read_it("220 a\nehlo x\n250-a\n250 SIZE 1\nmail from:<a>\n250 Ok\n"
	    "rcpt to:<b>\n550 no\ndata\n554 none\n", 5);
	expect(0, 1, EXPLAIN_GREETING, 220, "a");
	expect(1, 3, EXPLAIN_HELLO, 250, "a\nSIZE 1");
	expect(2, 6, EXPLAIN_MAIL, 250, "Ok");
	expect(3, 8, EXPLAIN_RCPT, 550, "no");
	expect(4, 10, EXPLAIN_DATA, 554, "none");
	assert_span(paste.reply[3].said, SPAN("rcpt to:<b>"));
	assert_span(paste.clear, SPAN("a\nSIZE 1"));
	assert_null(paste.tls.p);
	read_it("220 a\nehlo x\n250-a\n250 STARTTLS\nstarttls\n220 go\nehlo x\n"
	    "250-a\n250 AUTH PLAIN\ndata\n354 go\nx\n.\n552 big\n", 6);
	assert_span(paste.tls, SPAN("a\nAUTH PLAIN"));
	expect(5, 14, EXPLAIN_TEXT, 552, "big");
	/* a list with holes is none */
	read_it("220 a\nehlo\n250 a Hello\nmore... verbs\n250 OK\n", 2);
	assert_null(paste.clear.p);
}

static void
logins(void **state)
{
	(void)state;
	read_it("220 a\nauth login\n334 VXNlcm5hbWU6\nZ3V5dA==\n"
	    "334 UGFzc3dvcmQ6\nUGaF1bGluZTEz\n535 no\n", 4);
	assert_int_equal(paste.logins, 4);
	assert_true(paste.login[3].is_password && !paste.login[1].is_password);
	assert_span(paste.login[3].text, SPAN("UGaF1bGluZTEz"));
	assert_span(paste.login[3].mech, SPAN("login"));
	expect(3, 7, EXPLAIN_AUTH, 535, "no");
	read_it("220 a\nAUTH PLAIN AGEAYg==\n235 yes\nmail from:<a>\n250 Ok\n",
	    3);
	assert_int_equal(paste.logins, 1);
	expect(2, 5, EXPLAIN_MAIL, 250, "Ok");
}

static void
logs(void **state)
{
	(void)state;
	read_it("Nov 21 10:00:01 mx postfix/smtp[1]: A: to=<a@b>, relay=m"
	    "[192.0.2.1]:25, delays=0.1/0/1/0.1, dsn=5.1.1, status=bounced ("
	    "host m[192.0.2.1] said: 550 5.1.1 <a@b>: No (in reply to RCPT TO "
	    "command))\n", 1);
	expect(0, 1, EXPLAIN_RCPT, 550, "5.1.1 <a@b>: No");
	read_it("x: dsn=4.4.1, status=deferred (connect to m[192.0.2.1]:25: "
	    "Connection refused)\n", 1);
	expect(0, 1, EXPLAIN_ANY, 0,
	    "connect to m[192.0.2.1]:25: Connection refused");
	read_it("NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 "
	    "<b@c>: Relay access denied; from=<a@b> to=<b@c>\n", 1);
	expect(0, 1, EXPLAIN_RCPT, 554, "5.7.1 <b@c>: Relay access denied");
	read_it("2026-11-21 10:00:00 1pX ** a@b R=dnslookup T=remote_smtp: SMTP"
	    " error from remote mail server after RCPT TO:<a@b>: host m "
	    "[192.0.2.1]: 550 No such user\n", 1);
	expect(0, 1, EXPLAIN_RCPT, 550, "No such user");
	read_it("1pX == a@b R=x T=y defer (111): Connection refused\n", 1);
	/* numbers that are no codes */
	read_it("Nov 21 10:00:01 mx x[550]: took 550 ms, 421 of them idle\n",
	    0);
	read_it("with Microsoft SMTP Server id 15.20.550.12 at 10:00:550\n",
	    0);
}

static void
bounces(void **state)
{
	(void)state;
	read_it("Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 <a@b>: User\n    unknown\n\n"
	    "Final-Recipient: rfc822; c@d\nStatus: 5.2.2\n", 2);
	expect(0, 4, EXPLAIN_ANY, 550, "5.1.1 <a@b>: User unknown");
	expect(1, 8, EXPLAIN_ANY, 0, "5.2.2");
	assert_int_equal(paste.reply[0].source, PASTE_REPORT);
	read_it("Remote Server returned '550 5.7.54 SMTP; Unable to relay'\n",
	    1);
	expect(0, 1, EXPLAIN_ANY, 550, "5.7.54 SMTP; Unable to relay");
	read_it("#< #5.7.1 smtp;550 5.7.1 RESOLVER.RST.AuthRequired; "
	    "authentication required> #SMTP#\n", 1);
	expect(0, 1, EXPLAIN_ANY, 550, "5.7.1 RESOLVER.RST.AuthRequired; "
	    "authentication required");
	read_it("250-a Hello\n250-STARTTLS\n250 AUTH NTLM\n\n250-a Hello\n"
	    "250-AUTH LOGIN\n250 SIZE\n", 2);
	assert_span(paste.clear, SPAN("a Hello\nSTARTTLS\nAUTH NTLM"));
	assert_span(paste.tls, SPAN("a Hello\nAUTH LOGIN\nSIZE"));
}

static int
free_paste(void **state)
{
	(void)state;
	paste_free(&paste);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(single, free_paste),
		cmocka_unit_test_teardown(session, free_paste),
		cmocka_unit_test_teardown(logins, free_paste),
		cmocka_unit_test_teardown(logs, free_paste),
		cmocka_unit_test_teardown(bounces, free_paste),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
