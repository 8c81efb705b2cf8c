/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM's arithmetic and words: RFC 5802 5, RFC 7677 3, and what is stored. */
#include "client_exchange.h"
#include "sasl/scram.h"

static const struct {
	enum sasl_hash hash;
	const char *salt, *message, *proof, *signature;
} vector[] = {
	{ SASL_SHA1, "QSXCR+Q6sek8bf92",
	    "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "s=QSXCR+Q6sek8bf92,i=4096,"
	    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
	    "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ SASL_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	    "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static struct scram_secret
secret_of(size_t i)
{
	struct scram_secret secret = { .hash = vector[i].hash,
		.iterations = 4096 };
	struct put salt = put_init(secret.salt, sizeof secret.salt);

	assert_int_equal(base64_decode(span_str(vector[i].salt), &salt, NULL),
	    BASE64_OK);
	secret.salt_len = salt.len;
	return secret;
}

static void
assert_base64(const unsigned char *bytes, size_t len, const char *expected)
{
	char memory[128];
	struct put out = put_init(memory, sizeof memory);

	base64_encode(span_of(bytes, len), &out);
	assert_span(put_span(&out), span_str(expected));
}

static void
vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(vector); i++) {
		struct scram_secret secret = secret_of(i);
		struct span message = span_str(vector[i].message);
		unsigned char key[SASL_HASH_MAX], proof[SASL_HASH_MAX],
		    signature[SASL_HASH_MAX];
		size_t len = sasl_hash_len(secret.hash);

		assert_true(scram_derive(SPAN("pencil"), &secret, key));
		assert_true(scram_proof(&secret, key, message, proof));
		assert_true(scram_signature(&secret, message, signature));
		assert_base64(proof, len, vector[i].proof);
		assert_base64(signature, len, vector[i].signature);
		assert_true(scram_proof_is_right(&secret, span_of(proof, len),
		    message));
	}
}

/* Every bit of the proof and every octet of the message counts. */
static void
nothing_else_is_right(void **state)
{
	struct scram_secret secret = secret_of(1), other = secret_of(1);
	unsigned char key[SASL_HASH_MAX], proof[SASL_HASH_MAX];
	char text[512];
	size_t len = sasl_hash_len(secret.hash), text_len;
	struct span message;

	(void)state;
	text_len = strlen(vector[1].message);
	memcpy(text, vector[1].message, text_len);
	message = span_of(text, text_len);
	assert_true(scram_derive(SPAN("pencil"), &secret, key));
	assert_true(scram_proof(&secret, key, message, proof));
	for (size_t i = 0; i < len * 8; i++) {
		proof[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_false(scram_proof_is_right(&secret,
		    span_of(proof, len), message));
		proof[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (size_t i = 0; i < text_len; i++) {
		text[i] ^= 1;
		assert_false(scram_proof_is_right(&secret,
		    span_of(proof, len), message));
		text[i] ^= 1;
	}
	assert_false(scram_proof_is_right(&secret, span_of(proof, len - 1),
	    message));
	assert_false(scram_proof_is_right(&secret, SPAN(""), message));
	assert_true(scram_derive(SPAN("Pencil"), &other, NULL));
	assert_false(scram_proof_is_right(&other, span_of(proof, len),
	    message));
}

static void
secret_as_text(void **state)
{
	struct scram_secret secret = secret_of(1), back;
	char memory[SCRAM_SECRET_MAX];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	assert_true(scram_derive(SPAN("pencil"), &secret, NULL));
	scram_secret_put(&secret, &out);
	assert_span(put_span(&out), SPAN("SCRAM-SHA-256$4096:"
	    "W22ZaJ0SNY7soEsUEjb6gQ==$"
	    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
	    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="));
	assert_true(scram_secret_parse(put_span(&out), &back));
	assert_memory_equal(&back, &secret, sizeof back);
	secret.salt_len = sizeof secret.salt;
	secret.iterations = SCRAM_ITERATIONS_MAX;
	out = put_init(memory, sizeof memory);
	scram_secret_put(&secret, &out);
	assert_false(out.full);
}

#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void
bad_secrets(void **state)
{
	const char *const text[] = {
		"", "SCRAM-SHA-256", "SCRAM-SHA-256$", "SCRAM-SHA-256$4096",
		"SCRAM-SHA-512$4096:W22ZaA==$" STORED ":" SERVER,
		"scram-sha-256$4096:W22ZaA==$" STORED ":" SERVER,
		"SCRAM-SHA-1$4096:W22ZaA==$" STORED ":" SERVER,
		"SCRAM-SHA-256$4095:W22ZaA==$" STORED ":" SERVER,
		"SCRAM-SHA-256$10000001:W22ZaA==$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:W22ZaA$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:W22ZaA==$" STORED,
		"SCRAM-SHA-256$4096:W22ZaA==$" STORED ":W22ZaA==",
		"SCRAM-SHA-256$4096:W22ZaA==$W22ZaA==:" SERVER,
		"SCRAM-SHA-256$4096:W22ZaA==$" STORED ":" SERVER ":",
	};
	struct scram_secret secret;

	(void)state;
	assert_true(scram_secret_parse(
	    SPAN("SCRAM-SHA-256$4096:W22ZaA==$" STORED ":" SERVER), &secret));
	for (size_t i = 0; i < countof(text); i++)
		if (scram_secret_parse(span_str(text[i]), &secret))
			fail_msg("taken: %s", text[i]);
}

static void
names(void **state)
{
	const struct {
		const char *text, *name;
	} row[] = {
		{ "user", "user" }, { "a=2Cb=3Dc", "a,b=c" }, { "", "" },
		{ "=3D=2C", "=," }, { "=2c", NULL }, { "a=", NULL },
		{ "a=3", NULL }, { "a,b", NULL }, { "==3D", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char memory[64], back[64];
		struct put out = put_init(memory, sizeof memory),
		    again = put_init(back, sizeof back);

		assert_int_equal(scram_take_name(span_str(row[i].text), &out),
		    row[i].name != NULL);
		if (row[i].name == NULL)
			continue;
		assert_span(put_span(&out), span_str(row[i].name));
		scram_put_name(&again, put_span(&out));
		assert_span(put_span(&again), span_str(row[i].text));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(nothing_else_is_right),
		cmocka_unit_test(secret_as_text),
		cmocka_unit_test(bad_secrets),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
