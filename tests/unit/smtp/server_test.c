/* SPDX-License-Identifier: Apache-2.0 */
/* What the dialogues of tests/dlg cannot write down: look-alikes of the end of
 * data by the hundred, lines at their limits, secrets in the transcript, the
 * end that the caller makes.
 *
 * Seen to catch: LF "." LF taken as the end, a limit off by one, a response
 * shown once it was too long, an answer after the close that moved the mode. */
#include "../test.h"

#include <stdlib.h>

#include "drive.h"

static struct drive drive;

static void
start(const struct smtp_server_conf *conf, bool is_tls)
{
	drive_init(&drive, conf, SPAN("192.0.2.7"), is_tls);
}

static void
end(void)
{
	if (drive.broken != NULL)
		fail_msg("broken promise: %s", drive.broken);
	drive_free(&drive);
}

static void
feed(const char *text)
{
	drive_feed(&drive, span_str(text));
}

static bool
has(struct span text, struct span part)
{
	for (; text.len >= part.len; text = span_skip(text, 1))
		if (span_starts(text, part))
			return true;
	return false;
}

static bool
is_said(const char *part)
{
	return has(buf_span(&drive.said), span_str(part));
}

/* Forgets what was said so far. */
static void
hush(void)
{
	buf_clear(&drive.said);
}

#define ENVELOPE                                                               \
	"EHLO client.example.org\r\nMAIL FROM:<a@example.org>\r\n"             \
	"RCPT TO:<b@example.org>\r\nDATA\r\n"
#define INNER                                                                  \
	"MAIL FROM:<evil@example.org>\r\nRCPT TO:<b@example.org>\r\n"          \
	"DATA\r\ninner\r\n.\r\nQUIT\r\n"

/* One session with the look-alike in it, cut at `cut`. */
static void
smuggle(const struct smtp_server_conf *conf, struct span session, size_t cut)
{
	bool is_kept;

	start(conf, false);
	drive_feed(&drive, span_first(session, cut));
	drive_feed(&drive, span_skip(session, cut));
	assert_int_equal(drive.asked[SMTP_MAIL], 1);
	assert_int_equal(drive.asked[SMTP_DATA], 1);
	assert_true(drive.ends <= 1);
	assert_true(drive.is_closed);
	/* banner, EHLO, MAIL, RCPT, 354, the one answer, 221 */
	assert_int_equal(drive.replies, 7);
	is_kept = drive.delivered.len != 0;
	assert_int_equal(is_kept, drive.ends);
	for (size_t i = 0; i < drive.delivered.len; i++) {
		const char *p = buf_span(&drive.delivered).p;

		if (p[i] == '\n')
			assert_true(i != 0 && p[i - 1] == '\r');
		if (p[i] == '\r')
			assert_true(i + 1 < drive.delivered.len &&
			    p[i + 1] == '\n');
	}
	end();
}

static unsigned
smuggle_everywhere(const char *front, struct span look_alike)
{
	const char *parts[] = { ENVELOPE, front, INNER };
	struct smtp_server_conf conf = drive_conf();
	char memory[1024];
	struct put out = put_init(memory, sizeof memory);
	size_t at;

	put_str(&out, parts[0]);
	put_str(&out, parts[1]);
	at = out.len;
	put_bytes(&out, look_alike);
	/* the real end stands behind it: not one of ours to try */
	if (has(put_span(&out), SPAN("\r\n.\r\n")))
		return 0;
	put_str(&out, parts[2]);
	assert_false(out.full);
	for (int typist = 0; typist < 2; typist++) {
		conf.is_typist = typist;
		for (size_t i = 0; i <= look_alike.len + 2; i++)
			smuggle(&conf, put_span(&out), at + i);
	}
	return 1;
}

