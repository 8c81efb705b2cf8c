/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out_by: the time that a sender gave for delivery (BY, RFC 2852), as it
 * is handed on. For smtp_out.c. */
#ifndef DELIVER_SMTP_OUT_BY_H
#define DELIVER_SMTP_OUT_BY_H

#include "base/put.h"
#include "deliver/smtp_out.h"

/* Mail that is to go back when its time is over goes only where that is
 * minded (4.1.3); a server of LMTP has the mailboxes. True: it does not go
 * there, `*why` says so. */
bool smtp_out_is_late(const struct smtp_out *out, struct outcome *why);
/* What is left of its time, in seconds (4), for MAIL. */
void smtp_out_put_by(struct put *line, const struct smtp_out *out);

#endif
