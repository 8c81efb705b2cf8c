/* SPDX-License-Identifier: Apache-2.0 */
/* talk_hello: the list that answers EHLO, and what of it is odd; two lists,
 * before and after TLS, compared. `list` is the text of an answer: the greeting
 * line, then a keyword with its arguments a line. Nothing here does I/O. */
#ifndef EHLO_TALK_HELLO_H
#define EHLO_TALK_HELLO_H

#include "base/put.h"
#include "base/span.h"

/* Case-insensitive; "AUTH=LOGIN" counts as AUTH. `args` may be NULL. */
bool talk_hello_has(struct span list, struct span keyword,
    struct span *args);
/* What is in `there` and not in `here`: "SIZE, AUTH PLAIN LOGIN", quoted. An
 * AUTH that is in both is compared mechanism by mechanism,
 * STARTTLS not at all: it goes when it is done. */
void talk_hello_missing(struct span here, struct span there,
    struct put *out);

#endif
