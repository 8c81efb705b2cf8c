/* SPDX-License-Identifier: Apache-2.0 */
/* data: the end of data and nothing that looks like it. */
#include "../test.h"

#include "data_model.h"

#define MEMORY 8192

static struct data_result
run(struct span in, bool is_lf_only, size_t first, size_t step, char *memory)
{
	struct data_result result = { .out = put_init(memory, MEMORY) };

	data_run(in, is_lf_only, first, step, &result);
	assert_false(result.out.full);
	return result;
}

static void
assert_same(struct span in, const struct data_result *got,
    const struct data_result *want)
{
	if (span_eq(put_span(&got->out), put_span(&want->out)) &&
	    got->is_end == want->is_end && got->flaws == want->flaws &&
	    got->is_lf_only == want->is_lf_only &&
	    (!got->is_end || got->used == want->used))
		return;
	test_print("input   ", in);
	test_print("got     ", put_span(&got->out));
	test_print("expected", put_span(&want->out));
	print_error("end %d/%d used %zu/%zu flaws %u/%u lf-only %d/%d\n",
	    got->is_end, want->is_end, got->used, want->used, got->flaws,
	    want->flaws, got->is_lf_only, want->is_lf_only);
	fail();
}

/* CR and LF as CRLF only. */
static bool
is_safe(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool is_pair = text.p[i] == '\r' && i + 1 < text.len &&
		    text.p[i + 1] == '\n';

		if (is_pair)
			i++;
		else if (text.p[i] == '\r' || text.p[i] == '\n')
			return false;
	}
	return true;
}

/* What came out, stuffed and sent on, comes out again and has one end. */
static void
assert_survives(struct span text)
{
	char stuffed[MEMORY], again[MEMORY];
	struct put wire = put_init(stuffed, sizeof stuffed);
	struct data_result result;
	bool is_lines = text.len == 0 || text.p[text.len - 1] == '\n';

	data_stuff(text, &wire);
	put_str(&wire, is_lines ? ".\r\n" : "\r\n.\r\n");
	assert_false(wire.full);
	result = run(put_span(&wire), false, MEMORY, MEMORY, again);
	assert_true(result.is_end);
	assert_int_equal(result.used, wire.len);
	assert_int_equal(result.flaws & (DATA_BARE_CR | DATA_BARE_LF), 0);
	if (!is_lines)
		result.out.len -= 2;
	assert_span(put_span(&result.out), text);
}

static void
check(struct span in, bool is_lf_only)
{
	char memory[2][MEMORY];
	struct data_result want = { .out = put_init(memory[0], MEMORY) };
	struct data_result got;

	data_model(in, is_lf_only, &want);
	assert_false(want.out.full);
	got = run(in, is_lf_only, in.len, in.len, memory[1]);
	assert_same(in, &got, &want);
	got = run(in, is_lf_only, 1, 1, memory[1]);
	assert_same(in, &got, &want);
	for (size_t cut = 1; cut < in.len; cut++) {
		got = run(in, is_lf_only, cut, in.len, memory[1]);
		assert_same(in, &got, &want);
	}
	assert_true(is_safe(put_span(&want.out)));
	assert_survives(put_span(&want.out));
}

/* Seen to catch: DOT taking LF for the end in strict mode
 * (smtp-data-lf-dot-lf), a bare LF leading to BOL in strict mode
 * (smtp-data-lf-is-line), the CR of DOT_CR forgotten, "LF . CRLF" ending
 * LF-only data. */
static void
every_short_input(void **state)
{
	static const char letter[] = { '\r', '\n', '.', 'a', '\0' };
	char text[7];
	size_t n = 1;

	(void)state;
	for (size_t len = 0; len <= sizeof text; len++) {
		for (size_t i = 0; i < n; i++) {
			size_t rest = i;

			for (size_t j = 0; j < len; j++) {
				text[j] = letter[rest % countof(letter)];
				rest /= countof(letter);
			}
			check(span_of(text, len), false);
			check(span_of(text, len), true);
		}
		n *= countof(letter);
	}
}

/* Long enough for runs, windows and long lines. Seen to catch: line_len not
 * reset at the end of a line. */
