/* SPDX-License-Identifier: Apache-2.0 */
/* queue_item: a waiting message as a line of JSON, written by hand because
 * there may be a million of them. */
#ifndef EHLOD_QUEUE_ITEM_H
#define EHLOD_QUEUE_ITEM_H

#include "base/buf.h"
#include "deliver/note.h"

/* A string with its quotes; what is no UTF-8 is shown as \xHH. 0 or -ENOBUFS.
 */
int queue_put_string(struct buf *out, struct span text);
/* The members of an item without the braces around them: id, received, size,
 * state, due, attempts, and, if there is a note, sender, listener, login,
 * rcpts (those that are not settled), reason. */
int queue_put_members(struct buf *out, struct store *store,
    const struct store_look *look, const struct note *note);

#endif
