/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/smtp_out_lines.h"

#include "base/text.h"
#include "smtp/param.h"

/* --- what the server can carry */

static bool
is_ascii_transfer(const struct parcel *parcel, uint32_t rcpt)
{
	const struct envelope *envelope = &parcel->envelope;

	return !parcel->has_8bit_header && text_is_ascii(envelope->sender) &&
	    text_is_ascii(envelope->rcpt[rcpt].address);
}

/* Mail that is to go back when its time is over goes only where that is
 * minded (RFC 2852 4.1.3); a server of LMTP has the mailboxes. */
static bool
is_too_late(const struct smtp_out *out, struct outcome *why)
{
	const struct smtp_client *client = out->client;
	const struct envelope *envelope = &out->transfer->parcel->envelope;

	if (envelope->by != PARAM_BY_RETURN)
		return false;
	if (parcel_overdue(envelope, out->now_ms) != PARAM_BY_NONE)
		*why = parcel_too_late();
	else if (client->conf.is_lmtp)
		return false;
	else if (!smtp_client_has(client, CAP_DELIVERBY))
		*why = parcel_outcome(FATE_FAILED, 5, 3, 3, "the server "
		    "does not know of mail that is to be there in time "
		    "(DELIVERBY)");
	else if (envelope->by_at - out->now_ms < client->caps.by_min * 1000)
		*why = parcel_outcome(FATE_FAILED, 5, 4, 7, "the server "
		    "wants more time than the sender gave (DELIVERBY)");
	else
		return false;
	return true;
}

bool
smtp_out_cannot(const struct smtp_out *out, uint32_t rcpt, struct outcome *why)
{
	const struct smtp_client *client = out->client;
	const struct parcel *parcel = out->transfer->parcel;
	uint64_t body = parcel->envelope.body;

	if (!smtp_client_has(client, CAP_SMTPUTF8) &&
	    (parcel->envelope.is_utf8 != 0 ||
		!text_is_ascii(parcel->envelope.rcpt[rcpt].address)) &&
	    !is_ascii_transfer(parcel, rcpt))
		*why = parcel_outcome(FATE_FAILED, 5, 6, 7, "the server "
		    "cannot take addresses or headers in UTF-8 (SMTPUTF8)");
	else if (body == PARAM_BODY_BINARYMIME &&
	    !(smtp_client_has(client, CAP_BINARYMIME) &&
		smtp_client_has(client, CAP_CHUNKING)))
		*why = parcel_outcome(FATE_FAILED, 5, 6, 3, "the server "
		    "cannot take binary text (BINARYMIME)");
	else if (body == PARAM_BODY_8BITMIME && parcel->has_8bit &&
	    !smtp_client_has(client, CAP_8BITMIME))
		*why = parcel_outcome(FATE_FAILED, 5, 6, 3, "the server "
		    "cannot take 8-bit text (8BITMIME)");
	else if (parcel->envelope.tls_need == ENVELOPE_TLS_REQUIRED &&
	    !client->conf.is_lmtp && (!client->is_tls ||
		!smtp_client_has(client, CAP_REQUIRETLS)))
		*why = parcel_outcome(FATE_FAILED, 5, 7, 30, "the sender "
		    "demands TLS all the way, which the server cannot promise "
		    "(REQUIRETLS)");
	else if (client->caps.size != 0 &&
	    parcel->pin.text_len > client->caps.size)
		*why = parcel_outcome(FATE_FAILED, 5, 3, 4, "the message is "
		    "larger than the server takes (SIZE)");
	else if (!is_too_late(out, why))
		return false;
	why->host = span_str(out->peer->text);
	why->name = span_str(out->peer->name);
	return true;
}

/* --- the lines */

