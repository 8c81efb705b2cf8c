/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: a session written down, as `talk --record` does it and
 * ehlo/script.h reads it: simple text, one line each.
 *
 *     # ehlo transcript 1
 *     # any other note
 *     ! host mail.example.org:25      where it was; ":465 tls": implicit TLS
 *     ! joined tls                    it had begun before, with STARTTLS
 *     S: 220 mail.example.org ESMTP   the server said
 *     C: EHLO client.example          the client said, CRLF behind it
 *     C* AUTH PLAIN                   the same; what was secret is left out
 *     C| NOOP\x08\n                   exactly these bytes
 *     S| 250 \x1b[31m                 as S:, with escapes
 *     T                               the TLS handshake
 *     X                               the server hung up
 *
 * Escapes are \r \n \t \b \\ and \xHH. A line with any byte but printable
 * UTF-8 is written with them, so such a file never paints on a terminal. */
#ifndef EHLO_TRANSCRIPT_H
#define EHLO_TRANSCRIPT_H

#include <stdio.h>

#include "base/span.h"
#include "ehlo/session.h"

/* Whether it got to the disk, ferror() and fclose() tell. */

/* First. `port` 0: not known, or a local socket. */
void transcript_write_head(FILE *out, const char *host, unsigned port,
    bool is_implicit_tls);
/* Behind it, if the session is older than its transcript. */
void transcript_write_joined(FILE *out, bool is_starttls);
/* As session_tell: a line without its end. The text of a message is told as
 * SESSION_SAID, line by line as it went (dots doubled), its final "." too. Of a
 * SESSION_SAID_SECRET only "AUTH mechanism" is written, or nothing. */
void transcript_write(FILE *out, enum session_news news, struct span line);
/* What was sent by session_send_raw(). */
void transcript_write_raw(FILE *out, struct span bytes);
/* A handshake that succeeded behind STARTTLS. */
void transcript_write_tls(FILE *out);
void transcript_write_closed(FILE *out);

#endif
