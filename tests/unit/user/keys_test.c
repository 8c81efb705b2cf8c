/* SPDX-License-Identifier: Apache-2.0 */
/* Keys beside the hash: made, read, left out, made up; and passwords prepared
 * (RFC 4013 3 and what it refers to). */
#include "../test.h"
#include "user/keys.h"
#include "user/prep.h"
#include "user/table.h"

static const unsigned char seed[USER_SEED_LEN] = "a seed";

static struct user_attributes
attributes_of(const char *text)
{
	struct user_attributes attributes;
	char memory[512];
	struct put why = put_init(memory, sizeof memory);

	if (!user_attributes_parse(span_str(text), &attributes, &why))
		fail_msg("%s", put_cstr(&why));
	return attributes;
}

static void
made_ones_are_read(void **state)
{
	struct sasl_credentials known = { .may_log_in = false };
	struct scram_secret again;
	char memory[USER_KEYS_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct user_attributes attributes;

	(void)state;
	assert_int_equal(user_keys_put_scram(SPAN("pencil"), &out), 0);
	put_char(&out, ' ');
	assert_int_equal(user_keys_put_nt(SPAN("Password"), &out), 0);
	attributes = attributes_of(put_cstr(&out));
	user_keys_read(&attributes, &known);
	assert_true(known.has_scram_sha_1 && known.has_scram_sha_256 &&
	    known.has_nt_hash);
	again = known.scram_sha_256;
	assert_true(scram_derive(SPAN("pencil"), &again, NULL));
	assert_memory_equal(&again, &known.scram_sha_256, sizeof again);
	again = known.scram_sha_1;
	assert_true(scram_derive(SPAN("pencil"), &again, NULL));
	assert_memory_equal(&again, &known.scram_sha_1, sizeof again);
	assert_memory_equal(known.nt_hash,
	    "\xa4\xf4\x9c\x40\x65\x10\xbd\xca\xb6\x82\x4e\xe7\xc3\x0f\xd8\x52",
	    NTLM_KEY_LEN);
}

/* seen to catch: another salt each time
 * (tests/faults/user-made-up-salt.patch): ask twice, and know who exists. */
static void
made_up_ones_stay_the_same(void **state)
{
	unsigned char other_seed[USER_SEED_LEN] = "another";
	struct sasl_credentials one, two;

	(void)state;
	user_keys_make_up(seed, SPAN("nobody"), NULL, &one);
	user_keys_make_up(seed, SPAN("nobody"), NULL, &two);
	assert_memory_equal(one.scram_sha_256.salt, two.scram_sha_256.salt,
	    sizeof one.scram_sha_256.salt);
	assert_memory_equal(one.scram_sha_1.salt, two.scram_sha_1.salt,
	    sizeof one.scram_sha_1.salt);
	assert_memory_equal(one.nt_hash, two.nt_hash, sizeof one.nt_hash);
	assert_int_equal(one.scram_sha_256.iterations, SCRAM_ITERATIONS);
	assert_int_equal(one.scram_sha_256.salt_len, 16);
	assert_false(one.may_log_in || one.has_nt_hash ||
	    one.has_scram_sha_1 || one.has_scram_sha_256);
	/* each name, kind and seed has its own */
	assert_memory_not_equal(one.scram_sha_1.salt, one.scram_sha_256.salt,
	    16);
	user_keys_make_up(seed, SPAN("nemo"), NULL, &two);
	assert_memory_not_equal(one.scram_sha_256.salt,
	    two.scram_sha_256.salt, 16);
	user_keys_make_up(other_seed, SPAN("nobody"), NULL, &two);
	assert_memory_not_equal(one.scram_sha_256.salt,
	    two.scram_sha_256.salt, 16);
}

#define KEY32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY20 "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SCRAM256 "SCRAM-SHA-256$5000:AAAAAAAA$" KEY32 ":" KEY32
#define SCRAM1 "SCRAM-SHA-1$6000:AAAAAAAAAAAA$" KEY20 ":" KEY20

static void
made_up_ones_look_like_real_ones(void **state)
{
	struct user_attributes like =
	    attributes_of("scram=" SCRAM256 "," SCRAM1);
	struct sasl_credentials out;

	(void)state;
	user_keys_make_up(seed, SPAN("nobody"), &like, &out);
	assert_int_equal(out.scram_sha_256.iterations, 5000);
	assert_int_equal(out.scram_sha_256.salt_len, 6);
	assert_int_equal(out.scram_sha_1.iterations, 6000);
	assert_int_equal(out.scram_sha_1.salt_len, 9);
	assert_memory_not_equal(out.scram_sha_256.salt, "\0\0\0\0\0\0", 6);
}

static void
bad_keys_are_told_and_not_shown(void **state)
{
	static const char *const bad[] = {
		"scram=", "scram=x", "nt=", "nt=00",
		"scram=" SCRAM256 "," SCRAM256, "scram=" SCRAM256 "x",
		"scram=" SCRAM256 " scram=" SCRAM1,
		"nt=0123456789abcdef0123456789abcdeg",
		"nt=0123456789abcdef0123456789abcdef0",
		"nt=0123456789abcdef0123456789abcdef\001",
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct user_attributes ignored;
		char memory[512];
		struct put why = put_init(memory, sizeof memory);

		if (user_attributes_parse(span_str(bad[i]), &ignored, &why))
			fail_msg("taken: %s", bad[i]);
		assert_null(strstr(put_cstr(&why), "AAAA"));
		assert_null(strstr(put_cstr(&why), "0123"));
	}
}

static void
are_left_out_of_lists(void **state)
{
	static const char *const row[][2] = {
		{ "", "" },
		{ "scram=x", "" },
		{ "mailbox=no scram=x  nt=y\tdisabled=yes",
		    "mailbox=no disabled=yes" },
		{ "nt=y mailbox=no", "mailbox=no" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char memory[128];
		struct put out = put_init(memory, sizeof memory);

		user_keys_leave_out(span_str(row[i][0]), &out);
		assert_span(put_span(&out), span_str(row[i][1]));
	}
}

static void
the_seed_is_a_comment(void **state)
{
	unsigned char got[USER_SEED_LEN];
	char memory[128], error[256], file[512];
	struct put out = put_init(memory, sizeof memory),
	    all = put_init(file, sizeof file);
	struct user_table *table;

	(void)state;
	assert_int_equal(user_seed_new(&out), 0);
	assert_true(user_seed_parse(put_span(&out), got));
	assert_false(user_seed_parse(SPAN("# made-up keys: AAAA"), got));
	assert_false(user_seed_parse(SPAN("# made up"), got));
	put_str(&all, "a:!\n");
	put_bytes(&all, put_span(&out));
	put_str(&all, "\r\n# made-up keys: AAAA\n");
	table = user_table_parse("f", put_span(&all), error, sizeof error);
	assert_non_null(table);
	assert_true(user_seed_parse(put_span(&out), got));
	assert_true(table->has_seed);
	assert_memory_equal(table->seed, got, sizeof got);
	user_table_unref(table);
}

/* RFC 4013 3, and one of each table. */
static void
passwords_are_prepared(void **state)
{
	static const struct {
		const char *text, *prepared;	/* NULL: refused */
	} row[] = {
		{ "", "" }, { "user", "user" }, { "USER", "USER" },
		{ "I\xc2\xadX", "IX" },			/* soft hyphen */
		{ "\xc2\xaa", "a" },			/* NFKC */
		{ "\xe2\x85\xa8", "IX" },
		{ "\x07", NULL },
		{ "\xd8\xa7" "1", NULL },		/* RFC 3454 6 */
		{ "\xd8\xa7" "1\xd8\xa8", "\xd8\xa7" "1\xd8\xa8" },
		{ "a\xd8\xa7", NULL },
		{ "a\xcc\x88", "\xc3\xa4" },		/* composed */
		{ "a\xc2\xa0" "b\xe3\x80\x80", "a b " },	/* spaces */
		{ "a\xef\xbb\xbf" "b", "ab" },
		{ "\xee\x80\x80", NULL },		/* private use */
		{ "\xe2\x80\xae" "a", NULL },		/* direction */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xff", NULL }, { "\xc2\x85", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char memory[64];
		struct put out = put_init(memory, sizeof memory);

		if (user_prep(span_str(row[i].text), &out) !=
		    (row[i].prepared != NULL))
			fail_msg("row %zu", i);
		if (row[i].prepared != NULL)
			assert_span(put_span(&out), span_str(row[i].prepared));
	}
}

static void
without_preparation_there_is_no_scram(void **state)
{
	char memory[USER_KEYS_MAX];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	assert_int_equal(user_keys_put_scram(SPAN("a\tb"), &out), 0);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_ones_are_read),
		cmocka_unit_test(made_up_ones_stay_the_same),
		cmocka_unit_test(made_up_ones_look_like_real_ones),
		cmocka_unit_test(bad_keys_are_told_and_not_shown),
		cmocka_unit_test(are_left_out_of_lists),
		cmocka_unit_test(the_seed_is_a_comment),
		cmocka_unit_test(passwords_are_prepared),
		cmocka_unit_test(without_preparation_there_is_no_scram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
