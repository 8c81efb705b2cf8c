/* SPDX-License-Identifier: Apache-2.0 */
/* script: who says what, in all the ways in which sessions are written down.
 * What was read is shown as letters: S session, ! a session in the middle, C
 * client, t text, s server, r whole reply, e left out, T TLS, X closed,
 * * secret, b bytes. */
#include "../test.h"

#include <stdlib.h>

#include "ehlo/script.h"
#include "ehlo/transcript.h"

static struct script script;

static const char *
shape_of(const struct script_item *item)
{
	switch (item->kind) {
	case SCRIPT_SESSION:
		return item->text.len != 0 ? "!" : "S";
	case SCRIPT_SAYS:
		return item->is_text ? "t" : "C";
	case SCRIPT_SENDS:
		return "b";
	case SCRIPT_SECRET:
		return "*";
	case SCRIPT_HEARS:
		return "s";
	case SCRIPT_REPLY:
		return "r";
	case SCRIPT_ELIDED:
		return "e";
	case SCRIPT_TLS:
		return "T";
	case SCRIPT_CLOSED:
		break;
	}
	return "X";
}

static void
expect(const char *text, const char *shape)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory - 1);

	script_free(&script);
	assert_true(script_read(&script, span_str(text), NULL));
	for (size_t i = 0; i < script.n; i++)
		put_str(&out, shape_of(&script.item[i]));
	if (strcmp(put_cstr(&out), shape) != 0)
		print_error("%s", text);
	assert_string_equal(put_cstr(&out), shape);
}

static void
expect_item(size_t i, const char *text, unsigned line)
{
	assert_true(i < script.n);
	assert_span(script.item[i].text, span_str(text));
	assert_int_equal(script.item[i].line, line);
}

static void
telnet(void **state)
{
	(void)state;
	expect("# telnet mail.example.org 25\nTrying 192.0.2.1...\n"
	    "Connected to mail.example.org.\nEscape character is '^]'.\n"
	    "220 mail.example.org ESMTP Postfix\nehlo a.example\n"
	    "250-mail.example.org\n250 8BITMIME\nmail from:<a@b>\n250 Ok\n"
	    "rcpt to:<c@d>\n250 Ok\ndata\n354 End data\nsubject: x\n\n"
	    "250 text\n.\n250 Ok: queued\nquit\n221 Bye\n"
	    "Connection closed by foreign host.\n", "SsCssCsCsCsttttsCsX");
	expect_item(1, "220 mail.example.org ESMTP Postfix", 5);
	assert_string_equal(script.host, "mail.example.org");
	assert_int_equal(script.port, 25);
	assert_string_equal(script.style, "telnet");
	/* quit without an answer; a mistyped command; a session more */
	expect("220 a\r\nhelo x\r\n250 a\r\nmial from:<a>\r\n500 what?\r\n"
	    "quit\r\nConnection closed by foreign host.\r\n220 b\r\nquit\r\n"
	    "221 bye\r\n", "SsCsCsCXSsCs");
	expect_item(5, "500 what?", 5);
}

static void
prose(void **state)
{
	(void)state;
	/* commands and replies that are only talked about */
	expect("These are the commands:\nmail from:\nrcpt to:\ndata\n"
	    "A 250 is good.\n", "");
	expect("You will get\n550 5.7.1 Unable to relay\nfrom time to time.\n",
	    "");
	expect("mail from:<a@b>\nYou should get: 250 2.1.0 Sender OK\n",
	    "!Cs");
	expect_item(2, "250 2.1.0 Sender OK", 2);
	/* left out, and lists that look like one line each */
	expect("220 a\nehlo\n250 a Hello\nmore... verbs\n250 OK\n", "SsCses");
	/* broken at the 80th column; a bracket that is open */
	expect("220 SMTPServer.testdomain.local Microsoft ESMTP MAIL Service "
	    "ready at Sat, 8 Jan 21\n10 6:03:15 -0600\nIf you receive this\n",
	    "Ss");
	expect_item(1, "220 SMTPServer.testdomain.local Microsoft ESMTP MAIL "
	    "Service ready at Sat, 8 Jan 2110 6:03:15 -0600", 1);
	expect("data\n354 go\nx\n.\n250 2.6.0 <XX@server.contoso.com> [Inter\n"
	    "nalId=106] Queued mail\nquit\n221 x\n", "!CsttsCs");
	expect_item(5, "250 2.6.0 <XX@server.contoso.com> [InternalId=106] "
	    "Queued mail", 5);
}

