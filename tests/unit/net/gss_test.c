/* SPDX-License-Identifier: Apache-2.0 */
/* gss: what it says where there is no ticket, no key and no realm. The real
 * thing, with a key server, is in tests/e2e/test_gssapi.py. */
#include <stdlib.h>

#include "../test.h"
#include "net/gss.h"

static void
no_ticket(void **state)
{
	char why[GSS_WHY_MAX] = "";
	struct gss *gss = gss_client_new(SPAN("mail.example.org"), why);
	const struct sasl_gss *calls;
	struct span out;

	(void)state;
	assert_non_null(gss);
	calls = gss_calls(gss);
	assert_int_equal(calls->step(calls->arg, SPAN(""), &out, why,
	    sizeof why), -1);
	assert_non_null(strstr(why, "/nonexistent/tickets"));
	gss_free(gss);
}

static void
no_keytab(void **state)
{
	char why[GSS_WHY_MAX] = "";

	(void)state;
	assert_null(gss_keys_open("/nonexistent/keytab", why));
	assert_non_null(strstr(why, "/nonexistent/keytab"));
	gss_keys_close(NULL);
}

static void
the_longest_names(void **state)
{
	char why[GSS_WHY_MAX] = "", host[1024];

	(void)state;
	memset(host, 'h', sizeof host);
	assert_null(gss_client_new(span_of(host, sizeof host), why));
	assert_string_equal(why, "the server's name is too long");
	gss_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_ticket),
		cmocka_unit_test(no_keytab),
		cmocka_unit_test(the_longest_names),
	};

	assert_int_equal(setenv("KRB5_CONFIG", "/dev/null", 1), 0);
	assert_int_equal(setenv("KRB5CCNAME", "FILE:/nonexistent/tickets", 1),
	    0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
