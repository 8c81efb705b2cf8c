/* SPDX-License-Identifier: Apache-2.0 */
/* sts: records and policies as domains publish them, and as they should not. */
#include "../test.h"

#include "smtp/sts.h"

static void
test_records(void **state)
{
	static const struct {
		const char *text, *id;	/* NULL: damaged */
	} row[] = {
		{ "v=STSv1; id=20160831085700Z;", "20160831085700Z" },
		{ "v=STSv1;id=1", "1" },
		{ "v=STSv1 ; x=y; id=a1 ; id=b2", "a1" },
		{ "v=STSv1; id=12345678901234567890123456789012",
		    "12345678901234567890123456789012" },
		{ "v=STSv1; id=123456789012345678901234567890123", NULL },
		{ "v=STSv1; id=", NULL }, { "v=STSv1; id=a-b", NULL },
		{ "v=STSv1", NULL }, { "v=STSv1; ID=1", NULL },
	};
	char id[STS_ID_MAX + 1];

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct span text = span_str(row[i].text);

		assert_true(sts_record_is_one(text));
		assert_int_equal(sts_record_read(text, id),
		    row[i].id != NULL);
		if (row[i].id != NULL)
			assert_string_equal(id, row[i].id);
	}
	assert_false(sts_record_is_one(SPAN("v=STSv10; id=1")));
	assert_false(sts_record_is_one(SPAN("v=spf1 v=STSv1;")));
	assert_false(sts_record_is_one(SPAN("")));
	assert_false(sts_record_read(SPAN("v=stsv1; id=1"), id));
}

static void
test_policies(void **state)
{
	static const struct {
		const char *text;
		const char *why;	/* NULL: good */
	} row[] = {
		{ "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 9\n",
		    NULL },
		{ "version:STSv1\r\nmx:*.a.test\r\nmode:testing\r\n"
		    "max_age:9", NULL },
		{ "version: STSv1\nmode: none\nmax_age: 9\n", NULL },
		{ "version: STSv1\nmode: none\nmode: enforce\nmax_age: 9\n"
		    "max_age: x\n", NULL },	/* the first counts */
		{ "max_age : 0\n\nthing: x\nno field\nmode\t: none\n"
		    "version: STSv1 \n", NULL },
		{ "mode: enforce\nmx: a.test\nmax_age: 9\n", "version" },
		{ "version: STSv2\nmode: none\nmax_age: 9\n", "version" },
		{ "version: STSv1\nmx: a.test\nmax_age: 9\n", "no mode" },
		{ "version: STSv1\nmode: Enforce\nmx: a\nmax_age: 9\n",
		    "its mode" },
		{ "version: STSv1\nmode: enforce\nmax_age: 9\n", "no mx" },
		{ "version: STSv1\nmode: enforce\nmx: a b\nmx: .a\nmx: *\n"
		    "mx: *.*.a\nmax_age: 9\n", "no mx" },
		{ "version: STSv1\nmode: none\n", "max_age" },
		{ "version: STSv1\nmode: none\nmax_age: 31557601\n",
		    "max_age" },
		{ "version: STSv1\nmode: none\nmax_age: -1\n", "max_age" },
		{ "", "version" },
	};
	struct sts_policy policy;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		const char *why = sts_policy_read(span_str(row[i].text),
		    &policy);

		if ((why == NULL) != (row[i].why == NULL))
			print_error("row %zu: %s\n", i, why);
		assert_int_equal(why == NULL, row[i].why == NULL);
		if (why != NULL)
			assert_non_null(strstr(why, row[i].why));
	}
	sts_policy_read(span_str(row[0].text), &policy);
	assert_int_equal(policy.mode, STS_MODE_ENFORCE);
	assert_int_equal(policy.max_age, 9);
	assert_int_equal(policy.mx_n, 1);
}

/* RFC 8461 4.1: a star is one label, the first. */
static void
test_hosts(void **state)
{
	struct sts_policy policy;

	(void)state;
	assert_null(sts_policy_read(SPAN("version: STSv1\nmode: enforce\n"
	    "mx: Mail.example.org\nmx: *.b.test\nmax_age: 9\n"), &policy));
	assert_int_equal(policy.mx_n, 2);
	assert_true(sts_policy_allows(&policy, SPAN("mail.example.org")));
	assert_true(sts_policy_allows(&policy, SPAN("mail.example.org.")));
	assert_true(sts_policy_allows(&policy, SPAN("x.B.test")));
	assert_false(sts_policy_allows(&policy, SPAN("b.test")));
	assert_false(sts_policy_allows(&policy, SPAN(".b.test")));
	assert_false(sts_policy_allows(&policy, SPAN("x.y.b.test")));
	assert_false(sts_policy_allows(&policy,
	    SPAN("evil-mail.example.org")));
	assert_false(sts_policy_allows(&policy, SPAN("example.org")));
	assert_false(sts_policy_allows(&policy, SPAN("")));
}

static void
test_many_hosts(void **state)
{
	static char text[65536];
	size_t len = (size_t)snprintf(text, sizeof text,
	    "version: STSv1\nmode: enforce\nmax_age: 9\n");
	struct sts_policy policy;

	(void)state;
	for (int i = 0; i < 3000; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "mx: h%d.test\n", i);
	assert_null(sts_policy_read(span_of(text, len), &policy));
	assert_int_equal(policy.mx_n, 3000);
	assert_true(sts_policy_allows(&policy, SPAN("h2999.test")));
	memset(text + len, '\n', sizeof text - len);
	assert_null(sts_policy_read(span_of(text, sizeof text), &policy));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_many_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
