/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes: what other systems wrote is checked, what we write is yescrypt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/hash.h"

/* Of "Pauline13", written by libxcrypt's and libsodium's own tools. */
static const struct {
	const char *scheme;
	const char *hash;
} stored[] = {
	{ "yescrypt",
	    "$y$j75$tl10UAxuLR7r7WvNaDHsW0$T20IJADIOr"
	    "v2.8SJDbT8.4ZaKmoPBBQSY59ojvBCYP9" },
	{ "gost-yescrypt",
	    "$gy$j75$t81HvX.eVl.WL9lVMvBPM0$oxDxA2Wii"
	    "NHogpPHByrMM50HttIATbpPdDJpNnjFHP5" },
	{ "scrypt",
	    "$7$BU..../....VGfXhchIc6d/OCXVNTl4q/$nNN"
	    "jqvdE.5.6zlVNv2Vg2AAWkww9wszUzia0np3YA29" },
	{ "bcrypt",
	    "$2b$04$JaaXvSO6SMGxuqogTzP1cezmXMOPj8t5d"
	    "4onxW2rGdDoRFNIguqR6" },
	{ "bcrypt",
	    "$2a$04$/bd4dMJtIPXasat53QemmusfVDZpKjBa1"
	    "d.tgL3.hCaNxSQW96DPS" },
	{ "bcrypt",
	    "$2y$04$SLmZNEpiisoNymvMLCSHAOflxHZrs2Fke"
	    "ngSqZx2wwkGlamd75pCq" },
	{ "sha512crypt",
	    "$6$7JLU0B62p7H/tiad$.S6HZBFaO8AhD7YCFT5C"
	    "gV2.hR65XxglMJqfneJ0i8pmZX5lfKSwRQJIc0kj"
	    "kJ66SWsHVMBi4WiDR8YkakbNm0" },
	{ "sha256crypt",
	    "$5$FmLcQco0heZc53/3$55baeZiumIdA08QWG5mL"
	    "E8ZcT0yKuM2J0T/quq9e8h3" },
	{ "sha1crypt",
	    "$sha1$4$wf7KtsAt4occW4JpC/7K$UeO5IAAaeZX"
	    "ti8c/0WZze7g4RE5W" },
	{ "sunmd5",
	    "$md5,rounds=60722$E.JAlIHt$$7Kh4DlexB.Mn"
	    "aHH14iWPE1" },
	{ "md5crypt",
	    "$1$L3cW/rfB$usG2hf45RBBztN8PTIogM." },
	{ "nthash",
	    "$3$$85f63c478d5437666334497fd4995884" },
	{ "bsdicrypt",
	    "_J9..BJwiCrC8cz3fEQg" },
	{ "descrypt",
	    "nltsr7cAz2DiM" },
	{ "argon2id",
	    "$argon2id$v=19$m=8,t=1,p=1$uMgACf/1Wmu39"
	    "jfB9Qsfjw$YboNNG6gFJ9Qx6jAzy55KD/M2llUmm"
	    "b9l/x8+zyxscM" },
};

static void
checks_every_scheme(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(stored); i++) {
		struct span hash = span_str(stored[i].hash);
		char memory[256];
		struct put why = put_init(memory, sizeof memory);

		assert_string_equal(user_hash_scheme(hash), stored[i].scheme);
		if (!user_hash_is_known(hash, &why))
			fail_msg("%s: %s", stored[i].scheme, put_cstr(&why));
		assert_int_equal(user_hash_check(stored[i].hash,
		    SPAN("Pauline13")), USER_HASH_RIGHT);
		assert_int_equal(user_hash_check(stored[i].hash,
		    SPAN("Qauline13")), USER_HASH_WRONG);
	}
}

static void
new_ones_are_yescrypt(void **state)
{
	char one[USER_HASH_MAX + 1], two[USER_HASH_MAX + 1];

	(void)state;
	assert_int_equal(user_hash_new(SPAN("P@$$w0rd"), one), 0);
	assert_int_equal(user_hash_new(SPAN("P@$$w0rd"), two), 0);
	assert_string_equal(user_hash_scheme(span_str(one)), "yescrypt");
	assert_string_not_equal(one, two);	/* salted */
	assert_int_equal(user_hash_check(one, SPAN("P@$$w0rd")),
	    USER_HASH_RIGHT);
	assert_int_equal(user_hash_check(one, SPAN("P@$$w0r")),
	    USER_HASH_WRONG);
	assert_int_equal(user_hash_check(one, SPAN("P@$$w0rd ")),
	    USER_HASH_WRONG);
}

