/* SPDX-License-Identifier: Apache-2.0 */
/* tell: says, to the log and to the trail, what became of a recipient. */
#ifndef DELIVER_TELL_H
#define DELIVER_TELL_H

#include "deliver/parcel.h"

/* Of those decided by this attempt, beyond our own mailboxes. */
void tell_outcome(const struct parcel *parcel, uint32_t rcpt);
/* "550 5.1.1 No such user", one line, cut; for logs and `reason`. */
struct span tell_words(const struct outcome *outcome, char *memory,
    size_t len);

#endif
