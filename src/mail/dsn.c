/* SPDX-License-Identifier: Apache-2.0 */
/* dsn: see dsn.h. The worst that happened to a recipient gives the subject. */
#include "mail/dsn.h"

#include <errno.h>

#include "base/put.h"
#include "base/text.h"
#include "mail/date.h"

static const struct {
	const char *subject, *headline, *name;
} actions[DSN_ACTIONS] = {
	[DSN_FAILED] = { "Your mail could not be delivered",
	    "Your message could not be delivered to:", "failed" },
	[DSN_DELAYED] = { "Your mail is delayed",
	    "Your message could not be delivered yet to:", "delayed" },
	[DSN_DELIVERED] = { "Your mail was delivered",
	    "Your message was delivered to:", "delivered" },
	[DSN_RELAYED] = { "Your mail was handed on",
	    "Your message was handed on to another server, which does not "
	    "tell what becomes of it, for:", "relayed" },
};

/* What is written, and whether all of it found room. */
struct writer {
	const struct dsn *dsn;
	struct buf *out;
	int error;
};

static void
add(struct writer *w, struct span bytes)
{
	if (w->error == 0)
		w->error = buf_append(w->out, bytes);
}

static void
add_str(struct writer *w, const char *text)
{
	add(w, span_str(text));
}

/* --- cleaning */

