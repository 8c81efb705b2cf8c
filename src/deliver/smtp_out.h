/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out: one transaction of an SMTP or LMTP client (smtp/client.h): says
 * MAIL, RCPT, DATA and the text of some recipients of a parcel, and decides
 * from the answers what becomes of each. No I/O of its own.
 *
 *     while (smtp_out_begin(out, …))          adds steps to the engine
 *         for each event of the engine:       smtp_out_take → GOING, OVER,
 *                                             CLOSE
 *     when the connection is gone:            smtp_out_lost
 *
 * 1. A recipient is FATE_RELAYED only by a 2xx to the end of the text that he
 *    was accepted for.
 * 2. 4xx is later, 5xx is never, for those it is about: MAIL for all, RCPT for
 *    one, DATA and the text for those accepted. "Too many recipients" (452 and
 *    552 to RCPT, RFC 5321 4.5.3.1.10) behind an accepted one means another
 *    transaction at once.
 * 3. What a server cannot carry is not sent: 8-bit text without 8BITMIME,
 *    UTF-8 headers and addresses without SMTPUTF8, binary text without
 *    BINARYMIME and CHUNKING, more octets than its SIZE, mail that demands
 *    TLS all the way without REQUIRETLS, said inside of TLS.
 * 4. Who is undecided when the connection goes stays FATE_OPEN, for another
 *    host, unless the whole text was out: then he is FATE_LATER, since nobody
 *    knows whether the server took it (RFC 1047). */
#ifndef DELIVER_SMTP_OUT_H
#define DELIVER_SMTP_OUT_H

#include "base/buf.h"
#include "deliver/transport.h"
#include "smtp/client.h"

#define SMTP_OUT_RCPTS 100	/* of one transaction, RFC 5321 4.5.3.1.8 */

enum smtp_out_result {
	SMTP_OUT_GOING,
	SMTP_OUT_OVER,		/* the session is ready for the next one */
	SMTP_OUT_CLOSE		/* 421, or not SMTP: out->lost says why */
};

struct smtp_out {
	struct smtp_client *client;
	struct transfer *transfer;
	const struct peer *peer;
	struct smtp_step rset, mail, data, text, bdat;
	struct smtp_step rcpt[SMTP_OUT_RCPTS];
	uint32_t index[SMTP_OUT_RCPTS];	/* into the parcel's recipients */
	bool is_accepted[SMTP_OUT_RCPTS];
	size_t n;
	unsigned accepted_n;
	unsigned open_steps;	/* not yet told as finished */
	bool is_clean;		/* nothing is left of a transaction */
	bool is_ended;		/* the end of the text was said */
	bool has_answer;	/* something of this transaction was answered,
				 * with more than 421 at once */
	uint64_t now_ms;	/* when it began */
	struct outcome lost;	/* words on the heap of `words` */
	char words[PARCEL_WORDS_MAX];
	struct buf lines;
};

void smtp_out_init(struct smtp_out *out, struct smtp_client *client,
    const struct peer *peer);
void smtp_out_free(struct smtp_out *out);
/* Begins a transaction for those of `transfer` who are open. False: nobody is
 * (any more). */
bool smtp_out_begin(struct smtp_out *out, struct transfer *transfer);
enum smtp_out_result smtp_out_take(struct smtp_out *out,
    const struct smtp_client_event *event);
/* The end of the text was written. */
void smtp_out_text_ended(struct smtp_out *out);
/* The connection is gone. Says whether mail may arrive twice. */
bool smtp_out_lost(struct smtp_out *out, const struct outcome *why);
/* The outcome an answer means. Its spans point into `answer` and `peer`. */
struct outcome smtp_out_outcome(const struct answer *answer, unsigned stage,
    const struct peer *peer);

#endif
