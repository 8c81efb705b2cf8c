/* SPDX-License-Identifier: Apache-2.0 */
/* alias: what is read, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/buf.h"
#include "base/put.h"
#include "policy/alias.h"

struct bad_case {
	const char *what;
	const char *text;
	const char *told;
};

static const struct bad_case mistakes[] = {
	{ "no colon", "# c\n\nsales anna\n",
	    "f:3: a ':' is missing: write name: target, target" },
	{ "no target", "sales:\nb: c\n", "f:1: 'sales' has no target" },
	{ "no target at the end", "a: b\nsales: ,\n",
	    "f:2: 'sales' has no target" },
	{ "no name", ": anna\n",
	    "f:1: '' is no name: write sales or sales@example.org" },
	{ "a name that is none", "a b: anna\n",
	    "f:1: 'a b' is no name: write sales or sales@example.org" },
	{ "a domain that is none", "a@b_c.example: anna\n",
	    "f:1: 'a@b_c.example' is no name: write sales or "
	    "sales@example.org" },
	{ "a target that is none", "a: anna@\n",
	    "f:1: 'anna@' is no address: write anna or anna@example.org" },
	{ "two targets without a comma", "a: anna bert\n",
	    "f:1: 'anna bert' is no address: write anna or "
	    "anna@example.org" },
	{ "dots", "a: .anna\n",
	    "f:1: '.anna' is no address: write anna or anna@example.org" },
	{ "two dots", "a: an..na\n",
	    "f:1: 'an..na' is no address: write anna or anna@example.org" },
	{ "a program", "a: \"|sh\"\n",
	    "f:1: '\"|sh\"' is no address: write anna or anna@example.org" },
	{ "a program without quotes", "a: b,|sh\n",
	    "f:1: '|sh': mail is not given to programs, files or lists in "
	    "other files" },
	{ "a file", "a: /etc/passwd\n",
	    "f:1: '/etc/passwd': mail is not given to programs, files or "
	    "lists in other files" },
	{ "a list", "a: :include:/x\n",
	    "f:1: ':include:/x': mail is not given to programs, files or "
	    "lists in other files" },
	{ "twice, whatever the case", "Anna: b\nc: d\naNNa: e\n",
	    "f:3: 'aNNa' is there already, in line 1" },
	{ "twice, in two spellings of the domain",
	    "a@b\u00fc.example: b\na@XN--B-EHA.example: c\n",
	    "f:2: 'a@XN--B-EHA.example' is there already, in line 1" },
	{ "goes on with nothing", " anna\n",
	    "f:1: a line that begins with a space goes on with an alias, and "
	    "there is none above" },
	{ "control characters are not shown", "a\x1b[2J: b\n",
	    "f:1: 'a?[2J' is no name: write sales or sales@example.org" },
	{ "not UTF-8", "a: \xff\n",
	    "f:1: '\xff' is no address: write anna or anna@example.org" },
	{ "loop of two", "x: y\na: b\nb: a\n", NULL },
	{ "loop of three through cases", "a: B\nb: C\nc: A\n", NULL },
	{ "loop through a domain", "a@one.example: b@two.example\n"
	    "b@two.example: a@ONE.example\n", NULL },
	/* not the lines, the addresses lead back: a@one to b@one to a@one */
	{ "loop of a name and an address", "a: b@one.example\n"
	    "b@one.example: a\n", NULL },
	{ "loop behind a fork", "z: y, a\na: y, b, x\nb: y, a\n", NULL },
	{ "loop that does not come back to its beginning",
	    "s: a\na: b\nb: a\n", NULL },
	{ "eleven in a row",
	    "a: b\nb: c\nc: d\nd: e\ne: f\nf: g\ng: h\nh: i\ni: j\nj: k\n"
	    "k: l\n",
	    "f:1: the chain that begins with 'a' is longer than 10" },
};

/* Seen to catch: walk() with the domain left out of the state; walk() that
 * does not look at is_open. */
static void
mistakes_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(mistakes); i++) {
		const struct bad_case *c = &mistakes[i];
		char error[1024] = "";
		struct alias_table *table = alias_parse("f",
		    span_str(c->text), error, sizeof error);

		if (table != NULL)
			fail_msg("%s: accepted", c->what);
		if (c->told != NULL && strcmp(error, c->told) != 0)
			fail_msg("%s: expected\n%s\ngot\n%s", c->what, c->told,
			    error);
		/* where a loop is entered depends on the map */
		if (c->told == NULL && strstr(error, "leads back") == NULL)
			fail_msg("%s: got\n%s", c->what, error);
	}
}

static struct alias_table *
parse(const char *text)
{
	char error[1024] = "";
	struct alias_table *table = alias_parse("f", span_str(text), error,
	    sizeof error);

	if (table == NULL)
		fail_msg("refused: %s", error);
	return table;
}

/* Two lines that lead to each other are told with both. */
static void
a_loop_is_shown(void **state)
{
	char error[1024];

	(void)state;
	assert_null(alias_parse("aliases", SPAN("a: b, c\nb: a\n"), error,
	    sizeof error));
	assert_true(strcmp(error,
	    "aliases:1: 'a' leads back to itself: a -> b -> a") == 0 ||
	    strcmp(error,
	    "aliases:2: 'b' leads back to itself: b -> a -> b") == 0);
	assert_null(alias_parse("aliases", SPAN("a: b, c\nb: a\n"), error, 12));
	assert_int_equal(strlen(error), 11);	/* cut, with its NUL */
}

