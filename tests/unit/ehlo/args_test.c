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

struct seen {
	char text[256];
};

static bool
note(void *arg, struct span name, const char *value)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	(void)snprintf(seen->text + len, sizeof seen->text - len, "%.*s=%s;",
	    SPAN_ARG(name), value != NULL ? value : "(none)");
	return strcmp(value != NULL ? value : "", "bad") != 0;
}

struct wide {
	const char *server, *auth;
	bool is_quiet;
	struct args_list to;
	struct seen seen;
	char words[8][32];
};

static bool
wide(struct wide *w, const char *line)
{
	const struct args_option option[] = {
		{ "--server", &w->server, .also = "-s --host" },
		{ "--auth", &w->auth, .also = "-a",
		    .kind = ARGS_OPTIONAL | ARGS_REPEATED },
		{ "--quiet", .flag = &w->is_quiet, .also = "-q" },
		{ "--to", .also = "-t", .take = args_take_list,
		    .arg = &w->to },
		{ "--header", .take = note, .arg = &w->seen },
		{ "--h-", .kind = ARGS_PREFIX, .take = note, .arg = &w->seen },
		{ "--delim", .kind = ARGS_NO_VALUE, .take = note,
		    .arg = &w->seen },
		{ "--attach", .kind = ARGS_OPTIONAL, .take = note,
		    .arg = &w->seen },
	};

	struct span rest = span_str(line);
	char name[] = "x", *argv[9] = { name, NULL };
	int argc = 1;

	*w = (struct wide){ .server = NULL };
	while (rest.len != 0) {
		struct span word = span_cut(&rest, ' ');

		assert_true(argc < 9);
		(void)snprintf(w->words[argc - 1], sizeof w->words[0], "%.*s",
		    SPAN_ARG(word));
		argv[argc] = w->words[argc - 1];
		argc++;
	}
	return args_parse(&argc, argv, option, countof(option));
}

static void
other_names(void **state)
{
	struct wide w;

	(void)state;
	assert_true(wide(&w, "-s a -q"));
	assert_string_equal(w.server, "a");
	assert_true(w.is_quiet);
	assert_true(wide(&w, "-host=b --q"));
	assert_string_equal(w.server, "b");
	assert_true(w.is_quiet);
	assert_true(wide(&w, "-server c"));
	assert_string_equal(w.server, "c");
	assert_false(wide(&w, "-s a --host b"));
	assert_false(wide(&w, "-sa"));
	assert_false(wide(&w, "---"));
}

static void
values_that_may_be_missing(void **state)
{
	struct wide w;

	(void)state;
	assert_true(wide(&w, "--auth -q"));
	assert_string_equal(w.auth, "");
	assert_true(w.is_quiet);
	assert_true(wide(&w, "-a PLAIN --auth=LOGIN"));
	assert_string_equal(w.auth, "LOGIN");
	assert_true(wide(&w, "--auth"));
	assert_string_equal(w.auth, "");
	assert_true(wide(&w, "--attach - --attach -q"));
	assert_string_equal(w.seen.text, "--attach=-;--attach=(none);");
}

static void
many_times(void **state)
{
	struct wide w;

	(void)state;
	assert_true(wide(&w, "-t a --to=b --to -t"));
	assert_int_equal(w.to.n, 3);
	assert_string_equal(w.to.word[0], "a");
	assert_string_equal(w.to.word[1], "b");
	assert_string_equal(w.to.word[2], "-t");
	args_list_free(&w.to);
	assert_int_equal(w.to.n, 0);
	assert_true(wide(&w, "--h-Subject x --header y --delim -h-A=b"));
	assert_string_equal(w.seen.text,
	    "--h-Subject=x;--header=y;--delim=(none);-h-A=b;");
	assert_false(wide(&w, "--h- x"));
	assert_false(wide(&w, "--delim=1"));
	assert_false(wide(&w, "--header bad"));
}

static void
numbers_and_times(void **state)
{
	unsigned long n;
	unsigned ms;

	(void)state;
	assert_true(args_number("--port", "65535", 1, 65535, &n));
	assert_int_equal(n, 65535);
	assert_false(args_number("--port", "0", 1, 65535, &n));
	assert_false(args_number("--port", "65536", 1, 65535, &n));
	assert_false(args_number("--port", "", 1, 65535, &n));
	assert_false(args_number("--port", "-1", 1, 65535, &n));
	assert_true(args_duration("--timeout", "30", &ms));
	assert_int_equal(ms, 30000);
	assert_true(args_duration("--timeout", "2m", &ms));
	assert_int_equal(ms, 120000);
	assert_true(args_duration("--timeout", "250ms", &ms));
	assert_int_equal(ms, 250);
	assert_true(args_duration("--timeout", "1h", &ms));
	assert_int_equal(ms, 3600000);
	assert_false(args_duration("--timeout", "m", &ms));
	assert_false(args_duration("--timeout", "", &ms));
	assert_false(args_duration("--timeout", "3d", &ms));
	assert_false(args_duration("--timeout", "99999h", &ms));
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
		cmocka_unit_test(other_names),
		cmocka_unit_test(values_that_may_be_missing),
		cmocka_unit_test(many_times),
		cmocka_unit_test(numbers_and_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
