/* SPDX-License-Identifier: Apache-2.0 */
/* param: parameters in any order and case, and none that is not ours. */
#include "../test.h"

#include "smtp/param.h"

static const struct param_allow all = { true, true, true, true, true, true,
	true, true, true };

static struct mail_params mail;
static struct rcpt_params rcpt;

static void
expect_mail(struct span text, const struct param_allow *allow,
    enum param_result want, const char *want_bad)
{
	struct span bad;
	enum param_result got = param_parse_mail(text, allow, &mail, &bad);

	if (got != want)
		test_print("parameters", text);
	assert_int_equal(got, want);
	assert_span(bad, span_str(want_bad));
}

static void
expect_rcpt(struct span text, enum param_result want)
{
	struct span bad;
	enum param_result got = param_parse_rcpt(text, &all, &rcpt, &bad);

	if (got != want)
		test_print("parameters", text);
	assert_int_equal(got, want);
	assert_int_equal(bad.len == 0, want == PARAM_OK);
}

static void
mail_held(void **state)
{
	static const char *const bad[] = { "HOLDFOR=0", "HOLDFOR=", "HOLDFOR",
		"HOLDFOR=1234567890", "HOLDFOR=-1", "HOLDUNTIL=tomorrow",
		"HOLDUNTIL=2026-02-29T00:00:00Z", "HOLDUNTIL=2026-11-21" };
	static const struct param_allow none = { .by = true };

	(void)state;
	expect_mail(SPAN("HOLDFOR=600"), &all, PARAM_OK, "");
	assert_int_equal(mail.hold, PARAM_HOLD_FOR);
	assert_int_equal(mail.hold_s, 600);
	expect_mail(SPAN("holduntil=2026-11-21T13:00:00+01:00"), &all,
	    PARAM_OK, "");
	assert_int_equal(mail.hold, PARAM_HOLD_UNTIL);
	assert_int_equal(mail.hold_s, 1795262400);
	for (size_t i = 0; i < countof(bad); i++)
		expect_mail(span_str(bad[i]), &all, PARAM_BAD, bad[i]);
	/* one of the two */
	expect_mail(SPAN("HOLDFOR=1 HOLDUNTIL=2026-11-21T13:00:00Z"), &all,
	    PARAM_BAD, "HOLDUNTIL=2026-11-21T13:00:00Z");
	expect_mail(SPAN("HOLDFOR=1"), &none, PARAM_UNKNOWN, "HOLDFOR=1");
}

static void
mail_in_time(void **state)
{
	static const char *const bad[] = { "BY=120", "BY=120;", "BY=;R",
		"BY=0;R", "BY=-1;R", "BY=1;X", "BY=1;RX", "BY=1;RTT", "BY",
		"BY=1234567890;R", "BY=+-1;N", "BY=1;R;T" };
	static const struct param_allow none = { .hold = true };

	(void)state;
	expect_mail(SPAN("BY=120;R"), &all, PARAM_OK, "");
	assert_int_equal(mail.by, PARAM_BY_RETURN);
	assert_int_equal(mail.by_s, 120);
	assert_false(mail.by_trace);
	expect_mail(SPAN("by=-5;nt"), &all, PARAM_OK, "");
	assert_int_equal(mail.by, PARAM_BY_NOTIFY);
	assert_int_equal(mail.by_s, -5);
	assert_true(mail.by_trace);
	expect_mail(SPAN("BY=+0;N"), &all, PARAM_OK, "");
	assert_int_equal(mail.by_s, 0);
	for (size_t i = 0; i < countof(bad); i++)
		expect_mail(span_str(bad[i]), &all, PARAM_BAD, bad[i]);
	expect_mail(SPAN("BY=1;R"), &none, PARAM_UNKNOWN, "BY=1;R");
}

