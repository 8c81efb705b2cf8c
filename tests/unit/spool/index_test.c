/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a plain array, through some hundred thousand changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/span.h"
#include "lying_disk.h"
#include "spool/index.h"

#define IDS 5000u

struct known {
	struct index_entry *entry;	/* NULL: not there */
	uint32_t settled;	/* bits 0-31 */
};

/* Like real ones: ascending, most low bits the same. */
static uint64_t
id_of(size_t i)
{
	return ((uint64_t)i / 3 + 1) << 22 | (uint64_t)7 << 14 | i % 3;
}

static void
check_all(const struct index *index, const struct known *known)
{
	uint32_t at = 0, n = 0, expected = 0;
	const struct index_entry *entry;

	while ((entry = index_next(index, &at)) != NULL)
		n++;
	for (size_t i = 0; i < IDS; i++) {
		assert_ptr_equal(index_find(index, id_of(i)),
		    known[i].entry);
		expected += known[i].entry != NULL;
		for (uint32_t k = 0; known[i].entry != NULL && k < 32; k++)
			assert_int_equal(index_is_settled(known[i].entry, k),
			    known[i].settled >> k & 1);
	}
	assert_int_equal(n, expected);
	assert_int_equal(index->n, expected);
}

/* Seen to catch: close_hole() that moves nobody back. */
static void
test_against_an_array(void **state)
{
	static struct known known[IDS];
	struct index index;
	uint64_t seed = 1;

	(void)state;
	index_init(&index);
	for (unsigned round = 0; round < 200000; round++) {
		size_t i = (size_t)(lying_random(&seed) % IDS);
		uint32_t rcpt = (uint32_t)(lying_random(&seed) % 32);

		if (known[i].entry == NULL) {
			known[i].entry = index_add(&index, id_of(i));
			known[i].settled = 0;
			assert_int_equal(known[i].entry->at, 0);
		} else if (lying_random(&seed) % 3 == 0) {
			index_settle(&index, known[i].entry, rcpt);
			known[i].settled |= 1u << rcpt;
		} else if (lying_random(&seed) % 3 == 0) {
			index_unsettle(known[i].entry, rcpt);
			known[i].settled &= ~(1u << rcpt);
		} else {
			index_remove(&index, known[i].entry);
			known[i].entry = NULL;
		}
		if (round % 20000 == 0)
			check_all(&index, known);
	}
	check_all(&index, known);
	index_free(&index);
}

static void
test_memory_a_message(void **state)
{
	struct index index;

	(void)state;
	index_init(&index);
	for (size_t i = 0; i < 100000; i++)
		(void)index_add(&index, id_of(i));
	assert_in_range(index_memory(&index) / 100000, 56, 100);
	index_free(&index);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_an_array),
		cmocka_unit_test(test_memory_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
