/* SPDX-License-Identifier: Apache-2.0 */
/* What a typed line is, what may be kept of it, and the prompt. */
#include "../test.h"

#include "ehlo/talk_line.h"

static struct talk_line
read_line(const char *text)
{
	struct talk_line line;

	talk_line_read(span_str(text), &line);
	return line;
}

/* Every line of the five articles goes out as it is. */
static void
test_smtp(void **state)
{
	static const struct {
		const char *text;
		enum smtp_step_type step;
	} rows[] = {
		{ "ehlo", STEP_HELLO }, { "EHLO 193.56.47.125", STEP_HELLO },
		{ "auth login", STEP_AUTH }, { "AUTH LOGIN", STEP_AUTH },
		{ "auth login dXNlcm5hbWU=", STEP_AUTH },
		{ "auth ntlm", STEP_AUTH },
		{ "mail from: guy@cp.com", STEP_MAIL },
		{ "mail frrom:", STEP_MAIL }, { "mail to:", STEP_MAIL },
		{ "rcpt to:<info@acodedb.com>", STEP_RCPT },
		{ "data", STEP_DATA }, { "DATA message", STEP_DATA },
		{ "quit", STEP_QUIT }, { "QUIT", STEP_QUIT },
		{ "help", STEP_OTHER }, { "starttls", STEP_STARTTLS },
		{ "RSET", STEP_RSET }, { "  NOOP", STEP_OTHER },
		{ "SEND FROM:<a@b>", STEP_OTHER },
		{ "X-EXPS NTLM", STEP_OTHER },
		{ "BDAT 5 LAST", STEP_BDAT }, { "whatever it is", STEP_OTHER },
		{ ".", STEP_OTHER }, { "?x", STEP_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct talk_line line = read_line(rows[i].text);

		if (line.kind != TALK_SMTP || line.step != rows[i].step)
			fail_msg("\"%s\": kind %d, step %d", rows[i].text,
			    line.kind, line.step);
	}
}

static void
test_own(void **state)
{
	static const struct {
		const char *text;
		enum talk_own own;
		const char *rest;
	} rows[] = {
		{ "?", OWN_EXPLAIN, "" }, { "? 550 5.7.1", OWN_EXPLAIN,
		    "550 5.7.1" }, { "explain", OWN_EXPLAIN, "" },
		{ "auth", OWN_AUTH, "" }, { " auth ", OWN_AUTH, "" },
		{ "/auth cram-md5 guyt", OWN_AUTH, "cram-md5 guyt" },
		{ "send letter.eml", OWN_SEND, "letter.eml" },
		{ "/send FROM:x", OWN_SEND, "FROM:x" },
		{ "/help", OWN_HELP, "" }, { "/quit", OWN_QUIT, "" },
		{ "/DATA", OWN_DATA, "" }, { "raw", OWN_RAW, "" },
		{ "encode guyt", OWN_ENCODE, "guyt" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct talk_line line = read_line(rows[i].text);

		if (line.kind != TALK_OWN || line.own != rows[i].own)
			fail_msg("\"%s\": kind %d, own %d", rows[i].text,
			    line.kind, line.own);
		assert_span(line.rest, span_str(rows[i].rest));
	}
	assert_int_equal(read_line("").kind, TALK_EMPTY);
	assert_int_equal(read_line("  \t").kind, TALK_EMPTY);
	assert_int_equal(read_line("/mail from:<>").kind, TALK_UNKNOWN);
	assert_int_equal(read_line("/").kind, TALK_UNKNOWN);
	/* every space but the first is meant */
	assert_span(read_line("/raw  a  ").tail, SPAN(" a  "));
	assert_span(read_line("/raw").tail, SPAN(""));
}

static void
test_user_or_response(void **state)
{
	static const struct {
		const char *text;
		bool names_user;
	} rows[] = {
		{ "auth login guyt", true },
		{ "auth ntlm guyt", true },	/* base64 of three octets */
		{ "auth scram-sha-256 guyt", true },
		{ "auth cram-md5 guyt", true },
		{ "auth gssapi guyt", true },
		{ "auth ntlm TlRMTVNTUAABAAAA", false },
		{ "auth scram-sha-256 biwsbj1ndXl0LHI9eA==", false },
		{ "auth x-new guyt", false },
		{ "auth login user1@contoso.com", true },
		{ "auth plain guyt", true },
		{ "auth login dXNlcm5hbWU=", false },
		{ "auth plain AGd1eXQAUGF1bGluZTEz", false },
		{ "auth external =", false },
		{ "auth login", false },
		{ "AUTH LOGIN guyt", false },	/* as typed */
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct talk_line line = read_line(rows[i].text);

		if (talk_line_names_user(&line) != rows[i].names_user)
			fail_msg("\"%s\"", rows[i].text);
	}
}

static void
check_kept(const char *text, const char *kept)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory);
	bool is_kept = talk_line_for_history(span_str(text), &out);

	if (is_kept != (kept != NULL))
		fail_msg("\"%s\" is %skept", text, is_kept ? "" : "not ");
	if (kept != NULL)
		assert_span(put_span(&out), span_str(kept));
}

