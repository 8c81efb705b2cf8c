/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the users file: what means what, and what is told about mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sample.h"
#include "user/line.h"

static enum user_line_result
parse(struct span text, struct user_line *line, char why[512])
{
	struct put out = put_init(why, 512);
	enum user_line_result result = user_line_parse(text, line, &out);

	(void)put_cstr(&out);	/* terminated in why */
	return result;
}

#define assert_span(got, text) \
	do { \
		struct span got_ = (got); \
		if (!span_eq(got_, span_str(text))) \
			fail_msg("got \"%.*s\", expected \"%s\"", \
			    SPAN_ARG(got_), text); \
	} while (0)

static void
takes_fields_apart(void **state)
{
	struct user_line line;
	char why[512];

	(void)state;
	assert_int_equal(parse(SPAN("guyt:" MD5_PAULINE13), &line, why),
	    USER_LINE_ACCOUNT);
	assert_span(line.name, "guyt");
	assert_span(line.hash, MD5_PAULINE13);
	assert_span(line.attributes, "");
	assert_int_equal(parse(SPAN(" user1@contoso.com : " MD5_PAULINE13
	    "\t: mailbox=no\t disabled=yes \r"), &line, why),
	    USER_LINE_ACCOUNT);
	assert_span(line.name, "user1@contoso.com");
	assert_span(line.hash, MD5_PAULINE13);
	assert_span(line.attributes, "mailbox=no\t disabled=yes");
	assert_int_equal(parse(SPAN("DOMAIN\\fangyunfeng:!"), &line, why),
	    USER_LINE_ACCOUNT);
	assert_span(line.name, "DOMAIN\\fangyunfeng");
	assert_int_equal(parse(SPAN("j\xc3\xbcrgen:!:"), &line, why),
	    USER_LINE_ACCOUNT);
}

static void
blank_lines_and_comments_mean_nothing(void **state)
{
	const struct span row[] = { SPAN(""), SPAN("  \t"), SPAN("\r"),
		SPAN("# guyt:" MD5_PAULINE13), SPAN("  #"), SPAN("#\xff") };

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct user_line line;
		char why[512];

		assert_int_equal(parse(row[i], &line, why), USER_LINE_BLANK);
	}
}

