/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of passwords that were right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sample.h"
#include "user/recent.h"

static void
remembers_for_a_minute(void **state)
{
	struct user_recent *recent = user_recent_new();
	unsigned char mac[USER_RECENT_MAC];

	(void)state;
	user_recent_mac(recent, SPAN("guyt"), SPAN("Pauline13"),
	    MD5_PAULINE13, mac);
	assert_false(user_recent_has(recent, mac, 1000));
	user_recent_add(recent, mac, 1000);
	assert_true(user_recent_has(recent, mac, 1000));
	assert_true(user_recent_has(recent, mac, 1000 + 59999));
	/* asking did not make it live longer */
	assert_false(user_recent_has(recent, mac, 1000 + 60000));
	user_recent_free(recent);
}

/* seen to catch: fields put into the MAC without their lengths
 * (tests/faults/user-recent-no-lengths.patch). */
static void
every_field_counts(void **state)
{
	const struct {
		struct span name, password;
		const char *hash;
	} row[] = {
		{ SPAN("guyt"), SPAN("Pauline13"), MD5_PAULINE13 },
		{ SPAN("guyt"), SPAN("Pauline13"), NT_PAULINE13 },
		{ SPAN("guyt"), SPAN("Pauline1"), MD5_PAULINE13 },
		{ SPAN("guy"), SPAN("Pauline13"), MD5_PAULINE13 },
		{ SPAN("guytP"), SPAN("auline13"), MD5_PAULINE13 },
		{ SPAN("guyt"), SPAN("Pauline13$1"), MD5_PAULINE13 + 2 },
	};
	struct user_recent *recent = user_recent_new();
	unsigned char mac[countof(row)][USER_RECENT_MAC];

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		user_recent_mac(recent, row[i].name, row[i].password,
		    row[i].hash, mac[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(mac[i], mac[k],
			    USER_RECENT_MAC);
	}
	user_recent_free(recent);
}

/* The longest of everything. */
static void
takes_the_longest_fields(void **state)
{
	struct user_recent *recent = user_recent_new();
	unsigned char mac[USER_RECENT_MAC];
	char bytes[1024], hash[384];

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	memset(hash, 'h', sizeof hash);
	hash[383] = '\0';
	user_recent_mac(recent, span_of(bytes, 255), span_of(bytes, 1024),
	    hash, mac);
	user_recent_free(recent);
}

static void
key_differs_by_process(void **state)
{
	struct user_recent *one = user_recent_new(), *two = user_recent_new();
	unsigned char a[USER_RECENT_MAC], b[USER_RECENT_MAC];

	(void)state;
	user_recent_mac(one, SPAN("u"), SPAN("p"), "h", a);
	user_recent_mac(two, SPAN("u"), SPAN("p"), "h", b);
	assert_memory_not_equal(a, b, USER_RECENT_MAC);
	user_recent_free(one);
	user_recent_free(two);
}

/* Many more than fit: it stays bounded, and the newest are there. */
static void
the_oldest_make_room(void **state)
{
	struct user_recent *recent = user_recent_new();
	unsigned char mac[USER_RECENT_MAC];
	char name[16];
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * USER_RECENT_MAX; i++) {
		(void)snprintf(name, sizeof name, "u%u", i);
		user_recent_mac(recent, span_str(name), SPAN("p"), "h", mac);
		user_recent_add(recent, mac, i);
		assert_true(user_recent_has(recent, mac, i));
	}
	for (unsigned i = 0; i < 3 * USER_RECENT_MAX; i++) {
		(void)snprintf(name, sizeof name, "u%u", i);
		user_recent_mac(recent, span_str(name), SPAN("p"), "h", mac);
		kept += user_recent_has(recent, mac, 3 * USER_RECENT_MAX);
	}
	assert_in_range(kept, USER_RECENT_MAX / 2, USER_RECENT_MAX);
	/* the same again takes no second place */
	user_recent_add(recent, mac, 3 * USER_RECENT_MAX);
	assert_true(user_recent_has(recent, mac, 3 * USER_RECENT_MAX));
	user_recent_free(recent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_for_a_minute),
		cmocka_unit_test(every_field_counts),
		cmocka_unit_test(takes_the_longest_fields),
		cmocka_unit_test(key_differs_by_process),
		cmocka_unit_test(the_oldest_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
