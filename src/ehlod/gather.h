/* SPDX-License-Identifier: Apache-2.0 */
/* gather: a question to all shards. Each part is asked on its shard's thread
 * and may take its time; when all have answered, `done` runs on the loop that
 * asked. No thread waits for another. */
#ifndef EHLOD_GATHER_H
#define EHLOD_GATHER_H

#include "ehlod/shard.h"

struct gather;

/* Embedded first in what a part finds out. */
struct gather_part {
	struct loop_job job;		/* private between ask and answer */
	struct gather *gather;
	struct shard *shard;
};

struct gather {
	struct loop *loop;		/* that asks */
	unsigned due;
	void (*done)(struct gather *gather);
};

/* `part` is one of `size` octets a shard; memory of the caller until `done`.
 * `ask` sees to it that gather_answer() is called. */
void gather_start(struct gather *gather, struct shard **shard,
    unsigned shard_n, void *part, size_t size,
    void (*ask)(struct loop_job *job));
/* On the shard's thread: this part is done. */
void gather_answer(struct gather_part *part);

#endif
