/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields as they leave: folding, encoded-words, addresses, parameters.
 * That they are read back to what was given is the fuzz target's (compose). */
#include "../test.h"

#include "mail/fold.h"

static void
collect(void *arg, struct span bytes)
{
	put_bytes(arg, bytes);
}

struct row {
	const char *given, *expected;
};

typedef void say(struct fold *fold, struct span value);

static void
check(say *what, const char *name, const struct row *row, size_t n,
    bool is_utf8)
{
	for (size_t i = 0; i < n; i++) {
		char memory[4096];
		struct put out = put_init(memory, sizeof memory);
		struct fold fold = { .write = collect, .arg = &out,
			.is_utf8 = is_utf8 };

		fold_field(&fold, span_str(name));
		what(&fold, span_str(row[i].given));
		fold_end(&fold);
		assert_false(out.full);
		assert_span(put_span(&out), span_str(row[i].expected));
	}
}

static void
texts(void **state)
{
	static const struct row row[] = {
		{ "hello", "S: hello\r\n" },
		{ "  a  b\t", "S: a  b\r\n" },
		{ "", "S:\r\n" },
		{ "a\r\nBcc: x", "S: a  Bcc: x\r\n" },
		{ "Gr\xc3\xbc\xc3\x9f" "e an alle",
		  "S: =?utf-8?B?R3LDvMOfZQ==?= an alle\r\n" },
		/* the space between two encoded words is in them */
		{ "\xc3\xbc \xc3\xbc x", "S: =?utf-8?B?w7wgw7w=?= x\r\n" },
		{ "=?utf-8?Q?x?= y", "S: =?utf-8?Q?x?= y\r\n" },
		{ "a\x1b[2J", "S: =?utf-8?B?YRtbMko=?=\r\n" },
		{ "0123456789 0123456789 0123456789 0123456789 0123456789 "
		  "0123456789 0123456789 end",
		  "S: 0123456789 0123456789 0123456789 0123456789 0123456789 "
		  "0123456789\r\n 0123456789 end\r\n" },
	};

	(void)state;
	check(fold_text, "S", row, countof(row), false);
}

static void
texts_in_utf8(void **state)
{
	static const struct row row[] = {
		{ "Gr\xc3\xbc\xc3\x9f" "e", "S: Gr\xc3\xbc\xc3\x9f" "e\r\n" },
		{ "\x01", "S: =?utf-8?Q?=01?=\r\n" },
	};

	(void)state;
	check(fold_text, "S", row, countof(row), true);
}

static void
addresses(void **state)
{
	static const struct row row[] = {
		{ "a@b", "To: a@b\r\n" },
		{ " a@b ,, <c@d>", "To: a@b, <c@d>\r\n" },
		{ "Anna B <a@b>, x@y", "To: Anna B <a@b>, x@y\r\n" },
		{ "J. Doe <a@b>", "To: \"J. Doe\" <a@b>\r\n" },
		{ "\"Doe, J.\" <a@b>", "To: \"Doe, J.\" <a@b>\r\n" },
		{ "\"D\\\"q\" <a@b>", "To: \"D\\\"q\" <a@b>\r\n" },
		{ "J\xc3\xbcrgen M. <j@x>",
		  "To: =?utf-8?Q?J=C3=BCrgen_M=2E?= <j@x>\r\n" },
		{ "\"\xc3\xbc, x\" <j@x>",
		  "To: =?utf-8?B?w7wsIHg=?= <j@x>\r\n" },
		{ "undisclosed-recipients:;",
		  "To: undisclosed-recipients:;\r\n" },
		{ "a@b\r\nBcc: c@d", "To: a@b  Bcc: c@d\r\n" },
	};

	(void)state;
	check(fold_addresses, "To", row, countof(row), false);
}

static void
name(struct fold *fold, struct span value)
{
	fold_words(fold, SPAN("attachment"));
	fold_param(fold, "filename", value);
}

/* RFC 2231 3 and 4 */
static void
parameters(void **state)
{
	static const struct row row[] = {
		{ "a b.txt", "C: attachment;\r\n filename=\"a b.txt\"\r\n" },
		{ "a\"b\\", "C: attachment;\r\n filename=\"a\\\"b\\\\\"\r\n" },
		{ "", "C: attachment;\r\n filename=\"\"\r\n" },
		{ "\xc3\xbc 1.txt", "C: attachment;\r\n "
		  "filename*=utf-8''%C3%BC%201.txt\r\n" },
		{ "a\nb", "C: attachment;\r\n filename*=utf-8''a%0Ab\r\n" },
		{ "0123456789012345678901234567890123456789"
		  "0123456789012345678901234567890123456789",
		  "C: attachment;\r\n filename*0=\"0123456789012345678901234"
		  "56789012345678901234567890123456789\";\r\n"
		  " filename*1=\"01234567890123456789\"\r\n" },
	};

	(void)state;
	check(name, "C", row, countof(row), false);
}

static void
bare(void **state)
{
	struct span list = SPAN(" \"a,b\" <c@d> , e@f,, (x,y) g@h");

	(void)state;
	assert_span(fold_next_address(&list), SPAN("\"a,b\" <c@d>"));
	assert_span(fold_next_address(&list), SPAN("e@f"));
	assert_span(fold_next_address(&list), SPAN("(x,y) g@h"));
	assert_int_equal(fold_next_address(&list).len, 0);
	assert_span(fold_bare_address(SPAN("\"a<b\" <c@d>")), SPAN("c@d"));
	assert_span(fold_bare_address(SPAN("<>")), SPAN(""));
	assert_span(fold_bare_address(SPAN("c@d")), SPAN("c@d"));
	assert_span(fold_bare_address(SPAN("<a@b")), SPAN("a@b"));
}

static void
too_long_is_told(void **state)
{
	char memory[2048], word[1000];
	struct put out = put_init(memory, sizeof memory);
	struct fold fold = { .write = collect, .arg = &out };

	(void)state;
	memset(word, 'x', sizeof word);
	fold_field(&fold, SPAN("References"));
	fold_words(&fold, span_of(word, sizeof word));
	fold_end(&fold);
	assert_true(fold.is_too_long);
	/* as text it can be cut */
	out.len = 0;
	fold.is_too_long = false;
	fold_field(&fold, SPAN("Subject"));
	fold_text(&fold, span_of(word, sizeof word));
	fold_end(&fold);
	assert_false(fold.is_too_long || fold.has_8bit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(texts_in_utf8),
		cmocka_unit_test(addresses),
		cmocka_unit_test(parameters),
		cmocka_unit_test(bare),
		cmocka_unit_test(too_long_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
