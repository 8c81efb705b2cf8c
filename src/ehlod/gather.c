/* SPDX-License-Identifier: Apache-2.0 */
/* gather: see gather.h. */
#include "ehlod/gather.h"

#include "base/die.h"

void
gather_start(struct gather *gather, struct shard **shard, unsigned shard_n,
    void *part, size_t size, void (*ask)(struct loop_job *job))
{
	must(shard_n != 0);
	gather->due = shard_n;
	for (unsigned s = 0; s < shard_n; s++) {
		struct gather_part *at = (void *)((char *)part + s * size);

		at->gather = gather;
		at->shard = shard[s];
		at->job.run = ask;
		loop_post(shard[s]->loop, &at->job);
	}
}

static void
count_answer(struct loop_job *job)
{
	struct gather_part *part = (struct gather_part *)job;
	struct gather *gather = part->gather;

	if (--gather->due == 0)
		gather->done(gather);
}

void
gather_answer(struct gather_part *part)
{
	part->job.run = count_answer;
	loop_post(part->gather->loop, &part->job);
}
