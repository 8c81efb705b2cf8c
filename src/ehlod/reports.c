/* SPDX-License-Identifier: Apache-2.0 */
/* reports: see reports.h. */
#include "ehlod/reports.h"

/* In force now. */
static const struct conf *
conf_of(void *arg)
{
	const struct shard *shard = arg;

	return shard->snapshot->conf;
}

static void
on_rest(void *arg)
{
	shard_work_gone(arg);
}

struct tlsrpt_run *
reports_start(struct shard *shard)
{
	struct shard_store *at = &shard->store[0];
	const struct tlsrpt_run_env env = { .link = &at->env,
		.notices = &at->notices, .store = at->store,
		.conf = conf_of, .rests = on_rest, .arg = shard };

	return tlsrpt_run_new(&env);
}
