/* SPDX-License-Identifier: Apache-2.0 */
/* heap: the smallest first, equal keys in the order of their items. */
#include "../test.h"

#include <stdlib.h>

#include "base/heap.h"

static int
compare(const void *a, const void *b)
{
	const struct heap_entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return 0;
}

static void
empty(void **state)
{
	struct heap_entry entry;
	struct heap heap;

	(void)state;
	heap_init(&heap);
	assert_false(heap_peek(&heap, &entry));
	assert_false(heap_take(&heap, &entry));
	heap_add(&heap, UINT64_MAX, 7);
	assert_true(heap_peek(&heap, &entry));
	assert_true(entry.key == UINT64_MAX && entry.item == 7);
	assert_int_equal(heap.n, 1);
	assert_true(heap_take(&heap, &entry));
	assert_false(heap_take(&heap, &entry));
	heap_free(&heap);
}

/* Few keys, so that many are equal. Seen to catch: items not compared, the
 * right child never looked at. */
static void
comes_out_sorted(void **state)
{
	enum { MANY = 1000 };
	struct heap_entry all[MANY], got;
	uint64_t seed = 3;
	struct heap heap;

	(void)state;
	heap_init(&heap);
	for (int round = 0; round < 20; round++) {
		size_t n = test_random(&seed) % MANY;

		for (size_t i = 0; i < n; i++) {
			all[i].key = test_random(&seed) % 20;
			all[i].item = test_random(&seed) % 1000;
			heap_add(&heap, all[i].key, all[i].item);
		}
		qsort(all, n, sizeof all[0], compare);
		for (size_t i = 0; i < n; i++) {
			assert_true(heap_peek(&heap, &got));
			assert_int_equal(compare(&got, &all[i]), 0);
			assert_true(heap_take(&heap, &got));
			assert_int_equal(compare(&got, &all[i]), 0);
		}
		assert_int_equal(heap.n, 0);
	}
	heap_free(&heap);
}

/* Adding and taking mixed, against an array searched for its smallest. */
static void
mixed(void **state)
{
	struct heap_entry all[200], got;
	uint64_t seed = 17;
	size_t n = 0;
	struct heap heap;

	(void)state;
	heap_init(&heap);
	for (int round = 0; round < 20000; round++) {
		size_t least = 0;

		if (n < countof(all) && test_random(&seed) % 2 == 0) {
			all[n].key = test_random(&seed) % 50;
			all[n].item = (uint64_t)round;
			heap_add(&heap, all[n].key, all[n].item);
			n++;
			continue;
		}
		assert_int_equal(heap_take(&heap, &got), n != 0);
		if (n == 0)
			continue;
		for (size_t i = 1; i < n; i++)
			if (compare(&all[i], &all[least]) < 0)
				least = i;
		assert_int_equal(compare(&got, &all[least]), 0);
		all[least] = all[--n];
	}
	heap_free(&heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(comes_out_sorted),
		cmocka_unit_test(mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
