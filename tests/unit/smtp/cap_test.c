/* SPDX-License-Identifier: Apache-2.0 */
/* cap: EHLO lines as real servers print them. */
#include "../test.h"

#include "smtp/cap.h"

static void
expect(const char *line, enum cap want, const char *args)
{
	struct span got_args;
	enum cap got = cap_parse(span_str(line), &got_args);

	if (got != want)
		print_error("%s: %s\n", line, cap_name(got));
	assert_int_equal(got, want);
	assert_span(got_args, span_str(args));
}

static void
lines(void **state)
{
	(void)state;
	expect("SIZE", CAP_SIZE, "");
	expect("SIZE 10240000", CAP_SIZE, "10240000");
	expect("8bitmime", CAP_8BITMIME, "");
	expect("AUTH PLAIN LOGIN", CAP_AUTH, "PLAIN LOGIN");
	expect("AUTH=PLAIN LOGIN", CAP_AUTH, "PLAIN LOGIN");
	expect("AUTH=LOGIN", CAP_AUTH, "LOGIN");
	expect("auth  GSSAPI ", CAP_AUTH, "GSSAPI");
	expect("X-EXPS GSSAPI NTLM", CAP_X_EXPS, "GSSAPI NTLM");
	expect("X-EXPS=LOGIN", CAP_X_EXPS, "LOGIN");
	expect("X-ANONYMOUSTLS", CAP_X_ANONYMOUSTLS, "");
	expect("OK", CAP_UNKNOWN, "");
	expect("", CAP_UNKNOWN, "");
	expect(" SIZE", CAP_UNKNOWN, "SIZE");
	expect("SIZES", CAP_UNKNOWN, "");
	expect("SIZ", CAP_UNKNOWN, "");
	expect("=", CAP_UNKNOWN, "");
	expect("unknown", CAP_UNKNOWN, "");
	expect("guy.cp.com Hello [10.2.1.10]", CAP_UNKNOWN,
	    "Hello [10.2.1.10]");
}

/* In the order of enum cap. Seen to catch: two names swapped
 * (smtp-cap-swapped). */
static void
names(void **state)
{
	static const char *const want[] = { "SIZE", "PIPELINING", "8BITMIME",
		"ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "SMTPUTF8",
		"DSN", "STARTTLS", "AUTH", "HELP", "VRFY", "EXPN", "ETRN",
		"TURN", "X-EXPS", "X-ANONYMOUSTLS", "XEXCH50", "XRDST",
		"X-LINK2STATE", "REQUIRETLS", "DELIVERBY", "FUTURERELEASE",
		"XCLIENT" };

	(void)state;
	assert_int_equal(countof(want), CAP_UNKNOWN);
	for (unsigned cap = 0; cap < CAP_UNKNOWN; cap++) {
		assert_string_equal(cap_name((enum cap)cap), want[cap]);
		expect(want[cap], (enum cap)cap, "");
	}
	assert_non_null(cap_name(CAP_UNKNOWN));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
