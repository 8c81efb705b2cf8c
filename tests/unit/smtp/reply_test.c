/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of every row of replies.def under every persona:
 *
 *  - the reply has the code of its row, on every line, and an end;
 *  - the enhanced code of a native reply is of the class of the code;
 *  - it is ASCII without control octets, whatever the arguments hold;
 *  - no line is longer than 512 octets, the whole fits REPLY_MAX.
 *
 * Seen to catch: an argument written without cleaning, "%n" without its code,
 * an argument cut in the middle of a UTF-8 character. */
#include "../test.h"

#include "smtp/reply.h"

static char memory[REPLY_MAX];

static struct span
format(const struct reply *reply, enum persona persona)
{
	struct put out = put_init(memory, sizeof memory);

	reply_format(reply, persona, &out);
	assert_false(out.full);
	return put_span(&out);
}

static struct span
native(const struct reply *reply)
{
	return format(reply, PERSONA_NATIVE);
}

static void
check_line(struct span line, unsigned code, bool is_last, bool is_ours)
{
	char digits[3];
	struct put out = put_init(digits, sizeof digits);

	put_u64(&out, code);
	assert_true(line.len >= 4 && line.len + 1 <= 512);
	assert_int_equal(line.p[line.len - 1], '\r');
	assert_span(span_first(line, 3), put_span(&out));
	assert_int_equal(line.p[3], is_last ? ' ' : '-');
	for (size_t i = 0; i + 1 < line.len; i++)
		assert_true(line.p[i] >= ' ' && line.p[i] != 127);
	line = span_skip(line, 4);
	/* Exchange says "451 5.7.3"; we do not */
	if (is_ours && line.len > 2 && ascii_is_digit(line.p[0]) &&
	    line.p[1] == '.' &&
	    ascii_is_digit(line.p[2]))
		assert_int_equal(line.p[0], (char)('0' + code / 100));
}

static void
check(enum reply_id id, enum persona persona, struct span arg)
{
	struct span text = format(&(struct reply){ .id = id,
	    .arg = { arg, arg, arg } }, persona);
	unsigned code = reply_code(id, persona);

	assert_true(code >= 214 && code <= 599);
	while (text.len != 0) {
		struct span line = span_cut(&text, '\n');

		check_line(line, code, text.len == 0,
		    persona == PERSONA_NATIVE);
	}
}

static void
every_row(void **state)
{
	static char junk[4096], eights[4096];
	const struct span args[] = { SPAN(""), SPAN("guy@cp.com"),
		SPAN("a\r\n250 OK\r\n"), SPAN("\0\x01\x1b[0m\x7f"),
		{ junk, sizeof junk }, { eights, sizeof eights } };

	(void)state;
	memset(junk, 'x', sizeof junk);
	for (size_t i = 0; i < sizeof eights; i++)
		eights[i] = (char)(i % 2 ? 200 + i % 50 : i % 256);
	for (unsigned id = 0; id < REPLY_COUNT; id++)
		for (unsigned p = 0; p < PERSONA_COUNT; p++)
			for (size_t i = 0; i < countof(args); i++)
				if (i != countof(args) - 1)
					check(id, p, args[i]);
				else	/* holds UTF-8 by chance */
					(void)format(&(struct reply){
					    .id = id, .arg = { args[i] } }, p);
}

/* A persona may choose another code, but not change its mind. */
static void
personas_agree(void **state)
{
	(void)state;
	for (unsigned id = 0; id < REPLY_COUNT; id++) {
		bool is_go = reply_code(id, PERSONA_NATIVE) < 400;

		for (unsigned p = 0; p < PERSONA_COUNT; p++)
			assert_int_equal(reply_code(id, p) < 400, is_go);
	}
}

static void
arguments_are_cleaned(void **state)
{
	char text[600];

	(void)state;
	assert_span(native(REPLY_OF(RCPT_OK, SPAN("a\r\nb\0c\x1b"))),
	    SPAN("250 2.1.5 Recipient a??b?c? OK\r\n"));
	assert_span(native(REPLY_OF(RCPT_OK, SPAN("j\xc3\xbcrgen"))),
	    SPAN("250 2.1.5 Recipient j\xc3\xbcrgen OK\r\n"));
	/* a lone first byte, C1, U+2028, an overlong form */
	assert_span(native(REPLY_OF(RCPT_OK, SPAN("\xc3|\xc2\x85|"
	    "\xe2\x80\xa8|\xc0\x8a"))),
	    SPAN("250 2.1.5 Recipient ?|??|???|?? OK\r\n"));
	/* cut at 256, and not inside of a character */
	memset(text, 'x', sizeof text);
	assert_int_equal(native(REPLY_OF(RCPT_OK, span_of(text,
	    sizeof text))).len, strlen("250 2.1.5 Recipient  OK\r\n") + 256);
	memcpy(text + 255, "\xc3\xbc", 2);
	assert_int_equal(native(REPLY_OF(RCPT_OK, span_of(text,
	    sizeof text))).len, strlen("250 2.1.5 Recipient  OK\r\n") + 255);
}