/* Seen to catch: one session made of two logins (ehlo-script-second-auth). */
static void
logins(void **state)
{
	(void)state;
	expect("220 a\nehlo x\n250 a\nAUTH LOGIN\n334 VXNlcm5hbWU6\n"
	    "Z3V5dA==\n334 UGFzc3dvcmQ6\nZ3V5dA==\n535 no\n"
	    "AUTH LOGIN\n334 Username:\nguyt\n334 Password:\nsecret\n"
	    "235 yes\n", "SsCsCsCsCs!CsCsCs");
	expect_item(10, "ehlo x", 10);
	assert_false(script.item[5].is_decoded);
	assert_true(script.item[12].is_decoded &&
	    script.item[13].is_decoded);
	/* a login that is left behind its first challenge */
	expect("220 a\nauth login\n334 VXNlcm5hbWU6\nThis is base64.\n"
	    "auth login\n334 VXNlcm5hbWU6\n", "SsCs!Cs");
}

static void
starttls(void **state)
{
	(void)state;
	expect("220 a\nehlo x\n250 STARTTLS\nstarttls\n220 ready\nehlo x\n"
	    "250 a\n", "SsCsCsTCs");
	expect("$ openssl s_client -connect mail.example.org:587 -starttls "
	    "smtp\nCONNECTED(00000003)\ndepth=0 CN = mail.example.org\n---\n"
	    "-----BEGIN CERTIFICATE-----\nMIIDazCCAlOgAwIBAgIU\n"
	    "-----END CERTIFICATE-----\n---\n250 SMTPUTF8\nauth login\n"
	    "334 VXNlcm5hbWU6\nZ3V5dA==\n535 no\n", "!CsCs");
	assert_true(script.item[0].is_tls);
	assert_string_equal(script.host, "mail.example.org");
	assert_int_equal(script.port, 587);
}

static void
marks(void **state)
{
	(void)state;
	expect("=== Trying a:25...\n<-  220 a\n -> EHLO x\n<-  250-a\n"
	    "<-  250 STARTTLS\n -> STARTTLS\n<-  220 go\n=== TLS started\n"
	    " ~> EHLO x\n<~  250 a\n ~> MAIL FROM:<a>\n<~* 550 no\n",
	    "SsCssCsTCsCs");
	assert_string_equal(script.style, "swaks");
	expect("* Connected to x\n< 220 a\n> EHLO x\n< 250 a\n> QUIT\n"
	    "< 221 x\n", "SsCsCs");
	assert_string_equal(script.style, "curl");
	expect("<-- 220 a\n--> EHLO x\n<-- 250 a\n", "SsCs");
	expect("reply: b'220 a\\r\\n'\nsend: 'ehlo x\\r\\n'\n"
	    "reply: b'250 a\\r\\n'\nreply: retcode (250); Msg: b'a'\n",
	    "SsCs");
	expect_item(2, "ehlo x", 2);
	expect(" Out: 220 a\n In:  EHLO x\n Out: 250 a\n", "SsCs");
	expect("  SMTP<< 220 a\n  SMTP>> EHLO x\n  SMTP<< 250 a\n", "SsCs");
	expect("... while talking to a:\n>>> RCPT To:<a@b>\n"
	    "<<< 550 5.1.1 no\n", "!Cs");
	expect("SERVER -> CLIENT: 220 a\nCLIENT -> SERVER: EHLO x\n"
	    "SERVER -> CLIENT: 250 a\n", "SsCs");
}

static void
dialogues(void **state)
{
	(void)state;
	expect("# a dialogue\n! lines lf\n! typist yes\nS: 220 *\nC: ehlo\n"
	    "S+ 250\nC| QUIT\\n\nS: 221 *\nX\nB: body\nN: note\n"
	    "? RCPT -> NAME\nE: HELLO\n", "SsCrbsX");
	assert_true(script.format == SCRIPT_DLG && script.is_lf);
	expect_item(4, "QUIT\n", 7);
	assert_int_equal(script_code(&script.item[3]), 250);
	expect("! tls implicit\n! only engine\nS: 220 a\n", "Ss");
	assert_true(script.is_implicit_tls && script.is_engine_only);
}

/* What the writer writes, the reader reads: bytes that a terminal would obey
 * are never in the file. Seen to catch: those of C1 (ehlo-transcript-c1). */
