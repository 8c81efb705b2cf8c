/* SPDX-License-Identifier: Apache-2.0 */
/* Completion is made of what the server offers; the list is compared before
 * and after TLS. */
#include "../test.h"

#include "ehlo/talk_complete.h"
#include "ehlo/talk_hello.h"

static const struct talk_context after_hello = {
	.hello = { "mail.example.org Hello\nSIZE 1000\nSTARTTLS\n"
	    "AUTH=LOGIN\n8bitmime\nDSN\nXFOO bar\nX\x1b[2J\nX\xc3\xa9\n"
	    "CHUNKING\nOK",
	    sizeof "mail.example.org Hello\nSIZE 1000\nSTARTTLS\n"
	    "AUTH=LOGIN\n8bitmime\nDSN\nXFOO bar\nX\x1b[2J\nX\xc3\xa9\n"
	    "CHUNKING\nOK" - 1 },
	.mechs = { "PLAIN LOGIN SCRAM-SHA-256", 25 },
	.own_name = { "client.example", 14 },
	.sender = { "guy@cp.com", 10 }, .rcpt = { "bert@b.example", 14 },
	.date = { "Sat, 21 Nov 2026 11:00:00 +0000", 31 },
};
static const struct talk_context before_hello = {
	.own_name = { "client.example", 14 } };

/* The candidates with "|" between, behind the part of the line that stays. */
static void
check(const struct talk_context *context, const char *line,
    const char *expected)
{
	struct talk_candidates found;
	char memory[2048];
	struct put out = put_init(memory, sizeof memory);

	talk_complete(context, span_str(line), &found);
	put_bytes(&out, span_first(span_str(line), found.at));
	for (size_t i = 0; i < found.n; i++) {
		put_str(&out, i != 0 ? "|" : "");
		put_str(&out, found.word[i]);
	}
	if (!span_eq(put_span(&out), span_str(expected)))
		print_error("completing \"%s\"\n", line);
	assert_span(put_span(&out), span_str(expected));
}

static void
test_verbs(void **state)
{
	(void)state;
	check(&before_hello, "", "EHLO|HELO|MAIL FROM:<|RCPT TO:<|DATA|RSET|"
	    "NOOP|HELP|QUIT");
	check(&after_hello, "", "EHLO|HELO|MAIL FROM:<|RCPT TO:<|DATA|RSET|"
	    "NOOP|HELP|QUIT|STARTTLS|AUTH|BDAT|XFOO");
	check(&after_hello, "S", "STARTTLS");
	check(&before_hello, "S", "");
	check(&after_hello, "mai", "mail from:<");
	check(&after_hello, "MAi", "mail from:<");
	check(&after_hello, "MA", "MAIL FROM:<");
	check(&after_hello, "x", "xfoo");
	check(&after_hello, "v", "");	/* VRFY is not offered */
}

static void
test_own_commands(void **state)
{
	(void)state;
	check(&before_hello, "/st", "/starttls");
	check(&before_hello, "/re", "/record");
	check(&after_hello, "re", "record");
	check(&after_hello, "RE", "");
	check(&after_hello, "au", "auth");	/* ours and SMTP's, once */
	check(&after_hello, "q", "quit");
}

static void
test_arguments(void **state)
{
	(void)state;
	check(&after_hello, "AUTH ", "AUTH PLAIN|LOGIN|SCRAM-SHA-256");
	check(&after_hello, "AUTH s", "AUTH scram-sha-256");
	check(&after_hello, "auth ", "auth plain|login|scram-sha-256");
	check(&after_hello, "/auth P", "/auth PLAIN");
	check(&after_hello, "AUTH PLAIN ", "AUTH PLAIN ");
	check(&after_hello, "ehlo ", "ehlo client.example");
	check(&after_hello, "mail ", "mail from:<");
	check(&after_hello, "RCPT T", "RCPT TO:<");
	check(&after_hello, "MAIL FROM:<a@b> ", "MAIL FROM:<a@b> SIZE=|"
	    "BODY=8BITMIME|BODY=7BIT|RET=FULL|RET=HDRS|ENVID=|AUTH=<>");
	check(&after_hello, "mail from: <a@b> B",
	    "mail from: <a@b> BODY=8BITMIME|BODY=7BIT");
	check(&after_hello, "MAIL FROM:<a@b> SIZE=1 R",
	    "MAIL FROM:<a@b> SIZE=1 RET=FULL|RET=HDRS");
	check(&after_hello, "RCPT TO:<a@b> O", "RCPT TO:<a@b> ORCPT=rfc822;");
	check(&before_hello, "MAIL FROM:<a@b> ", "MAIL FROM:<a@b> ");
	check(&after_hello, "NOOP ", "NOOP ");
}

