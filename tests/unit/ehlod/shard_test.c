/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard promises without its thread. */
#include "ehlod/shard.h"

#include <stdlib.h>

#include "base/buf.h"
#include "../test.h"

#define SHARDS 4
#define EACH   20000

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Seen to catch: shards whose names began 4096 apart and counted by one. */
static void
names_of_sessions_differ(void **state)
{
	static uint64_t id[SHARDS * EACH];
	struct conf conf = { 0 };
	struct snapshot snapshot = { .refs = 1, .conf = &conf };

	(void)state;
	for (unsigned s = 0; s < SHARDS; s++) {
		struct shard *shard = shard_new(s, SHARDS, NULL, &snapshot);

		for (size_t i = 0; i < EACH; i++)
			id[s * EACH + i] = shard_session_id(shard);
		transcript_free(shard->transcript);
		free(shard->store);
		free(shard);
	}
	qsort(id, countof(id), sizeof id[0], compare);
	for (size_t i = 1; i < countof(id); i++)
		assert_true(id[i - 1] < id[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_sessions_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