static void
mistakes_are_told(void **state)
{
#define OK "a:!:"
	const struct {
		struct span text;
		const char *why;
	} row[] = {
		{ SPAN("guyt"), "no colon, expected name:hash" },
		{ SPAN("guyt:"), "there is no password hash" },
		{ SPAN(":!"), "the name is empty" },
		{ SPAN("guyt:secret"), "not a password hash we know" },
		{ SPAN("guyt\xff:!"), "the line is not UTF-8" },
		{ SPAN("\xef\xbb\xbf" "a:!"), "byte order mark" },
		{ SPAN("a b:!"), "the name \"a b\" may not hold" },
		{ SPAN("a/b:!"), "may not hold" },
		{ SPAN("a\1b:!"), "the name \"a\\x01b\" may not hold" },
		{ SPAN("..:!"), "may not begin with" },
		{ SPAN("-n:!"), "may not begin with" },
		{ SPAN("!a:!"), "may not begin with" },
		{ SPAN("*@x:!"), "may not hold" },
		{ SPAN("a,b:!"), "may not hold" },
		{ SPAN(OK "sendas=a@b"), "unknown attribute \"sendas\", "
		    "did you mean \"send-as\"?" },
		{ SPAN(OK "mailbx=no"), "did you mean \"mailbox\"?" },
		{ SPAN(OK "disable=yes"), "did you mean \"disabled\"?" },
		{ SPAN(OK "quota=5G"), "unknown attribute \"quota\", expected "
		    "send-as, mailbox, disabled, scram or nt" },
		{ SPAN(OK "mailbox"), "\"mailbox\" has no value" },
		{ SPAN(OK "mailbox=maybe"),
		    "mailbox=\"maybe\": expected yes or no" },
		{ SPAN(OK "disabled="), "disabled=\"\": expected yes or no" },
		{ SPAN(OK "mailbox=no mailbox=no"),
		    "\"mailbox\" is there twice" },
		{ SPAN(OK "send-as="), "send-as has an empty address" },
		{ SPAN(OK "send-as=a@b,"), "send-as has an empty address" },
		{ SPAN(OK "send-as=,a@b"), "send-as has an empty address" },
		{ SPAN(OK "send-as=guy"), "\"guy\" is neither an address" },
		{ SPAN(OK "send-as=@b"), "\"@b\" is neither" },
		{ SPAN(OK "send-as=a@"), "\"a@\" is neither" },
		{ SPAN(OK "send-as=*"), "\"*\" is neither" },
		{ SPAN(OK "send-as=*@"), "\"*@\" is neither" },
		{ SPAN(OK "send-as=a*@b"), "\"a*@b\" is neither" },
		{ SPAN(OK "send-as=*@*.b"), "\"*@*.b\" is neither" },
		{ SPAN(OK "send-as=a@b\x7f"), "control character" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct user_line line;
		char why[512];

		assert_int_equal(parse(row[i].text, &line, why),
		    USER_LINE_BAD);
		if (strstr(why, row[i].why) == NULL)
			fail_msg("\"%.*s\": got \"%s\", expected \"%s\"",
			    SPAN_ARG(row[i].text), why, row[i].why);
		assert_null(strstr(why, "secret"));
	}
}

static void
names_are_bounded(void **state)
{
	char name[USER_NAME_MAX + 1], why[512];
	struct put out = put_init(why, sizeof why);

	(void)state;
	memset(name, 'n', sizeof name);
	assert_true(user_name_check(span_of(name, USER_NAME_MAX), &out));
	assert_false(user_name_check(span_of(name, USER_NAME_MAX + 1), &out));
	assert_non_null(strstr(put_cstr(&out), "longer than 255"));
}

static void
attributes_are_read(void **state)
{
	struct user_attributes out;
	char memory[512];
	struct put why = put_init(memory, sizeof memory);

	(void)state;
	assert_true(user_attributes_parse(SPAN(""), &out, &why));
	assert_int_equal(out.send_as.len, 0);
	assert_false(out.has_no_mailbox);
	assert_false(out.is_disabled);
	assert_true(user_attributes_parse(SPAN("mailbox=no "
	    "send-as=guy@cp.com,*@x.org disabled=yes"), &out, &why));
	assert_span(out.send_as, "guy@cp.com,*@x.org");
	assert_true(out.has_no_mailbox);
	assert_true(out.is_disabled);
	assert_true(user_attributes_parse(SPAN("mailbox=yes disabled=no"),
	    &out, &why));
	assert_false(out.has_no_mailbox);
	assert_false(out.is_disabled);
}

/* seen to catch: the domain of *@domain compared as a suffix, so that
 * *@cp.com holds guy@notcp.com (tests/faults/user-send-as-suffix.patch). */
static void
send_as_lists(void **state)
{
	struct span list = SPAN("guy@cp.com,*@Example.org,*@[10.2.1.10]");
	const struct {
		struct span address;
		bool has;
	} row[] = {
		{ SPAN("guy@cp.com"), true },
		{ SPAN("GUY@CP.COM"), true },
		{ SPAN("anybody@example.ORG"), true },
		{ SPAN("\"a@b\"@example.org"), true },
		{ SPAN("x@[10.2.1.10]"), true },
		{ SPAN("uy@cp.com"), false },
		{ SPAN("guy@cp.co"), false },
		{ SPAN("guy@notcp.com"), false },
		{ SPAN("a@notexample.org"), false },
		{ SPAN("a@sub.example.org"), false },
		{ SPAN("a@example.org.evil.net"), false },
		{ SPAN("a@example.org@evil.net"), false },
		{ SPAN("*@x.org"), false },
		{ SPAN("guy"), false },
		{ SPAN("example.org"), false },
		{ SPAN("@"), false },
		{ SPAN(""), false },
		{ SPAN("guy@cp.com,"), false },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++)
		if (user_send_as_has(list, row[i].address) != row[i].has)
			fail_msg("%.*s: expected %d", SPAN_ARG(row[i].address),
			    row[i].has);
	assert_false(user_send_as_has(SPAN(""), SPAN("guy@cp.com")));
	assert_false(user_send_as_has(SPAN(""), SPAN("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_fields_apart),
		cmocka_unit_test(blank_lines_and_comments_mean_nothing),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(attributes_are_read),
		cmocka_unit_test(send_as_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
