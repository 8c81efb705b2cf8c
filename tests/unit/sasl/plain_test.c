/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN: the examples of RFC 4616 4, what is malformed, and the bounds. */
#include "exchange.h"

static void
rfc4616_first_example(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	assert_int_equal(say_bytes(&x, SPAN("\0tim\0tanstaaftanstaaf")),
	    SASL_CHECK_PASSWORD);
	assert_string_equal(x.sasl.authzid, "");
	assert_string_equal(x.sasl.authcid, "tim");
	assert_password(&x, "tanstaaftanstaaf");
}

static void
rfc4616_second_example(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	assert_int_equal(say_bytes(&x, SPAN("Ursel\0Kurt\0xipj3plmq")),
	    SASL_CHECK_PASSWORD);
	assert_string_equal(x.sasl.authzid, "Ursel");
	assert_string_equal(x.sasl.authcid, "Kurt");
	assert_password(&x, "xipj3plmq");
}

/* RFC 4954 4.1: "AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=" */
static void
rfc4954_example(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	assert_int_equal(say(&x, "dGVzdAB0ZXN0ADEyMzQ="),
	    SASL_CHECK_PASSWORD);
	assert_string_equal(x.sasl.authzid, "test");
	assert_string_equal(x.sasl.authcid, "test");
	assert_password(&x, "1234");
}

static void
without_initial_response_asks_with_nothing(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	assert_int_equal(say(&x, NULL), SASL_CHALLENGE);
	assert_string_equal(x.challenge, "");
	assert_int_equal(say(&x, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"),
	    SASL_CHECK_PASSWORD);
	assert_string_equal(x.sasl.authcid, "tim");
}

static void
passwords_keep_every_other_byte(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "PLAIN");
	assert_int_equal(say_bytes(&x,
	    SPAN("\0u@x.org\0P@$$w0rd \r\n\x01\xc3\xa4")),
	    SASL_CHECK_PASSWORD);
	assert_password(&x, "P@$$w0rd \r\n\x01\xc3\xa4");
}

/* seen to catch: PLAIN that takes a message with one NUL (authcid and password
 * mixed up), tests/faults/sasl-plain-one-nul.patch. */
static void
malformed(void **state)
{
	const struct {
		struct span message;
		enum sasl_result result;
	} row[] = {
		{ SPAN(""), SASL_MALFORMED },
		{ SPAN("tim"), SASL_MALFORMED },
		{ SPAN("\0"), SASL_MALFORMED },
		{ SPAN("\0tim"), SASL_MALFORMED },
		{ SPAN("tim\0password"), SASL_MALFORMED },
		{ SPAN("\0\0"), SASL_MALFORMED },
		{ SPAN("\0\0password"), SASL_MALFORMED },
		{ SPAN("a\0\0password"), SASL_MALFORMED },
		{ SPAN("\0t\xff\0password"), SASL_MALFORMED },
		{ SPAN("\xc0\x80\0tim\0password"), SASL_MALFORMED },
		{ SPAN("\0tim\0"), SASL_REFUSED },
		{ SPAN("\0tim\0pass\0word"), SASL_REFUSED },
		{ SPAN("\0tim\0password\0"), SASL_REFUSED },
		{ SPAN("\0tim\0\0"), SASL_REFUSED },
		{ SPAN("\0tim\0p\xe4ss"), SASL_REFUSED },
		{ SPAN("\0tim\0\xed\xa0\x80"), SASL_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct exchange x;

		begin(&x, "PLAIN");
		if (say_bytes(&x, row[i].message) != row[i].result)
			fail_msg("row %zu: got why=%s", i, x.sasl.why);
		assert_non_null(x.sasl.why);
		assert_password_gone(&x);
	}
}

/* One message with the lengths given. */
static enum sasl_result
with_lengths(struct exchange *x, size_t authzid, size_t authcid,
    size_t password)
{
	char message[4096];
	size_t len = authzid + authcid + password + 2;

	assert_true(len <= sizeof message);
	memset(message, 'a', len);
	message[authzid] = '\0';
	message[authzid + 1 + authcid] = '\0';
	begin(x, "PLAIN");
	return say_bytes(x, span_of(message, len));
}

static void
bounds(void **state)
{
	struct exchange x;

	(void)state;
	assert_int_equal(with_lengths(&x, SASL_NAME_MAX, SASL_NAME_MAX,
	    SASL_PASSWORD_MAX), SASL_CHECK_PASSWORD);
	assert_int_equal(strlen(x.sasl.authzid), SASL_NAME_MAX);
	assert_int_equal(strlen(x.sasl.authcid), SASL_NAME_MAX);
	assert_int_equal(strlen(x.sasl.password), SASL_PASSWORD_MAX);
	assert_int_equal(with_lengths(&x, SASL_NAME_MAX + 1, 1, 1),
	    SASL_MALFORMED);
	assert_int_equal(with_lengths(&x, 0, SASL_NAME_MAX + 1, 1),
	    SASL_MALFORMED);
	assert_int_equal(with_lengths(&x, 0, 1, SASL_PASSWORD_MAX + 1),
	    SASL_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc4616_first_example),
		cmocka_unit_test(rfc4616_second_example),
		cmocka_unit_test(rfc4954_example),
		cmocka_unit_test(without_initial_response_asks_with_nothing),
		cmocka_unit_test(passwords_keep_every_other_byte),
		cmocka_unit_test(malformed),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