static void
words_of_personas(void **state)
{
	const struct span guy = SPAN("guy@cp.com");

	(void)state;
	assert_span(format(REPLY_OF(MAIL_OK, guy), PERSONA_IIS6),
	    SPAN("250 2.1.0 guy@cp.com....Sender OK\r\n"));
	assert_span(format(REPLY_OF(RCPT_OK, guy), PERSONA_IIS6),
	    SPAN("250 2.1.5 guy@cp.com \r\n"));
	assert_span(format(REPLY_OF(RCPT_OK, guy), PERSONA_EXCHANGE2007),
	    SPAN("250 2.1.5 Recipient OK\r\n"));
	assert_span(format(REPLY_OF(RCPT_OK, guy), PERSONA_EXCHANGE2010),
	    SPAN("250 2.1.5 Recipient OK\r\n"));
	assert_span(format(REPLY_OF(RCPT_OK, guy), PERSONA_POSTFIX),
	    SPAN("250 2.1.5 Ok\r\n"));
	assert_span(format(REPLY_OF(RCPT_OK, guy), PERSONA_POSTFIX_OLD),
	    SPAN("250 Ok\r\n"));
	/* what it has no words for it says without the enhanced code */
	assert_span(format(REPLY_OF(NEED_RCPT), PERSONA_POSTFIX_OLD),
	    SPAN("503 Error: need RCPT command\r\n"));
	assert_span(format(REPLY_OF(NOT_HTTP), PERSONA_POSTFIX_OLD),
	    SPAN("421 This is a mail server, not a web server; goodbye\r\n"));
	assert_span(format(REPLY_OF(BYE), PERSONA_POSTFIX_OLD),
	    SPAN("221 Bye\r\n"));
	assert_span(format(REPLY_OF(QUEUED, SPAN("308EBE0575E7")),
	    PERSONA_POSTFIX_OLD), SPAN("250 Ok: queued as 308EBE0575E7\r\n"));
	assert_span(format(REPLY_OF(AUTH_OK), PERSONA_EXCHANGE2007),
	    SPAN("235 2.7.0 Authentication successful\r\n"));
	assert_span(format(REPLY_OF(AUTH_OK), PERSONA_IIS6),
	    SPAN("235 2.7.0 Authentication successful\r\n"));
	assert_span(format(REPLY_OF(AUTH_OK), PERSONA_EXCHANGE2003),
	    SPAN("235 2.7.0 Authentication successful.\r\n"));
	assert_span(format(REPLY_OF(MAIL_OK, guy), PERSONA_EXCHANGE2003),
	    SPAN("250 2.1.0 guy@cp.com....Sender OK\r\n"));
	assert_span(format(REPLY_OF(NEED_MAIL), PERSONA_EXCHANGE2003),
	    SPAN("503 5.5.2 Need mail command\r\n"));
	assert_span(format(REPLY_OF(AUTH_BUSY), PERSONA_EXCHANGE2003),
	    SPAN("454 4.7.0 Too many logins at once; try again in a "
		 "minute\r\n"));
	assert_span(format(REPLY_OF(DATA_GO), PERSONA_IIS6),
	    SPAN("354 Start mail input; end with <CRLF>.<CRLF>\r\n"));
}

static void
lines(void **state)
{
	(void)state;
	assert_span(native(REPLY_OF(HELP, SPAN("QUIT"))),
	    SPAN("214-2.0.0 Commands: QUIT\r\n"
		 "214 2.0.0 HELP and one of them tells more\r\n"));
	assert_span(format(REPLY_OF(HELP), PERSONA_EXCHANGE2010),
	    SPAN("214-This server supports the following commands:\r\n"
		 "214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH "
		 "BDAT\r\n"));
}

static void
names(void **state)
{
	(void)state;
	for (unsigned id = 0; id < REPLY_COUNT; id++)
		assert_int_equal(reply_from_name(span_str(
		    reply_name((enum reply_id)id))), id);
	assert_int_equal(reply_from_name(SPAN("AUTH_FAILE")), REPLY_COUNT);
	assert_int_equal(reply_from_name(SPAN("")), REPLY_COUNT);
	for (unsigned p = 0; p < PERSONA_COUNT; p++)
		assert_int_equal(persona_from_name(span_str(
		    persona_name((enum persona)p))), p);
	assert_int_equal(persona_from_name(SPAN("sendmail")), PERSONA_COUNT);
	assert_true(reply_is_positive(REPLY_DATA_GO));
	assert_false(reply_is_positive(REPLY_STORE_FULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(personas_agree),
		cmocka_unit_test(arguments_are_cleaned),
		cmocka_unit_test(words_of_personas),
		cmocka_unit_test(lines),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
