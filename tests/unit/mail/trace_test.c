/* SPDX-License-Identifier: Apache-2.0 */
/* trace: exact lines. Seen to catch: S and A in the wrong order (RFC 3848:
 * ESMTPSA), "for" with two recipients, an id whose order as text is not that
 * of the number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/trace.h"

static char text[2048];

static const char *
id_text(uint64_t id)
{
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, id);
	return put_cstr(&put);
}

static void
test_id(void **state)
{
	static const uint64_t ascending[] = { 0, 1, 31, 32, 1023, 1024,
		0x123456789abcdef, (uint64_t)1 << 63, UINT64_MAX - 1,
		UINT64_MAX };
	char before[32] = "";
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < countof(ascending); i++) {
		const char *now = id_text(ascending[i]);

		assert_int_equal(strlen(now), TRACE_ID_LEN);
		assert_true(strcmp(before, now) < 0);
		assert_true(trace_parse_id(span_str(now), &id));
		assert_true(id == ascending[i]);
		memcpy(before, now, TRACE_ID_LEN);
	}
	assert_string_equal(id_text(0), "2222222222222");
	assert_string_equal(id_text(UINT64_MAX), "HZZZZZZZZZZZZ");
}

static void
test_bad_ids(void **state)
{
	uint64_t id = 7;

	(void)state;
	assert_true(trace_parse_id(SPAN("hzzzzzzzzzzzz"), &id));
	assert_true(id == UINT64_MAX);
	id = 7;
	assert_false(trace_parse_id(SPAN("J222222222222"), &id)); /* 2^64 */
	assert_false(trace_parse_id(SPAN("222222222222"), &id));
	assert_false(trace_parse_id(SPAN("22222222222222"), &id));
	assert_false(trace_parse_id(SPAN("222222222222O"), &id));
	assert_false(trace_parse_id(SPAN("222222222222\0"), &id));
	assert_false(trace_parse_id(SPAN(""), &id));
	assert_true(id == 7);
}

static struct envelope_rcpt rcpt[2];
static struct envelope envelope;
static struct trace_received received;

static int
setup(void **state)
{
	(void)state;
	rcpt[0] = (struct envelope_rcpt){ .address = SPAN("b@example.org") };
	rcpt[1] = (struct envelope_rcpt){ .address = SPAN("c@example.org") };
	envelope = (struct envelope){ .hello = SPAN("client.example"),
		.client = SPAN("192.0.2.7"), .rcpt = rcpt, .rcpt_n = 1 };
	received = (struct trace_received){ .envelope = &envelope,
		.hostname = SPAN("mail.example.org"), .spool_id = 33,
		.is_extended = true, .now_ms = 1795243023000 };
	return 0;
}

static const char *
received_text(void)
{
	struct put put = put_init(text, sizeof text);

	trace_put_received(&put, &received);
	return put_cstr(&put);
}

static void
test_received_whole(void **state)
{
	(void)state;
	envelope.tls = SPAN("TLSv1.3 TLS_AES_256_GCM_SHA384");
	envelope.login = SPAN("guyt");
	assert_string_equal(received_text(),
	    "Received: from client.example ([192.0.2.7])\r\n"
	    "\tby mail.example.org (Ehlo) with ESMTPSA"
	    " (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
	    "\tid 2222222222233\r\n"
	    "\tfor <b@example.org>;\r\n"
	    "\tSat, 21 Nov 2026 06:37:03 +0000\r\n");
}

static void
test_received_blind(void **state)
{
	(void)state;
	envelope.rcpt_n = 2;
	envelope.client = SPAN("2001:db8::1%eth0");
	received.zone_min = 60;
	assert_string_equal(received_text(),
	    "Received: from client.example ([IPv6:2001:db8::1])\r\n"
	    "\tby mail.example.org (Ehlo) with ESMTP\r\n"
	    "\tid 2222222222233;\r\n"
	    "\tSat, 21 Nov 2026 07:37:03 +0100\r\n");
}

static void
test_original_recipient(void **state)
{
	(void)state;
	rcpt[0].original = SPAN("postmaster@example.org");
	assert_non_null(strstr(received_text(),
	    "\tfor <postmaster@example.org>;\r\n"));
}

static const char *
protocol(bool is_extended, bool is_lmtp, bool is_utf8, const char *tls_login)
{
	static char word[32];
	const char *with;
	size_t n;

