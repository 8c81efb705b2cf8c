/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM: MD4 (RFC 1320 A.5), the arithmetic of MS-NLMP 4.2.4, text in UTF-16,
 * and the client with a server's challenges, good and bad. */
#include <stdlib.h>

#include "client_exchange.h"
#include "sasl/md4.h"
#include "sasl/ntlm.h"

static void
assert_hex(struct span bytes, const char *expected)
{
	char memory[8192];
	struct put out = put_init(memory, sizeof memory);

	put_hex(&out, bytes);
	assert_span(put_span(&out), span_str(expected));
}

static void
md4_vectors(void **state)
{
	static const struct {
		const char *text, *sum;
	} row[] = {
		{ "", "31d6cfe0d16ae931b73c59d7e0c089c0" },
		{ "a", "bde52cb31de33e46245e05fbdbd6fb24" },
		{ "abc", "a448017aaf21d8525fc10ae87aa6729d" },
		{ "message digest", "d9130a8164549fe818874806e1c7014b" },
		{ "abcdefghijklmnopqrstuvwxyz",
		    "d79e1c308aa5bbcdeea8ed63df412da9" },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		  "0123456789", "043f8582f241db351ce627e153e7f0e4" },
		{ "1234567890123456789012345678901234567890123456789012345678"
		  "9012345678901234567890",
		    "e33b4ddc9c38f2199c3e7b164fcc0536" },
	};
	unsigned char sum[MD4_LEN];

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		md4(span_str(row[i].text), sum);
		assert_hex(span_of(sum, sizeof sum), row[i].sum);
	}
}

/* The lengths around a block and its length field: sums of OpenSSL's legacy
 * provider over "x" repeated. */
static void
md4_around_the_block(void **state)
{
	static const struct {
		size_t len;
		const char *sum;
	} row[] = {
		{ 54, "58ea93c474c70696788023579635fb06" },
		{ 55, "92f32bb82c95ad10e8f87ae58ab06807" },
		{ 56, "374d5f08103b7092c83b4626ebceffab" },
		{ 57, "eebaefd8f3ba932d44239a789c38317a" },
		{ 63, "2870452596e98fffd48332289b3472b9" },
		{ 64, "b1abf956a5ae6f3221e5fe85e300fbb0" },
		{ 65, "afc1a3308fc176a53238a09aeddec2e6" },
		{ 119, "b55ae15e41e55643b0c3daad5e05c905" },
		{ 120, "d8f9adfc41ec43552619606c70cfd287" },
		{ 128, "7c087dd92a6743e09f3763a6d99c9d26" },
		{ 200, "ebd2de6bd766c2812cd60598d8d1c69f" },
	};
	char text[256];
	unsigned char sum[MD4_LEN];

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < countof(row); i++) {
		md4(span_of(text, row[i].len), sum);
		assert_hex(span_of(sum, sizeof sum), row[i].sum);
	}
}

#define DOMAIN "44006f006d00610069006e00"
#define SERVER "530065007200760065007200"
#define BLOB \
	"0101000000000000" "0000000000000000" "aaaaaaaaaaaaaaaa" "00000000" \
	"02000c00" DOMAIN "01000c00" SERVER "00000000" "00000000"

static void
vector_key(unsigned char key[NTLM_KEY_LEN])
{
	unsigned char hash[NTLM_KEY_LEN];

	assert_true(ntlm_hash(SPAN("Password"), hash));
	assert_hex(span_of(hash, sizeof hash),
	    "a4f49c406510bdcab6824ee7c30fd852");
	assert_true(ntlm_key(hash, SPAN("U\0s\0e\0r\0"),
	    SPAN("D\0o\0m\0a\0i\0n\0"), key));
}

