/* SPDX-License-Identifier: Apache-2.0 */
/* drop: mail that programs of this machine left in the drop folder (`ehlo
 * sendmail`), whether or not we were running.
 *
 * 1. What lies there whole is taken at the start, when it comes, and looked
 *    for every half minute.
 * 2. Nothing is lost: a file goes when the store has its mail durably.
 * 3. Nothing is taken twice: a file is renamed to the id that its mail will
 *    have before that is written, and gone before it is delivered. After a
 *    crash in between, the store knows whether the id is its own.
 * 4. What cannot be delivered to anybody stays there as refused-…, and the log
 *    says why. */
#ifndef EHLOD_DROP_H
#define EHLOD_DROP_H

#include "ehlod/control.h"

struct drop;

/* NULL if there is no such folder, or it is not as it should be (logged). */
struct drop *drop_start(struct control *control);
/* No more files; one that is under way counts as work of `control`. */
void drop_stop(struct drop *drop);
void drop_free(struct drop *drop);
/* On a shard's thread, when its stores are open and nothing is delivered yet.
 */
void drop_recover_shard(const struct shard *shard);

#endif