static void
no_look_alike_ends_data(void **state)
{
	const struct span ends[] = { SPAN("\n"), SPAN("\r"), SPAN("\r\n"),
		SPAN("\r\r"), SPAN("\n\n"), SPAN("\n\r"), SPAN("\r\0\n"),
		SPAN("\0"), SPAN("\r\n\0"), SPAN("\x0b"), SPAN("\x0c"),
		SPAN("\x85"), SPAN("\xc2\x85"), SPAN("\xe2\x80\xa8") };
	const struct span dots[] = { SPAN("."), SPAN(". "), SPAN("\0."),
		SPAN(".\0"), SPAN("\xae"), SPAN("\x8d\x8a\xae"),
		SPAN("\xc0\xae"), SPAN("\xe0\x80\xae"), SPAN("\xef\xbc\x8e") };
	const char *fronts[] = { "Subject: x\r\n\r\ntext", "Subject: x", "",
		"Subject: x\r\n\r\n" };
	const size_t n = countof(ends) * countof(dots) * countof(ends) *
	    countof(fronts);
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t f = i % countof(fronts);
		size_t d = i / countof(fronts) % countof(dots);
		size_t a = i / countof(fronts) / countof(dots) % countof(ends);
		size_t b = i / countof(fronts) / countof(dots) / countof(ends);
		char text[16];
		struct put put = put_init(text, sizeof text);

		/* what is no dot needs one true end at least to look like it */
		if (d != 0 && a != 2 && b != 2)
			continue;
		/* right behind 354 a dot is at the start of a line anyway */
		if (fronts[f][0] == '\0' && a != 2)
			continue;
		put_bytes(&put, ends[a]);
		put_bytes(&put, dots[d]);
		put_bytes(&put, ends[b]);
		tried += smuggle_everywhere(fronts[f], put_span(&put));
	}
	print_message("%u look-alikes\n", tried);
	assert_true(tried >= 48 * 4);
}

/* A line of `len` octets, CRLF included: "NOOP aaa…". */
static void
feed_line(const char *head, size_t len, size_t piece)
{
	char *line = malloc(len);

	assert_non_null(line);
	memset(line, 'A', len);
	memcpy(line, head, strlen(head));
	memcpy(line + len - 2, "\r\n", 2);
	for (size_t at = 0; at < len; at += piece)
		drive_feed(&drive, span_first(span_of(line + at, len - at),
		    piece));
	free(line);
}

static void
command_lines_at_the_limit(void **state)
{
	struct smtp_server_conf conf = drive_conf();
	const size_t pieces[] = { 1, 7, 4096, 1u << 20 };

	(void)state;
	for (size_t i = 0; i < countof(pieces); i++) {
		start(&conf, false);
		feed_line("NOOP ", SMTP_LINE_MAX, pieces[i]);
		assert_true(is_said("250 2.0.0 OK\r\n"));
		hush();
		feed_line("NOOP ", SMTP_LINE_MAX + 1, pieces[i]);
		feed_line("NOOP ", 1u << 20, pieces[i]);
		feed("NOOP\r\n");
		assert_span(buf_span(&drive.said), SPAN(
		    "500 5.5.2 The line is too long: 4096 octets is the "
		    "limit\r\n"
		    "500 5.5.2 The line is too long: 4096 octets is the "
		    "limit\r\n"
		    "250 2.0.0 OK\r\n"));
		end();
	}
}

/* Nothing of an endless line is kept. */
static void
endless_line(void **state)
{
	struct smtp_server_conf conf = drive_conf();
	char block[1000];

	(void)state;
	memset(block, 'A', sizeof block);
	start(&conf, false);
	for (unsigned i = 0; i < 16000; i++) {
		drive_feed(&drive, span_of(block, sizeof block));
		assert_true(drive.in.len <= SMTP_AUTH_LINE_MAX);
	}
	assert_int_equal(drive.replies, 1);
	feed("\r\nNOOP\r\n");
	assert_int_equal(drive.replies, 3);
	end();
}

static void
auth_lines_at_the_limit(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	conf.auth_failures_max = 0;
	start(&conf, true);
	feed("EHLO client.example.org\r\n");
	/* 12288 - "AUTH PLAIN " - CRLF is no multiple of four: 12285 is the
	 * largest one that fits */
	hush();
	feed_line("AUTH PLAIN ", 11 + 12272 + 2, 4096);
	assert_true(is_said("535 5.7.8"));
	hush();
	feed_line("AUTH PLAIN ", SMTP_AUTH_LINE_MAX + 1, 4096);
	assert_true(is_said("500 5.5.6 "));
	hush();
	feed("AUTH PLAIN\r\n");
	feed_line("", 12284 + 2, 4096);
	assert_true(is_said("535 5.7.8"));
	hush();
	feed("AUTH PLAIN\r\n");
	feed_line("", SMTP_AUTH_LINE_MAX + 1, 4096);
	assert_true(is_said("334 \r\n500 5.5.6"));
	assert_true(has(buf_span(&drive.told), SPAN("AUTH_OVER")));
	hush();
	feed("NOOP\r\n");
	assert_true(is_said("250 2.0.0"));
	end();
}