static void
test_history(void **state)
{
	(void)state;
	check_kept("mail from:<guy@cp.com>", "mail from:<guy@cp.com>");
	check_kept("AUTH PLAIN AGd1eXQAUGF1bGluZTEz", "AUTH PLAIN");
	check_kept("auth login Z3V5dA==", "auth login");
	check_kept("auth login guyt", "auth login guyt");
	check_kept("AUTH LOGIN guyt", "AUTH LOGIN");
	check_kept("x-exps login Z3V5dA==", "x-exps login");
	check_kept("/auth plain guyt", "/auth plain guyt");
	check_kept("/encode Pauline13", "/encode");
	check_kept("decode UGF1bGluZTEz", "/decode");
	check_kept("/raw AUTH PLAIN AGd1eXQAUGF1bGluZTEz\\r\\n", "/raw");
	check_kept(" EHLO kept.not", NULL);
	check_kept("", NULL);
}

static void
check_prompt(const struct talk_state *talk, const char *expected)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory);

	talk_state_prompt(talk, &out);
	assert_span(put_span(&out), span_str(expected));
}

static void
test_prompt(void **state)
{
	struct talk_state s = { .is_open = false };

	(void)state;
	check_prompt(&s, "closed> ");
	s.is_open = true;
	check_prompt(&s, "clear> ");
	talk_state_learn(&s, STEP_MAIL, SPAN("mail from:<a@b> SIZE=1"), 250);
	check_prompt(&s, "clear mail> ");
	assert_string_equal(s.sender, "a@b");
	talk_state_tls(&s);
	check_prompt(&s, "tls> ");
	talk_state_login(&s, SPAN("guyt"));
	check_prompt(&s, "tls> ");	/* not before 235 */
	talk_state_learn(&s, STEP_RESPONSE, SPAN(""), 535);
	check_prompt(&s, "tls> ");
	talk_state_learn(&s, STEP_RESPONSE, SPAN(""), 235);
	check_prompt(&s, "tls guyt> ");
	talk_state_learn(&s, STEP_MAIL, SPAN("MAIL FROM: guy@cp.com"), 250);
	talk_state_learn(&s, STEP_RCPT, SPAN("RCPT TO:<x@y>"), 550);
	talk_state_learn(&s, STEP_RCPT, SPAN("RCPT TO:<b@c>"), 250);
	talk_state_learn(&s, STEP_RCPT, SPAN("RCPT TO:<d@e>"), 251);
	check_prompt(&s, "tls guyt mail+2> ");
	assert_string_equal(s.sender, "guy@cp.com");
	assert_string_equal(s.rcpt, "b@c");
	talk_state_learn(&s, STEP_MAIL, SPAN("MAIL FROM:<z@z>"), 503);
	check_prompt(&s, "tls guyt mail+2> ");
	talk_state_learn(&s, STEP_TEXT, SPAN(""), 554);
	check_prompt(&s, "tls guyt> ");
	talk_state_tls(&s);	/* who one was in clear is forgotten */
	check_prompt(&s, "tls> ");
	talk_state_learn(&s, STEP_AUTH, SPAN("AUTH"), 235);
	check_prompt(&s, "tls logged-in> ");
	/* a stranger's name does not paint */
	talk_state_login(&s, SPAN("a\x1b[2J"));
	check_prompt(&s, "tls a\\x1b[2J> ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smtp),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_user_or_response),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_prompt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
