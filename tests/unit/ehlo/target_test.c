/* SPDX-License-Identifier: Apache-2.0 */
/* Which server is meant, and how it is reached. */
#include "../test.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "ehlo/target.h"

static struct target target;

/* The words of `line`, separated by spaces. */
static bool
parse(const char *line)
{
	static char memory[512], name[] = "x";
	struct args_option option[TARGET_OPTIONS_MAX];
	char *argv[32] = { name };
	int argc = 1;
	bool is_good;
	size_t n;

	target_free(&target);
	target_init(&target);
	(void)snprintf(memory, sizeof memory, "%s", line);
	for (char *p = memory; *p != '\0';) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p != '\0')
			*p++ = '\0';
	}
	n = target_options(&target, option);
	assert_true(n <= TARGET_OPTIONS_MAX);
	is_good = args_parse(&argc, argv, option, n);
	for (int i = 1; is_good && i < argc; i++)
		is_good = target_take(&target, argv[i]);
	return is_good && target_finish(&target, 0);
}

static void
servers(void **state)
{
	static const struct {
		const char *line, *host;
		unsigned port;
		enum target_tls tls;
	} row[] = {
		{ "", "localhost", 25, TARGET_TLS_AUTO },
		{ "mail.example", "mail.example", 25, TARGET_TLS_AUTO },
		{ "mail.example:587", "mail.example", 587, TARGET_TLS_AUTO },
		{ "mail.example/submission", "mail.example", 587,
		  TARGET_TLS_AUTO },
		{ "[::1]:2525", "::1", 2525, TARGET_TLS_AUTO },
		{ "::1", "::1", 25, TARGET_TLS_AUTO },
		{ "::1/26", "::1", 26, TARGET_TLS_AUTO },
		{ "-s a -p 465", "a", 465, TARGET_TLS_IMPLICIT },
		{ "a:465 --starttls", "a", 465, TARGET_TLS_REQUIRED },
		{ "a:465 --tls", "a", 465, TARGET_TLS_IMPLICIT },
		{ "a -tls", "a", 25, TARGET_TLS_REQUIRED },
		{ "a -tlsc", "a", 465, TARGET_TLS_IMPLICIT },
		{ "a:25 --tls-on-connect", "a", 25, TARGET_TLS_IMPLICIT },
		{ "a --no-tls", "a", 25, TARGET_TLS_NONE },
		{ "a:465 --no-tls", "a", 465, TARGET_TLS_NONE },
		{ "a -tlso", "a", 25, TARGET_TLS_OPTIONAL },
		{ "a --lmtp", "a", 24, TARGET_TLS_AUTO },
		{ "a --protocol SSMTP", "a", 465, TARGET_TLS_IMPLICIT },
		{ "a --protocol esmtpsa", "a", 25, TARGET_TLS_REQUIRED },
		{ "a:1 --port 2", "a", 2, TARGET_TLS_AUTO },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		if (!parse(row[i].line))
			fail_msg("%s", row[i].line);
		assert_string_equal(target.session.host, row[i].host);
		assert_int_equal(target.session.port, row[i].port);
		assert_int_equal(target.tls, row[i].tls);
		assert_int_equal(target.session.is_implicit_tls,
		    row[i].tls == TARGET_TLS_IMPLICIT);
		assert_int_equal(target.session.tls != NULL,
		    row[i].tls != TARGET_TLS_NONE);
	}
	assert_true(parse("unix:relative/path"));
	assert_string_equal(target.session.unix_path, "relative/path");
	assert_true(parse("/run/x"));
	assert_string_equal(target.session.unix_path, "/run/x");
}

static void
other_options(void **state)
{
	(void)state;
	assert_true(parse("a -6 -li 192.0.2.1:99 --timeout 5s"));
	assert_int_equal(target.session.family, AF_INET6);
	assert_string_equal(target.session.source, "192.0.2.1");
	assert_int_equal(target.session.source_port, 99);
	assert_int_equal(target.session.answer_ms, 5000);
	assert_int_equal(target.session.connect_ms, 5000);
	assert_true(parse("a --timeout 0 --connect-timeout 2"));
	assert_true(target.session.answer_ms > 1000u * 3600);
	assert_int_equal(target.session.connect_ms, 2000);
	assert_true(parse("a --protocol SMTP --hello me"));
	assert_true(target.is_helo);
	assert_string_equal(target.session.hello, "me");
	assert_true(parse("a --protocol LMTPA"));
	assert_true(target.session.is_lmtp && target.wants_login);
	assert_true(parse("a --proxy x"));
	assert_span(target.session.proxy, SPAN("PROXY x\r\n"));
}

static void
versions(void **state)
{
	static const char *const good[] = { "--tls-min 1.0", "--tls-max 1.1",
		"--tls-protocol tlsv1_2,tlsv1_3", "-tlsp tlsv1_1,tlsv1_2",
		"-tlsp no_sslv2,no_sslv3", "-tlsp no_tlsv1_3",
		"--tls-min tlsv1.3" };
	static const char *const bad[] = { "--tls-min 1.4",
		"--tls-min 1.3 --tls-max 1.2", "-tlsp tlsv1,tlsv1_2",
		"-tlsp sslv3", "-tlsp no_tlsv1_1", "-tlsp x" };

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		if (!parse(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < countof(bad); i++)
		if (parse(bad[i]))
			fail_msg("%s", bad[i]);
}

static void
mistakes(void **state)
{
	static const char *const line[] = { "a b", "a --server b",
		"a --unix /b", "--server a --unix /b", "a:0", "a:65536", "a:",
		"[::1", "[::1]x", "a --port 0", "a --port http", "a -4 -6",
		"a --tls --no-tls", "a -tlsc -tlso", "a --timeout x",
		"a --protocol UUCP", "a --cert /x", "a --proxy-source 1.2.3.4",
		"a --verify --no-verify", "a --ca-file /nonexistent --verify",
		"a --ciphers NONSENSE", "a --source-port 0" };

	(void)state;
	for (size_t i = 0; i < countof(line); i++)
		if (parse(line[i]))
			fail_msg("%s", line[i]);
}

static int
end(void **state)
{
	(void)state;
	target_free(&target);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers),
		cmocka_unit_test(other_options),
		cmocka_unit_test(versions),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
