/* SPDX-License-Identifier: Apache-2.0 */
/* addr: what is an address and what only looks like one. */
#include "../test.h"

#include "smtp/addr.h"

static const char local_64[] = "123456789-123456789-123456789-123456789-"
    "123456789-123456789-1234";
static const char label_63[] = "123456789-123456789-123456789-123456789-"
    "123456789-123456789-123";

static void
expect(struct span text, enum addr_result want)
{
	struct addr addr;
	enum addr_result got = addr_parse(text, &addr);

	if (got != want)
		test_print("address", text);
	assert_int_equal(got, want);
	if (got == ADDR_OK) {
		char memory[ADDR_MAX];
		struct put out = put_init(memory, sizeof memory);

		addr_put(&addr, &out);
		assert_span(put_span(&out), text);
	}
}

static void
good(void **state)
{
	static const char *const text[] = { "a@b", "user@example.org",
		"a.b.c@d.e.f", "!#$%&'*+-/=?^_`{|}~@x", "1@2", "a@1.2.3.4",
		"\"\"@x", "\"a b\"@x", "\"a\\\"b\"@x", "\"a\\\\\"@x",
		"\"<>@,;:.\"@x", "\"a..b\"@x", "a@b-c", "a@xn--bcher-kva.de",
		"a@[1.2.3.4]", "a@[0.0.0.0]", "a@[255.255.255.255]",
		"a@[IPv6:::]", "a@[ipv6:::1]", "a@[IPv6:2001:db8::1]",
		"a@[IPv6:1:2:3:4:5:6:7:8]", "a@[IPv6:1:2:3:4:5:6:1.2.3.4]",
		"a@[IPv6:::ffff:1.2.3.4]", "a@[IPv6:1:2:3:4:5:6::]",
		"a@[IPv6:::1:2:3:4:5:6]", "a@[IPv6:abcd:ABCD::]",
		"j\xc3\xb6rg@example.org", "a@b\xc3\xb6se.de",
		"\"\xe7\x94\xa8 \xe6\x88\xb7\"@\xe4\xbe\x8b.cn",
		"fangyunfeng/x@y", "a%b@c", "a!b@c", "${run{x}}@sink" };

	(void)state;
	for (size_t i = 0; i < countof(text); i++)
		expect(span_str(text[i]), ADDR_OK);
}

/* Seen to catch: is_atext() taking ';', a trailing dot of the domain taken. */
static void
bad(void **state)
{
	static const struct span text[] = { { "", 0 }, { "@", 1 }, { "@b", 2 },
		{ "a@", 2 }, { "a@@b", 4 }, { "a@b@c", 5 }, { ".a@b", 4 },
		{ "a.@b", 4 }, { "a..b@c", 6 }, { "a@.b", 4 }, { "a@b.", 4 },
		{ "a@b..c", 6 }, { "a@-b", 4 }, { "a@b-", 4 }, { "a@b-.c", 6 },
		{ "a@b_c", 5 }, { "a b@c", 5 }, { "a@b c", 5 }, { "a,b@c", 5 },
		{ "a;b@c", 5 }, { ";sleep 66;", 10 }, { "<a@b>", 5 },
		{ "a(x)@b", 6 }, { "a@b(x)", 6 }, { "a@b\0", 4 },
		{ "a\0@b", 4 }, { "a@b\r\n", 5 }, { "a\n@b", 4 },
		{ "a\x7f@b", 4 }, { "\"a@b", 4 }, { "\"a\\\"@b", 6 },
		{ "\"a\"b@c", 6 }, { "\"a\nb\"@c", 7 }, { "\"a\0\"@c", 6 },
		{ "\"\\\n\"@c", 6 }, { "\"", 1 }, { "\"\\", 2 },
		{ "a\"b\"@c", 6 }, { "\"\\\xc3\xa9\"@c", 7 }, { "a:b@c", 5 },
		{ "a\\b@c", 5 }, { "a@b:25", 6 }, { "a@b/c", 5 },
		{ "../../x/@", 9 }, { "a@x\xe3\x80\x82y", 7 },
		{ "a@x\xef\xbc\x8ey", 7 }, { "a@x\xef\xbd\xa1y", 7 } };

	(void)state;
	for (size_t i = 0; i < countof(text); i++)
		expect(text[i], ADDR_BAD_SYNTAX);
}