/* MS-NLMP 4.2.4.1 and 4.2.4.2 */
static void
vectors(void **state)
{
	unsigned char key[NTLM_KEY_LEN], out[NTLM_KEY_LEN],
	    session[NTLM_KEY_LEN];
	char challenge[NTLM_NONCE], ours[NTLM_NONCE], blob[256];

	(void)state;
	vector_key(key);
	assert_hex(span_of(key, sizeof key),
	    "0c868a403bfd7a93a3001ef22ef02e3f");
	(void)unhex("0123456789abcdef", challenge, sizeof challenge);
	(void)unhex("aaaaaaaaaaaaaaaa", ours, sizeof ours);
	assert_true(ntlm_proof(key, (const unsigned char *)challenge,
	    span_of(ours, sizeof ours), out));
	assert_hex(span_of(out, sizeof out),
	    "86c35097ac9cec102554764a57cccc19");
	assert_true(ntlm_proof(key, (const unsigned char *)challenge,
	    unhex(BLOB, blob, sizeof blob), out));
	assert_hex(span_of(out, sizeof out),
	    "68cd0ab851e51c96aabc927bebef6a1c");
	assert_true(ntlm_session_key(key, out, session));
	assert_hex(span_of(session, sizeof session),
	    "8de40ccadbc14a82f15cb0ad0de95ca3");
}

