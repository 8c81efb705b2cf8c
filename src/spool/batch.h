/* SPDX-License-Identifier: Apache-2.0 */
/* batch: what goes to the disk in one write. Ops are laid into the buffer one
 * behind the other; it is flushed when it is full, when the segment is, or
 * when there are no more. */
#ifndef SPOOL_BATCH_H
#define SPOOL_BATCH_H

#include "spool/commit.h"

/* Works off an op, or lays it into the batch. */
void batch_add(struct committer *c, struct op *op);
/* Makes the batch durable. If that fails, what is no mail stands in a new
 * batch afterwards. */
void batch_flush(struct committer *c);

#endif