/* Seen to catch: "::" allowed to stand for one group (smtp-addr-one-group),
 * zeroes in front allowed. */
static void
bad_literals(void **state)
{
	static const char *const text[] = { "a@[", "a@[]", "a@[1.2.3]",
		"a@[1.2.3.4", "a@[1.2.3.4]x", "a@[1.2.3.4.5]", "a@[1.2.3.]",
		"a@[256.1.1.1]", "a@[01.2.3.4]", "a@[0x1.2.3.4]",
		"a@[+1.2.3.4]", "a@[1..3.4]", "a@[::1]", "a@[IPv6:]",
		"a@[IPv6:1]", "a@[IPv6:1:2:3:4:5:6:7]",
		"a@[IPv6:1:2:3:4:5:6:7:8:9]", "a@[IPv6:1::2::3]",
		"a@[IPv6:1:2:3:4:5:6:7::]", "a@[IPv6:12345::]",
		"a@[IPv6:g::]", "a@[IPv6::1]", "a@[IPv6:1:]",
		"a@[IPv6:1::2:]", "a@[IPv6:::1.2.3]", "a@[IPv6:1.2.3.4::]",
		"a@[IPv6:::1.2.3.4:5]", "a@[IPv6:fe80::1%eth0]",
		"a@[IPv6:::1:2:3:4:5:6:7]", "a@[IPv6:1:2:3:4:5::1.2.3.4]",
		"a@[tag:x]", "a@[example.org]", "a@[1.2.3.4]]", "a@[[1.2.3.4]",
		"a@[1.2.3.4 ]", "a@[IPv6: ::1]" };

	(void)state;
	for (size_t i = 0; i < countof(text); i++)
		expect(span_str(text[i]), ADDR_BAD_LITERAL);
}

static void
bad_utf8(void **state)
{
	static const char *const text[] = { "\xe9@b", "a@\xe9", "a\xc3@b",
		"a@b\xc3", "\xc0\xae@b", "\xed\xa0\x80@b", "\xf5\x80\x80\x80@b",
		"a\xc2\x85@b", "a@b\xc2\x85", "\"\xe2\x80\xa8\"@b",
		"\xe2\x80\xa9@b" };

	(void)state;
	for (size_t i = 0; i < countof(text); i++)
		expect(span_str(text[i]), ADDR_BAD_UTF8);
}

static void
lengths(void **state)
{
	char memory[600];
	struct put out;

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		out = put_init(memory, sizeof memory);
		put_str(&out, extra ? "x" : "");
		put_str(&out, local_64);
		put_str(&out, "@b");
		expect(put_span(&out), extra ? ADDR_TOO_LONG : ADDR_OK);

		out = put_init(memory, sizeof memory);
		put_str(&out, "a@");
		put_str(&out, label_63);
		put_str(&out, extra ? "x" : "");
		expect(put_span(&out), extra ? ADDR_BAD_SYNTAX : ADDR_OK);

		out = put_init(memory, sizeof memory);
		put_str(&out, "a@");
		for (int i = 0; i < 4; i++) {
			put_str(&out, label_63);
			put_str(&out, ".");
		}
		out.len -= extra ? 2 : 1;	/* the dot, and one more */
		put_str(&out, extra ? ".a" : "");
		assert_int_equal(out.len, 2 + 255 + extra);
		expect(put_span(&out), extra ? ADDR_TOO_LONG : ADDR_OK);
	}
	/* octets, not characters, and the quotes count */
	out = put_init(memory, sizeof memory);
	for (int i = 0; i < 33; i++)
		put_str(&out, "\xc3\xb6");
	put_str(&out, "@b");
	expect(put_span(&out), ADDR_TOO_LONG);
	out = put_init(memory, sizeof memory);
	put_str(&out, "\"");
	put_bytes(&out, span_first(span_str(local_64), 63));
	put_str(&out, "\"@b");
	expect(put_span(&out), ADDR_TOO_LONG);
}

