/* SPDX-License-Identifier: Apache-2.0 */
/* The table and the rules that hold for every mechanism. */
#include "exchange.h"

static void
finds_mechanisms_without_case(void **state)
{
	(void)state;
	assert_string_equal(sasl_mech_find(SPAN("plain"))->name, "PLAIN");
	assert_string_equal(sasl_mech_find(SPAN("LoGiN"))->name, "LOGIN");
	assert_null(sasl_mech_find(SPAN("PLAI")));
	assert_null(sasl_mech_find(SPAN("PLAINX")));
	assert_null(sasl_mech_find(SPAN("")));
	assert_null(sasl_mech_find(SPAN("CRAM-MD5")));
}

static void
table_is_well_formed(void **state)
{
	size_t n = 0;

	(void)state;
	for (; sasl_mech_at(n) != NULL; n++) {
		const struct sasl_mech *mech = sasl_mech_at(n);
		struct span name = span_str(mech->name);

		/* RFC 4422 3.1 */
		assert_in_range(name.len, 1, 20);
		for (size_t i = 0; i < name.len; i++)
			assert_true(ascii_is_digit(name.p[i]) ||
			    (name.p[i] >= 'A' && name.p[i] <= 'Z') ||
			    name.p[i] == '-' || name.p[i] == '_');
		assert_ptr_equal(sasl_mech_find(name), mech);
	}
	assert_int_equal(n, 8);
	assert_null(sasl_mech_at(n + 1));
}

/* Both send the password readably: neither may be offered in clear where
 * basic-auth-only-after-tls holds. */
static void
both_are_plaintext(void **state)
{
	(void)state;
	assert_int_equal(sasl_mech_find(SPAN("PLAIN"))->flags, SASL_PLAINTEXT);
	assert_int_equal(sasl_mech_find(SPAN("LOGIN"))->flags, SASL_PLAINTEXT);
	for (size_t i = 0; sasl_mech_at(i) != NULL; i++) {
		const char *name = sasl_mech_at(i)->name;

		assert_int_equal((sasl_mech_at(i)->flags & SASL_PLAINTEXT) != 0,
		    strcmp(name, "PLAIN") == 0 || strcmp(name, "LOGIN") == 0);
	}
}

static void
ask(struct exchange *x)
{
	begin(x, "PLAIN");
	/* authzid "anna", authcid "bert", password "geheim" */
	assert_int_equal(say(x, "YW5uYQBiZXJ0AGdlaGVpbQ=="),
	    SASL_CHECK_PASSWORD);
}

static void
right_password_is_done_and_wiped(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	assert_int_equal(say(&x, "AGJlcnQAZ2VoZWlt"), SASL_CHECK_PASSWORD);
	assert_string_equal(x.sasl.authzid, "");
	assert_int_equal(sasl_server_checked(&x.sasl, true, false), SASL_DONE);
	assert_string_equal(x.sasl.authcid, "bert");
	assert_password_gone(&x);
}

/* seen to catch: a refusal that keeps the password
 * (tests/faults/sasl-wrong-not-wiped.patch). */
static void
wrong_password_is_refused_and_wiped(void **state)
{
	struct exchange x;

	(void)state;
	ask(&x);
	assert_int_equal(sasl_server_checked(&x.sasl, false, true),
	    SASL_REFUSED);
	assert_string_equal(x.sasl.why, "wrong user name or password");
	assert_password_gone(&x);
}

/* seen to catch: sasl_server_checked() without its authzid condition
 * (tests/faults/sasl-authzid.patch). */
static void
acting_as_another_needs_leave(void **state)
{
	struct exchange x;

	(void)state;
	ask(&x);
	assert_int_equal(sasl_server_checked(&x.sasl, true, false),
	    SASL_REFUSED);
	assert_password_gone(&x);
	ask(&x);
	assert_int_equal(sasl_server_checked(&x.sasl, true, true), SASL_DONE);
	assert_string_equal(x.sasl.authzid, "anna");
}

static void
acting_as_oneself_needs_none(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	/* authzid "Bert", authcid "bert" */
	assert_int_equal(say(&x, "QmVydABiZXJ0AGdlaGVpbQ=="),
	    SASL_CHECK_PASSWORD);
	assert_int_equal(sasl_server_checked(&x.sasl, true, false), SASL_DONE);
}

/* Cancelled between the steps ("*"): nothing of it stays for the next one. */
static void
wipe_leaves_nothing(void **state)
{
	struct exchange x;
	const unsigned char *p = (const unsigned char *)&x.sasl;

	(void)state;
	ask(&x);
	sasl_server_wipe(&x.sasl);
	for (size_t i = 0; i < sizeof x.sasl; i++)
		assert_int_equal(p[i], 0);
	begin(&x, "LOGIN");
	assert_int_equal(say(&x, NULL), SASL_CHALLENGE);
	assert_string_equal(x.sasl.authcid, "");
	assert_string_equal(x.sasl.authzid, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_mechanisms_without_case),
		cmocka_unit_test(table_is_well_formed),
		cmocka_unit_test(both_are_plaintext),
		cmocka_unit_test(right_password_is_done_and_wiped),
		cmocka_unit_test(wrong_password_is_refused_and_wiped),
		cmocka_unit_test(acting_as_another_needs_leave),
		cmocka_unit_test(acting_as_oneself_needs_none),
		cmocka_unit_test(wipe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