/* crypt(3) takes 511 bytes at most: the longest password still counts whole. */
static void
long_passwords_count_whole(void **state)
{
	static const size_t length[] = { 511, 512, USER_PASSWORD_MAX };
	char password[USER_PASSWORD_MAX + 1], hash[USER_HASH_MAX + 1];

	(void)state;
	memset(password, 'x', sizeof password);
	for (size_t i = 0; i < countof(length); i++) {
		size_t n = length[i];

		assert_int_equal(user_hash_new(span_of(password, n), hash), 0);
		assert_string_equal(user_hash_scheme(span_str(hash)),
		    n < 512 ? "yescrypt" : "argon2id");
		assert_int_equal(user_hash_check(hash, span_of(password, n)),
		    USER_HASH_RIGHT);
		assert_int_equal(user_hash_check(hash,
		    span_of(password, n - 1)), USER_HASH_WRONG);
		assert_int_equal(user_hash_check(hash,
		    span_of(password, n + 1)), USER_HASH_WRONG);
	}
}

static void
empty_and_nul_never_match(void **state)
{
	char of_prefix[USER_HASH_MAX + 1];

	(void)state;
	assert_int_equal(user_hash_new(SPAN("Pauline"), of_prefix), 0);
	assert_int_equal(user_hash_check(of_prefix, SPAN("Pauline\0x")),
	    USER_HASH_WRONG);
	assert_int_equal(user_hash_check(of_prefix, SPAN("")),
	    USER_HASH_WRONG);
}

static void
locked_never_matches(void **state)
{
	char hash[USER_HASH_MAX + 2] = "!";

	(void)state;
	assert_int_equal(user_hash_new(SPAN("Pauline13"), hash + 1), 0);
	assert_string_equal(user_hash_scheme(span_str(hash)), "locked");
	assert_int_equal(user_hash_check(hash, SPAN("Pauline13")),
	    USER_HASH_WRONG);
	assert_true(span_eq(user_hash_inner(span_str(hash)),
	    span_str(hash + 1)));
	assert_int_equal(user_hash_inner(SPAN("!")).len, 0);
	assert_int_equal(user_hash_inner(SPAN("!!gone")).len, 0);
}

static void
unknown_or_cut_hashes_are_told(void **state)
{
	const struct {
		struct span hash;
		const char *why;
	} row[] = {
		{ SPAN(""), "there is no password hash" },
		{ SPAN("Pauline13"), "not a password hash we know" },
		{ SPAN("*"), "not a password hash we know" },
		{ SPAN("{SSHA}abcdef"), "not a password hash we know" },
		{ SPAN("$9$abc$def"), "not a password hash we know" },
		{ SPAN("$y$j9T$3cbrRP4cEk0EyU0XIt13r/$Jscc/WprGyMa86ni"),
		    "not whole" },
		{ SPAN("$y$j9T$3cbrRP4cEk0EyU0XIt13r/"), "not whole" },
		{ SPAN("$6$TJShteFhtKrAbhrB$"), "not whole" },
		{ SPAN("$3$\r$85f63c478d5437666334497fd4995884"),
		    "control character" },
		{ SPAN("!\r"), "control character" },
		{ SPAN("!locked by Guy"), "white space" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char memory[256];
		struct put why = put_init(memory, sizeof memory);

		assert_false(user_hash_is_known(row[i].hash, &why));
		if (strstr(put_cstr(&why), row[i].why) == NULL)
			fail_msg("row %zu: \"%s\"", i, memory);
		/* it may be a password that stands there */
		assert_null(strstr(memory, "Pauline"));
	}
}

static void
what_cannot_be_computed_is_broken(void **state)
{
	(void)state;
	assert_int_equal(user_hash_check("$argon2id$v=19$m=0,t=2,p=1$c2FsdA$"
	    "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
	    SPAN("x")), USER_HASH_BROKEN);
	assert_int_equal(user_hash_check("$5$rounds=0$abc$", SPAN("x")),
	    USER_HASH_BROKEN);
}

/* What is computed for nobody costs what new accounts cost. */
static void
dummy_is_todays_yescrypt(void **state)
{
	char hash[USER_HASH_MAX + 1], memory[256];
	struct put why = put_init(memory, sizeof memory);
	struct span dummy = span_str(user_hash_dummy);

	(void)state;
	assert_true(user_hash_is_known(dummy, &why));
	assert_int_equal(user_hash_new(SPAN("x"), hash), 0);
	assert_true(span_starts(dummy, SPAN("$y$j9T$")));
	assert_memory_equal(hash, user_hash_dummy, 7);
	assert_int_equal(user_hash_check(user_hash_dummy, SPAN("x")),
	    USER_HASH_WRONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_every_scheme),
		cmocka_unit_test(new_ones_are_yescrypt),
		cmocka_unit_test(long_passwords_count_whole),
		cmocka_unit_test(empty_and_nul_never_match),
		cmocka_unit_test(locked_never_matches),
		cmocka_unit_test(unknown_or_cut_hashes_are_told),
		cmocka_unit_test(what_cannot_be_computed_is_broken),
		cmocka_unit_test(dummy_is_todays_yescrypt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
