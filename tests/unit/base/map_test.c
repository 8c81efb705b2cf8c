/* SPDX-License-Identifier: Apache-2.0 */
/* map: against an array that is searched from front to back. */
#include "../test.h"

#include "base/map.h"

#include <unistd.h>

enum { KEYS = 300 };

static char key_text[KEYS][8];
static struct span key[KEYS];
static int value[2 * KEYS];

static void
make_keys(void)
{
	for (int i = 0; i < KEYS; i++) {
		snprintf(key_text[i], sizeof key_text[i], "%d", i);
		key[i] = span_str(key_text[i]);
	}
}

static void
compare_walk(const struct map *map, void *const *model)
{
	bool is_met[KEYS] = { false };
	size_t at = 0, n = 0;
	struct span met;
	void *got;

	while (map_next(map, &at, &met, &got)) {
		int i;

		for (i = 0; i < KEYS && !span_eq(met, key[i]); i++)
			continue;
		assert_in_range(i, 0, KEYS - 1);
		assert_false(is_met[i]);
		is_met[i] = true;
		assert_ptr_equal(got, model[i]);
		n++;
	}
	assert_int_equal(n, map->n);
}

/* Seen to catch: followers not moved back by map_take() (base-map-take-hole),
 * a replacement counted as an entry. */
static void
random_use(void **state)
{
	void *model[KEYS] = { NULL };
	uint64_t seed = 31;
	struct map map;

	(void)state;
	make_keys();
	map_init(&map);
	for (int round = 0; round < 60000; round++) {
		/* grows and shrinks in waves */
		bool puts = test_random(&seed) % 100 <
		    (round / 5000 % 2 == 0 ? 65u : 30u);
		size_t i = test_random(&seed) % KEYS;
		void *v = &value[test_random(&seed) % countof(value)];

		assert_ptr_equal(map_find(&map, key[i]), model[i]);
		if (puts) {
			assert_ptr_equal(map_put(&map, key[i], v), model[i]);
			model[i] = v;
		} else {
			assert_ptr_equal(map_take(&map, key[i]), model[i]);
			model[i] = NULL;
		}
		assert_ptr_equal(map_find(&map, key[i]), model[i]);
		if (round % 500 == 0)
			for (int j = 0; j < KEYS; j++)
				assert_ptr_equal(map_find(&map, key[j]),
				    model[j]);
		if (round % 500 == 0)
			compare_walk(&map, model);
	}
	map_free(&map);
}

static void
empty(void **state)
{
	struct map map;
	size_t at = 0;
	int one;

	(void)state;
	map_init(&map);
	assert_null(map_find(&map, SPAN("x")));
	assert_null(map_take(&map, SPAN("x")));
	assert_false(map_next(&map, &at, NULL, NULL));
	assert_null(map_put(&map, SPAN(""), &one));
	assert_ptr_equal(map_find(&map, (struct span){ NULL, 0 }), &one);
	assert_null(map_find(&map, SPAN("\0")));
	assert_true(map_next(&map, &at, NULL, NULL));
	assert_ptr_equal(map_take(&map, SPAN("")), &one);
	assert_int_equal(map.n, 0);
	map_free(&map);
	map_free(&map);
	assert_null(map_find(&map, SPAN("x")));
}

/* The order of a map's walk shows its seed: this program, begun with an
 * argument, prints it. */
static void
print_order(void)
{
	static char text[64][4];
	struct map map;
	struct span at_key;
	size_t at = 0;

	map_init(&map);
	for (size_t i = 0; i < countof(text); i++) {
		snprintf(text[i], sizeof text[i], "%zu", i);
		map_put(&map, span_str(text[i]), text[i]);
	}
	while (map_next(&map, &at, &at_key, NULL))
		printf("%.*s ", (int)at_key.len, at_key.p);
	map_free(&map);
}

static void
run_order(char *out, size_t len)
{
	char command[4200], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self);
	FILE *pipe;

	assert_in_range(n, 1, sizeof self - 1);
	snprintf(command, sizeof command, "'%.*s' order", (int)n, self);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = (ssize_t)fread(out, 1, len - 1, pipe);
	out[n] = '\0';
	assert_int_equal(pclose(pipe), 0);
	assert_in_range(n, 64 * 2, len - 1);
}

/* Nobody can know in which slots his keys will lie. */
static void
seeds_differ(void **state)
{
	char a[512], b[512];

	(void)state;
	run_order(a, sizeof a);
	run_order(b, sizeof b);
	assert_string_not_equal(a, b);
}

/* Vectors made with OpenSSL's SIPHASH MAC, c-rounds 1, d-rounds 3, size 8,
 * key 00 01 … 0f, over 00 01 … n-1. */
static void
siphash_vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vector[] = {
		{ 0, 0xabac0158050fc4dcu },
		{ 1, 0xc9f49bf37d57ca93u },
		{ 7, 0xd3927d989bb11140u },
		{ 8, 0x369095118d299a8eu },
		{ 9, 0x25a48eb36c063de4u },
		{ 15, 0xd320d86d2a519956u },
		{ 16, 0xcc4fdd1a7d908b66u },
		{ 31, 0x2370dd1f8c21d1bcu },
		{ 63, 0x9d199062b7bbb3a8u },
	};
	const uint64_t seed[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < countof(vector); i++)
		assert_true(siphash13(seed, span_of(bytes, vector[i].len)) ==
		    vector[i].hash);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(random_use),
		cmocka_unit_test(seeds_differ),
		cmocka_unit_test(siphash_vectors),
	};

	(void)argv;
	if (argc > 1) {
		print_order();
		return 0;
	}

	return cmocka_run_group_tests(tests, NULL, NULL);
}
