/* SPDX-License-Identifier: Apache-2.0 */
/* Logins kept in a file, as ftp, curl and swaks write them. */
#include "../test.h"

#include "ehlo/netrc.h"

static const char file[] =
    "# who and where\n"
    "machine a.example login anna password \"a \\\"b\\\" \\\\ \\tc\"\n"
    "machine b.example\n"
    "\tlogin  bert\r\n"
    "\tpassword geheim\n"
    "\taccount none\n"
    "\tmacdef init\n"
    "machine c.example login never password never\n"
    "\n"
    "machine a.example login second password 2\n"
    "default login guest password guest # public\n"
    "machine d.example login behind password default\n";

static enum netrc_result
look(const char *text, const char *machine, const char *login,
    struct netrc_entry *out)
{
	unsigned line;

	return netrc_find(span_str(text), span_str(machine), span_str(login),
	    out, &line);
}

static void
found(void **state)
{
	static const struct {
		const char *machine, *login, *is, *password;
	} row[] = {
		{ "a.example", "", "anna", "a \"b\" \\ \tc" },
		{ "A.Example", "anna", "anna", "a \"b\" \\ \tc" },
		{ "a.example", "second", "second", "2" },
		{ "b.example", "", "bert", "geheim" },
		{ "c.example", "", "guest", "guest" },	/* in a macro */
		{ "d.example", "", "guest", "guest" },	/* default is first */
	};
	struct netrc_entry entry;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		assert_int_equal(look(file, row[i].machine, row[i].login,
		    &entry), NETRC_FOUND);
		assert_string_equal(entry.login, row[i].is);
		assert_span(span_of(entry.password.bytes, entry.password.len),
		    span_str(row[i].password));
	}
}

static void
not_found(void **state)
{
	struct netrc_entry entry;

	(void)state;
	assert_int_equal(look("", "a", "", &entry), NETRC_NONE);
	assert_int_equal(look("machine a login b password c\n", "a", "x",
	    &entry), NETRC_NONE);
	assert_int_equal(look("machine a login b password c\n", "x", "",
	    &entry), NETRC_NONE);
	assert_false(entry.has_login || entry.has_password);
	/* without a login it is anybody's */
	assert_int_equal(look("machine a password c", "a", "x", &entry),
	    NETRC_FOUND);
	assert_false(entry.has_login);
}

static void
mistakes(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} row[] = {
		{ "machine a\nlogn b\n", 2 },
		{ "machine", 1 },
		{ "machine x login", 1 },
		{ "\nmachine x password \"open\n", 3 },
		{ "password", 1 },
	};
	struct netrc_entry entry;
	unsigned line;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		assert_int_equal(netrc_find(span_str(row[i].text), SPAN("z"),
		    SPAN(""), &entry, &line), NETRC_BAD);
		assert_int_equal(line, row[i].line);
		assert_int_equal(entry.password.len, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found),
		cmocka_unit_test(not_found),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
