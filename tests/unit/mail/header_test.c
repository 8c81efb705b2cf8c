/* SPDX-License-Identifier: Apache-2.0 */
/* header: every example is read whole, octet by octet and cut in two at every
 * place; all must give the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "mail/header.h"

#define DATE "Date: Sat, 21 Nov 2026 06:37:03 +0000"
#define ID   "Message-ID: <2222222222233@mail.example.org>"
#define FROM "From: <guyt@example.org>"
#define ALL  DATE "\r\n" ID "\r\n" FROM "\r\n"

static struct header_reader reader;
static struct buf out;
static bool mends;

static void
start(void)
{
	memset(&reader, 0xa5, sizeof reader);	/* init sets what counts */
	if (mends)
		header_init(&reader, SPAN(DATE), SPAN(ID), SPAN(FROM));
	else
		header_init(&reader, SPAN(""), SPAN(""), SPAN(""));
	buf_clear(&out);
}

/* As a session does: a copy of the piece, exactly as long, and nothing kept. */
static void
feed(struct span piece)
{
	char *copy = malloc(piece.len ? piece.len : 1);
	struct span in = span_of(copy, piece.len), slice;
	size_t used;

	memcpy(copy, piece.p, piece.len);
	do {
		slice = header_next(&reader, in, &used);
		assert_int_equal(buf_append(&out, slice), 0);
		in = span_skip(in, used);
	} while (in.len != 0 || slice.len != 0);
	free(copy);
}

static void
finish(void)
{
	struct span slice;

	while ((slice = header_end(&reader)).len != 0)
		assert_int_equal(buf_append(&out, slice), 0);
}

static void
assert_out(const char *expected)
{
	assert_int_equal(buf_append(&out, span_of("", 1)), 0);
	assert_string_equal(buf_span(&out).p, expected);
}

/* Seen to catch: a line held in two pieces given out behind the additions;
 * the CR of the empty line lost where the cut is between CR and LF. */
static void
check(const char *text, const char *expected)
{
	struct span in = span_str(text);
	struct header_reader whole;

	start();
	feed(in);
	finish();
	assert_out(expected);
	whole = reader;
	for (size_t cut = 0; cut <= in.len + 1; cut++) {
		start();
		if (cut <= in.len) {
			feed(span_first(in, cut));
			feed(span_skip(in, cut));
		} else {
			for (size_t i = 0; i < in.len; i++)
				feed(span_first(span_skip(in, i), 1));
		}
		finish();
		assert_out(expected);
		assert_int_equal(reader.seen, whole.seen);
		assert_int_equal(reader.flaws, whole.flaws);
		assert_int_equal(reader.fields_n, whole.fields_n);
		assert_int_equal(reader.received_n, whole.received_n);
		assert_int_equal(reader.size, whole.size);
		assert_string_equal(reader.message_id, whole.message_id);
		assert_string_equal(reader.tls_required, whole.tls_required);
		assert_true(reader.is_done);
	}
}

static int
setup_mending(void **state)
{
	(void)state;
	mends = true;
	buf_init(&out, 64 << 20);
	return 0;
}

