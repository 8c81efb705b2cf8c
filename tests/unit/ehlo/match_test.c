/* SPDX-License-Identifier: Apache-2.0 */
/* match: what may differ and what may not. */
#include "../test.h"

#include "ehlo/match.h"

static void
expect(const char *expected, const char *got, bool want)
{
	bool is_same = match_line(span_str(expected), span_str(got),
	    MATCH_TOLERANT);

	if (is_same != want)
		print_error("%s\n%s\n", expected, got);
	assert_true(is_same == want);
	/* whatever it is like, it is like itself */
	assert_true(match_line(span_str(got), span_str(got), MATCH_TOLERANT));
}

/* Seen to catch: any word taken for another (ehlo-match-any-word). */
static void
may_differ(void **state)
{
	(void)state;
	expect("220 a.example Microsoft ESMTP MAIL Service ready at Sat, 8 Jan "
	    "2110 6:03:15 \xe2\x80\x93""0600", "220 mail.b.example Microsoft "
	    "ESMTP MAIL Service ready at Sun, 21 Nov 2026 10:15:00 +0000",
	    true);
	expect("250-SMTPServer.testdomain.local Hello [192.168.127.10]",
	    "250-x.example Hello [::1]", true);
	expect("250-C34495-51701 Hello [93.62.0.xxx]",
	    "250-mail.example Hello [127.0.0.1]", true);
	expect("220 C34495-51701 Microsoft ESMTP", "220 box Microsoft ESMTP",
	    true);
	expect("250 Ok: queued as 308EBE0575E7", "250 Ok: queued as 4XyZ12abc",
	    true);
	expect("250 2.6.0 <4b5125d60-e494-47f2-9917-7bd91e455544@a.local> "
	    "Queued mail for delivery", "250 2.6.0 <guid-1@b.example> Queued "
	    "mail for delivery", true);
	expect("250 2.6.0 <XX@server.contoso.com> [InternalId=106] Queued",
	    "250 2.6.0 <1@x.example> [InternalId=42] Queued", true);
	expect("250 2.1.0 guy@cp.com....Sender OK",
	    "250 2.1.0 a@b.example....Sender OK", true);
	expect("250 2.1.5 guy@cp.com", "250 2.1.5 guy@cp.com ", true);
	expect("250 guy.cp.com Hello [10.2.1.10]",
	    "250-guy.cp.com Hello [10.2.1.10]", true);
	expect("221 2.0.0 box Service closing transmission channel",
	    "221 2.0.0 a.example Service closing transmission channel", true);
	expect("354 end with &lt;CRLF&gt;.&lt;CRLF&gt;",
	    "354 end with <CRLF>.<CRLF>", true);
}

static void
may_not_differ(void **state)
{
	(void)state;
	expect("250 2.1.0 Sender OK", "250 2.1.0 Sender ok", false);
	expect("250 2.1.0 Sender OK", "250 2.1.5 Sender OK", false);
	expect("250 2.1.0 Sender OK", "550 2.1.0 Sender OK", false);
	expect("250 2.1.0 Sender OK", "250 2.1.0 Sender OK now", false);
	expect("250 2.1.0 Sender OK now", "250 2.1.0 Sender OK", false);
	expect("235 2.7.0 Authentication successful",
	    "235 2.7.0 Authentication successful.", false);
	expect("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", false);
	expect("250-SIZE", "250-SIZE 100", false);
	expect("250-SIZE", "250-DSN", false);
	expect("250-8BITMIME", "250-8bitmime", false);
	expect("250 2.1.0 guy@cp.com....Sender OK",
	    "250 2.1.0 guy@cp.com Sender OK", false);
	expect("250-AUTH SCRAM-SHA-256", "250-AUTH SCRAM-SHA-512", false);
	expect("250 Ok", "250 Okay", false);
	expect("250-AUTH NTLM LOGIN", "250-AUTH LOGIN NTLM", false);
	expect("220 a.example ESMTP Postfix", "220 a.example ESMTP Exim",
	    false);
	expect("250-a Hello [192.0.2.1]", "250-a Hello 192.0.2.1", false);
	expect("", "250", false);
}

static void
exact_and_codes(void **state)
{
	(void)state;
	assert_true(match_line(SPAN("220 * ready at *"),
	    SPAN("220 a.example ready at 10:15"), MATCH_EXACT));
	assert_false(match_line(SPAN("250 a.example"), SPAN("250 b.example"),
	    MATCH_EXACT));
	assert_true(match_line(SPAN("250 x"), SPAN("250-y"), MATCH_CODES));
	assert_false(match_line(SPAN("250 x"), SPAN("251 x"), MATCH_CODES));
	/* the stars that make simple matchers slow */
	assert_false(match_line(SPAN("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
	    SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	    MATCH_EXACT));
}

static bool
reply(const char *expected, const char *got, size_t want_at)
{
	struct span e[8], g[8], rest = span_str(expected);
	size_t n = 0, m = 0, at;
	bool is_same;

	while (rest.len != 0) {
		e[n] = span_cut(&rest, '|');
		if (span_eq(e[n], SPAN("...")))
			e[n] = (struct span){ NULL, 0 };
		n++;
	}
	for (rest = span_str(got); rest.len != 0; m++)
		g[m] = span_cut(&rest, '|');
	is_same = match_reply(e, n, g, m, MATCH_TOLERANT, &at);
	assert_int_equal(at, want_at);
	return is_same;
}

/* Seen to catch: lines behind the first not looked at
 * (ehlo-match-first-line). */
static void
replies(void **state)
{
	(void)state;
	assert_true(reply("250-a|250 b", "250-a|250 b", 2));
	assert_false(reply("250-a|250 b", "250-a|250 c", 1));
	assert_false(reply("250-a|250 b", "250-a|250-b|250 c", 2));
	assert_false(reply("250-a|250-b|250 c", "250-a|250 b", 2));
	assert_true(reply("250 a|...|250 c", "250-a|250-x|250-y|250 c", 3));
	assert_true(reply("250 a|...|250 c", "250-a|250 c", 3));
	assert_true(reply("250 a|...", "250-a|250-x|250 y", 2));
	assert_true(reply("...|250 STARTTLS|...", "250-a|250-STARTTLS|250 y",
	    3));
	assert_false(reply("...|250 STARTTLS|...", "250-a|250 y", 1));
	assert_false(reply("250 a", "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(may_differ),
		cmocka_unit_test(may_not_differ),
		cmocka_unit_test(exact_and_codes),
		cmocka_unit_test(replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