static void
text_there_and_back(void **state)
{
	const struct {
		struct span utf8;
		const char *utf16, *upper;
	} row[] = {
		{ SPAN("aZ9"), "61005a003900", "41005a003900" },
		{ SPAN("\xc3\xa4\xc3\xb7\xc3\xbf"), "e400f700ff00",
		    "c400f7007801" },
		{ SPAN("\xc3\x9f"), "df00", "df00" },
		{ SPAN("\xc5\xbe\xc5\xbd"), "7e017d01", "7d017d01" },
		{ SPAN("\xcf\x83\xcf\x82\xcf\x8e"), "c303c203ce03",
		    "a303a3038f03" },
		{ SPAN("\xd0\xb6\xd1\x91"), "36045104", "16040104" },
		{ SPAN("\xe2\x82\xac"), "ac20", "ac20" },
		{ SPAN("\xf0\x9f\x98\x80"), "3dd800de", "3dd800de" },
		{ SPAN(""), "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char memory[64], back[64], upper[64];
		struct put out = put_init(memory, sizeof memory),
		    text = put_init(back, sizeof back),
		    big = put_init(upper, sizeof upper);

		assert_true(ntlm_put_utf16(&out, row[i].utf8));
		assert_hex(put_span(&out), row[i].utf16);
		assert_true(ntlm_put_utf8(&text, put_span(&out)));
		assert_span(put_span(&text), row[i].utf8);
		assert_true(ntlm_put_utf16_upper(&big, put_span(&out)));
		assert_hex(put_span(&big), row[i].upper);
	}
}

static void
bad_text(void **state)
{
	static const char *const bad[] = { "61", "00d8", "00d80000",
		"00dc00d8", "00d800d8" };
	char memory[16];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	assert_false(ntlm_put_utf16(&out, SPAN("\xff")));
	for (size_t i = 0; i < countof(bad); i++) {
		char bytes[16];

		out = put_init(memory, sizeof memory);
		assert_false(ntlm_put_utf8(&out,
		    unhex(bad[i], bytes, sizeof bytes)));
	}
	out = put_init(memory, 3);
	assert_false(ntlm_put_utf16(&out, SPAN("ab")));
}

/* --- the client */

#define CHALLENGE(flags, info) \
	"4e544c4d53535000" "02000000" "0c000c0038000000" flags \
	"0123456789abcdef" "0000000000000000" info "060070170000000f" SERVER
#define INFO "2400240044000000"
#define PAIRS "02000c00" DOMAIN "01000c00" SERVER "00000000"

struct talk {
	struct sasl_client client;
	char challenge[4096];
	struct span type1, type2, type3;
	char first[64];
};

static void
talk(struct talk *t, const struct sasl_client_options *options,
    const char *challenge, enum sasl_client_result expected)
{
	struct span out;

	client_begin(&t->client, "NTLM", options);
	assert_int_equal(client_start(&t->client, &out), SASL_CLIENT_SEND);
	assert_in_range(out.len, 40, sizeof t->first);
	memcpy(t->first, out.p, out.len);
	t->type1 = span_of(t->first, out.len);
	t->type2 = unhex(challenge, t->challenge, sizeof t->challenge);
	assert_int_equal(client_hear(&t->client, t->type2, &t->type3),
	    expected);
}

static struct span
field(const struct talk *t, size_t at)
{
	struct span out;

	assert_true(ntlm_field(t->type3, at, &out));
	return out;
}

static struct sasl_client_options
vector_options(const char *name)
{
	struct sasl_client_options options = options_of(name, "Password");

	memset(options.random, 0xaa, sizeof options.random);
	options.workstation = SPAN("COMPUTER");
	return options;
}

/* What comes back over MS-NLMP 4.2.4.3's challenge: LMv2 is that of the
 * document, the blob is the document's with the MIC's flag. */
static void
answers_the_documents_challenge(void **state)
{
	const struct sasl_client_options options =
	    vector_options("Domain\\User");
	unsigned char key[NTLM_KEY_LEN], proof[NTLM_KEY_LEN],
	    session[NTLM_KEY_LEN], mic[NTLM_KEY_LEN];
	struct span nt;
	struct talk t;

	(void)state;
	talk(&t, &options, CHALLENGE("33828ae2", INFO) PAIRS,
	    SASL_CLIENT_SEND);
	assert_hex(span_first(t.type3, 12), "4e544c4d5353500003000000");
	assert_hex(field(&t, 12), "86c35097ac9cec102554764a57cccc19"
	    "aaaaaaaaaaaaaaaa");
	assert_hex(field(&t, 28), DOMAIN);
	assert_hex(field(&t, 36), "5500730065007200");
	assert_hex(field(&t, 44), "43004f004d0050005500540045005200");
	nt = field(&t, 20);
	assert_hex(span_skip(nt, 16), "0101000000000000" "0000000000000000"
	    "aaaaaaaaaaaaaaaa" "00000000" "02000c00" DOMAIN "01000c00" SERVER
	    "0600040002000000" "00000000" "00000000");
	vector_key(key);
	assert_true(ntlm_proof(key,
	    (const unsigned char *)"\x01\x23\x45\x67\x89\xab\xcd\xef",
	    span_skip(nt, 16), proof));
	assert_span(span_first(nt, 16), span_of(proof, sizeof proof));
	assert_true(ntlm_session_key(key, proof, session));
	assert_true(ntlm_mic(session,
	    (struct span[]){ t.type1, t.type2, t.type3 }, mic));
	assert_span(span_first(span_skip(t.type3, NTLM_MIC_AT), 16),
	    span_of(mic, sizeof mic));
}

/* The server's time goes back, and LMv2 gives way to zeroes. */
static void
uses_the_servers_time(void **state)
{
	const struct sasl_client_options options = vector_options("User");
	struct talk t;

	(void)state;
	talk(&t, &options, CHALLENGE("33828ae2", "3000300044000000")
	    "02000c00" DOMAIN "01000c00" SERVER "07000800" "1122334455667788"
	    "00000000", SASL_CLIENT_SEND);
	assert_hex(field(&t, 12), "000000000000000000000000000000000000000000"
	    "000000");
	assert_hex(span_first(span_skip(field(&t, 20), 24), 8),
	    "1122334455667788");
}

/* Without pairs: our own clock, no MIC. */
static void
answers_a_server_without_pairs(void **state)
{
	struct sasl_client_options options = vector_options("User");
	struct talk t;

	(void)state;
	options.now_filetime = 0x01d0000000000001;
	talk(&t, &options, CHALLENGE("33820a60", "0000000000000000"),
	    SASL_CLIENT_SEND);
	assert_hex(span_skip(field(&t, 20), 16), "0101000000000000"
	    "010000000000d001" "aaaaaaaaaaaaaaaa" "00000000" "00000000"
	    "00000000");
	assert_hex(span_first(span_skip(t.type3, NTLM_MIC_AT), 16),
	    "00000000000000000000000000000000");
	/* the shortest there is: no target information at all */
	talk(&t, &options, "4e544c4d53535000" "02000000" "0000000000000000"
	    "01820000" "0123456789abcdef", SASL_CLIENT_SEND);
}

static void
domains(void **state)
{
	static const struct {
		const char *name, *domain, *expected, *user;
	} row[] = {
		{ "User", "", SERVER, "5500730065007200" },
		{ "User", "Domain", DOMAIN, "5500730065007200" },
		{ "A\\User", "Domain", "4100", "5500730065007200" },
		{ "\\User", "Domain", "", "5500730065007200" },
		{ "u@d", "", "", "750040006400" },
		{ "u@d", "Domain", DOMAIN, "750040006400" },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct sasl_client_options options =
		    vector_options(row[i].name);
		struct talk t;

		options.domain = span_str(row[i].domain);
		talk(&t, &options, CHALLENGE("33828ae2", INFO) PAIRS,
		    SASL_CLIENT_SEND);
		assert_hex(field(&t, 28), row[i].expected);
		assert_hex(field(&t, 36), row[i].user);
	}
}

/* A server that knows only OEM strings gets ASCII, or nothing. */
static void
oem(void **state)
{
	struct sasl_client_options options = vector_options("Domain\\User");
	struct talk t;

	(void)state;
	talk(&t, &options, CHALLENGE("32828ae2", INFO) PAIRS,
	    SASL_CLIENT_SEND);
	assert_span(field(&t, 28), SPAN("Domain"));
	assert_span(field(&t, 36), SPAN("User"));
	assert_span(field(&t, 44), SPAN("COMPUTER"));
	options.authcid = SPAN("J\xc3\xb6rg");
	talk(&t, &options, CHALLENGE("32828ae2", INFO) PAIRS,
	    SASL_CLIENT_WRONG);
}

static void
bad_challenges(void **state)
{
	static const char *const bad[] = {
		"",
		"4e544c4d53535000",
		"4e544c4d53535000" "01000000" "0000000000000000" "01820000"
		    "0123456789abcdef",
		"4e544c4d53535000" "02000000" "0000000000000000" "01820000"
		    "0123456789abcd",
		"4e544c4d53535000" "02000000" "0c000c00ffffff7f" "01820000"
		    "0123456789abcdef",
		"4e544c4d53535000" "02000000" "0000000000000000" "01828000"
		    "0123456789abcdef",
		CHALLENGE("33828ae2", "2400240045000000") PAIRS,
		CHALLENGE("33828ae2", "ffffffff00000000") PAIRS,
		"585858585858585802000000" "0000000000000000" "01820000"
		    "0123456789abcdef",
	};
	const struct sasl_client_options options = vector_options("User");

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct talk t;

		talk(&t, &options, bad[i], SASL_CLIENT_WRONG);
		assert_false(sasl_client_is_proved(&t.client));
	}
}

/* Cut anywhere, it is wrong or answered, and never read behind its end. */
static void
cut_challenges(void **state)
{
	const struct sasl_client_options options = vector_options("User");
	char bytes[512];
	struct span whole =
	    unhex(CHALLENGE("33828ae2", INFO) PAIRS, bytes, sizeof bytes);

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		struct sasl_client client;
		char *exact = malloc(len != 0 ? len : 1);

		assert_non_null(exact);
		memcpy(exact, whole.p, len);
		client_begin(&client, "NTLM", &options);
		assert_int_equal(client_start(&client, NULL),
		    SASL_CLIENT_SEND);
		assert_int_equal(client_hear(&client, span_of(exact, len),
		    NULL), SASL_CLIENT_WRONG);
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(md4_vectors),
		cmocka_unit_test(md4_around_the_block),
		cmocka_unit_test(vectors),
		cmocka_unit_test(text_there_and_back),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(answers_the_documents_challenge),
		cmocka_unit_test(uses_the_servers_time),
		cmocka_unit_test(answers_a_server_without_pairs),
		cmocka_unit_test(domains),
		cmocka_unit_test(oem),
		cmocka_unit_test(bad_challenges),
		cmocka_unit_test(cut_challenges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
