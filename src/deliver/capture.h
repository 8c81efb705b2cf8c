/* SPDX-License-Identifier: Apache-2.0 */
/* capture: mail that is kept to be looked at and goes nowhere. Its recipients'
 * mailboxes begin with a slash, which no account's name can hold; each is a
 * Maildir in one folder, named after a recipient or a login.
 *
 * 1. A folder's name is made of letters, digits and "@._+-" of the name;
 *    everything else is written as %XX, so that no two names share one and
 *    none leads out of the folder. Of a name too long for a folder the
 *    beginning is kept, with "~" and a sum of all of it.
 * 2. There are never more messages than `max-messages` for longer than one
 *    batch of deliveries, and none is older than `max-age`; the oldest go
 *    first. Nothing is removed but files in new/ and cur/ of those Maildirs,
 *    and mailboxes that have been empty for as long. */
#ifndef DELIVER_CAPTURE_H
#define DELIVER_CAPTURE_H

#include "base/span.h"
#include "conf/conf.h"

static inline bool
capture_is_one(struct span mailbox)
{
	return mailbox.len != 0 && mailbox.p[0] == '/';
}

/* The Maildir of such a mailbox: 0; -ENOENT if the configuration captures
 * nothing (any more), -ENAMETOOLONG. */
int capture_path(const struct conf *conf, struct span mailbox, char *out,
    size_t len);
/* Removes what is too much or too old. Any thread; several at once do no
 * harm. Returns how many messages went. */
size_t capture_trim(const struct conf *conf, uint64_t now_ms);

#endif