/* What is left of its time, in seconds; RFC 2852 4. */
static void
put_by(struct put *line, const struct smtp_out *out)
{
	const struct envelope *envelope = &out->transfer->parcel->envelope;
	bool is_past = envelope->by_at < out->now_ms;
	uint64_t left = is_past ? out->now_ms - envelope->by_at :
	    envelope->by_at - out->now_ms;

	if (envelope->by == PARAM_BY_NONE ||
	    !smtp_client_has(out->client, CAP_DELIVERBY))
		return;
	left /= 1000;
	if (left == 0 && envelope->by == PARAM_BY_RETURN)
		left = 1;	/* zero is none */
	put_str(line, is_past ? " BY=-" : " BY=");
	put_u64(line, left < 999999999 ? left : 999999999);
	put_str(line, envelope->by == PARAM_BY_RETURN ? ";R" : ";N");
	if (envelope->by_trace != 0)
		put_char(line, 'T');
}

void
smtp_out_put_mail(struct put *line, const struct smtp_out *out)
{
	const struct smtp_client *client = out->client;
	const struct parcel *parcel = out->transfer->parcel;
	const struct envelope *envelope = &parcel->envelope;

	put_str(line, "MAIL FROM:<");
	put_bytes(line, envelope->sender);
	put_char(line, '>');
	if (smtp_client_has(client, CAP_SIZE)) {
		put_str(line, " SIZE=");
		put_u64(line, parcel->pin.text_len);
	}
	if (envelope->body == PARAM_BODY_BINARYMIME)
		put_str(line, " BODY=BINARYMIME");
	else if (envelope->body == PARAM_BODY_8BITMIME &&
	    smtp_client_has(client, CAP_8BITMIME))
		put_str(line, " BODY=8BITMIME");
	if (envelope->is_utf8 != 0 && smtp_client_has(client, CAP_SMTPUTF8))
		put_str(line, " SMTPUTF8");
	if (envelope->tls_need == ENVELOPE_TLS_REQUIRED &&
	    smtp_client_has(client, CAP_REQUIRETLS))
		put_str(line, " REQUIRETLS");
	put_by(line, out);
	if (!smtp_client_has(client, CAP_DSN))
		return;
	if (envelope->ret != PARAM_RET_UNSET)
		put_str(line, envelope->ret == PARAM_RET_FULL ? " RET=FULL" :
		    " RET=HDRS");
	if (envelope->envid.len != 0) {
		put_str(line, " ENVID=");
		put_bytes(line, envelope->envid);
	}
}

static void
put_notify(struct put *line, uint64_t notify)
{
	static const struct {
		enum param_notify bit;
		const char *word;
	} words[] = {
		{ PARAM_NOTIFY_NEVER, "NEVER" },
		{ PARAM_NOTIFY_SUCCESS, "SUCCESS" },
		{ PARAM_NOTIFY_FAILURE, "FAILURE" },
		{ PARAM_NOTIFY_DELAY, "DELAY" },
	};
	char before = '=';

	if (notify == 0)
		return;
	put_str(line, " NOTIFY");
	for (size_t i = 0; i < countof(words); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		put_char(line, before);
		put_str(line, words[i].word);
		before = ',';
	}
}

/* The recipient as the sender wrote him, for notices of hosts behind us (RFC
 * 3461 4.2, 6.2.7.1). */
static void
put_orcpt(struct put *line, const struct envelope_rcpt *rcpt)
{
	if (rcpt->orcpt.len != 0) {
		if (!text_is_ascii(rcpt->orcpt))
			return;
		put_str(line, " ORCPT=");
		put_bytes(line, rcpt->orcpt);
	} else if (rcpt->original.len != 0 && text_is_ascii(rcpt->original)) {
		put_str(line, " ORCPT=rfc822;");
		text_xtext_encode(rcpt->original, line);
	}
}

void
smtp_out_put_rcpt(struct put *line, const struct smtp_out *out, uint32_t index)
{
	const struct envelope_rcpt *rcpt =
	    &out->transfer->parcel->envelope.rcpt[index];

	put_str(line, "RCPT TO:<");
	put_bytes(line, rcpt->address);
	put_char(line, '>');
	if (!smtp_client_has(out->client, CAP_DSN))
		return;
	put_notify(line, rcpt->notify);
	put_orcpt(line, rcpt);
}
