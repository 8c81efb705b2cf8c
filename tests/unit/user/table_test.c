/* SPDX-License-Identifier: Apache-2.0 */
/* The table of one reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sample.h"
#include "user/hash.h"
#include "user/table.h"

static const uint64_t seed[2] = { 1, 2 };

static struct user_table *
parse(const char *text)
{
	char error[256];
	struct user_table *table = user_table_parse("users", span_str(text),
	    error, sizeof error);

	if (table == NULL)
		fail_msg("%s", error);
	return table;
}

static void
assert_refused(const char *text, const char *expected)
{
	char error[256];

	assert_null(user_table_parse("users", span_str(text), error,
	    sizeof error));
	assert_string_equal(error, expected);
}

static void
finds_accounts(void **state)
{
	struct user_table *table = parse("\xef\xbb\xbf# users\n\n"
	    "GuyT:" MD5_PAULINE13 ":send-as=guy@cp.com\r\n"
	    "user1@Contoso.com : " NT_PAULINE13 " : mailbox=no\n"
	    "last:!" DES_PAULINE13);
	const struct user_account *account;

	(void)state;
	assert_int_equal(table->n, 3);
	account = user_table_find(table, SPAN("guyt"));
	assert_non_null(account);
	assert_string_equal(account->hash, MD5_PAULINE13);
	assert_int_equal(account->line, 3);
	assert_true(span_eq(account->attributes.send_as, SPAN("guy@cp.com")));
	assert_false(account->is_locked);
	account = user_table_find(table, SPAN("user1@contoso.com"));
	assert_string_equal(account->hash, NT_PAULINE13);
	assert_true(account->attributes.has_no_mailbox);
	account = user_table_find(table, SPAN("last"));
	assert_true(account->is_locked);
	assert_string_equal(account->hash, DES_PAULINE13);
	assert_null(user_table_find(table, SPAN("nobody")));
	assert_null(user_table_find(table, SPAN("")));
	user_table_unref(table);
}

static void
an_empty_file_is_good(void **state)
{
	struct user_table *table = parse("");

	(void)state;
	assert_int_equal(table->n, 0);
	assert_null(user_table_find(table, SPAN("a")));
	assert_string_equal(user_table_borrow(table, seed, SPAN("a")),
	    user_hash_dummy);
	user_table_unref(table);
}

/* seen to catch: names put into the map as written
 * (tests/faults/user-name-case.patch). */
static void
mistakes_have_file_and_line(void **state)
{
	(void)state;
	assert_refused("# one\na:!\n\nguyt\n",
	    "users:4: no colon, expected name:hash");
	assert_refused("GUYT:!\n# \nb:!\nguyt:!\n",
	    "users:4: the name \"guyt\" is there twice, first in line 1");
	assert_refused("a:!:mialbox=no",
	    "users:1: unknown attribute \"mialbox\", did you mean "
	    "\"mailbox\"?");
	assert_refused("a:!\nb:pw\n",
	    "users:2: the second field is not a password hash we know, "
	    "expected one as \"ehlo user passwd\" writes it");
	/* a long message is cut, not overrun */
	{
		char error[12];

		assert_null(user_table_parse("users", SPAN("guyt"), error,
		    sizeof error));
		assert_string_equal(error, "users:1: no");
	}
}

/* Names that nobody has take the hashes that are there, each about as often,
 * and one name always the same. */
static void
borrows_like_the_real_ones(void **state)
{
	struct user_table *table = parse("a:" MD5_PAULINE13 "\n"
	    "b:" NT_PAULINE13 "\nc:!\nd:" DES_PAULINE13 "\n");
	unsigned n[3] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		char name[16];
		const char *hash;

		(void)snprintf(name, sizeof name, "nobody%u", i);
		hash = user_table_borrow(table, seed, span_str(name));
		assert_ptr_equal(hash,
		    user_table_borrow(table, seed, span_str(name)));
		n[0] += strcmp(hash, MD5_PAULINE13) == 0;
		n[1] += strcmp(hash, NT_PAULINE13) == 0;
		n[2] += strcmp(hash, DES_PAULINE13) == 0;
	}
	assert_int_equal(n[0] + n[1] + n[2], 4000);
	for (size_t i = 0; i < countof(n); i++)
		assert_in_range(n[i], 800, 2400);
	user_table_unref(table);
}

static void
lines_are_cut_with_their_end(void **state)
{
	struct span text = SPAN("a\r\n\nb");

	(void)state;
	assert_true(span_eq(user_text_line(&text), SPAN("a\r\n")));
	assert_true(span_eq(user_text_line(&text), SPAN("\n")));
	assert_true(span_eq(user_text_line(&text), SPAN("b")));
	assert_int_equal(text.len, 0);
	assert_true(span_eq(user_text_content(SPAN("a\r\n")), SPAN("a\r")));
	assert_true(span_eq(user_text_content(SPAN("b")), SPAN("b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_accounts),
		cmocka_unit_test(an_empty_file_is_good),
		cmocka_unit_test(mistakes_have_file_and_line),
		cmocka_unit_test(borrows_like_the_real_ones),
		cmocka_unit_test(lines_are_cut_with_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
