/* SPDX-License-Identifier: Apache-2.0 */
/* answer: replies as servers really give them, good and odd, cut anywhere. */
#include "../test.h"

#include <string.h>

#include "smtp/answer.h"

static struct answer answer;

/* Feeds `in` in pieces of `step` octets (what is not taken comes again). */
static enum answer_result
read_cut(struct answer_reader *reader, struct span in, size_t step,
    size_t *used_all)
{
	size_t done = 0, seen = 0;

	for (;;) {
		size_t used;
		enum answer_result result = answer_next(reader,
		    span_of(in.p + done, seen - done), &answer, &used);

		done += used;
		*used_all = done;
		if (result != ANSWER_MORE || seen == in.len)
			return result;
		seen = in.len - seen < step ? in.len : seen + step;
	}
}

static enum answer_result
read_all(const char *text, size_t step, size_t *used)
{
	struct answer_reader reader;

	answer_init(&reader, &answer);
	return read_cut(&reader, span_str(text), step, used);
}

struct row {
	const char *in;
	unsigned code, flaws, lines;
	uint16_t status[3];
	const char *text;
};

static const struct row good[] = {
	{ "250 ok\r\n", 250, 0, 1, { 0 }, "ok" },
	{ "250 2.1.0 fine\r\n", 250, 0, 1, { 2, 1, 0 }, "2.1.0 fine" },
	{ "550 5.7.606 Access denied\r\n", 550, 0, 1, { 5, 7, 606 },
	    "5.7.606 Access denied" },
	{ "250-x\r\n250-SIZE 1000\r\n250 HELP\r\n", 250, 0, 3, { 0 },
	    "x\nSIZE 1000\nHELP" },
	{ "354\r\n", 354, ANSWER_NO_TEXT, 1, { 0 }, "" },
	{ "250 \r\n", 250, 0, 1, { 0 }, "" },
	{ "250-a\n250 b\n", 250, ANSWER_BARE_LF, 2, { 0 }, "a\nb" },
	{ "250-a\r\n550 5.1.1 b\r\n", 550, ANSWER_MIXED_CODES, 2,
	    { 5, 1, 1 }, "a\n5.1.1 b" },
	{ "220 \x1b[2J\r\n", 220, ANSWER_CONTROL, 1, { 0 }, "\x1b[2J" },
	{ "220 gr\xc3\xbc\xc3\x9f\r\n", 220, ANSWER_8BIT, 1, { 0 },
	    "gr\xc3\xbc\xc3\x9f" },
	{ "250 3.1.0 no class\r\n", 250, 0, 1, { 0 }, "3.1.0 no class" },
	{ "250 2.1 short\r\n", 250, 0, 1, { 0 }, "2.1 short" },
	{ "250 2.1.1234 long\r\n", 250, 0, 1, { 0 }, "2.1.1234 long" },
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		for (size_t step = 1; step < 12; step++) {
			size_t used;

			assert_int_equal(read_all(good[i].in, step, &used),
			    ANSWER_OK);
			assert_int_equal(used, strlen(good[i].in));
			assert_int_equal(answer.code, good[i].code);
			assert_int_equal(answer.flaws, good[i].flaws);
			assert_int_equal(answer.n_lines, good[i].lines);
			assert_memory_equal(answer.status, good[i].status,
			    sizeof answer.status);
			assert_span(answer_text(&answer),
			    span_str(good[i].text));
		}
}

static void
test_bad(void **state)
{
	static const char *const bad[] = { "hello\r\n", "\r\n", "25 x\r\n",
		"199 x\r\n", "600 x\r\n", "250_x\r\n", "25O x\r\n",
		"250-a\r\nSIZE\r\n", " 250 x\r\n", "-250 x\r\n" };

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		for (size_t step = 1; step < 9; step++) {
			size_t used;

			assert_int_equal(read_all(bad[i], step, &used),
			    ANSWER_BAD);
		}
}

/* Two answers in one read: the first is told, the second left. */
static void
test_two(void **state)
{
	struct answer_reader reader;
	struct span in = SPAN("250 one\r\n550 two\r\n");
	size_t used;

	(void)state;
	answer_init(&reader, &answer);
	assert_int_equal(answer_next(&reader, in, &answer, &used), ANSWER_OK);
	assert_span(answer_text(&answer), SPAN("one"));
	in = span_skip(in, used);
	assert_int_equal(answer_next(&reader, in, &answer, &used), ANSWER_OK);
	assert_int_equal(answer.code, 550);
	assert_span(answer_text(&answer), SPAN("two"));
	assert_int_equal(used, in.len);
}

/* What listens at a wrong port is named. */
static void
test_stranger(void **state)
{
	static const char *const row[][2] = {
		{ "SSH-2.0-OpenSSH_9.2\r\n", "SSH" },
		{ "* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP" },
		{ "+OK ready\r\n", "POP3" },
		{ "HTTP/1.1 400 Bad Request\r\n", "web server" },
		{ "hello\r\n", "a line without a reply code" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct answer_reader reader;
		size_t used;

		answer_init(&reader, &answer);
		assert_int_equal(answer_next(&reader, span_str(row[i][0]),
		    &answer, &used), ANSWER_BAD);
		assert_non_null(strstr(reader.why, row[i][1]));
	}
}

/* Promise 2: nothing grows, and it ends. */
static void
test_endless(void **state)
{
	struct answer_reader reader;
	char line[ANSWER_LINE_MAX + 100];
	size_t used, n = 0;

	(void)state;
	answer_init(&reader, &answer);
	while (answer_next(&reader, SPAN("250-more\r\n"), &answer, &used) ==
	    ANSWER_MORE)
		assert_true(++n < 2 * ANSWER_LINES_MAX);
	assert_non_null(reader.why);

	memset(line, 'x', sizeof line);
	memcpy(line, "250 ", 4);
	answer_init(&reader, &answer);
	assert_int_equal(answer_next(&reader, span_of(line, sizeof line),
	    &answer, &used), ANSWER_BAD);
}

static void
test_cut_text(void **state)
{
	struct answer_reader reader;
	char line[3000];
	size_t used;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "250-", 4);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	answer_init(&reader, &answer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(answer_next(&reader, span_of(line,
		    sizeof line), &answer, &used), ANSWER_MORE);
	assert_int_equal(answer_next(&reader, SPAN("250 5.0.0\r\n"), &answer,
	    &used), ANSWER_OK);
	assert_true(answer.is_cut);
	assert_int_equal(answer.len, ANSWER_TEXT_MAX);
	assert_int_equal(answer.n_lines, 4);
	assert_int_equal(answer_line(&answer, 0).len, sizeof line - 6);
	assert_int_equal(answer_line(&answer, 3).len, 0);
}

static void
test_lines(void **state)
{
	size_t used;

	(void)state;
	assert_int_equal(read_all("250-a\r\n250-\r\n250 c\r\n", 100, &used),
	    ANSWER_OK);
	assert_span(answer_line(&answer, 0), SPAN("a"));
	assert_span(answer_line(&answer, 1), SPAN(""));
	assert_span(answer_line(&answer, 2), SPAN("c"));
	assert_span(answer_line(&answer, 3), SPAN(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_cut_text),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