static void
records(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	transcript_write_head(out, "2001:db8::1", 465, true);
	transcript_write(out, SESSION_NOTE, SPAN("connected\n\x1b"));
	transcript_write(out, SESSION_HEARD, SPAN("220 \x1b[31m\\"));
	transcript_write(out, SESSION_HEARD, SPAN("220 \xc2\x9b""2J"));
	transcript_write(out, SESSION_SAID, SPAN("EHLO \xc3\xa9\\n"));
	transcript_write(out, SESSION_SAID, SPAN("NOOP \b"));
	transcript_write(out, SESSION_SAID_SECRET, SPAN("AUTH PLAIN AGEAYg=="));
	transcript_write(out, SESSION_SAID_SECRET, SPAN("AGEAYg=="));
	transcript_write_raw(out, SPAN("QUIT\r\n"));
	transcript_write_tls(out);
	transcript_write_closed(out);
	assert_int_equal(fclose(out), 0);
	assert_null(strstr(text, "AGEA"));
	for (size_t i = 0; i < len; i++)
		assert_true(text[i] == '\n' || !ascii_is_cntrl(text[i]));
	assert_null(strstr(text, "\xc2\x9b"));
	expect(text, "SssCb**bTX");
	assert_true(script.format == SCRIPT_RECORD && script.is_implicit_tls);
	assert_string_equal(script.host, "2001:db8::1");
	assert_int_equal(script.port, 465);
	assert_span(script.item[1].text, SPAN("220 \x1b[31m\\"));
	assert_span(script.item[2].text, SPAN("220 \xc2\x9b""2J"));
	assert_span(script.item[3].text, SPAN("EHLO \xc3\xa9\\n"));
	assert_span(script.item[4].text, SPAN("NOOP \b\r\n"));
	assert_span(script.item[5].text, SPAN("AUTH PLAIN"));
	assert_span(script.item[7].text, SPAN("QUIT\r\n"));
	free(text);
}

static void
mistakes(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
		{ "# ehlo transcript 1\nS: 220 x\nC| \\q\n", 3 },
		{ "# ehlo transcript 1\nhello\n", 2 },
		{ "# ehlo transcript 1\nS+ 99\n", 2 },
		{ "# ehlo transcript 1\n! host :0\n", 2 },
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		script_free(&script);
		assert_false(script_read(&script, span_str(bad[i].text),
		    NULL));
		assert_int_equal(script.bad_line, bad[i].line);
		assert_non_null(script.bad_why);
	}
}

static void
corrections(void **state)
{
	static const char list[] = "# misprints\nwhy: too long\n"
	    "line: Z3V5dAA==\nis: C: Z3V5dA==\n\nwhy: told in words\n"
	    "line: You get 3*\nis: S: 334 UGFzc3dvcmQ6\nis: C: Z3V5dA==\n"
	    "is: S: 235 yes\n\nwhy: unused\nline: nowhere\nis: -\n";
	struct script_fixes fixes;
	const char *why;
	unsigned line;

	(void)state;
	assert_true(script_fixes_read(&fixes, span_str(list), &line, &why));
	assert_int_equal(fixes.n, 3);
	script_free(&script);
	assert_true(script_read(&script, SPAN("220 a\nauth login\n"
	    "334 VXNlcm5hbWU6\nZ3V5dAA==\nYou get 334 again.\nmail from:<a>\n"
	    "250 Ok\n"), &fixes));
	assert_int_equal(script.n, 10);
	expect_item(4, "Z3V5dA==", 4);
	expect_item(7, "235 yes", 5);
	assert_true(script.item[4].is_fixed && !script.item[3].is_fixed);
	assert_int_equal(fixes.fix[0].used, 1);
	assert_int_equal(fixes.fix[2].used, 0);
	script_free(&script);
	script_fixes_free(&fixes);
	for (size_t i = 0; i < 6; i++) {
		static const char *const bad[] = { "line: x\n", "why:\n",
			"why: a\nis: -\n", "why: a\nline: x\nis: what\n",
			"why: a\nline: x\n", "what: a\n" };

		assert_false(script_fixes_read(&fixes, span_str(bad[i]),
		    &line, &why));
		assert_non_null(why);
		script_fixes_free(&fixes);
	}
}

static int
free_script(void **state)
{
	(void)state;
	script_free(&script);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(telnet, free_script),
		cmocka_unit_test_teardown(prose, free_script),
		cmocka_unit_test_teardown(logins, free_script),
		cmocka_unit_test_teardown(starttls, free_script),
		cmocka_unit_test_teardown(marks, free_script),
		cmocka_unit_test_teardown(dialogues, free_script),
		cmocka_unit_test_teardown(records, free_script),
		cmocka_unit_test_teardown(mistakes, free_script),
		cmocka_unit_test_teardown(corrections, free_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