static void
mail_good(void **state)
{
	(void)state;
	expect_mail(SPAN(""), &all, PARAM_OK, "");
	assert_false(mail.has_size || mail.has_auth || mail.smtputf8);
	assert_int_equal(mail.body, PARAM_BODY_7BIT);
	assert_int_equal(mail.ret, PARAM_RET_UNSET);
	expect_mail(SPAN(" SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS "
	    "ENVID=QQ314159 AUTH=e+3Dmc2@example.com"), &all, PARAM_OK, "");
	assert_true(mail.has_size && mail.has_auth && mail.smtputf8);
	assert_int_equal(mail.size, 1000);
	assert_int_equal(mail.body, PARAM_BODY_8BITMIME);
	assert_int_equal(mail.ret, PARAM_RET_HDRS);
	assert_string_equal(mail.envid, "QQ314159");
	assert_string_equal(mail.auth, "e=mc2@example.com");
	expect_mail(SPAN("  auth=<>  ret=full body=binarymime size=0 "), &all,
	    PARAM_OK, "");
	assert_string_equal(mail.auth, "<>");
	assert_int_equal(mail.ret, PARAM_RET_FULL);
	assert_int_equal(mail.body, PARAM_BODY_BINARYMIME);
	assert_true(mail.has_size);
	assert_false(mail.requiretls);
	expect_mail(SPAN("requireTLS"), &all, PARAM_OK, "");
	assert_true(mail.requiretls);
	expect_mail(SPAN("BODY=7bit ENVID=a+2Bb"), &all, PARAM_OK, "");
	assert_string_equal(mail.envid, "a+2Bb");
	expect_mail(SPAN("AUTH=+22a+20b+22@c"), &all, PARAM_OK, "");
	assert_string_equal(mail.auth, "\"a b\"@c");
}

static void
sizes(void **state)
{
	static const char *const bad[] = { "SIZE", "SIZE=", "SIZE=-1",
		"SIZE=+5", "SIZE=0x5", "SIZE=1k", "SIZE=5.0",
		"SIZE=18446744073709551616", "SIZE=18446744073709551621",
		"SIZE=100000000000000000000000000000",
		"SIZE=000000000000000000001", "SIZE==1", "SIZE=1=1",
		"SIZE=1,2" };

	(void)state;
	expect_mail(SPAN("SIZE=18446744073709551615"), &all, PARAM_OK, "");
	assert_true(mail.size == UINT64_MAX);
	expect_mail(SPAN("SIZE=00000000000000000005"), &all, PARAM_OK, "");
	assert_int_equal(mail.size, 5);
	for (size_t i = 0; i < countof(bad); i++) {
		expect_mail(span_str(bad[i]), &all, PARAM_BAD, bad[i]);
		assert_false(mail.has_size);
		assert_int_equal(mail.size, 0);
	}
}

static void
mail_bad(void **state)
{
	static const struct span bad[] = { { "BODY=", 5 }, { "BODY", 4 },
		{ "BODY=9BIT", 9 }, { "BODY=8BITMIM", 12 }, { "SMTPUTF8=", 9 },
		{ "REQUIRETLS=", 11 }, { "REQUIRETLS=1", 12 },
		{ "SMTPUTF8=1", 10 }, { "RET=", 4 }, { "RET=BODY", 8 },
		{ "ENVID", 5 }, { "ENVID=", 6 }, { "ENVID=a+0Ab", 11 },
		{ "ENVID=a+0D+0A", 13 }, { "ENVID=a+7F", 10 },
		{ "ENVID=a+00", 10 }, { "ENVID=a+E9", 10 }, { "ENVID=+", 7 },
		{ "ENVID=+2", 8 }, { "ENVID=+2b", 9 }, { "ENVID=a=b", 9 },
		{ "ENVID=a\0", 8 }, { "ENVID=a\tb", 9 },
		{ "ENVID=\xc3\xa9", 8 },
		{ "AUTH", 4 }, { "AUTH=", 5 }, { "AUTH=me", 7 },
		{ "AUTH=a+0A@b", 11 }, { "AUTH=a@b+0A", 11 },
		{ "AUTH=<a@b>", 10 }, { "AUTH=a@", 7 }, { "AUTH=+00", 8 },
		{ "=", 1 }, { "=x", 2 }, { "-SIZE=1", 7 }, { "SI_ZE=1", 7 },
		{ "SIZE\0=1", 7 }, { "SIZE\t=1", 7 }, { "\0", 1 } };

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct span at;

		if (param_parse_mail(bad[i], &all, &mail, &at) != PARAM_BAD)
			test_print("taken", bad[i]);
		assert_int_equal(param_parse_mail(bad[i], &all, &mail, &at),
		    PARAM_BAD);
		assert_span(at, bad[i]);
	}
}

/* Seen to catch: `seen` not kept from one parameter to the next
 * (smtp-param-twice). */
