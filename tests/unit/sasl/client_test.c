/* SPDX-License-Identifier: Apache-2.0 */
/* The client's table, its choice, and the mechanisms of one or two messages. */
#include "client_exchange.h"

static void
table_is_well_formed(void **state)
{
	size_t n = 0;

	(void)state;
	for (; sasl_client_at(n) != NULL; n++) {
		const struct sasl_client_mech *mech = sasl_client_at(n);

		assert_in_range(strlen(mech->name), 1, 20);
		assert_ptr_equal(sasl_client_find(span_str(mech->name)), mech);
		for (size_t i = 0; i < n; i++)
			assert_true(mech->strength == 0 ||
			    mech->strength != sasl_client_at(i)->strength);
	}
	assert_int_equal(n, 13);
	assert_null(sasl_client_find(SPAN("DIGEST-MD5")));
	assert_ptr_equal(sasl_client_find(SPAN("scram-sha-1-plus")),
	    sasl_client_find(SPAN("SCRAM-SHA-1-PLUS")));
}

static int
gss_none(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	(void)arg;
	(void)in;
	(void)out;
	snprintf(why, why_len, "no ticket\033[2J");
	return -1;
}

static const struct sasl_gss no_ticket = { NULL, gss_none, gss_none,
	gss_none };

#define ALL \
	"LOGIN PLAIN CRAM-MD5 NTLM GSSAPI SCRAM-SHA-1 SCRAM-SHA-256 " \
	"SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER EXTERNAL " \
	"ANONYMOUS X-NONSENSE"

static void
chooses_the_strongest_that_is_possible(void **state)
{
	const struct sasl_client_options password = options_of("u", "p");
	struct sasl_client_options token = options_of("u", ""),
	    bound = options_of("u", "p"), ticket = options_of("", ""),
	    nobody = options_of("", "");
	const struct {
		const struct sasl_client_options *options;
		const char *offered;
		bool is_tls;
		const char *choice;
	} row[] = {
		{ &password, ALL, true, "SCRAM-SHA-256" },
		{ &bound, ALL, true, "SCRAM-SHA-256-PLUS" },
		{ &bound, "SCRAM-SHA-1-PLUS SCRAM-SHA-256", true,
		    "SCRAM-SHA-1-PLUS" },
		{ &password, "LOGIN PLAIN", true, "PLAIN" },
		{ &password, "LOGIN PLAIN", false, NULL },
		{ &password, "LOGIN CRAM-MD5 PLAIN", false, "CRAM-MD5" },
		{ &password, "login", true, "LOGIN" },
		{ &password, "NTLM LOGIN", false, "NTLM" },
		{ &password, "GSSAPI XOAUTH2 EXTERNAL ANONYMOUS", true, NULL },
		{ &token, ALL, true, "OAUTHBEARER" },
		{ &token, "PLAIN XOAUTH2", true, "XOAUTH2" },
		{ &token, ALL, false, NULL },
		{ &ticket, ALL, false, "GSSAPI" },
		{ &nobody, ALL, true, "EXTERNAL" },
		{ &nobody, "PLAIN ANONYMOUS", true, NULL },
		{ &password, "", true, NULL },
		{ &password, "PLAI PLAINX  DIGEST-MD5", true, NULL },
	};

	(void)state;
	token.token = SPAN("t");
	bound.binding = SPAN("b");
	bound.binding_type = SPAN("tls-exporter");
	ticket.gss = &no_ticket;
	for (size_t i = 0; i < countof(row); i++) {
		const struct sasl_client_mech *got = sasl_client_choose(
		    span_str(row[i].offered), row[i].options, row[i].is_tls);
		const char *name = got != NULL ? got->name : "none";

		if (strcmp(name, row[i].choice ? row[i].choice : "none") != 0)
			fail_msg("row %zu: %s", i, name);
	}
}

static void
plain(void **state)
{
	struct sasl_client_options options = options_of("Kurt", "xipj3plmq");
	struct sasl_client client;
	struct span out;

	(void)state;
	options.authzid = SPAN("Ursel");
	client_begin(&client, "PLAIN", &options);
	assert_true(sasl_client_is_proved(&client));
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("Ursel\0Kurt\0xipj3plmq"));
	assert_wrong(&client, SPAN(""));
}

