/* SPDX-License-Identifier: Apache-2.0 */
/* request: what is taken, and what is said of the rest. Seen to catch: a field
 * of another request let through; numbers below zero. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "ctl/request.h"

static const struct ctl_field fields[] = {
	{ "name", CTL_TEXT, true }, { "n", CTL_NUMBER, false },
	{ "is_dry", CTL_FLAG, false }, { "list", CTL_TEXTS, false },
};
static const struct ctl_request rows[] = {
	{ .name = "plain" },
	{ .name = "full", .field = fields, .field_n = countof(fields) },
};
static const struct ctl_request *const table[] = { &rows[0], &rows[1] };

/* The row's name, or what is wrong. */
static const char *
judge(struct span line)
{
	static char text[512];
	struct put error = put_init(text, sizeof text);
	json_t *object = ctl_request_parse(line, &error);
	const struct ctl_request *row = NULL;
	size_t at = 99;

	if (object != NULL)
		row = ctl_request_find(object, table, countof(table), &at,
		    &error);
	if (row != NULL) {
		assert_ptr_equal(table[at], row);
		json_decref(object);
		return row->name;
	}
	json_decref(object);
	return put_cstr(&error);
}

static void
takes_what_is_right(void **state)
{
	(void)state;
	assert_string_equal(judge(SPAN("{\"do\":\"plain\"}")), "plain");
	assert_string_equal(judge(SPAN(" {\"do\" : \"full\", \"name\":\"\","
	    "\"n\":0, \"is_dry\":false, \"list\":[\"a\",\"\"]} ")), "full");
	assert_string_equal(judge(SPAN("{\"do\":\"full\",\"name\":\"\\u00fc\""
	    ",\"n\":9007199254740992}")), "full");
}

static void
says_what_is_wrong(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "", "this is no JSON" }, { "hi", "this is no JSON" },
		{ "[1]", "a request is an object" },
		{ "{}", "has no \"do\"" }, { "{\"do\":1}", "has no \"do\"" },
		{ "{\"do\":\"other\"}", "no request \"other\"" },
		{ "{\"do\":\"plain\",\"do\":\"plain\"}", "this is no JSON" },
		{ "{\"do\":\"plain\",\"n\":1}", "plain knows no \"n\"" },
		{ "{\"do\":\"full\"}", "full wants name" },
		{ "{\"do\":\"full\",\"name\":1}", "name wants a text" },
		{ "{\"do\":\"full\",\"name\":\"a\\nb\"}",
		    "name wants a text" },
		{ "{\"do\":\"full\",\"name\":\"a\",\"n\":-1}",
		    "n wants a whole number" },
		{ "{\"do\":\"full\",\"name\":\"a\",\"n\":1.5}",
		    "n wants a whole number" },
		{ "{\"do\":\"full\",\"name\":\"a\",\"n\":9007199254740993}",
		    "n wants a whole number" },
		{ "{\"do\":\"full\",\"name\":\"a\",\"is_dry\":1}",
		    "is_dry wants true or false" },
		{ "{\"do\":\"full\",\"name\":\"a\",\"list\":\"b\"}",
		    "list wants a list" },
		{ "{\"do\":\"full\",\"name\":\"a\",\"list\":[1]}",
		    "list wants a list" },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		const char *got = judge(span_str(cases[i].line));

		if (strstr(got, cases[i].error) == NULL)
			fail_msg("%s: got \"%s\", expected \"%s\"",
			    cases[i].line, got, cases[i].error);
	}
}

/* Nothing of a stranger's leaves in an error as it came. */
static void
errors_are_harmless(void **state)
{
	const char *got = judge(SPAN("{\"do\":\"plain\","
	    "\"\\u001b[31m\":1}"));

	(void)state;
	assert_non_null(strstr(got, "\\x1b"));
	assert_null(strchr(got, '\033'));
}

static void
long_texts_are_refused(void **state)
{
	static char line[CTL_LINE_MAX + 2];

	(void)state;
	memset(line, ' ', CTL_LINE_MAX + 1);
	assert_string_equal(judge(span_of(line, CTL_LINE_MAX + 1)),
	    "the request is too long");
	assert_true(snprintf(line, sizeof line,
	    "{\"do\":\"full\",\"name\":\"%01025d\"}", 0) > 1025);
	assert_non_null(strstr(judge(span_str(line)), "at most 1024"));
}

static void
fields_are_read(void **state)
{
	struct put none = put_init(NULL, 0);
	json_t *object = ctl_request_parse(SPAN("{\"do\":\"full\",\"name\":"
	    "\"abc\",\"n\":7,\"is_dry\":true}"), &none);

	(void)state;
	assert_true(span_eq(ctl_text(object, "name"), SPAN("abc")));
	assert_int_equal(ctl_number(object, "n"), 7);
	assert_true(ctl_flag(object, "is_dry"));
	assert_int_equal(ctl_text(object, "list").len, 0);
	assert_int_equal(ctl_number(object, "list"), 0);
	assert_false(ctl_flag(object, "list"));
	json_decref(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_right),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(errors_are_harmless),
		cmocka_unit_test(long_texts_are_refused),
		cmocka_unit_test(fields_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