/* local, domain and rest are given for OK and NO_DOMAIN only */
static void
path(struct span text, bool is_lenient, enum addr_result want,
    const char *local, const char *domain, const char *rest)
{
	struct span left = text;
	struct addr addr;
	enum addr_result got = addr_parse_path(&left, is_lenient, &addr);

	if (got != want)
		test_print("path", text);
	assert_int_equal(got, want);
	if (want != ADDR_OK && want != ADDR_NO_DOMAIN) {
		assert_span(left, text);
		return;
	}
	assert_span(addr.local, span_str(local));
	assert_span(addr.domain, span_str(domain));
	assert_span(left, span_str(rest));
}

/* Seen to catch: what follows the path not looked at
 * (smtp-addr-behind-path). */
static void
paths(void **state)
{
	static const struct span refused[] = { { "", 0 }, { "<", 1 },
		{ ">", 1 }, { "< >", 3 }, { "<a@b", 4 }, { "a@b>", 4 },
		{ "<a@b>\0", 6 }, { "<a@b>\0 SIZE=1", 13 }, { "<a@b>x", 6 },
		{ "<a@b>,<c@d>", 11 }, { "<a@b><c@d>", 10 }, { "<<a@b>>", 7 },
		{ "<a@b>SIZE=1", 11 }, { "<a@b>\t", 6 }, { "< a@b>", 6 },
		{ "<a@b >", 6 }, { "<\"a@b>", 6 }, { "<@a>", 4 },
		{ "<@a:>", 5 }, { "<@a,@b>", 7 }, { "<@a,:c@d>", 9 },
		{ "<@a,b:c@d>", 10 }, { "<@:c@d>", 7 }, { "<@-a:c@d>", 9 },
		{ "<:c@d>", 6 }, { "<@a@b:c@d>", 10 }, { "<a@b>;", 6 },
		{ "<;for i in 0 1;do read r;done;#@x>", 34 },
		{ "<a@b\0>", 6 }, { "<\0>", 3 } };

	(void)state;
	for (int lenient = 0; lenient < 2; lenient++) {
		path(SPAN("<a@b>"), lenient, ADDR_OK, "a", "b", "");
		path(SPAN("<>"), lenient, ADDR_OK, "", "", "");
		path(SPAN("<> RET=FULL"), lenient, ADDR_OK, "", "",
		    " RET=FULL");
		path(SPAN("<a@b> SIZE=1"), lenient, ADDR_OK, "a", "b",
		    " SIZE=1");
		path(SPAN("<@a,@b.c:d@e>"), lenient, ADDR_OK, "d", "e", "");
		path(SPAN("<\"a>b c\"@d>"), lenient, ADDR_OK, "\"a>b c\"", "d",
		    "");
		path(SPAN("<a@[IPv6:::1]> X"), lenient, ADDR_OK, "a",
		    "[IPv6:::1]", " X");
		path(SPAN("<Postmaster>"), lenient, ADDR_NO_DOMAIN,
		    "Postmaster", "", "");
		for (size_t i = 0; i < countof(refused); i++)
			path(refused[i], lenient, ADDR_BAD_SYNTAX, "", "", "");
	}
	/* as people type it */
	path(SPAN("guy@cp.com"), true, ADDR_OK, "guy", "cp.com", "");
	path(SPAN(" guy@cp.com SIZE=3"), true, ADDR_OK, "guy", "cp.com",
	    " SIZE=3");
	path(SPAN(" <guy@cp.com>"), true, ADDR_OK, "guy", "cp.com", "");
	path(SPAN("me"), true, ADDR_NO_DOMAIN, "me", "", "");
	path(SPAN("\"a b\"@c d"), true, ADDR_OK, "\"a b\"", "c", " d");
	path(SPAN("guy@cp.com"), false, ADDR_BAD_SYNTAX, "", "", "");
	path(SPAN(" <guy@cp.com>"), false, ADDR_BAD_SYNTAX, "", "", "");
}

