/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN: the dialogues people type, and what else may come. */
#include "exchange.h"

#define USERNAME "VXNlcm5hbWU6"
#define PASSWORD "UGFzc3dvcmQ6"

/* Name and password as typed in published transcripts. */
static const struct {
	const char *name64, *password64, *name, *password;
} typed[] = {
	{ "Z3V5dA==", "UGF1bGluZTEz", "guyt", "Pauline13" },
	{ "YWRtaW5pc3RyYXRvcg==", "cGFzc3dvcmQ=", "administrator",
	    "password" },
	{ "dXNlcm5hbWU=", "cGFzc3dvcmQ=", "username", "password" },
	{ "dXNlcjFAY29udG9zby5jb20=", "UEAkJHcwcmQ=", "user1@contoso.com",
	    "P@$$w0rd" },
	{ "aXBlcmJvcmVh", "aXBlcmIwMSE=", "iperborea", "iperb01!" },
	{ "ZmFuZ3l1bmZlbmdcQXNkMTIz", "UGF1bGluZTE=",
	    "fangyunfeng\\Asd123", "Pauline1" },
};

static void
asks_for_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(typed); i++) {
		struct exchange x;

		begin(&x, "login");
		assert_int_equal(say(&x, NULL), SASL_CHALLENGE);
		assert_string_equal(x.challenge, USERNAME);
		assert_int_equal(say(&x, typed[i].name64), SASL_CHALLENGE);
		assert_string_equal(x.challenge, PASSWORD);
		assert_int_equal(say(&x, typed[i].password64),
		    SASL_CHECK_PASSWORD);
		assert_string_equal(x.sasl.authcid, typed[i].name);
		assert_string_equal(x.sasl.authzid, "");
		assert_password(&x, typed[i].password);
	}
}

/* "auth login dXNlcm5hbWU=" is answered with the second question at once.
 * seen to catch: an initial response swallowed, as other libraries do
 * (tests/faults/sasl-login-initial.patch). */
static void
initial_response_is_the_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(typed); i++) {
		struct exchange x;

		begin(&x, "LOGIN");
		assert_int_equal(say(&x, typed[i].name64), SASL_CHALLENGE);
		assert_string_equal(x.challenge, PASSWORD);
		assert_int_equal(say(&x, typed[i].password64),
		    SASL_CHECK_PASSWORD);
		assert_string_equal(x.sasl.authcid, typed[i].name);
		assert_password(&x, typed[i].password);
	}
}

static void
empty_initial_response_is_none(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "LOGIN");
	assert_int_equal(say(&x, "="), SASL_CHALLENGE);
	assert_string_equal(x.challenge, USERNAME);
	assert_int_equal(say(&x, "Z3V5dA=="), SASL_CHALLENGE);
	assert_string_equal(x.challenge, PASSWORD);
}

static void
empty_name_is_malformed(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "LOGIN");
	assert_int_equal(say(&x, NULL), SASL_CHALLENGE);
	assert_int_equal(say(&x, ""), SASL_MALFORMED);
	assert_string_equal(x.sasl.why, "empty user name");
}

static void
bad_names(void **state)
{
	const struct span name[] = { SPAN("a\0b"), SPAN("\xff"),
		SPAN("\0") };
	char long_name[SASL_NAME_MAX + 1];
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < countof(name); i++) {
		begin(&x, "LOGIN");
		assert_int_equal(say_bytes(&x, name[i]), SASL_MALFORMED);
	}
	memset(long_name, 'n', sizeof long_name);
	begin(&x, "LOGIN");
	assert_int_equal(say_bytes(&x, span_of(long_name, SASL_NAME_MAX)),
	    SASL_CHALLENGE);
	begin(&x, "LOGIN");
	assert_int_equal(say_bytes(&x, span_of(long_name, sizeof long_name)),
	    SASL_MALFORMED);
}

/* seen to catch: a NUL taken as the password's end, so that a prefix counts
 * (tests/faults/sasl-nul-password.patch). */
static void
bad_passwords_are_refused(void **state)
{
	const struct span password[] = { SPAN(""), SPAN("\0"),
		SPAN("secret\0"), SPAN("secret\0x"), SPAN("\xe4") };

	(void)state;
	for (size_t i = 0; i < countof(password); i++) {
		struct exchange x;

		begin(&x, "LOGIN");
		assert_int_equal(say(&x, "Z3V5dA=="), SASL_CHALLENGE);
		assert_int_equal(say_bytes(&x, password[i]), SASL_REFUSED);
		assert_non_null(x.sasl.why);
		assert_password_gone(&x);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_for_both),
		cmocka_unit_test(initial_response_is_the_name),
		cmocka_unit_test(empty_initial_response_is_none),
		cmocka_unit_test(empty_name_is_malformed),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(bad_passwords_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