static void
random_inputs(void **state)
{
	static const char *const word[] = { "\r\n", "\r\n", "\n", "\r", ".",
		"..", "\r\n.", "\r\n..", "text", "\xc3\xa9", "Subject: x",
		"\n.\n", "\r\n.\r" };
	static char longest[1020];
	uint64_t seed = 4711;

	(void)state;
	memset(longest, 'x', sizeof longest);
	for (int round = 0; round < 3000; round++) {
		char text[4000];
		struct put out = put_init(text, sizeof text);
		unsigned words = (unsigned)(test_random(&seed) % 40);

		for (unsigned i = 0; i < words; i++) {
			uint64_t r = test_random(&seed) % (countof(word) + 2);

			if (r < countof(word))
				put_str(&out, word[r]);
			else if (r == countof(word))
				put_char(&out, '\0');
			else if (round % 10 == 0)
				put_bytes(&out, span_of(longest,
				    test_random(&seed) % sizeof longest));
		}
		if (round % 10 == 0 && out.len > 500) {
			char memory[2][MEMORY];
			struct data_result want = { .out = put_init(memory[0],
			    MEMORY) };
			struct data_result got;
			size_t step = 1 + test_random(&seed) % 100;

			data_model(put_span(&out), round % 20 == 0, &want);
			got = run(put_span(&out), round % 20 == 0, step, step,
			    memory[1]);
			assert_same(put_span(&out), &got, &want);
			got = run(put_span(&out), round % 20 == 0, MEMORY,
			    MEMORY, memory[1]);
			assert_same(put_span(&out), &got, &want);
		} else {
			check(put_span(&out), round % 2 == 0);
		}
	}
}

/* What has been taken for CRLF "." CRLF by somebody, somewhere. */
static void
look_alikes(void **state)
{
	static const struct span look[] = {
		{ "\n.\n", 3 }, { "\n.\r\n", 4 }, { "\r\n.\n", 4 },
		{ "\r.\r", 3 }, { "\r.\r\n", 4 }, { "\r\n.\r", 4 },
		{ "\r.\n", 3 }, { "\n.\r", 3 }, { "\n\n.\n\n", 5 },
		{ "\r\r.\r\r", 5 }, { "\r\n.\r\r\n", 6 },
		{ "\r\r\n.\r\r\n", 7 }, { "\n\r.\n\r", 5 },
		{ "\r\n.\0\r\n", 6 }, { "\r\n\0.\r\n", 6 },
		{ "\r\0\n.\r\n", 6 }, { "\r\n.\r\0\n", 6 },
		{ "\0.\0", 3 }, { "\n\0.\r\n", 5 }, { "\r\n. \r\n", 6 },
		{ "\r\n .\r\n", 6 }, { "\r\n.\t\r\n", 6 },
		{ "\r\n..\r\n", 6 }, { "\v.\v", 3 }, { "\f.\f", 3 },
		{ "\x85.\x85", 3 }, { "\xc2\x85.\xc2\x85", 5 },
		{ "\xe2\x80\xa8.\xe2\x80\xa8", 7 },
		{ "\xe2\x80\xa9.\xe2\x80\xa9", 7 },
		{ "\r\n\xae\r\n", 5 }, { "\x8d\x8a.\x8d\x8a", 5 },
		{ "\x8d\x8a\xae\x8d\x8a", 5 },
		{ "\xc0\x8d\xc0\x8a.\xc0\x8d\xc0\x8a", 9 },
		{ "\r\n\xc0\xae\r\n", 6 }, { "\r\n\xef\xbc\x8e\r\n", 7 },
		{ "\r\n\xe3\x80\x82\r\n", 7 }, { "\r\n.\\r\\n", 7 },
		{ "\x1e.\x1e", 3 }, { "\r\n.\b\r\n", 6 },
		{ "\r\n.\x7f\r\n", 6 }, { "\r\n\x1b.\r\n", 6 },
		{ "\r\n.=0D=0A", 9 },
	};
	char memory[MEMORY], text[256];

	(void)state;
	for (size_t i = 0; i < countof(look); i++) {
		struct put out = put_init(text, sizeof text);
		struct data_result result;
		size_t at;

		put_str(&out, "Subject: x\r\n\r\ntext");
		put_bytes(&out, look[i]);
		put_str(&out, "MAIL FROM:<a@b>\r\nmore");
		at = out.len;
		put_str(&out, "\r\n.\r\nQUIT\r\n");
		for (size_t cut = 1; cut < out.len; cut++) {
			result = run(put_span(&out), false, cut, out.len,
			    memory);
			assert_true(result.is_end);
			assert_int_equal(result.used, at + 5);
			assert_true(is_safe(put_span(&result.out)));
		}
	}
}

