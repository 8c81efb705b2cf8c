/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out_lines: what the server at the other end can carry of a message, and
 * the two lines that hand on what its sender asked for. Parameters go only to
 * who offers them. Of smtp_out. */
#ifndef DELIVER_SMTP_OUT_LINES_H
#define DELIVER_SMTP_OUT_LINES_H

#include "base/put.h"
#include "deliver/smtp_out.h"

/* True if the server cannot carry it to this recipient; `why` says what is
 * missing. */
bool smtp_out_cannot(const struct smtp_out *out, uint32_t rcpt,
    struct outcome *why);
/* "MAIL FROM:<…> …", "RCPT TO:<…> …", without CRLF. */
void smtp_out_put_mail(struct put *line, const struct smtp_out *out);
void smtp_out_put_rcpt(struct put *line, const struct smtp_out *out,
    uint32_t index);

#endif