	envelope.tls = strchr(tls_login, 'S') ? SPAN("TLSv1.3") : SPAN("");
	envelope.login = strchr(tls_login, 'A') ? SPAN("guyt") : SPAN("");
	envelope.is_utf8 = is_utf8;
	received.is_extended = is_extended;
	received.is_lmtp = is_lmtp;
	with = strstr(received_text(), " with ");
	assert_non_null(with);
	n = strcspn(with + 6, " \r");
	assert_true(n < sizeof word);
	memcpy(word, with + 6, n);
	word[n] = '\0';
	return word;
}

static void
test_protocols(void **state)
{
	(void)state;
	assert_string_equal(protocol(false, false, false, ""), "SMTP");
	assert_string_equal(protocol(false, false, false, "S"), "SMTP");
	assert_string_equal(protocol(true, false, false, ""), "ESMTP");
	assert_string_equal(protocol(true, false, false, "A"), "ESMTPA");
	assert_string_equal(protocol(true, false, false, "S"), "ESMTPS");
	assert_string_equal(protocol(true, false, false, "SA"), "ESMTPSA");
	assert_string_equal(protocol(true, false, true, ""), "UTF8SMTP");
	assert_string_equal(protocol(true, false, true, "SA"), "UTF8SMTPSA");
	assert_string_equal(protocol(true, true, false, ""), "LMTP");
	assert_string_equal(protocol(true, true, false, "SA"), "LMTPSA");
	assert_string_equal(protocol(true, true, true, "A"), "UTF8LMTPA");
}

/* Nothing a peer says makes a line, a comment or an angle bracket of its own.
 * Seen to catch: the HELO name put as it is. */
static void
test_strangers(void **state)
{
	(void)state;
	envelope.hello = SPAN("x) by y\r\nBcc: z(\\");
	envelope.client = SPAN("1.2.3.4)\r\n");
	envelope.tls = SPAN("a)(\\\r\nb");
	rcpt[0].address = SPAN("a>b\r\n@example.org");
	assert_string_equal(received_text(),
	    "Received: from x??by?y??Bcc:?z?? ([1.2.3.4???])\r\n"
	    "\tby mail.example.org (Ehlo) with ESMTPS (a?????b)\r\n"
	    "\tid 2222222222233;\r\n"
	    "\tSat, 21 Nov 2026 06:37:03 +0000\r\n");
}

static void
test_utf8_only_where_negotiated(void **state)
{
	(void)state;
	envelope.hello = SPAN("gr\xc3\xbcn.example");
	rcpt[0].address = SPAN("j\xc3\xb6rg@example.org");
	assert_non_null(strstr(received_text(), "from gr??n.example "));
	assert_null(strstr(text, "for <"));
	envelope.is_utf8 = 1;
	assert_non_null(strstr(received_text(), "from gr\xc3\xbcn.example "));
	assert_non_null(strstr(text, "for <j\xc3\xb6rg@example.org>"));
	envelope.hello = SPAN("gr\xc3.example");
	assert_non_null(strstr(received_text(), "from gr?.example "));
}

static void
test_odd_names(void **state)
{
	(void)state;
	envelope.hello = SPAN("");
	envelope.client = SPAN("");
	assert_non_null(strstr(received_text(), "from unknown\r\n\tby "));
	envelope.hello = SPAN("[192.0.2.9]");
	assert_non_null(strstr(received_text(), "from [192.0.2.9]\r\n"));
}

static void
test_return_path(void **state)
{
	struct put put = put_init(text, sizeof text);

	(void)state;
	trace_put_return_path(&put, SPAN(""));
	trace_put_return_path(&put, SPAN("a\r\n@b"));
	assert_string_equal(put_cstr(&put),
	    "Return-Path: <>\r\nReturn-Path: <a??@b>\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_bad_ids),
		cmocka_unit_test_setup(test_received_whole, setup),
		cmocka_unit_test_setup(test_received_blind, setup),
		cmocka_unit_test_setup(test_original_recipient, setup),
		cmocka_unit_test_setup(test_protocols, setup),
		cmocka_unit_test_setup(test_strangers, setup),
		cmocka_unit_test_setup(test_utf8_only_where_negotiated, setup),
		cmocka_unit_test_setup(test_odd_names, setup),
		cmocka_unit_test(test_return_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
