/* SPDX-License-Identifier: Apache-2.0 */
/* What programs read, and when there are colours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ehlo/tell.h"

static void
json_strings(void **state)
{
	const struct {
		struct span text;
		const char *json;
	} row[] = {
		{ SPAN(""), "\"\"" },
		{ SPAN("guyt"), "\"guyt\"" },
		{ SPAN("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
		{ SPAN("\0\t\n\x1f\x7f"),
		    "\"\\u0000\\u0009\\u000a\\u001f\\u007f\"" },
		{ SPAN("j\xc3\xbcrgen"), "\"j\xc3\xbcrgen\"" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char *got = NULL;
		size_t len;
		FILE *out = open_memstream(&got, &len);

		assert_non_null(out);
		tell_json(out, row[i].text);
		assert_int_equal(fclose(out), 0);
		assert_string_equal(got, row[i].json);
		free(got);
	}
}

static void
colour_only_on_a_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[128];
	FILE *terminal, *pipe_end;
	int end[2];

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 &&
	    unlockpt(master) == 0);
	assert_int_equal(ptsname_r(master, name, sizeof name), 0);
	terminal = fdopen(open(name, O_RDWR | O_NOCTTY), "r+");
	assert_non_null(terminal);
	assert_int_equal(pipe(end), 0);
	pipe_end = fdopen(end[1], "w");
	assert_non_null(pipe_end);

	assert_int_equal(setenv("TERM", "xterm", 1), 0);
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_true(tell_has_colour(terminal));
	assert_false(tell_has_colour(pipe_end));
	assert_int_equal(setenv("NO_COLOR", "", 1), 0);	/* counts as unset */
	assert_true(tell_has_colour(terminal));
	assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
	assert_false(tell_has_colour(terminal));
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_int_equal(setenv("TERM", "dumb", 1), 0);
	assert_false(tell_has_colour(terminal));
	assert_int_equal(unsetenv("TERM"), 0);
	assert_false(tell_has_colour(terminal));
	(void)fclose(terminal);
	(void)fclose(pipe_end);
	(void)close(end[0]);
	(void)close(master);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings),
		cmocka_unit_test(colour_only_on_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
