/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt: who wants reports, as records say it. */
#include "../test.h"

#include "smtp/tlsrpt.h"

/* All addresses with a space between. */
static const char *
addresses(const char *record)
{
	static char text[512];
	struct put out = put_init(text, sizeof text);
	char memory[64];
	struct put one = put_init(memory, sizeof memory);
	size_t at = 0;

	while (tlsrpt_record_next(span_str(record), &at, &one)) {
		if (out.len != 0)
			put_char(&out, ' ');
		put_bytes(&out, put_span(&one));
	}
	return put_cstr(&out);
}

static void
test_records(void **state)
{
	(void)state;
	assert_string_equal(addresses("v=TLSRPTv1; rua=mailto:a@b.test"),
	    "a@b.test");
	assert_string_equal(addresses("v=TLSRPTv1;rua=https://b.test/,"
	    "mailto:a@b.test ,MAILTO:c@d.test;"), "a@b.test c@d.test");
	assert_string_equal(addresses("v=TLSRPTv1; rua=mailto:a%2Cb%21@c.test"
	    "?subject=x%20y"), "a,b!@c.test");
	/* what is no octet stays as it is */
	assert_string_equal(addresses("v=TLSRPTv1; rua=mailto:a%zz%4@c%4"),
	    "a%zz%4@c%4");
	assert_string_equal(addresses("v=TLSRPTv1; x=y; rua=mailto:a@b; "
	    "rua=mailto:c@d"), "a@b");
	assert_string_equal(addresses("v=TLSRPTv2; rua=mailto:a@b"), "");
	assert_string_equal(addresses("v=TLSRPTv1; rua=mailto:"), "");
	assert_string_equal(addresses("v=TLSRPTv1; rua=,,"), "");
	assert_string_equal(addresses("v=TLSRPTv1"), "");
	assert_string_equal(addresses(""), "");
}

/* One without room is passed over, not cut. */
static void
test_long(void **state)
{
	char record[256];

	(void)state;
	snprintf(record, sizeof record, "v=TLSRPTv1; rua=mailto:%0100d@b,"
	    "mailto:c@d", 0);
	assert_string_equal(addresses(record), "c@d");
}

static void
test_names(void **state)
{
	(void)state;
	for (unsigned i = 1; i < TLSRPT_RESULTS; i++)
		assert_true(strlen(tlsrpt_result_name(i)) > 8);
	assert_string_equal(tlsrpt_kind_name(TLSRPT_TLSA), "tlsa");
	assert_string_equal(tlsrpt_result_name(TLSRPT_STS_WEBPKI),
	    "sts-webpki-invalid");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