static void
unknown_and_twice(void **state)
{
	static const struct param_allow none = { 0 };
	static const struct param_allow eightbit = { .eightbit = true };
	static const struct param_allow binary = { .binary = true };

	(void)state;
	expect_mail(SPAN(" SIZE=1 X-FOO=bar RET=FULL"), &all, PARAM_UNKNOWN,
	    "X-FOO=bar");
	expect_mail(SPAN("NOTIFY=NEVER"), &all, PARAM_UNKNOWN, "NOTIFY=NEVER");
	expect_rcpt(SPAN("SIZE=1"), PARAM_UNKNOWN);
	expect_rcpt(SPAN("XYZZY"), PARAM_UNKNOWN);
	expect_mail(SPAN("SIZE=1 size=1"), &all, PARAM_TWICE, "size=1");
	expect_mail(SPAN("ENVID=a ENVID=b"), &all, PARAM_TWICE, "ENVID=b");
	expect_mail(SPAN("SMTPUTF8 SMTPUTF8"), &all, PARAM_TWICE, "SMTPUTF8");
	expect_rcpt(SPAN("NOTIFY=DELAY NOTIFY=DELAY"), PARAM_TWICE);
	/* what is switched off does not exist */
	expect_mail(SPAN("SIZE=1"), &none, PARAM_UNKNOWN, "SIZE=1");
	expect_mail(SPAN("BODY=7BIT"), &none, PARAM_UNKNOWN, "BODY=7BIT");
	expect_mail(SPAN("SMTPUTF8"), &none, PARAM_UNKNOWN, "SMTPUTF8");
	expect_mail(SPAN("RET=FULL"), &none, PARAM_UNKNOWN, "RET=FULL");
	expect_mail(SPAN("ENVID=1"), &none, PARAM_UNKNOWN, "ENVID=1");
	expect_mail(SPAN("AUTH=<>"), &none, PARAM_UNKNOWN, "AUTH=<>");
	expect_mail(SPAN("REQUIRETLS"), &none, PARAM_UNKNOWN, "REQUIRETLS");
	expect_mail(SPAN("BODY=BINARYMIME"), &eightbit, PARAM_BAD,
	    "BODY=BINARYMIME");
	expect_mail(SPAN("BODY=8BITMIME"), &binary, PARAM_BAD, "BODY=8BITMIME");
	expect_mail(SPAN("BODY=BINARYMIME"), &binary, PARAM_OK, "");
}

static void
lengths(void **state)
{
	char memory[600];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	put_str(&out, "ENVID=");
	while (out.len < strlen("ENVID=") + PARAM_ENVID_MAX)
		put_char(&out, 'x');
	expect_mail(put_span(&out), &all, PARAM_OK, "");
	assert_int_equal(strlen(mail.envid), PARAM_ENVID_MAX);
	put_char(&out, 'x');
	put_cstr(&out);
	expect_mail(put_span(&out), &all, PARAM_BAD, memory);

	out = put_init(memory, sizeof memory);
	put_str(&out, "ORCPT=rfc822;");
	while (out.len < strlen("ORCPT=") + PARAM_ORCPT_MAX)
		put_char(&out, 'x');
	expect_rcpt(put_span(&out), PARAM_OK);
	assert_int_equal(strlen(rcpt.orcpt), PARAM_ORCPT_MAX);
	put_char(&out, 'x');
	expect_rcpt(put_span(&out), PARAM_BAD);
}

static void
notify(void **state)
{
	static const char *const bad[] = { "NOTIFY", "NOTIFY=", "NOTIFY=,",
		"NOTIFY=NEVER,", "NOTIFY=,NEVER", "NOTIFY=NEVER,SUCCESS",
		"NOTIFY=SUCCESS,NEVER", "NOTIFY=SUCCESS,,DELAY",
		"NOTIFY=ALWAYS", "NOTIFY=SUCCES", "NOTIFY=SUCCESS;DELAY" };

	(void)state;
	expect_rcpt(SPAN("NOTIFY=never"), PARAM_OK);
	assert_int_equal(rcpt.notify, PARAM_NOTIFY_NEVER);
	expect_rcpt(SPAN("notify=SUCCESS,failure,DELAY"), PARAM_OK);
	assert_int_equal(rcpt.notify, PARAM_NOTIFY_SUCCESS |
	    PARAM_NOTIFY_FAILURE | PARAM_NOTIFY_DELAY);
	for (size_t i = 0; i < countof(bad); i++) {
		expect_rcpt(span_str(bad[i]), PARAM_BAD);
		assert_int_equal(rcpt.notify, 0);
	}
}