struct find_case {
	const char *local, *domain;
	const char *targets;	/* joined with a comma; NULL: no alias */
};

static void
aliases_are_found(void **state)
{
	static const struct find_case cases[] = {
		{ "postmaster", "example.org", "admin" },
		{ "PostMaster", "anything.example", "admin" },
		{ "sales", "example.org", "Anna,Bert@example.net" },
		{ "SALES", "EXAMPLE.ORG", "Anna,Bert@example.net" },
		{ "sales", "example.net", "clara" },
		{ "info", "example.org", "a,b,c@xn--b-eha.example" },
		{ "anna", "example.org", "anna,bert" },
		{ "crlf", "example.org", "x" },
		{ "last", "example.org", "y" },
		{ "bert", "example.org", NULL },
		{ "sales@example.org", "", NULL },
		{ "", "example.org", NULL },
		{ "#", "example.org", NULL },
	};
	struct alias_table *table = parse("# for all\n"
	    "postmaster: admin\n"
	    "\t\n"
	    "sales@Example.org :\tAnna , Bert@Example.NET,\n"
	    "sales: clara\n"
	    "info: a,\n"
	    "   b,\n"
	    "# in between\n"
	    "\tc@b\u00fc.example\n"
	    "anna: anna, bert\n"
	    "crlf: x\r\n"
	    "last: y");

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		size_t n = 0;
		char joined[256];
		struct put put = put_init(joined, sizeof joined);
		const struct span *target = alias_find(table,
		    span_str(cases[i].local), span_str(cases[i].domain), &n);

		if ((target == NULL) != (cases[i].targets == NULL))
			fail_msg("%s@%s", cases[i].local, cases[i].domain);
		for (size_t j = 0; target != NULL && j < n; j++) {
			put_str(&put, j != 0 ? "," : "");
			put_bytes(&put, target[j]);
		}
		if (target != NULL)
			assert_string_equal(put_cstr(&put), cases[i].targets);
	}
	alias_unref(table);
}

/* What looks like a loop and is none. */
static void
chains_that_end_are_taken(void **state)
{
	(void)state;
	alias_unref(parse("anna: anna, bert\nbert: bert@example.org\n"));
	alias_unref(parse("anna@one.example: anna@two.example\n"));
	alias_unref(parse("a@one.example: b@two.example\n"
	    "b@two.example: a\n"));	/* a@two.example, nobody's alias */
	alias_unref(parse("a: b, c, d\nb: e\nc: e\nd: e\ne: f\n"));
	alias_unref(parse("a: b\nb: c\nc: d\nd: e\ne: f\nf: g\ng: h\nh: i\n"
	    "i: j\nj: k\n"));		/* ten */
	alias_unref(parse(""));
	alias_unref(parse("\n# nothing\n"));
}

/* A file that is all forks is walked once a name, not once a path: 60^10 paths
 * through 600 names. Seen to catch (by its time): walk() without heights. */
static void
forks_are_walked_once(void **state)
{
	struct buf text;
	char error[256];
	struct alias_table *table;

	(void)state;
	buf_init(&text, 1 << 24);
	for (int level = 0; level < 10; level++)
		for (int i = 0; i < 60; i++) {
			assert_int_equal(buf_printf(&text, "n%d-%d: ", level,
			    i), 0);
			for (int j = 0; j < 60; j++)
				assert_int_equal(buf_printf(&text, "n%d-%d,",
				    level + 1, j), 0);
			assert_int_equal(buf_append(&text, SPAN("\n")), 0);
		}
	table = alias_parse("f", buf_span(&text), error, sizeof error);
	assert_non_null(table);
	alias_unref(table);
	buf_free(&text);
}

static void
files_are_loaded(void **state)
{
	char path[] = "/tmp/alias-test-XXXXXX", error[256], want[256];
	int fd = mkstemp(path);
	struct alias_table *table;
	size_t n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: b\n", 5), 5);
	table = alias_load(path, error, sizeof error);
	assert_non_null(table);
	assert_ptr_equal(alias_ref(table), table);
	alias_unref(table);
	assert_non_null(alias_find(table, SPAN("a"), SPAN("x.example"), &n));
	alias_unref(table);
	assert_int_equal(write(fd, "a\n", 2), 2);
	assert_null(alias_load(path, error, sizeof error));
	snprintf(want, sizeof want, "%s:2: a ':' is missing: write name: "
	    "target, target", path);
	assert_string_equal(error, want);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	assert_null(alias_load(path, error, sizeof error));
	snprintf(want, sizeof want, "%s: cannot read it: No such file or "
	    "directory", path);
	assert_string_equal(error, want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(a_loop_is_shown),
		cmocka_unit_test(aliases_are_found),
		cmocka_unit_test(chains_that_end_are_taken),
		cmocka_unit_test(forks_are_walked_once),
		cmocka_unit_test(files_are_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
