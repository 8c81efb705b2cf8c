/* SPDX-License-Identifier: Apache-2.0 */
/* sendmail_header: addresses as programs write them, and what is taken out of
 * a header. Seen to catch: a comma inside quotes; a folded Bcc of which the
 * second line was sent on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/put.h"
#include "ehlo/sendmail_header.h"

static char memory[4096];

static void
note(void *arg, struct span address)
{
	struct put *out = arg;

	put_char(out, '[');
	put_bytes(out, address);
	put_char(out, ']');
}

static void
addresses(void **state)
{
	static const struct {
		const char *value, *wanted;
	} cases[] = {
		{ "", "" }, { " , ,, ", "" }, { "a@b", "[a@b]" },
		{ "a@b,c@d", "[a@b][c@d]" },
		{ "Anna <a@b>, <c@d> , e@f", "[a@b][c@d][e@f]" },
		{ "\"x, y\" <a@b>", "[a@b]" },
		{ "\"x \\\", y\" <a@b>, c@d", "[a@b][c@d]" },
		{ "\"a b\"@c.example", "[\"a b\"@c.example]" },
		{ "a@b (c, d (e, f) g), h@i", "[a@b][h@i]" },
		{ "a@b (\\) c@d), e@f", "[a@b][e@f]" },
		{ "group: a@b, c@d;, e@f", "[a@b][c@d][e@f]" },
		{ "nobody:;", "" }, { "a@b,\r\n\tc@d\r\n", "[a@b][c@d]" },
		{ "a @ b", "[a@b]" }, { "root", "[root]" },
		{ "<a@b", "[a@b]" }, { "\"never ends", "[\"never ends]" },
		{ "(never ends", "" }, { "a@b \\", "[a@b\\]" },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct put out = put_init(memory, sizeof memory);

		header_addresses(span_str(cases[i].value), note, &out);
		if (strcmp(put_cstr(&out), cases[i].wanted) != 0)
			fail_msg("%s: got %s, expected %s", cases[i].value,
			    memory, cases[i].wanted);
	}
}

static void
headers(void **state)
{
	static const struct {
		const char *text, *kept, *rcpts;
		size_t len;
		bool has_from;
	} cases[] = {
		{ "To: a@b\nBcc: c@d,\n e@f\nSubject: x\n\nBcc: g@h\n",
		    "To: a@b\nSubject: x\n", "[a@b][c@d][e@f]", 34, false },
		{ "from : x\r\nCC:a@b\r\n\r\n", "from : x\r\nCC:a@b\r\n",
		    "[a@b]", 18, true },
		{ "no header\n", "", "", 0, false },
		{ "To: a@b", "To: a@b", "[a@b]", 7, false },
		{ "", "", "", 0, false },
		{ "To: a@b\nno field\nTo: c@d\n", "To: a@b\n", "[a@b]", 8,
		    false },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct put out = put_init(memory, sizeof memory);
		struct header_parts parts;
		struct buf kept;

		buf_init(&kept, 10000);
		assert_int_equal(header_take(span_str(cases[i].text), &kept,
		    note, &out, &parts), 0);
		assert_true(span_eq(buf_span(&kept),
		    span_str(cases[i].kept)));
		assert_string_equal(put_cstr(&out), cases[i].rcpts);
		assert_int_equal(parts.header_len, cases[i].len);
		assert_int_equal(parts.has_from, cases[i].has_from);
		buf_free(&kept);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
