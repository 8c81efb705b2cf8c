/* SPDX-License-Identifier: Apache-2.0 */
/* trace: the lines a server writes into a message. Whatever a peer said is
 * cleaned before it stands in one: no control octet, no bracket, no folding
 * of somebody else's, and UTF-8 only where it was negotiated. */
#include "mail/trace.h"

#include "base/text.h"
#include "mail/date.h"

/* --- ids */

#define DIGIT_BITS 5

/* In the order of ASCII, so that text sorts as the numbers do. */
static const char digit[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

_Static_assert(sizeof digit - 1 == (size_t)1 << DIGIT_BITS,
    "a digit is five bits");

void
trace_put_id(struct put *out, uint64_t spool_id)
{
	char text[TRACE_ID_LEN];

	for (size_t i = sizeof text; i-- != 0; spool_id >>= DIGIT_BITS)
		text[i] = digit[spool_id & (sizeof digit - 2)];
	put_bytes(out, span_of(text, sizeof text));
}

bool
trace_parse_id(struct span text, uint64_t *spool_id)
{
	struct span digits = span_of(digit, sizeof digit - 1);
	uint64_t id = 0;

	if (text.len != TRACE_ID_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		size_t value = span_find(digits, ascii_upper(text.p[i]));

		if (value == digits.len || id >> (64 - DIGIT_BITS) != 0)
			return false;
		id = id << DIGIT_BITS | value;
	}
	*spool_id = id;
	return true;
}

/* --- what strangers said */

/* Of a host name or address literal; longer ones are cut. */
#define HOST_MAX 255

static bool
is_host_char(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' ||
	    c == ':' || c == '[' || c == ']';
}

static void
put_host(struct put *out, struct span host, bool is_utf8)
{
	bool takes_8bit;

	host = span_first(host, HOST_MAX);
	takes_8bit = is_utf8 && text_is_utf8(host);
	if (host.len == 0)
		put_str(out, "unknown");
	for (size_t i = 0; i < host.len; i++) {
		char c = host.p[i];
		bool is_8bit = (unsigned char)c >= 0x80;

		put_char(out, is_host_char(c) || (is_8bit && takes_8bit) ?
		    c : '?');
	}
}

/* RFC 5321 4.1.3: IPv6 addresses carry a word in front. */
static void
put_literal(struct put *out, struct span address)
{
	address = span_first(address, span_find(address, '%'));
	put_char(out, '[');
	if (span_find(address, ':') != address.len)
		put_str(out, "IPv6:");
	put_host(out, address, false);
	put_char(out, ']');
}

/* The inside of a comment. */
static void
put_comment(struct put *out, struct span text)
{
	text = span_first(text, HOST_MAX);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		put_char(out, c < ' ' || c > '~' || c == '(' || c == ')' ||
		    c == '\\' ? '?' : c);
	}
}

/* May it stand between < and > ? */
static bool
is_clean_path(struct span path, bool is_utf8)
{
	for (size_t i = 0; i < path.len; i++)
		if (ascii_is_cntrl(path.p[i]) || path.p[i] == '<' ||
		    path.p[i] == '>')
			return false;
	return text_is_ascii(path) || (is_utf8 && text_is_utf8(path));
}

/* --- Received */

/* RFC 3848 (ESMTPSA …), RFC 6531 4.3 (UTF8SMTPSA …); plain SMTP has no
 * letters, since HELO has neither. */
static void
put_protocol(struct put *out, const struct trace_received *t)
{
	if (t->envelope->is_utf8)
		put_str(out, t->is_lmtp ? "UTF8LMTP" : "UTF8SMTP");
	else if (t->is_lmtp)
		put_str(out, "LMTP");
	else
		put_str(out, t->is_extended ? "ESMTP" : "SMTP");
	if (!t->is_extended && !t->is_lmtp)
		return;
	if (t->envelope->tls.len != 0)
		put_char(out, 'S');
	if (t->envelope->login.len != 0)
		put_char(out, 'A');
}

static void
put_for(struct put *out, const struct envelope *envelope)
{
	const struct envelope_rcpt *rcpt = envelope->rcpt;
	struct span path;

	if (envelope->rcpt_n != 1)
		return;
	/* as the peer said it: aliases are nobody's business */
	path = rcpt->original.len != 0 ? rcpt->original : rcpt->address;
	if (path.len == 0 || !is_clean_path(path, envelope->is_utf8))
		return;
	put_str(out, "\r\n\tfor <");
	put_bytes(out, path);
	put_char(out, '>');
}

void
trace_put_received(struct put *out, const struct trace_received *t)
{
	const struct envelope *envelope = t->envelope;

	put_str(out, "Received: from ");
	put_host(out, envelope->hello, envelope->is_utf8);
	if (envelope->client.len != 0) {
		put_str(out, " (");
		put_literal(out, envelope->client);
		put_char(out, ')');
	}
	put_str(out, "\r\n\tby ");
	put_host(out, t->hostname, false);
	put_str(out, " (Ehlo) with ");
	put_protocol(out, t);
	if (envelope->tls.len != 0) {
		put_str(out, " (");
		put_comment(out, envelope->tls);
		put_char(out, ')');
	}
	put_str(out, "\r\n\tid ");
	trace_put_id(out, t->spool_id);
	put_for(out, envelope);
	put_str(out, ";\r\n\t");
	date_put(out, t->now_ms, t->zone_min);
	put_str(out, "\r\n");
}

void
trace_put_return_path(struct put *out, struct span sender)
{
	put_str(out, "Return-Path: <");
	for (size_t i = 0; i < sender.len; i++)
		put_char(out, ascii_is_cntrl(sender.p[i]) ? '?' :
		    sender.p[i]);
	put_str(out, ">\r\n");
}
