/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT: attributes in their order, grouped into commands. */
#include "../test.h"

#include "ehlo/xclient.h"

static struct xclient xclient;

static void
parse(char **argv, int argc)
{
	struct args_option option[XCLIENT_OPTIONS_MAX];

	xclient_free(&xclient);
	assert_true(args_parse(&argc, argv, option,
	    xclient_options(&xclient, option)));
	assert_int_equal(argc, 1);
}

#define W(word) (char []){ word }

static void
expect(const char *const *line, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i <= n; i++) {
		char memory[XCLIENT_LINE_MAX];
		struct put out = put_init(memory, sizeof memory);

		assert_int_equal(xclient_next(&xclient, &at, &out), i < n);
		if (i < n)
			assert_span(put_span(&out), span_str(line[i]));
	}
}

static void
commands(void **state)
{
	static const char *const line[] = {
		"XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]",
		"XCLIENT HELO=a+20b+3Dc", "XCLIENT FOO=b a+r",
		"XCLIENT REVERSE_NAME=r LOGIN=" };
	char *argv[] = { W("x"), W("--xclient-delim"), W("--xclient-addr"),
		W("192.0.2.1"), W("--xclient-name=[UNAVAILABLE]"),
		W("--xclient-delim"), W("--xclient-delim"),
		W("--xclient-helo"), W("a b=c"), W("--xclient"),
		W("FOO=b a+r"), W("--xclient-reverse-name"), W("r"),
		W("--xclient-login"), W(""), W("--xclient-delim") };

	(void)state;
	parse(argv, countof(argv));
	assert_true(xclient_is_wanted(&xclient));
	expect(line, countof(line));
	xclient_free(&xclient);
}

static void
offered(void **state)
{
	char *argv[] = { W("x"), W("--xclient-addr"), W("1"),
		W("--xclient-proto"), W("SMTP"), W("--xclient"), W("ODD=1") };

	(void)state;
	parse(argv, countof(argv));
	assert_null(xclient_missing(&xclient, SPAN("NAME ADDR proto")));
	assert_string_equal(xclient_missing(&xclient, SPAN("NAME ADDR")),
	    "PROTO");
	assert_string_equal(xclient_missing(&xclient, SPAN("")), "ADDR");
	xclient_free(&xclient);
	assert_false(xclient_is_wanted(&xclient));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