/* CVE-2018-6789: every length of base64. */
static void
base64_of_every_length(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	conf.auth_failures_max = conf.errors_max = 0;
	start(&conf, true);
	feed("EHLO client.example.org\r\n");
	for (size_t len = 1; len <= 4100; len++) {
		hush();
		feed_line("AUTH PLAIN ", 11 + len + 2, 1u << 20);
		assert_true(len % 4 == 0 ? is_said("535 5.7.8")
					 : is_said("501 5.5.2"));
	}
	end();
}

static void
texts_at_the_limit(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	conf.size_max = 10;
	start(&conf, false);
	feed(ENVELOPE "12345678\r\n.\r\n");
	assert_span(buf_span(&drive.delivered), SPAN("12345678\r\n"));
	hush();
	feed(ENVELOPE "123456789\r\nQUIT\r\n.\r\nNOOP\r\n");
	assert_true(is_said("354 Go ahead; end with <CRLF>.<CRLF>\r\n"
			    "552 5.3.4 The mail is too big: 10 octets is the "
			    "limit\r\n250 2.0.0 OK\r\n"));
	assert_int_equal(drive.ends, 1);
	assert_int_equal(drive.overs, 2);
	end();
}

/* Whatever goes wrong with a login, nothing of it is in the transcript. */
static void
secrets_are_not_shown(void **state)
{
	const char *sessions[] = {
		"AUTH PLAIN AGd1eXQAUGF1bGluZTEz\r\n",
		"auth  plain AGd1eXQAUGF1bGluZTEz\r\n",
		"AUTH PLAIN\r\nAGd1eXQAUGF1bGluZTEz\r\n",
		"AUTH NONE AGd1eXQAUGF1bGluZTEz\r\n",
		"AUTH AGd1eXQAUGF1bGluZTEz\r\n",
		"AUTH PLAIN AGd1eXQAUGF1bGluZTEz UGF1bGluZTEz\r\n",
		"AUHT PLAIN AGd1eXQAUGF1bGluZTEz\r\n",
		"AUTH LOGIN\r\nZ3V5dA==\r\nUGF1bGluZTEz\r\n",
		"AUTH LOGIN\r\nZ3V5dA=\r\nUGF1bGluZTEz\r\n",
		"AUTH LOGIN Z3V5dA=\r\nUGF1bGluZTEz\r\n",
		"AUTH NTLM\r\nZ3V5dA==\r\nUGF1bGluZTEz\r\n",
		"AUTH LOGIN\r\n*\r\nUGF1bGluZTEz\r\n",
	};
	const struct span secrets[] = { SPAN("UGF1bGluZTEz"), SPAN("GF1bG"),
		SPAN("AGd1eXQA"), SPAN("Z3V5dA"), SPAN("Pauline13") };

	(void)state;
	for (int tls = 0; tls < 2; tls++)
		for (int typist = 0; typist < 2; typist++)
			for (size_t i = 0; i < countof(sessions); i++) {
				struct smtp_server_conf conf = drive_conf();

				conf.is_typist = typist;
				start(&conf, tls);
				feed("EHLO client.example.org\r\n");
				feed(sessions[i]);
				assert_true(has(buf_span(&drive.shown),
				    SPAN("EHLO client.example.org\n")));
				for (size_t j = 0; j < countof(secrets); j++)
					assert_false(has(
					    buf_span(&drive.shown),
					    secrets[j]));
				end();
			}
}

static void
transcript(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	start(&conf, true);
	buf_clear(&drive.shown);
	feed("HELO c\r\nAUTH LOGIN Z3V5dA==\r\nUGF1bGluZTEz\r\nNOOP x\r\n");
	assert_span(buf_span(&drive.shown), SPAN(
	    "C: HELO c\n"
	    "S: 250 mx.example.org Hello [192.0.2.7]\n"
	    "C: AUTH LOGIN \xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\n"
	    "S: 334 UGFzc3dvcmQ6\n"
	    "C: \xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\n"
	    "S: 235 2.7.0 Authentication successful\n"
	    "C: NOOP x\n"
	    "S: 250 2.0.0 OK\n"));
	end();
}

/* One step by hand, up to the first event. */
static enum smtp_event_type
step(const char *text)
{
	(void)smtp_server_step(&drive.server, span_str(text), drive.event);
	return drive.event->type;
}