static int
setup_plain(void **state)
{
	(void)setup_mending(state);
	mends = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void
test_whole_header_is_left_alone(void **state)
{
	const char *text = "From: a@b\r\nDate: now\r\nMessage-Id: <x@y>\r\n"
	    "\r\nBody: no field\r\n\r\nFrom: b\r\n";

	(void)state;
	check(text, text);
	assert_int_equal(reader.seen,
	    HEADER_FROM | HEADER_DATE | HEADER_MESSAGE_ID);
	assert_string_equal(reader.message_id, "<x@y>");
	assert_int_equal(reader.fields_n, 3);
	assert_int_equal(reader.flaws, 0);
	assert_int_equal(reader.size, 11 + 11 + 19 + 2);
}

/* dialogues 9 */
static void
test_one_line_without_header(void **state)
{
	(void)state;
	check("Please send cheque soonest\r\n",
	    ALL "\r\nPlease send cheque soonest\r\n");
	check("ok\r\n", ALL "\r\nok\r\n");
	check("ok", ALL "\r\nok");
}

/* dialogues 37 */
static void
test_text_follows_at_once(void **state)
{
	(void)state;
	check("subject: Test OpenSSL Mail-Enabled User\r\n"
	    "Test from mail-enabled user\r\n",
	    "subject: Test OpenSSL Mail-Enabled User\r\n" ALL "\r\n"
	    "Test from mail-enabled user\r\n");
	assert_int_equal(reader.seen, HEADER_SUBJECT);
}

/* dialogues 46 */
static void
test_no_space_behind_the_colon(void **state)
{
	(void)state;
	check("from: x\r\nto: y\r\nsubject:test\r\nHello there \r\n\r\nbye\r\n",
	    "from: x\r\nto: y\r\nsubject:test\r\n" DATE "\r\n" ID "\r\n\r\n"
	    "Hello there \r\n\r\nbye\r\n");
	assert_int_equal(reader.seen,
	    HEADER_FROM | HEADER_TO | HEADER_SUBJECT);
	assert_int_equal(reader.fields_n, 3);
}

static void
test_obsolete_space_before_the_colon(void **state)
{
	(void)state;
	check("DATE \t : x\r\nMESSAGE-ID : <i@d>\r\nFrom : a\r\n\r\n",
	    "DATE \t : x\r\nMESSAGE-ID : <i@d>\r\nFrom : a\r\n\r\n");
	assert_string_equal(reader.message_id, "<i@d>");
}

static void
test_folded_fields(void **state)
{
	(void)state;
	check("Message-ID:\r\n <a.\r\n\tb@c>\r\nSubject: x\r\n y: z\r\n \r\n"
	    "\r\n text",
	    "Message-ID:\r\n <a.\r\n\tb@c>\r\nSubject: x\r\n y: z\r\n \r\n"
	    DATE "\r\n" FROM "\r\n\r\n text");
	assert_int_equal(reader.fields_n, 2);
	assert_string_equal(reader.message_id, "<a.b@c>");
}

static void
test_what_is_no_field(void **state)
{
	static const char *const line[] = {
		"From guy@cp.com Sat Nov 21 06:37:03 2026",
		": x", " To: x", "\tTo: x", "To\x01: x",
		"T\xc3\xb6: x", "To\r: x", "\rTo: x", "\r",
		"Dear John, I say: no",
	};

	(void)state;
	for (size_t i = 0; i < countof(line); i++) {
		char in[256], expected[512];

		snprintf(in, sizeof in, "%s\r\nTo: y\r\n\r\n", line[i]);
		snprintf(expected, sizeof expected, ALL "\r\n%s", in);
		check(in, expected);
		assert_int_equal(reader.seen, 0);
	}
}

static void
test_empty_first_line(void **state)
{
	(void)state;
	check("\r\nFrom: no\r\n", ALL "\r\nFrom: no\r\n");
	check("\r\n", ALL "\r\n");
	check("", ALL "\r\n");
}

static void
test_header_only(void **state)
{
	(void)state;
	check("Subject: x\r\n", "Subject: x\r\n" ALL "\r\n");
	check("Subject: x", "Subject: x\r\n" ALL "\r\n");
	check("Subject: x\r\n\r\n", "Subject: x\r\n" ALL "\r\n");
	check("Subject", ALL "\r\nSubject");
	check("A: b\r\n\r", "A: b\r\n" ALL "\r\n\r");
}

static void
test_without_mending(void **state)
{
	(void)state;
	check("Subject: x\r\n\r\ntext\r\n", "Subject: x\r\n\r\ntext\r\n");
	check("Subject: x\r\ntext\r\n", "Subject: x\r\n\r\ntext\r\n");
	check("text", "\r\ntext");
	check("", "\r\n");
}

/* One that is too long to be known is no field, in whatever pieces. */
static void
test_long_names(void **state)
{
	char in[512], expected[1024];

	(void)state;
	for (int n = 120; n < 140; n++) {
		snprintf(in, sizeof in, "A: b\r\n%0*d: x\r\n\r\n", n, 0);
		snprintf(expected, sizeof expected,
		    n < 128 ? "%.6s%s" : "%.6s\r\n%s", in, in + 6);
		check(in, expected);
	}
}

/* Loops end by this count (RFC 5321 6.3). Seen to catch: counting on in the
 * body; "Received-SPF" counted too. */
static void
test_received_are_counted(void **state)
{
	const char *text = "Received: from a\r\n\tReceived: b\r\n"
	    "RECEIVED: c\r\nReceived-SPF: pass\r\nreceived : d\r\n\r\n"
	    "Received: e\r\n";

	(void)state;
	check(text, text);
	assert_int_equal(reader.received_n, 3);
	assert_int_equal(reader.fields_n, 4);
}

static void
test_from_twice(void **state)
{
	(void)state;
	check("From: a\r\nfrom : b\r\n\r\n", "From: a\r\nfrom : b\r\n\r\n");
	assert_int_equal(reader.flaws, HEADER_FROM_TWICE);
}

static void
test_too_many_fields(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < HEADER_FIELDS_MAX; i++)
		feed(SPAN("a: b\r\n"));
	assert_int_equal(reader.flaws, 0);
	feed(SPAN("a: b\r\n"));
	assert_int_equal(reader.flaws, HEADER_TOO_MANY);
	assert_int_equal(reader.fields_n, HEADER_FIELDS_MAX + 1);
}