static void
expect(struct span in, bool is_lf_only, struct span want, bool is_end,
    unsigned flaws)
{
	char memory[MEMORY];
	struct data_result result = run(in, is_lf_only, MEMORY, MEMORY, memory);

	assert_span(put_span(&result.out), want);
	assert_int_equal(result.is_end, is_end);
	assert_int_equal(result.flaws, flaws);
}

static void
examples(void **state)
{
	(void)state;
	/* the first line may be the end: the CRLF was that of DATA */
	expect(SPAN(".\r\n"), false, SPAN(""), true, 0);
	expect(SPAN("a\r\n.\r\nQUIT"), false, SPAN("a\r\n"), true, 0);
	expect(SPAN("..\r\n...\r\n.a\r\n"), false, SPAN(".\r\n..\r\na\r\n"),
	    false, 0);
	expect(SPAN("a\n..b\r\n"), false, SPAN("a\r\n..b\r\n"), false,
	    DATA_BARE_LF);
	expect(SPAN("x\ry\r\n"), false, SPAN("xy\r\n"), false, DATA_BARE_CR);
	expect(SPAN("x\r\r\n"), false, SPAN("x\r\n"), false, DATA_BARE_CR);
	expect(SPAN("a\0b"), false, SPAN("a\0b"), false, DATA_NUL);
	expect(SPAN("\xe4"), false, SPAN("\xe4"), false, DATA_8BIT);
	/* nc and openssl s_client */
	expect(SPAN("a\n\n..b\n.\nquit\n"), true, SPAN("a\r\n\r\n.b\r\n"),
	    true, DATA_BARE_LF);
	expect(SPAN(".\n"), true, SPAN(""), true, DATA_BARE_LF);
	/* one CRLF ends LF-only mode */
	expect(SPAN("a\r\nb\n.\nc\r\n.\r\n"), true,
	    SPAN("a\r\nb\r\n.\r\nc\r\n"), true, DATA_BARE_LF);
	expect(SPAN("a\n.\r\nb\r\n.\r\n"), true, SPAN("a\r\n.\r\nb\r\n"), true,
	    DATA_BARE_LF);
	expect(SPAN(".\r\n"), true, SPAN(".\r\n"), false, 0);
}

/* 998 octets are taken, 999 noted; the stuffed dot does not count
 * (RFC 5321 4.5.3.1.6). */
static void
long_lines(void **state)
{
	char text[1010], memory[MEMORY];

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t len = 996; len < 1001; len++) {
		struct data_result result;

		text[len] = '\r';
		text[len + 1] = '\n';
		text[0] = 'x';
		result = run(span_of(text, len + 2), false, 100, 7, memory);
		assert_int_equal(result.flaws, len > 998 ? DATA_LONG_LINE : 0);
		text[0] = '.';
		result = run(span_of(text, len + 2), false, 1, 1000, memory);
		assert_int_equal(result.flaws, len > 999 ? DATA_LONG_LINE : 0);
		text[len] = text[len + 1] = 'x';
	}
}

/* Plain text passes in slices as large as the pieces it came in. */
static void
runs_are_whole(void **state)
{
	char text[4096];
	struct put out = put_init(text, sizeof text);
	struct data_reader reader;
	struct span slice;
	size_t used;

	(void)state;
	while (!out.full)
		put_str(&out, "A line of text like any other, a bit "
		    "longer\r\n");
	data_init(&reader, false);
	assert_false(data_next(&reader, put_span(&out), &slice, &used));
	assert_int_equal(used, out.len);
	assert_ptr_equal(slice.p, text);
	assert_int_equal(slice.len, out.len);
	assert_int_equal(reader.total, out.len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(look_alikes),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(runs_are_whole),
		cmocka_unit_test(every_short_input),
		cmocka_unit_test(random_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
