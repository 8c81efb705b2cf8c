/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords from descriptors; from a terminal they are tested end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "ehlo/secret.h"

/* The result of reading `text` from a pipe, a byte or all at a time. */
static void
read_text(struct secret *secret, struct span text)
{
	int end[2];

	assert_int_equal(pipe(end), 0);
	assert_int_equal(write(end[1], text.p, text.len), (ssize_t)text.len);
	assert_int_equal(close(end[1]), 0);
	assert_int_equal(secret_read_fd(secret, end[0]), 0);
	assert_int_equal(close(end[0]), 0);
}

static void
takes_the_first_line(void **state)
{
	const struct {
		struct span text, secret;
	} row[] = {
		{ SPAN("P@$$w0rd\n"), SPAN("P@$$w0rd") },
		{ SPAN("P@$$w0rd\r\n"), SPAN("P@$$w0rd") },
		{ SPAN("P@$$w0rd"), SPAN("P@$$w0rd") },
		{ SPAN(" a b \nsecond\n"), SPAN(" a b ") },
		{ SPAN("\nsecond\n"), SPAN("") },
		{ SPAN(""), SPAN("") },
		{ SPAN("a\0b\n"), SPAN("a\0b") },	/* refused later */
		{ SPAN("a\rb\n"), SPAN("a\rb") },
	};
	struct secret secret;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		read_text(&secret, row[i].text);
		if (!span_eq(span_of(secret.bytes, secret.len),
		    row[i].secret))
			fail_msg("row %zu: got \"%.*s\"", i, (int)secret.len,
			    secret.bytes);
	}
}

/* What stood behind the line is not kept either. */
static void
forgets_the_rest(void **state)
{
	struct secret secret;

	(void)state;
	memset(&secret, 0, sizeof secret);
	read_text(&secret, SPAN("one\ntwo three\n"));
	for (size_t i = secret.len; i < sizeof secret.bytes; i++)
		assert_int_equal(secret.bytes[i], 0);
	secret_wipe(&secret);
	assert_int_equal(secret.len, 0);
	assert_int_equal(secret.bytes[0], 0);
}

static void
shows_what_is_too_long(void **state)
{
	char text[SECRET_MAX + 100];
	struct secret secret;

	(void)state;
	memset(text, 'x', sizeof text);
	read_text(&secret, span_of(text, SECRET_MAX));
	assert_int_equal(secret.len, SECRET_MAX);
	text[SECRET_MAX] = '\n';
	read_text(&secret, span_of(text, SECRET_MAX + 1));
	assert_int_equal(secret.len, SECRET_MAX);
	text[SECRET_MAX] = 'x';
	read_text(&secret, span_of(text, SECRET_MAX + 1));
	assert_in_range(secret.len, SECRET_MAX + 1, sizeof secret.bytes);
	read_text(&secret, span_of(text, sizeof text));
	assert_in_range(secret.len, SECRET_MAX + 1, sizeof secret.bytes);
}

static void
says_that_a_descriptor_is_closed(void **state)
{
	struct secret secret;

	(void)state;
	assert_int_equal(secret_read_fd(&secret, 987), -EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_first_line),
		cmocka_unit_test(forgets_the_rest),
		cmocka_unit_test(shows_what_is_too_long),
		cmocka_unit_test(says_that_a_descriptor_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