static void
orcpt(void **state)
{
	static const char *const good[] = { "rfc822;Bob@Example.ORG",
		"rfc822;a+2Bb@c", "x400;anything-at-all",
		"RFC822;+22a+20b+22@c",
		"utf-8;user@example.org", "UTF-8;\\x{1F600}@x",
		"utf-8;j\\x{F6}rg@x", "utf-8;a\\x{2B}b\\x{3D}c\\x{5C}d@x",
		"utf-8;a\\x{20}b@x", "utf-8;\\x{10FFFF}", "utf-8;\\x{D7FF}",
		"utf-8;j\xc3\xb6rg@x" };
	static const struct span bad[] = { { "", 0 }, { ";", 1 },
		{ "rfc822", 6 }, { "rfc822;", 7 }, { ";a@b", 4 },
		{ "rf c822;a@b", 11 }, { "rfc822;a@b+0A", 13 },
		{ "rfc822;a+0D+0Ab", 15 }, { "rfc822;a+00", 11 },
		{ "rfc822;a+7F", 11 }, { "rfc822;a+", 9 }, { "rfc822;a=b", 10 },
		{ "rfc822;\xc3\xb6", 9 }, { "rfc822;+C3+B6", 13 },
		{ "rfc_822;a", 9 }, { "utf-8;", 6 }, { "utf-8;a+2Bb", 11 },
		{ "utf-8;a=b", 9 }, { "utf-8;\\x{0A}", 12 },
		{ "utf-8;\\x{7F}", 12 }, { "utf-8;\\x{85}", 12 },
		{ "utf-8;\\x{41}", 12 }, { "utf-8;\\x{D800}", 14 },
		{ "utf-8;\\x{110000}", 16 }, { "utf-8;\\x{0F6}", 13 },
		{ "utf-8;\\x{}", 10 }, { "utf-8;\\x{F}", 11 },
		{ "utf-8;\\x{F6", 11 }, { "utf-8;\\", 7 }, { "utf-8;\\x", 8 },
		{ "utf-8;\\x{1234567}", 17 }, { "utf-8;a\\b", 9 },
		{ "utf-8;\xf6", 7 }, { "utf-8;\xc2\x85", 8 },
		{ "utf-8;\xe2\x80\xa8", 9 }, { "utf-8;\\x{2028}", 14 },
		{ "utf-8;a\x7f", 8 }, { "utf-8;a\0", 8 } };
	char memory[64];

	(void)state;
	for (size_t i = 0; i < countof(good) + countof(bad); i++) {
		struct put out = put_init(memory, sizeof memory);
		bool is_good = i < countof(good);

		put_str(&out, "ORCPT=");
		put_bytes(&out, is_good ? span_str(good[i])
					: bad[i - countof(good)]);
		expect_rcpt(put_span(&out), is_good ? PARAM_OK : PARAM_BAD);
		assert_string_equal(rcpt.orcpt, is_good ? good[i] : "");
	}
}

/* No octet below space gets into a kept value, raw or encoded. Seen to catch:
 * is_printable() left out of ENVID (smtp-param-envid-newline). */
static void
no_control_byte_is_kept(void **state)
{
	static const char *const form[] = { "ENVID=a%sb", "AUTH=a%s@b",
		"ORCPT=rfc822;a%sb", "ORCPT=utf-8;a%sb" };
	char text[64], octet[8];

	(void)state;
	for (size_t i = 0; i < countof(form); i++) {
		for (unsigned c = 0; c < 128; c++) {
			struct span bad;
			const struct span head = span_first(span_str(form[i]),
			    span_find(span_str(form[i]), '%'));
			const char *tail = form[i] + head.len + 2;

			if (!ascii_is_cntrl((char)c))
				continue;
			for (int way = 0; way < 3; way++) {
				struct put out = put_init(text, sizeof text);

				snprintf(octet, sizeof octet,
				    way == 1 ? "+%02X" : "\\x{%02X}", c);
				put_bytes(&out, head);
				if (way == 0)
					put_char(&out, (char)c);
				else
					put_str(&out, octet);
				put_str(&out, tail);
				if (i < 2)
					assert_int_not_equal(param_parse_mail(
					    put_span(&out), &all, &mail, &bad),
					    way == 2 ? -1 : (int)PARAM_OK);
				else
					assert_int_not_equal(param_parse_rcpt(
					    put_span(&out), &all, &rcpt, &bad),
					    way == 2 && i == 2 ? -1
							       : (int)PARAM_OK);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_good),
		cmocka_unit_test(mail_held),
		cmocka_unit_test(mail_in_time),
		cmocka_unit_test(sizes),
		cmocka_unit_test(mail_bad),
		cmocka_unit_test(unknown_and_twice),
		cmocka_unit_test(lengths),
		cmocka_unit_test(notify),
		cmocka_unit_test(orcpt),
		cmocka_unit_test(no_control_byte_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