static void
test_files_and_sender(void **state)
{
	struct talk_candidates found;
	struct talk_context context = after_hello;

	(void)state;
	talk_complete(&context, SPAN("send let"), &found);
	assert_true(found.is_file);
	talk_complete(&context, SPAN("NOOP let"), &found);
	assert_false(found.is_file);
	context.user = SPAN("user1@contoso.com");
	check(&context, "MAIL FROM:<", "MAIL FROM:<user1@contoso.com>");
	check(&context, "MAIL FROM:<a", "MAIL FROM:<");
	context.user = SPAN("guyt");
	check(&context, "MAIL FROM:<", "MAIL FROM:<");
}

static void
test_headers(void **state)
{
	struct talk_candidates found;
	struct talk_context context = after_hello;

	(void)state;
	talk_complete_header(&context, SPAN(""), &found);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.word[0], "From: guy@cp.com");
	context.headers = talk_header_bit(SPAN("FROM: x")) |
	    talk_header_bit(SPAN("to:y"));
	talk_complete_header(&context, SPAN(""), &found);
	assert_string_equal(found.word[0], "Subject: ");
	talk_complete_header(&context, SPAN("da"), &found);
	assert_string_equal(found.word[0],
	    "Date: Sat, 21 Nov 2026 11:00:00 +0000");
	talk_complete_header(&context, SPAN("Fr"), &found);
	assert_int_equal(found.n, 0);
	assert_int_equal(talk_header_bit(SPAN("Please send")), 0);
}

static void
test_common(void **state)
{
	struct talk_candidates found;

	(void)state;
	talk_complete(&after_hello, SPAN("MAIL FROM:<a@b> B"), &found);
	assert_int_equal(talk_common_prefix(&found), strlen("BODY="));
	talk_complete(&after_hello, SPAN("MAIL FROM:<a@b> BODY=8"), &found);
	assert_int_equal(talk_common_prefix(&found), strlen("BODY=8BITMIME"));
	talk_complete(&after_hello, SPAN("nothing"), &found);
	assert_int_equal(talk_common_prefix(&found), 0);
}

static void
check_missing(const char *here, const char *there, const char *expected)
{
	char memory[512];
	struct put out = put_init(memory, sizeof memory);

	talk_hello_missing(span_str(here), span_str(there), &out);
	assert_span(put_span(&out), span_str(expected));
}

static void
test_lists_compared(void **state)
{
	(void)state;
	check_missing("h\nSIZE 1\nSTARTTLS", "h\nSIZE 1\nAUTH PLAIN LOGIN",
	    "AUTH PLAIN LOGIN");
	check_missing("h\nSIZE 1\nSTARTTLS", "h\nSIZE 1", "");
	check_missing("h\nSIZE 1", "h\nSIZE 1\nSTARTTLS", "");
	check_missing("h\nAUTH NTLM\nAUTH=NTLM", "h\nauth NTLM LOGIN",
	    "auth LOGIN");
	check_missing("h\nSIZE 1", "h\nSIZE 2\nOK", "SIZE 2");
	check_missing("h\nSIZE 1", "h\nSIZE 1", "");
	check_missing("h", "h\nX\x1b[2J", "X\\x1b[2J");
	assert_true(talk_hello_has(SPAN("h\nauth=LOGIN"), SPAN("AUTH"), NULL));
	assert_false(talk_hello_has(SPAN("AUTH"), SPAN("AUTH"), NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_own_commands),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_files_and_sender),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_lists_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