static void
flags_and_putting(void **state)
{
	char memory[64];
	struct put out = put_init(memory, sizeof memory);
	struct addr addr;

	(void)state;
	assert_int_equal(addr_parse(SPAN("\"a\\\"b\\\\ c\"@[1.2.3.4]"), &addr),
	    ADDR_OK);
	assert_true(addr.is_quoted);
	assert_true(addr.is_literal);
	assert_false(addr.is_utf8);
	addr_put_local(&addr, &out);
	assert_span(put_span(&out), SPAN("a\"b\\ c"));

	out = put_init(memory, sizeof memory);
	assert_int_equal(addr_parse(SPAN("\xc3\xb6@x"), &addr), ADDR_OK);
	assert_false(addr.is_quoted);
	assert_false(addr.is_literal);
	assert_true(addr.is_utf8);
	addr_put_local(&addr, &out);
	assert_span(put_span(&out), SPAN("\xc3\xb6"));
	assert_int_equal(addr_parse(SPAN("a@\xc3\xb6"), &addr), ADDR_OK);
	assert_true(addr.is_utf8);

	out = put_init(memory, sizeof memory);
	assert_int_equal(addr_parse(SPAN("me"), &addr), ADDR_NO_DOMAIN);
	addr_put(&addr, &out);
	assert_span(put_span(&out), SPAN("me"));
}

static void
hello_names(void **state)
{
	static const char *const yes[] = { "h1.home.net", "localhost",
		"C34495-51701", "my_host.local", "193.56.47.125",
		"[193.56.47.125]", "[IPv6:::1]", "::1", "2001:db8::1", "1" };
	static const struct span no[] = { { "", 0 }, { "a b", 3 },
		{ "a..b", 4 }, { ".a", 2 }, { "a.", 2 }, { "-a", 2 },
		{ "a-", 2 }, { "[", 1 }, { "[]", 2 }, { "[1.2.3]", 7 },
		{ "[::1]", 5 }, { "a\0", 2 }, { "b\xc3\xb6se.de", 8 },
		{ "a@b", 3 }, { "<script>", 8 }, { "a\tb", 3 }, { "x;y", 3 } };
	char memory[300];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	for (size_t i = 0; i < countof(yes); i++)
		if (!addr_is_hello_name(span_str(yes[i])))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < countof(no); i++)
		if (addr_is_hello_name(no[i]))
			fail_msg("%.*s", SPAN_ARG(no[i]));
	for (int i = 0; i < 128; i++)
		put_str(&out, "a.");
	assert_true(addr_is_hello_name(span_first(put_span(&out), 255)));
	put_str(&out, "a");
	assert_false(addr_is_hello_name(put_span(&out)));
	assert_true(addr_is_domain(span_first(put_span(&out), 255)));
	assert_false(addr_is_domain(put_span(&out)));
	assert_false(addr_is_domain(SPAN("my_host")));
	assert_false(addr_is_domain(SPAN("[1.2.3.4]")));
}

/* No control byte in any place makes an address. Seen to catch: quoted_len()
 * without its control check (smtp-addr-quoted-control). */
static void
no_control_byte_anywhere(void **state)
{
	static const char *const base[] = { "<ab@cd.ef>", "<\"ab\"@cd>",
		"<ab@[1.2.3.4]>", "<@a,@b:cd@ef>", "<\"\\a\"@b>" };
	char text[32];

	(void)state;
	for (size_t i = 0; i < countof(base); i++) {
		size_t len = strlen(base[i]);

		for (size_t at = 0; at <= len; at++) {
			for (int c = 0; c < 128; c++) {
				struct put out = put_init(text, sizeof text);
				struct span s;
				struct addr addr;

				if (!ascii_is_cntrl((char)c))
					continue;
				put_bytes(&out, span_of(base[i], at));
				put_char(&out, (char)c);
				put_str(&out, base[i] + at);
				s = put_span(&out);
				if (addr_parse_path(&s, false, &addr) ==
				    ADDR_OK)
					test_print("taken",
					    put_span(&out));
				s = put_span(&out);
				assert_int_not_equal(addr_parse_path(&s, true,
				    &addr), ADDR_OK);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(bad_literals),
		cmocka_unit_test(bad_utf8),
		cmocka_unit_test(lengths),
		cmocka_unit_test(paths),
		cmocka_unit_test(flags_and_putting),
		cmocka_unit_test(hello_names),
		cmocka_unit_test(no_control_byte_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