/* The octets of the character at the start of well-formed UTF-8. */
static size_t
char_len(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Printable, one line (promise 1), as much of it as there is room for. */
static void
put_clean(struct put *out, struct span text, bool is_utf8)
{
	is_utf8 = is_utf8 && text_is_utf8(text);
	while (text.len != 0 && out->cap - out->len >= 4) {
		unsigned char c = (unsigned char)text.p[0];
		size_t n = is_utf8 ? char_len(c) : 1;

		/* C1 controls, U+0080 to U+009F, are C2 80 to C2 9F */
		if (n == 2 && c == 0xc2 && (unsigned char)text.p[1] < 0xa0) {
			put_char(out, '?');
		} else if (n == 1 && (c >= 0x80 || ascii_is_cntrl(*text.p))) {
			put_str(out, "\\x");
			put_hex(out, span_first(text, 1));
		} else {
			put_bytes(out, span_first(text, n));
		}
		text = span_skip(text, n);
	}
}

static void
add_clean(struct writer *w, struct span text)
{
	char memory[DSN_LINE];
	struct put put = put_init(memory, sizeof memory);

	put_clean(&put, text, w->dsn->is_utf8);
	add(w, put_span(&put));
}

/* The lines of a reply, each behind `before`; with the code if there is
 * one. */
static void
add_lines(struct writer *w, const struct dsn_rcpt *rcpt, const char *before)
{
	struct span rest = rcpt->words;
	char memory[8];

	for (size_t i = 0; i < DSN_LINES && (rest.len != 0 || i == 0); i++) {
		struct put code = put_init(memory, sizeof memory);
		struct span line = span_cut(&rest, '\n');

		if (i != 0)
			add_str(w, before);
		if (rcpt->code != 0) {
			put_u64_width(&code, rcpt->code, 3);
			put_char(&code, rest.len != 0 && i + 1 < DSN_LINES ?
			    '-' : ' ');
			add(w, put_span(&code));
		}
		add_clean(w, line);
	}
	add_str(w, "\r\n");
}

static void
add_date(struct writer *w, const char *name, uint64_t at_ms)
{
	char memory[64];
	struct put put = put_init(memory, sizeof memory);

	date_put(&put, at_ms, w->dsn->zone_min);
	add_str(w, name);
	add(w, put_span(&put));
	add_str(w, "\r\n");
}

static void
add_boundary(struct writer *w)
{
	uint64_t random = w->dsn->random;
	char memory[64];
	struct put put = put_init(memory, sizeof memory);

	put_str(&put, "=_ehlo_");
	put_hex(&put, span_of(&random, sizeof random));
	put_char(&put, '_');
	put_bytes(&put, span_first(w->dsn->id, 32));
	add(w, put_span(&put));
}

/* --- the header */

static enum dsn_action
worst(const struct dsn *dsn)
{
	enum dsn_action action = DSN_RELAYED;

	for (size_t i = 0; i < dsn->rcpt_n; i++)
		if (dsn->rcpt[i].action < action)
			action = dsn->rcpt[i].action;
	return action;
}

static void
add_header(struct writer *w)
{
	const struct dsn *dsn = w->dsn;

	add_date(w, "Date: ", dsn->now_ms);
	add_str(w, "From: Mail Delivery System <MAILER-DAEMON@");
	add_clean(w, dsn->hostname);
	add_str(w, ">\r\nTo: <");
	add_clean(w, dsn->to);
	add_str(w, ">\r\nSubject: ");
	add_str(w, actions[worst(dsn)].subject);
	add_str(w, "\r\nMessage-ID: <");
	add_clean(w, dsn->id);
	add_str(w, "@");
	add_clean(w, dsn->hostname);
	add_str(w, ">\r\nAuto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"");
	add_boundary(w);
	add_str(w, "\"\r\n");
	if (dsn->is_utf8 || dsn->has_8bit)
		add_str(w, "Content-Transfer-Encoding: 8bit\r\n");
	add_str(w, "\r\nThis is a report in MIME format.\r\n");
}

static void
begin_part(struct writer *w, const char *type)
{
	add_str(w, "\r\n--");
	add_boundary(w);
	add_str(w, "\r\nContent-Type: ");
	add_str(w, type);
	add_str(w, "\r\n");
}

/* --- for people */

/* Text of ours, in lines that fit a window. */
static void
add_wrapped(struct writer *w, const char *label, const char *text)
{
	struct span rest = span_str(text);
	size_t column = 4 + strlen(label);

	if (text == NULL || *text == '\0')
		return;
	add_str(w, "    ");
	add_str(w, label);
	while (rest.len != 0) {
		struct span word = span_cut(&rest, ' ');

		if (column + 1 + word.len > 74) {
			add_str(w, "\r\n      ");
			column = 6;
		} else if (column != 4) {
			add_str(w, " ");
			column++;
		}
		add(w, word);
		column += word.len;
	}
	add_str(w, "\r\n");
}

static void
add_person_rcpt(struct writer *w, const struct dsn_rcpt *rcpt)
{
	bool is_other = rcpt->original.len != 0 &&
	    !span_eq(rcpt->original, rcpt->address);

	add_str(w, "\r\n  ");
	add_clean(w, is_other ? rcpt->original : rcpt->address);
	if (is_other) {
		add_str(w, " (that is ");
		add_clean(w, rcpt->address);
		add_str(w, ")");
	}
	add_str(w, "\r\n");
	if (rcpt->words.len != 0) {
		add_str(w, "    ");
		if (rcpt->host.len != 0) {
			add_clean(w, rcpt->host);
			add_str(w, " said:\r\n    ");
		}
		add_lines(w, rcpt, "\r\n    ");
	}
	if (rcpt->action > DSN_DELAYED)
		return;
	add_wrapped(w, "That means:", rcpt->meaning);
	add_wrapped(w, "What helps:", rcpt->advice);
}

static void
add_person(struct writer *w)
{
	const struct dsn *dsn = w->dsn;

	begin_part(w, dsn->is_utf8 ? "text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit" : "text/plain; charset=us-ascii");
	add_str(w, "\r\nThis is the mail server ");
	add_clean(w, dsn->hostname);
	add_str(w, ".\r\n");
	for (unsigned action = 0; action < DSN_ACTIONS; action++) {
		bool is_first = true;

		for (size_t i = 0; i < dsn->rcpt_n; i++) {
			if (dsn->rcpt[i].action != action)
				continue;
			if (is_first) {
				add_str(w, "\r\n");
				add_str(w, actions[action].headline);
				add_str(w, "\r\n");
			}
			is_first = false;
			add_person_rcpt(w, &dsn->rcpt[i]);
		}
		if (action != DSN_DELAYED || is_first)
			continue;
		add_str(w, "\r\nYou need not send it again: we go on "
		    "trying.\r\n");
		add_date(w, "We give up on ", dsn->until_ms);
	}
	add_date(w, "\r\nWe took it on ", dsn->arrived_ms);
	add_str(w, dsn->is_whole ? "The message follows below.\r\n" :
	    "Its header follows below.\r\n");
}

/* --- for programs */

static void
add_status(struct writer *w, const uint16_t status[3])
{
	char memory[32];
	struct put put = put_init(memory, sizeof memory);

	for (size_t i = 0; i < 3; i++) {
		put_str(&put, i != 0 ? "." : "Status: ");
		put_u64(&put, status[i]);
	}
	put_str(&put, "\r\n");
	add(w, put_span(&put));
}

/* RFC 3464 2.3.1: as the sender's ORCPT had it, decoded. */
static void
add_original(struct writer *w, const struct dsn_rcpt *rcpt)
{
	char memory[1024];
	struct put plain = put_init(memory, sizeof memory);
	struct span address = rcpt->orcpt;
	struct span type = span_cut(&address, ';');

	if (rcpt->orcpt.len == 0) {
		if (rcpt->original.len == 0)
			return;
		type = SPAN("rfc822");
		address = rcpt->original;
	} else if (text_xtext_decode(address, &plain)) {
		address = put_span(&plain);
	}
	add_str(w, "Original-Recipient: ");
	add_clean(w, type);
	add_str(w, "; ");
	add_clean(w, address);
	add_str(w, "\r\n");
}

static void
add_program_rcpt(struct writer *w, const struct dsn_rcpt *rcpt)
{
	const struct dsn *dsn = w->dsn;

	add_str(w, "\r\n");
	add_original(w, rcpt);
	add_str(w, "Final-Recipient: ");
	add_str(w, text_is_ascii(rcpt->address) ? "rfc822; " : "utf-8; ");
	add_clean(w, rcpt->address);
	add_str(w, "\r\nAction: ");
	add_str(w, actions[rcpt->action].name);
	add_str(w, "\r\n");
	add_status(w, rcpt->status);
	if (rcpt->host.len != 0) {
		add_str(w, "Remote-MTA: dns; ");
		add_clean(w, rcpt->host);
		add_str(w, "\r\n");
	}
	if (rcpt->words.len != 0) {
		add_str(w, rcpt->code != 0 ? "Diagnostic-Code: smtp; " :
		    "Diagnostic-Code: X-Ehlo; ");
		add_lines(w, rcpt, "\r\n ");
	}
	add_date(w, "Last-Attempt-Date: ", dsn->now_ms);
	if (rcpt->action == DSN_DELAYED)
		add_date(w, "Will-Retry-Until: ", dsn->until_ms);
}

static void
add_program(struct writer *w)
{
	const struct dsn *dsn = w->dsn;
	char memory[256];
	struct put envid = put_init(memory, sizeof memory);

	begin_part(w, dsn->is_utf8 ? "message/global-delivery-status\r\n"
	    "Content-Transfer-Encoding: 8bit" : "message/delivery-status");
	add_str(w, "\r\nReporting-MTA: dns; ");
	add_clean(w, dsn->hostname);
	add_str(w, "\r\n");
	if (dsn->envid.len != 0 && text_xtext_decode(dsn->envid, &envid)) {
		add_str(w, "Original-Envelope-Id: ");
		add_clean(w, put_span(&envid));
		add_str(w, "\r\n");
	}
	add_date(w, "Arrival-Date: ", dsn->arrived_ms);
	for (size_t i = 0; i < dsn->rcpt_n; i++)
		add_program_rcpt(w, &dsn->rcpt[i]);
}

/* --- public */

int
dsn_put_head(const struct dsn *dsn, struct buf *out)
{
	struct writer w = { .dsn = dsn, .out = out };

	add_header(&w);
	add_person(&w);
	add_program(&w);
	begin_part(&w, dsn->is_whole ? dsn->is_utf8 ? "message/global" :
	    "message/rfc822" : dsn->is_utf8 ? "message/global-headers" :
	    "text/rfc822-headers");
	if (dsn->has_8bit)
		add_str(&w, "Content-Transfer-Encoding: 8bit\r\n");
	add_str(&w, "\r\n");
	return w.error;
}

int
dsn_put_tail(const struct dsn *dsn, struct buf *out)
{
	struct writer w = { .dsn = dsn, .out = out };

	add_str(&w, "\r\n--");
	add_boundary(&w);
	add_str(&w, "--\r\n");
	return w.error;
}
