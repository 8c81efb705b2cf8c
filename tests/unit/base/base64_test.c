/* SPDX-License-Identifier: Apache-2.0 */
/* base64: RFC 4648 10, what people typed in articles, and all that is not
 * base64. */
#include "../test.h"

static void
both_ways(struct span plain, struct span text)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory);

	base64_encode(plain, &out);
	assert_span(put_span(&out), text);
	assert_int_equal(BASE64_LEN(plain.len), text.len);
	out = put_init(memory, plain.len);	/* just fits */
	assert_int_equal(base64_decode(text, &out, NULL), BASE64_OK);
	assert_span(put_span(&out), plain);
}

static void
vectors(void **state)
{
	static const char *const vector[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "guyt", "Z3V5dA==" }, { "Pauline13", "UGF1bGluZTEz" },
		{ "Username:", "VXNlcm5hbWU6" },
		{ "Password:", "UGFzc3dvcmQ6" },
		{ "administrator", "YWRtaW5pc3RyYXRvcg==" },
		{ "password", "cGFzc3dvcmQ=" }, { "username", "dXNlcm5hbWU=" },
		{ "user1@contoso.com", "dXNlcjFAY29udG9zby5jb20=" },
		{ "P@$$w0rd", "UEAkJHcwcmQ=" }, { "iperborea", "aXBlcmJvcmVh" },
		{ "iperb01!", "aXBlcmIwMSE=" },
		{ "fangyunfeng\\Asd123", "ZmFuZ3l1bmZlbmdcQXNkMTIz" },
		/* altered by an article's author, but base64 all the same */
		{ "Usern{\xb9" "e:", "VXNlcm57uWU6" },
		{ "PQsswsrd;", "UFFzc3dzcmQ7" } };

	(void)state;
	for (size_t i = 0; i < countof(vector); i++)
		both_ways(span_str(vector[i][0]), span_str(vector[i][1]));
	both_ways(SPAN("\0\0\0"), SPAN("AAAA"));
	both_ways(SPAN("\xff\xff\xff"), SPAN("////"));
	both_ways(SPAN("\0user\0pass"), SPAN("AHVzZXIAcGFzcw=="));
}

static void
expect(struct span text, enum base64_result want, size_t want_at)
{
	char memory[64];
	struct put out = put_init(memory, sizeof memory);
	size_t at = 99;
	enum base64_result got = base64_decode(text, &out, &at);

	if (got != want || (want != BASE64_OK && at != want_at))
		test_print("base64", text);
	assert_int_equal(got, want);
	if (want != BASE64_OK)
		assert_int_equal(at, want_at);
}

static void
bad(void **state)
{
	(void)state;
	/* thirteen characters, as an article prints a password */
	expect(SPAN("UGaF1bGluZTEz"), BASE64_BAD_LENGTH, 12);
	expect(SPAN("Zg"), BASE64_BAD_LENGTH, 1);
	expect(SPAN("Zg="), BASE64_BAD_LENGTH, 2);
	expect(SPAN("Zm9vY"), BASE64_BAD_LENGTH, 4);
	expect(SPAN("Zg==\r\n"), BASE64_BAD_PADDING, 2);
	expect(SPAN("Zm9v\r\n"), BASE64_BAD_CHAR, 4);
	expect(SPAN(" Zm9v"), BASE64_BAD_CHAR, 0);
	expect(SPAN("Zm 9v"), BASE64_BAD_CHAR, 2);
	expect(SPAN("Zm9-"), BASE64_BAD_CHAR, 3);	/* the URL alphabet */
	expect(SPAN("Zm_v"), BASE64_BAD_CHAR, 2);
	expect(SPAN("Zm9\0"), BASE64_BAD_CHAR, 3);
	expect(SPAN("Zm\xc3\xa9"), BASE64_BAD_CHAR, 2);
	expect(SPAN("===="), BASE64_BAD_PADDING, 0);
	expect(SPAN("Z==="), BASE64_BAD_PADDING, 1);
	expect(SPAN("Z=g="), BASE64_BAD_PADDING, 1);
	expect(SPAN("=Zg="), BASE64_BAD_PADDING, 0);
	expect(SPAN("Zg=="
	    "Zg=="), BASE64_BAD_PADDING, 2);
	expect(SPAN("Zh=="), BASE64_BAD_PADDING, 1);	/* unused bits set */
	expect(SPAN("Zm9="), BASE64_BAD_PADDING, 2);
	expect(SPAN("="), BASE64_BAD_LENGTH, 0);
	expect(SPAN("*"), BASE64_BAD_CHAR, 0);
}

/* No byte but the 64 stands in a group; '=' only at the end. */
static void
every_byte_everywhere(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 4; at++) {
		for (unsigned c = 0; c < 256; c++) {
			char text[8] = { 'A', 'A', 'A', 'A',
				'A', 'A', 'A', 'A' };
			bool is_good = ascii_is_alnum((char)c) || c == '+' ||
			    c == '/';

			text[at] = (char)c;
			expect(span_of(text, 8), is_good ? BASE64_OK :
			    c == '=' ? BASE64_BAD_PADDING : BASE64_BAD_CHAR,
			    at);
		}
	}
}

/* Every length, and room for every number of bytes less. Seen to catch: '='
 * written for n > 2, the bits of the second byte lost. */
static void
lengths(void **state)
{
	char plain[260], text[400], memory[400];
	uint64_t seed = 11;

	(void)state;
	for (size_t len = 0; len < sizeof plain; len++) {
		struct put out = put_init(text, sizeof text), again;

		for (size_t i = 0; i < len; i++)
			plain[i] = (char)test_random(&seed);
		base64_encode(span_of(plain, len), &out);
		assert_int_equal(out.len, BASE64_LEN(len));
		again = put_init(memory, len);
		assert_int_equal(base64_decode(put_span(&out), &again, NULL),
		    BASE64_OK);
		assert_span(put_span(&again), span_of(plain, len));
		if (len == 0)
			continue;
		again = put_init(memory, len - 1);
		assert_int_equal(base64_decode(put_span(&out), &again, NULL),
		    BASE64_TOO_LONG);
		again = put_init(memory, BASE64_LEN(len) - 1);
		base64_encode(span_of(plain, len), &again);
		assert_true(again.full);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(bad),
		cmocka_unit_test(every_byte_everywhere),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
