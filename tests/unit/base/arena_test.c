/* SPDX-License-Identifier: Apache-2.0 */
/* arena: aligned, zeroed, apart from each other, bounded. */
#include "../test.h"

#include <stdalign.h>

#include "base/arena.h"

static void
bounded(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 4096);
	assert_null(arena.block);
	assert_null(arena_alloc(&arena, 4097));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 8));
	assert_null(arena.block);
	assert_non_null(arena_alloc(&arena, 4000));
	assert_null(arena_alloc(&arena, 97));
	assert_non_null(arena_alloc(&arena, 96));
	assert_null(arena_alloc(&arena, 1));
	assert_null(arena_copy(&arena, SPAN("x")).p);
	arena_reset(&arena);
	assert_null(arena.block);
	assert_non_null(arena_alloc(&arena, 4096));
	arena_reset(&arena);
	arena_reset(&arena);
}

/* Writes a pattern into every piece and reads all of them at the end. Seen to
 * catch: rounding left out (unaligned pieces), `used` not advanced. */
static void
pieces_keep_apart(void **state)
{
	unsigned char *piece[500];
	size_t size[500];
	uint64_t seed = 5;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1u << 20);
	for (size_t i = 0; i < countof(piece); i++) {
		size[i] = test_random(&seed) % (i % 50 == 0 ? 5000 : 100);
		piece[i] = arena_alloc(&arena, size[i]);
		assert_non_null(piece[i]);
		assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t),
		    0);
		for (size_t j = 0; j < size[i]; j++)
			assert_int_equal(piece[i][j], 0);
		if (size[i] != 0)
			memset(piece[i], (int)(i % 255 + 1), size[i]);
	}
	for (size_t i = 0; i < countof(piece); i++)
		for (size_t j = 0; j < size[i]; j++)
			assert_int_equal(piece[i][j], i % 255 + 1);
	arena_reset(&arena);
}

static void
copies(void **state)
{
	struct arena arena;
	struct span copy;

	(void)state;
	arena_init(&arena, 1000);
	copy = arena_copy(&arena, SPAN("a\0b"));
	assert_span(copy, SPAN("a\0b"));
	assert_int_equal(copy.p[3], '\0');
	copy = arena_copy(&arena, (struct span){ NULL, 0 });
	assert_non_null(copy.p);
	assert_int_equal(copy.len, 0);
	assert_int_equal(copy.p[0], '\0');
	arena_reset(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounded),
		cmocka_unit_test(pieces_keep_apart),
		cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
