/* SPDX-License-Identifier: Apache-2.0 */
/* The server engine against bytes of anybody. The first octet chooses the
 * listener, the second which answers are refusals; the rest is what the client
 * says. Properties:
 *
 *  1. cut anywhere, the same is said, told and delivered (CRLF listeners);
 *  2-4. the promises drive.c watches: one answer a question, one OVER a MAIL,
 *     bodies only where they belong;
 *  5. what is said is whole lines without control octets;
 *  6. what DATA delivers holds CR and LF as CRLF only.
 *
 * Seen to catch: a line reader that forgot what it had scanned, OVER told
 * twice at QUIT, a chunk whose last octet was a command's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool is_true, const char *what, const struct drive *drive)
{
	if (is_true)
		return;
	fprintf(stderr, "%s\n%.*s\n%.*s\n", what,
	    SPAN_ARG(buf_span(&drive->shown)),
	    SPAN_ARG(buf_span(&drive->told)));
	abort();
}

static struct smtp_server_conf
choose_listener(uint8_t bits)
{
	struct smtp_server_conf conf = drive_conf();

	conf.is_typist = (bits & 1) != 0;
	conf.is_lmtp = (bits & 2) != 0;
	conf.is_tls_required = (bits & 4) != 0;
	conf.is_auth_required = (bits & 8) != 0;
	if ((bits & 16) != 0)
		conf.auth_clear = SPAN("LOGIN PLAIN");
	if ((bits & 32) != 0) {
		conf.size_max = 50;
		conf.rcpt_max = 2;
	}
	if ((bits & 64) != 0) {
		conf.errors_max = 3;
		conf.commands_max = 3;
		conf.transactions_max = 2;
	}
	if ((bits & 128) != 0) {
		conf.persona = 1 + bits % (PERSONA_COUNT - 1);
		conf.exps_tls = conf.exps_clear = SPAN("NTLM LOGIN");
	}
	return conf;
}

/* Two questions of the session are refused, or end it. */
static void
choose_answers(struct drive *drive, uint8_t bits)
{
	static const enum smtp_event_type questions[] = { SMTP_HELLO,
		SMTP_STARTTLS, SMTP_AUTH, SMTP_MAIL, SMTP_RCPT, SMTP_DATA,
		SMTP_END, SMTP_RCPT };
	static const enum reply_id replies[] = { REPLY_RCPT_REFUSED,
		REPLY_STORE_FULL, REPLY_SHUTDOWN, REPLY_AUTH_FAILED };

	if ((bits & 0xc0) == 0xc0)
		return;
	for (unsigned i = 0; i < 2; i++)
		drive->script[drive->script_n++] = (struct drive_script){
			.question = questions[(bits + i) & 7],
			.nth = 1 + i,
			.reply = replies[bits >> (3 + i) & 3] };
}

/* Feeds it all; `piece` 0 is whole, else the seed of the cuts. What follows a
 * STARTTLS in the same piece is gone, so the caller may stop there. */
static void
play(struct drive *drive, struct span in, uint32_t piece, bool ends_at_tls)
{
	while (in.len != 0 && !drive->is_closed) {
		size_t n = in.len;

		if (piece != 0) {
			piece = piece * 1664525u + 1013904223u;
			n = 1 + (piece >> 16) % 40;
		}
		drive_feed(drive, span_first(in, n));
		in = span_skip(in, n);
		if (drive->is_tls_due && ends_at_tls)
			return;
		drive_tls(drive);
	}
}

static void
check_said(const struct drive *drive)
{
	struct span said = buf_span(&drive->said);

	for (size_t i = 0; i < said.len; i++) {
		bool is_end = said.p[i] == '\r' && i + 1 < said.len &&
		    said.p[i + 1] == '\n';

		if (is_end)
			i++;
		else
			check((unsigned char)said.p[i] >= ' ' &&
				said.p[i] != 127, "a control octet is said",
			    drive);
	}
}

static void
check_delivered(const struct drive *drive)
{
	struct span text = buf_span(&drive->delivered);

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '\n')
			check(i != 0 && text.p[i - 1] == '\r',
			    "a bare LF is delivered", drive);
		if (text.p[i] == '\r')
			check(i + 1 < text.len && text.p[i + 1] == '\n',
			    "a bare CR is delivered", drive);
	}
}

static bool
has_bdat(struct span in)
{
	for (; in.len >= 4; in = span_skip(in, 1))
		if (span_casestarts(in, SPAN("BDAT")))
			return true;
	return false;
}

static void
end(struct drive *drive, struct span in)
{
	check(drive->broken == NULL, drive->broken, drive);
	check(drive->overs + drive->is_mail_open == drive->mails_taken,
	    "every MAIL has one OVER", drive);
	check_said(drive);
	if (!has_bdat(in))
		check_delivered(drive);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive whole, cut;
	struct smtp_server_conf conf;
	struct span in;
	uint32_t seed;

	if (size < 2)
		return 0;
	conf = choose_listener(data[0]);
	in = span_of(data + 2, size - 2);
	seed = (uint32_t)size * 2654435761u | 1;
	drive_init(&whole, &conf, SPAN("192.0.2.7"), (data[0] & 128) != 0);
	choose_answers(&whole, data[1]);
	play(&whole, in, 0, !conf.is_typist);
	end(&whole, in);
	drive_init(&cut, &conf, SPAN("192.0.2.7"), (data[0] & 128) != 0);
	choose_answers(&cut, data[1]);
	play(&cut, in, seed, !conf.is_typist);
	end(&cut, in);
	if (!conf.is_typist) {
		check(span_eq(buf_span(&whole.said), buf_span(&cut.said)),
		    "the cut changes what is said", &cut);
		check(span_eq(buf_span(&whole.told), buf_span(&cut.told)),
		    "the cut changes what is told", &cut);
		check(span_eq(buf_span(&whole.delivered),
		    buf_span(&cut.delivered)),
		    "the cut changes what is delivered", &cut);
	}
	drive_free(&whole);
	drive_free(&cut);
	return 0;
}