/* By order, whatever the questions are. */
static void
login(void **state)
{
	const struct span question[][2] = {
		{ SPAN("Username:"), SPAN("Password:") },
		{ SPAN("User Name\0"), SPAN("Password\0") },
		{ SPAN(""), SPAN("") },
		{ SPAN("Password:"), SPAN("Password:") },
	};
	const struct sasl_client_options options = options_of("guyt", "P13");

	(void)state;
	for (size_t i = 0; i < countof(question); i++) {
		struct sasl_client client;
		struct span out;

		client_begin(&client, "LOGIN", &options);
		assert_int_equal(client_start(&client, &out),
		    SASL_CLIENT_FIRST);
		assert_int_equal(client_hear(&client, question[i][0], &out),
		    SASL_CLIENT_SEND);
		assert_span(out, SPAN("guyt"));
		assert_int_equal(client_hear(&client, question[i][1], &out),
		    SASL_CLIENT_SEND);
		assert_span(out, SPAN("P13"));
		assert_wrong(&client, SPAN("Really?"));
	}
}

/* RFC 2195 2 */
static void
cram_md5(void **state)
{
	const struct sasl_client_options options =
	    options_of("tim", "tanstaaftanstaaf");
	struct sasl_client client;
	struct span out;

	(void)state;
	client_begin(&client, "CRAM-MD5", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_FIRST);
	assert_int_equal(client_hear(&client,
	    SPAN("<1896.697170952@postoffice.reston.mci.net>"), &out),
	    SASL_CLIENT_SEND);
	assert_span(out, SPAN("tim b913a602c7eda7a495b4e6e7334d3890"));
	assert_wrong(&client, SPAN("<again>"));
	client_begin(&client, "CRAM-MD5", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_FIRST);
	assert_wrong(&client, SPAN(""));
}

static void
external_and_anonymous(void **state)
{
	struct sasl_client_options options = options_of("trace@x.example", "");
	struct sasl_client client;
	struct span out;

	(void)state;
	client_begin(&client, "ANONYMOUS", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("trace@x.example"));
	assert_wrong(&client, SPAN(""));
	client_begin(&client, "EXTERNAL", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN(""));
	options.authzid = SPAN("boss");
	client_begin(&client, "EXTERNAL", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("boss"));
}