static void
test_too_big(void **state)
{
	char line[1024];

	(void)state;
	memset(line, 'x', sizeof line);
	start();
	feed(SPAN("a:"));
	for (size_t n = 2; n + sizeof line <= HEADER_SIZE_MAX;
	    n += sizeof line)
		feed(span_of(line, sizeof line));
	assert_int_equal(reader.flaws, 0);
	feed(span_of(line, sizeof line));
	assert_int_equal(reader.flaws, HEADER_TOO_BIG);
	/* a large body is no large header */
	start();
	feed(SPAN("a: b\r\n\r\n"));
	for (size_t n = 0; n < 2 * HEADER_SIZE_MAX; n += sizeof line)
		feed(span_of(line, sizeof line));
	assert_int_equal(reader.flaws, 0);
	assert_int_equal(reader.size, 8);
}

static void
test_message_id_is_cut(void **state)
{
	char long_id[1024];

	(void)state;
	memset(long_id, 'i', sizeof long_id);
	start();
	feed(SPAN("Message-ID: "));
	feed(span_of(long_id, sizeof long_id));
	feed(SPAN("\r\nMessage-ID: <second>\r\n\r\n"));
	assert_int_equal(reader.message_id_len, sizeof reader.message_id - 1);
	assert_int_equal(strlen(reader.message_id), reader.message_id_len);
	assert_null(strchr(reader.message_id, '<'));
}

/* RFC 8689 3; the first one counts. */
static void
test_tls_required(void **state)
{
	static const struct {
		const char *field, *value;
	} row[] = {
		{ "TLS-Required: No\r\n", "No" },
		{ "tls-required:\r\n\tno \r\n", "no" },
		{ "TLS-Required: Yes\r\nTLS-Required: No\r\n", "Yes" },
		{ "TLS-Required: none of it\r\n", "noneofi" },
		{ "X-TLS-Required: No\r\nTLS-Required-X: No\r\n", "" },
		{ "TLS-Required:\r\nTo: No\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char text[128];

		snprintf(text, sizeof text, "Message-ID: <x@y>\r\n%s\r\n"
		    "TLS-Required: No\r\n", row[i].field);
		check(text, text);
		assert_string_equal(reader.tls_required, row[i].value);
		assert_string_equal(reader.message_id, "<x@y>");
		buf_clear(&out);
	}
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, setup_plain, teardown)
#define MENDING(test) \
	cmocka_unit_test_setup_teardown(test, setup_mending, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MENDING(test_whole_header_is_left_alone),
		MENDING(test_one_line_without_header),
		MENDING(test_text_follows_at_once),
		MENDING(test_no_space_behind_the_colon),
		MENDING(test_obsolete_space_before_the_colon),
		MENDING(test_folded_fields),
		MENDING(test_what_is_no_field),
		MENDING(test_empty_first_line),
		MENDING(test_header_only),
		PLAIN(test_without_mending),
		PLAIN(test_long_names),
		PLAIN(test_received_are_counted),
		PLAIN(test_from_twice),
		PLAIN(test_too_many_fields),
		PLAIN(test_too_big),
		PLAIN(test_message_id_is_cut),
		PLAIN(test_tls_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
