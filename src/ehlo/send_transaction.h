/* SPDX-License-Identifier: Apache-2.0 */
/* send_transaction: MAIL, RCPT, DATA or BDAT, and what the server makes of
 * them; part of `ehlo send`. */
#ifndef EHLO_SEND_TRANSACTION_H
#define EHLO_SEND_TRANSACTION_H

#include "ehlo/send.h"

/* What became of one, or of a part of the dialogue. */
enum send_end {
	SEND_GOES_ON,		/* done, all is well */
	SEND_STOPPED,		/* the step of --quit-after is done */
	SEND_REFUSED,		/* the server said no; the session stands */
	SEND_LOST,		/* the session is over */
	SEND_NO_SERVER		/* it could not be reached */
};

/* One message, with all that was wished for. */
enum send_end send_transaction(struct send *send, struct session *session);

/* A step was refused or went wrong: keeps the first one for --json, says it on
 * stderr, with the explanation of the answer if there is one. */
__attribute__((format(printf, 5, 6)))
void send_blame(struct send *send, const char *step,
    enum smtp_step_type type, const struct answer *answer,
    const char *format, ...);
/* What `result`, which is not SESSION_OK, comes to; blames it. */
enum send_end send_lost(struct send *send, struct session *session,
    const char *step, enum session_result result);
/* --drop-after-send: says the line and drops the connection. */
enum send_end send_unheard(struct send *send, struct session *session,
    struct span line);

#endif
