/* SPDX-License-Identifier: Apache-2.0 */
/* Which form of a name or password was typed, and what may be shown of a
 * response: never the secret. */
#include "../test.h"

#include "ehlo/talk_auth_form.h"

static void
test_typed_form(void **state)
{
	/* of the five articles: as they are, and from the web site */
	static const char *const words[] = { "guyt", "Pauline13",
		"administrator", "password", "username", "user1@contoso.com",
		"P@$$w0rd", "iperborea", "iperb01!", "fangyunfeng\\Asd123",
		"test", "info", "", "*", "UGaF1bGluZTEz", "Anna", "abcdefgh",
		"ABCDEFGHIJKL" };
	static const char *const wires[] = { "Z3V5dA==", "UGF1bGluZTEz",
		"YWRtaW5pc3RyYXRvcg==", "cGFzc3dvcmQ=", "dXNlcm5hbWU=",
		"dXNlcjFAY29udG9zby5jb20=", "UEAkJHcwcmQ=", "aXBlcmJvcmVh",
		"aXBlcmIwMSE=", "ZmFuZ3l1bmZlbmdcQXNkMTIz" };

	(void)state;
	for (size_t i = 0; i < countof(words); i++)
		if (talk_auth_is_wire(span_str(words[i])))
			fail_msg("\"%s\" is taken for base64", words[i]);
	for (size_t i = 0; i < countof(wires); i++)
		if (!talk_auth_is_wire(span_str(wires[i])))
			fail_msg("\"%s\" is not known", wires[i]);
}

static void
check_challenge(const char *text, const char *expected)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory);
	bool is_good = talk_auth_challenge(span_str(text), &out);

	assert_int_equal(is_good, expected != NULL);
	assert_span(put_span(&out), span_str(expected));
}

static void
test_challenges(void **state)
{
	(void)state;
	check_challenge("VXNlcm5hbWU6", "Username:");
	check_challenge("UGFzc3dvcmQ6", "Password:");
	check_challenge("VXNlcm57uWU6", "Usern{\\xb9e:");
	check_challenge("UFFzc3dzcmQ7", "PQsswsrd;");
	check_challenge("", "");
	check_challenge("NTLM supported", NULL);
	check_challenge("GzJK", "\\x1b2J");
	check_challenge("TlRMTVNTUAACAAAA", "NTLM message 2, 12 octets");
}

static void
check_shown(const char *mech, unsigned round, struct span decoded,
    const char *expected, bool hides)
{
	char memory[1024];
	struct put out = put_init(memory, sizeof memory);

	assert_int_equal(talk_auth_show(span_str(mech), round, decoded, &out),
	    hides);
	assert_span(put_span(&out), span_str(expected));
}

#define DOTS TALK_DOTS

static void
test_shown(void **state)
{
	(void)state;
	check_shown("login", 0, SPAN("guyt"), "guyt", false);
	check_shown("LOGIN", 1, SPAN("Pauline13"), DOTS, true);
	check_shown("PLAIN", 0, SPAN("\0guyt\0Pauline13"), "\\0guyt\\0" DOTS,
	    true);
	check_shown("PLAIN", 0, SPAN("a\0guyt\0Paul\0ine"),
	    "a\\0guyt\\0" DOTS, true);
	check_shown("PLAIN", 0, SPAN("no nul, Pauline13"),
	    "no nul, Pauline13\\0\\0" DOTS, true);
	check_shown("CRAM-MD5", 0, SPAN("tim b913a602c7eda7a495b4e6e7334d3890"),
	    "tim " DOTS, true);
	check_shown("CRAM-MD5", 0, SPAN("Pauline13"), DOTS, true);
	check_shown("SCRAM-SHA-256", 0, SPAN("n,,n=user,r=abc"),
	    "n,,n=user,r=abc", false);
	check_shown("SCRAM-SHA-256", 1, SPAN("c=biws,r=abcd,p=dHzbZapWIk4j"),
	    "c=biws,r=abcd,p=" DOTS, true);
	check_shown("XOAUTH2", 0, SPAN("user=a@b\1auth=Bearer ya29\1\1"),
	    "user=a@b\\x01auth=" DOTS "\\x01\\x01", true);
	check_shown("OAUTHBEARER", 0,
	    SPAN("n,a=a@b,\1host=h\1auth=Bearer x\1\1"),
	    "n,a=a@b,\\x01host=h\\x01auth=" DOTS "\\x01\\x01", true);
	check_shown("EXTERNAL", 0, SPAN("a\x1b[2J"), "a\\x1b[2J", false);
	check_shown("NTLM", 0, SPAN("NTLMSSP\0\1\0\0\0rest"),
	    "NTLM message 1, 16 octets", true);
	check_shown("GSSAPI", 0, SPAN("\x60\x82"), "2 octets", true);
	check_shown("X-NEW", 0, SPAN("whatever"), DOTS, true);
	check_shown("LOGIN", 0, SPAN(""), "nothing", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_typed_form),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
