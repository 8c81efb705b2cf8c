/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: what is an option, what a word, what a mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/span.h"
#include "ehlo/args.h"

struct parsed {
	const char *users, *file;
	bool is_json;
	char words[16][32];
	char *argv[17];
	int argc;
};

/* The words of `line`, separated by spaces; "_" stands for an empty one. */
static bool
parse(struct parsed *p, const char *line)
{
	const struct args_option option[] = {
		{ "--users", &p->users },
		{ "--password-file", &p->file },
		{ "--json", .flag = &p->is_json },
		{ "--password", .refusal = "never" },
	};
	struct span rest = span_str(line);

	*p = (struct parsed){ .argc = 0 };
	while (rest.len != 0) {
		struct span word = span_cut(&rest, ' ');

		assert_true(p->argc < 16);
		if (span_eq(word, SPAN("_")))
			word = SPAN("");
		(void)snprintf(p->words[p->argc], sizeof p->words[0], "%.*s",
		    SPAN_ARG(word));
		p->argv[p->argc] = p->words[p->argc];
		p->argc++;
	}
	return args_parse(&p->argc, p->argv, option, countof(option));
}

static void
options_anywhere(void **state)
{
	struct parsed p;

	(void)state;
	assert_true(parse(&p, "add --users F guyt --json more"));
	assert_int_equal(p.argc, 3);
	assert_string_equal(p.argv[0], "add");
	assert_string_equal(p.argv[1], "guyt");
	assert_string_equal(p.argv[2], "more");
	assert_string_equal(p.users, "F");
	assert_true(p.is_json);
	assert_null(p.file);
}

static void
values_behind_an_equals_sign(void **state)
{
	struct parsed p;

	(void)state;
	assert_true(parse(&p, "x --users=a=b --password-file="));
	assert_string_equal(p.users, "a=b");
	assert_string_equal(p.file, "");
	assert_true(parse(&p, "x --users --json --password-file _"));
	assert_string_equal(p.users, "--json");
	assert_string_equal(p.file, "");
	assert_false(p.is_json);
}

static void
two_dashes_end_options(void **state)
{
	struct parsed p;

	(void)state;
	assert_true(parse(&p, "x a -- --json -- b"));
	assert_false(p.is_json);
	assert_int_equal(p.argc, 5);
	assert_string_equal(p.argv[2], "--json");
	assert_string_equal(p.argv[3], "--");
	assert_string_equal(p.argv[4], "b");
	assert_true(parse(&p, "x - _"));
	assert_int_equal(p.argc, 3);
	assert_string_equal(p.argv[1], "-");
}

static void
mistakes(void **state)
{
	const char *line[] = { "x --users", "x --user F", "x --json=yes",
		"x -j", "x --users a --users b", "x --password geheim",
		"x --password=geheim", "x --", "x --jsonn" };
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < countof(line); i++)
		if (parse(&p, line[i]) != (strcmp(line[i], "x --") == 0))
			fail_msg("%s", line[i]);
}

static void
nearest_names(void **state)
{
	static const struct row {
		int number;
		const char *name;
	} row[] = { { 1, "passwd" }, { 2, "remove" }, { 3, "list" } };

	(void)state;
#define NEAREST(word) args_nearest(word, &row[0].name, countof(row), \
	sizeof row[0])
	assert_string_equal(NEAREST("pasword"), "passwd");
	assert_string_equal(NEAREST("LIST"), "list");
	assert_string_equal(NEAREST("lsit"), "list");
	assert_null(NEAREST("queue"));
	assert_null(NEAREST(""));
#undef NEAREST
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_anywhere),
		cmocka_unit_test(values_behind_an_equals_sign),
		cmocka_unit_test(two_dashes_end_options),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(nearest_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