/* RFC 7628 4.1, and Google's example of XOAUTH2. */
static void
bearer_tokens(void **state)
{
	struct sasl_client_options options = options_of("user@example.com", "");
	struct sasl_client client;
	struct span out;

	(void)state;
	options.token = SPAN("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
	options.host = SPAN("server.example.com");
	options.port = 143;
	client_begin(&client, "OAUTHBEARER", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("n,a=user@example.com,\001"
	    "host=server.example.com\001port=143\001"
	    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001"));
	assert_int_equal(client_hear(&client,
	    SPAN("{\"status\":\"invalid_token\"}"), &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("\001"));
	assert_non_null(strstr(client.why, "invalid_token"));
	assert_false(sasl_client_is_proved(&client));
	assert_wrong(&client, SPAN("{}"));

	options.authcid = SPAN("someuser@example.com");
	options.token = SPAN("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
	client_begin(&client, "XOAUTH2", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("user=someuser@example.com\001auth=Bearer "
	    "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\001\001"));
	assert_int_equal(client_hear(&client, SPAN("{\"status\":\"400\"}"),
	    &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN(""));
}

static void
bearer_names_are_escaped_and_bounded(void **state)
{
	struct sasl_client_options options = options_of("a,b=c", "");
	struct sasl_client client;
	struct span out;
	char long_token[SASL_CLIENT_OUT_MAX];

	(void)state;
	options.token = SPAN("t");
	client_begin(&client, "OAUTHBEARER", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("n,a=a=2Cb=3Dc,\001auth=Bearer t\001\001"));
	options.authcid = SPAN("a\001auth=Bearer other");
	client_begin(&client, "OAUTHBEARER", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_WRONG);
	options.authcid = SPAN("a");
	options.token = SPAN("two words");
	client_begin(&client, "XOAUTH2", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_WRONG);
	memset(long_token, 't', sizeof long_token);
	options.token = span_of(long_token, sizeof long_token);
	client_begin(&client, "XOAUTH2", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_WRONG);
	assert_string_equal(client.why, "the response is too long");
}

static void
what_is_missing_is_said(void **state)
{
	const struct {
		const char *mech, *user, *why;
	} row[] = {
		{ "PLAIN", "", "a user name is needed" },
		{ "SCRAM-SHA-1", "", "a user name is needed" },
		{ "NTLM", "", "a user name is needed" },
		{ "XOAUTH2", "u", "a token is needed" },
		{ "GSSAPI", "u", "Kerberos is not at hand" },
		{ "SCRAM-SHA-256-PLUS", "u",
		    "there is no TLS session to bind to" },
	};
	struct sasl_client_options options;
	struct sasl_client client;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		options = options_of(row[i].user, "p");
		client_begin(&client, row[i].mech, &options);
		assert_int_equal(client_start(&client, NULL),
		    SASL_CLIENT_WRONG);
		assert_string_equal(client.why, row[i].why);
	}
	options = options_of("u", "");
	options.password = SPAN("a\0b");
	client_begin(&client, "PLAIN", &options);
	assert_int_equal(client_start(&client, NULL), SASL_CLIENT_WRONG);
}

/* --- GSSAPI, with a Kerberos of straw: a token a step, "seal(…)" around what
 * is wrapped. */

struct straw {
	unsigned steps_left;
	char memory[64];
};

static int
straw_step(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	struct straw *straw = arg;

	(void)in;
	(void)why;
	(void)why_len;
	*out = straw->steps_left != 0 ? SPAN("token") : SPAN("");
	return straw->steps_left != 0 && straw->steps_left-- != 0;
}

static int
straw_wrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	struct straw *straw = arg;
	struct put put = put_init(straw->memory, sizeof straw->memory);

	(void)why;
	(void)why_len;
	put_str(&put, "seal");
	put_bytes(&put, in);
	*out = put_span(&put);
	return 0;
}

static int
straw_unwrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	(void)arg;
	if (!span_starts(in, SPAN("seal"))) {
		snprintf(why, why_len, "no seal");
		return -1;
	}
	*out = span_skip(in, 4);
	return 0;
}

static void
gssapi(void **state)
{
	const struct {
		struct span offer;
		enum sasl_client_result result;
	} row[] = {
		{ SPAN("seal\001\0\0\0"), SASL_CLIENT_SEND },
		{ SPAN("seal\007\0\020\0"), SASL_CLIENT_SEND },
		{ SPAN("seal\006\0\020\0"), SASL_CLIENT_WRONG },
		{ SPAN("seal\001\0\0"), SASL_CLIENT_WRONG },
		{ SPAN("seal"), SASL_CLIENT_WRONG },
		{ SPAN("\001\0\0\0"), SASL_CLIENT_WRONG },
		{ SPAN(""), SASL_CLIENT_WRONG },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct straw straw = { .steps_left = 2 };
		const struct sasl_gss gss = { &straw, straw_step, straw_wrap,
			straw_unwrap };
		struct sasl_client_options options = { .gss = &gss,
			.authzid = SPAN("boss") };
		struct sasl_client client;
		struct span out;

		client_begin(&client, "GSSAPI", &options);
		assert_int_equal(client_start(&client, &out),
		    SASL_CLIENT_SEND);
		assert_span(out, SPAN("token"));
		assert_int_equal(client_hear(&client, SPAN("a"), &out),
		    SASL_CLIENT_SEND);
		assert_int_equal(client_hear(&client, SPAN("b"), &out),
		    SASL_CLIENT_SEND);
		assert_span(out, SPAN(""));
		assert_false(sasl_client_is_proved(&client));
		assert_int_equal(client_hear(&client, row[i].offer, &out),
		    row[i].result);
		assert_int_equal(sasl_client_is_proved(&client),
		    row[i].result == SASL_CLIENT_SEND);
		if (row[i].result != SASL_CLIENT_SEND)
			continue;
		assert_span(out, SPAN("seal\001\0\0\0boss"));
		assert_wrong(&client, SPAN(""));
	}
}

static void
gssapi_says_why_and_shows_no_controls(void **state)
{
	struct sasl_client_options options = { .gss = &no_ticket };
	struct sasl_client client;

	(void)state;
	client_begin(&client, "GSSAPI", &options);
	assert_int_equal(client_start(&client, NULL), SASL_CLIENT_WRONG);
	assert_string_equal(client.why, "Kerberos: no ticket\\x1b[2J");
}

static void
wipe_leaves_nothing(void **state)
{
	const struct sasl_client_options options = options_of("u", "secret");
	struct sasl_client client;
	const unsigned char *p = (const unsigned char *)&client;

	(void)state;
	client_begin(&client, "PLAIN", &options);
	assert_int_equal(client_start(&client, NULL), SASL_CLIENT_SEND);
	sasl_client_wipe(&client);
	for (size_t i = 0; i < sizeof client; i++)
		assert_int_equal(p[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_well_formed),
		cmocka_unit_test(chooses_the_strongest_that_is_possible),
		cmocka_unit_test(plain),
		cmocka_unit_test(login),
		cmocka_unit_test(cram_md5),
		cmocka_unit_test(external_and_anonymous),
		cmocka_unit_test(bearer_tokens),
		cmocka_unit_test(bearer_names_are_escaped_and_bounded),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(gssapi),
		cmocka_unit_test(gssapi_says_why_and_shows_no_controls),
		cmocka_unit_test(wipe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
