/* SPDX-License-Identifier: Apache-2.0 */
/* notice: see notice.h. */
#include "ehlod/notice.h"

#include "deliver/note.h"
#include "policy/policy.h"

/* By the configuration in force now. */
static bool
find(void *arg, struct span address, struct arena *arena,
    struct envelope_rcpt **rcpt, size_t *n)
{
	const struct shard_store *at = arg;
	const struct snapshot *snapshot = at->shard->snapshot;
	const struct policy policy = { .conf = snapshot->conf,
		.users = snapshot->users, .aliases = snapshot->aliases };
	struct policy_rcpts list = { 0 };

	if (!policy_expand(&policy, address, arena, &list))
		return false;
	*rcpt = list.rcpt;
	*n = list.n;
	return true;
}

static void
stored(void *arg, struct store *store, const struct store_entry *entry,
    const struct envelope *envelope)
{
	struct shard_store *at = arg;

	store_set_note(store, entry->id, note_new(envelope, NOTE_RCPTS_MAX));
	delivery_add(at->delivery, entry);
}

struct bounce_env
notice_env(struct shard_store *at)
{
	return (struct bounce_env){ .loop = at->shard->loop,
		.pool = at->shard->shared->disk_pool, .find = find,
		.stored = stored, .arg = at };
}
