/* SPDX-License-Identifier: Apache-2.0 */
/* Content transfer encodings: what is chosen, and what leaves. */
#include "../test.h"

#include "mail/transfer.h"

static void
collect(void *arg, struct span bytes)
{
	put_bytes(arg, bytes);
}

static void
check(enum transfer transfer, struct span given, struct span expected)
{
	char memory[4096];
	struct put out = put_init(memory, sizeof memory);

	transfer_put(transfer, given, collect, &out);
	assert_span(put_span(&out), expected);
}

static void
choices(void **state)
{
	char longest[1200];
	const struct {
		struct span text;
		enum transfer clear, with_8bit;
	} row[] = {
		{ SPAN("a\nb\r\nc\r"), TRANSFER_7BIT, TRANSFER_7BIT },
		{ SPAN(""), TRANSFER_7BIT, TRANSFER_7BIT },
		{ SPAN("Gr\xc3\xbc\xc3\x9f" "e an alle in K\xc3\xb6ln"),
		  TRANSFER_QP, TRANSFER_8BIT },
		{ SPAN("\xe6\x97\xa5\xe6\x9c\xac"), TRANSFER_BASE64,
		  TRANSFER_8BIT },
		{ SPAN("a\0b"), TRANSFER_QP, TRANSFER_QP },
		{ { longest, 999 }, TRANSFER_QP, TRANSFER_QP },
		{ { longest, 998 }, TRANSFER_7BIT, TRANSFER_7BIT },
	};

	(void)state;
	memset(longest, 'x', sizeof longest);
	for (size_t i = 0; i < countof(row); i++) {
		struct transfer_facts facts = transfer_look(row[i].text);

		assert_int_equal(transfer_choose(&facts, row[i].text.len,
		    false), row[i].clear);
		assert_int_equal(transfer_choose(&facts, row[i].text.len,
		    true), row[i].with_8bit);
	}
}

static void
facts_of_bytes(void **state)
{
	struct transfer_facts facts =
	    transfer_look(SPAN("ab\r\n\xff\0\ncde\r"));

	(void)state;
	assert_int_equal(facts.n_8bit, 1);
	assert_int_equal(facts.longest, 3);
	assert_true(facts.has_nul && facts.has_bare && !facts.is_utf8);
	facts = transfer_look(SPAN("a\r\nb\r\n"));
	assert_false(facts.has_nul || facts.has_bare || !facts.is_utf8);
}

static void
line_ends(void **state)
{
	(void)state;
	check(TRANSFER_7BIT, SPAN("a\nb\r\nc\rd"),
	    SPAN("a\r\nb\r\nc\r\nd\r\n"));
	check(TRANSFER_8BIT, SPAN("\n\n"), SPAN("\r\n\r\n"));
	check(TRANSFER_BINARY, SPAN("a\n\0\r"), SPAN("a\n\0\r"));
	check(TRANSFER_BASE64, SPAN("a\nb"), SPAN("YQpi\r\n"));
	check(TRANSFER_TEXT_BASE64, SPAN("a\nb"), SPAN("YQ0KYg0K\r\n"));
	check(TRANSFER_QP, SPAN("a\nb"), SPAN("a\r\nb\r\n"));
}

/* RFC 2045 6.7 */
static void
quoted_printable(void **state)
{
	(void)state;
	check(TRANSFER_QP, SPAN("a=b \t\n"), SPAN("a=3Db =09\r\n"));
	check(TRANSFER_QP, SPAN("\xc3\xbc"), SPAN("=C3=BC\r\n"));
	check(TRANSFER_QP, SPAN(".\nFrom x\nFromage\n..a"),
	    SPAN("=2E\r\n=46rom x\r\nFromage\r\n=2E.a\r\n"));
	/* 76 octets, with the soft end among them */
	check(TRANSFER_QP, SPAN("012345678901234567890123456789012345678901"
	    "2345678901234567890123456789012345"),
	    SPAN("0123456789012345678901234567890123456789012345678901234567"
	    "890123456789012345\r\n"));
	check(TRANSFER_QP, SPAN("012345678901234567890123456789012345678901"
	    "23456789012345678901234567890123456"),
	    SPAN("0123456789012345678901234567890123456789012345678901234567"
	    "89012345678901234=\r\n56\r\n"));
	/* a dot that a soft end puts in front of a line */
	check(TRANSFER_QP, SPAN("012345678901234567890123456789012345678901"
	    "234567890123456789012345678901234.67"),
	    SPAN("0123456789012345678901234567890123456789012345678901234567"
	    "89012345678901234=\r\n=2E67\r\n"));
}

static void
base64_lines(void **state)
{
	char bytes[58];

	(void)state;
	memset(bytes, 0, sizeof bytes);
	check(TRANSFER_BASE64, span_of(bytes, sizeof bytes),
	    SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAAAAAAAAAAAA\r\nAA==\r\n"));
	check(TRANSFER_BASE64, SPAN(""), SPAN(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices),
		cmocka_unit_test(facts_of_bytes),
		cmocka_unit_test(line_ends),
		cmocka_unit_test(quoted_printable),
		cmocka_unit_test(base64_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