static void
the_caller_closes(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	/* between commands, with nothing open */
	start(&conf, false);
	hush();
	smtp_server_close(&drive.server, REPLY_OF(TIMEOUT));
	assert_true(is_said("421 4.4.2"));
	assert_int_equal(step("NOOP\r\n"), SMTP_CLOSE);
	assert_int_equal(step("NOOP\r\n"), SMTP_WAIT);
	drive_free(&drive);

	/* inside a text: OVER first */
	start(&conf, false);
	feed(ENVELOPE "half");
	assert_true(smtp_server_in_body(&drive.server));
	smtp_server_close(&drive.server, REPLY_OF(SHUTDOWN, SPAN("mx")));
	assert_true(smtp_server_in_transaction(&drive.server));
	assert_int_equal(step("\r\n.\r\n"), SMTP_OVER);
	assert_false(smtp_server_in_transaction(&drive.server));
	assert_int_equal(step("\r\n.\r\n"), SMTP_CLOSE);
	drive_free(&drive);

	/* a question is open: its answer comes too late */
	start(&conf, false);
	feed("EHLO client.example.org\r\n");
	assert_int_equal(step("MAIL FROM:<a@example.org>\r\n"), SMTP_MAIL);
	smtp_server_close(&drive.server, REPLY_OF(TIMEOUT));
	hush();
	smtp_server_answer(&drive.server, REPLY_OF(MAIL_OK));
	assert_int_equal(drive.said.len, 0);
	assert_int_equal(step(""), SMTP_CLOSE);
	assert_false(smtp_server_in_transaction(&drive.server));
	drive_free(&drive);

	/* between 220 and TLS there is nothing one could say */
	start(&conf, false);
	feed("STARTTLS\r\n");
	hush();
	smtp_server_close(&drive.server, REPLY_OF(TIMEOUT));
	assert_int_equal(drive.said.len, 0);
	assert_int_equal(step(""), SMTP_CLOSE);
	drive_free(&drive);
}

static void
refused_at_the_door(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	start(&conf, false);
	smtp_server_init(&drive.server, &drive.conf, &drive.hooks,
	    SPAN("192.0.2.7"), false);
	hush();
	smtp_server_greet(&drive.server,
	    REPLY_OF(TOO_MANY_SESSIONS, SPAN("192.0.2.7")));
	assert_true(is_said("421 4.7.0 Too many sessions from 192.0.2.7"));
	assert_int_equal(step("EHLO x\r\n"), SMTP_CLOSE);
	drive_free(&drive);
}

static void
what_a_session_knows(void **state)
{
	struct smtp_server_conf conf = drive_conf();

	(void)state;
	conf.is_typist = true;
	start(&conf, false);
	assert_span(smtp_server_hello(&drive.server), SPAN(""));
	feed("ehlo\r\n");
	assert_span(smtp_server_hello(&drive.server), SPAN("[192.0.2.7]"));
	feed("HELO h1.home.net\r\n");
	assert_span(smtp_server_hello(&drive.server), SPAN("h1.home.net"));
	assert_false(smtp_server_is_extended(&drive.server));
	feed("EHLO bad_name!\r\n");
	assert_span(smtp_server_hello(&drive.server), SPAN("h1.home.net"));
	feed("EHLO h2.home.net\r\n");
	assert_true(smtp_server_is_extended(&drive.server));
	feed("MAIL FROM:<a@example.org> SMTPUTF8\r\n");
	assert_true(smtp_server_is_utf8(&drive.server));
	assert_true(smtp_server_in_transaction(&drive.server));
	feed("RSET\r\n");
	assert_false(smtp_server_is_utf8(&drive.server));
	assert_false(smtp_server_in_transaction(&drive.server));
	end();

	drive_init(&drive, &conf, SPAN("2001:db8::7"), false);
	feed("ehlo\r\n");
	assert_span(smtp_server_hello(&drive.server),
	    SPAN("[IPv6:2001:db8::7]"));
	end();
}

/* There are tens of thousands of these. */
static void
size_of_an_engine(void **state)
{
	(void)state;
	assert_true(sizeof(struct smtp_server) <= 896);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_look_alike_ends_data),
		cmocka_unit_test(command_lines_at_the_limit),
		cmocka_unit_test(endless_line),
		cmocka_unit_test(auth_lines_at_the_limit),
		cmocka_unit_test(base64_of_every_length),
		cmocka_unit_test(texts_at_the_limit),
		cmocka_unit_test(secrets_are_not_shown),
		cmocka_unit_test(transcript),
		cmocka_unit_test(the_caller_closes),
		cmocka_unit_test(refused_at_the_door),
		cmocka_unit_test(what_a_session_knows),
		cmocka_unit_test(size_of_an_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
