/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out_by: see smtp_out_by.h. */
#include "deliver/smtp_out_by.h"

bool
smtp_out_is_late(const struct smtp_out *out, struct outcome *why)
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

void
smtp_out_put_by(struct put *line, const struct smtp_out *out)
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
