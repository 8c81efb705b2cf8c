/* SPDX-License-Identifier: Apache-2.0 */
/* look: base64 as people type it, and the messages of mechanisms. */
#include "../test.h"

#include "sasl/look.h"

static struct look_base64 judged;
static char decoded[LOOK_MAX];

static struct span
judge(const char *text, enum look_trap trap, size_t at)
{
	struct put out = put_init(decoded, sizeof decoded);

	look_base64(span_str(text), &judged, &out);
	if (judged.trap != trap)
		print_error("%s: %s\n", text, judged.why);
	assert_int_equal(judged.trap, trap);
	if (trap != LOOK_SOUND)
		assert_int_equal(judged.at, at);
	assert_true((trap == LOOK_SOUND) == (judged.why[0] == '\0'));
	return put_span(&out);
}

/* Seen to catch: the length not looked at (sasl-look-thirteen). */
static void
traps(void **state)
{
	(void)state;
	assert_span(judge("UGF1bGluZTEz", LOOK_SOUND, 0), SPAN("Pauline13"));
	assert_span(judge("Z3V5dA==", LOOK_SOUND, 0), SPAN("guyt"));
	/* the article's password of thirteen characters */
	assert_span(judge("UGaF1bGluZTEz", LOOK_ONE_TOO_MANY, 2),
	    SPAN("Pauline13"));
	assert_int_equal(judged.n_guesses, 1);
	assert_span(judged.guess[0], SPAN("UGF1bGluZTEz"));
	assert_span(judge("Z3V5dA", LOOK_NO_PADDING, 6), SPAN("guyt"));
	assert_span(judge("Z3V5dA=", LOOK_NO_PADDING, 6), SPAN("guyt"));
	assert_span(judge("Z3V5 dA==", LOOK_SPACE, 4), SPAN("guyt"));
	assert_span(judge("Z3V5dA==\n", LOOK_SPACE, 8), SPAN("guyt"));
	assert_span(judge("\"Z3V5dA==\"", LOOK_QUOTED, 0), SPAN("guyt"));
	assert_span(judge("aXBl_cmI-", LOOK_URL_SAFE, 4), SPAN(""));
}

static void
more_traps(void **state)
{
	(void)state;
	judge("", LOOK_EMPTY, 0);
	judge("Z3V5;A==", LOOK_FOREIGN, 4);
	judge("VXNlcm57uWU6\x80", LOOK_FOREIGN, 12);
	judge("_-8=", LOOK_URL_SAFE, 0);
	assert_int_equal(judged.n_guesses, 1);
	assert_span(judged.guess[0], SPAN("/+8="));
	assert_span(judge("Z3V5dA==Z3V5dA==", LOOK_INNER_PADDING, 6),
	    SPAN("guyt"));
	judge("Z3V5dB==", LOOK_LOOSE_BITS, 5);
	judge("====", LOOK_INNER_PADDING, 0);
	judge("Z3V5dA===", LOOK_INNER_PADDING, 6);
	/* no idea what it was */
	assert_span(judge("gggggggggggggggggggg8", LOOK_ONE_TOO_MANY, 21),
	    SPAN(""));
}

/* --- messages */

static struct look seen;

static void
look_at(struct span bytes, enum look_kind kind)
{
	look_message(bytes, &seen);
	if (seen.kind != kind)
		print_error("%s\n", look_kind_name(seen.kind));
	assert_int_equal(seen.kind, kind);
	assert_true(seen.what[0] != '\0');
}

static struct span
field(const char *name)
{
	for (unsigned i = 0; i < seen.n_fields; i++)
		if (strcmp(seen.field[i].name, name) == 0)
			return seen.field[i].value;
	return SPAN("(none)");
}

static bool
is_secret(const char *name)
{
	for (unsigned i = 0; i < seen.n_fields; i++)
		if (strcmp(seen.field[i].name, name) == 0)
			return seen.field[i].is_secret;
	return false;
}

static bool
warned(const char *words)
{
	for (unsigned i = 0; i < seen.n_warnings; i++)
		if (strstr(seen.warning[i], words) != NULL)
			return true;
	return false;
}

static void
passwords(void **state)
{
	(void)state;
	look_at(SPAN("\0guyt\0Pauline13"), LOOK_PLAIN);
	assert_span(field("user"), SPAN("guyt"));
	assert_span(field("password"), SPAN("Pauline13"));
	assert_true(is_secret("password") && !is_secret("user"));
	assert_int_equal(seen.n_warnings, 0);
	look_at(SPAN("boss\0guyt\0Pauline13"), LOOK_PLAIN);
	assert_span(field("acts as"), SPAN("boss"));
	look_at(SPAN("guyt\0Pauline13"), LOOK_PLAIN);
	assert_true(warned("only one NUL"));
	assert_true(is_secret("behind it"));
	look_at(SPAN("\0guyt\0"), LOOK_PLAIN);
	assert_true(warned("empty"));
	look_at(SPAN("Username:"), LOOK_ASKS_USER);
	look_at(SPAN("User Name\0"), LOOK_ASKS_USER);
	look_at(SPAN("Password:"), LOOK_ASKS_PASSWORD);
	look_at(SPAN("Usern{\xb9""e:"), LOOK_BINARY);
	look_at(SPAN(""), LOOK_NOTHING);
}

static void
text_traps(void **state)
{
	(void)state;
	look_at(SPAN("Pauline13"), LOOK_TEXT);
	assert_int_equal(seen.n_warnings, 0);
	look_at(SPAN("Pauline13\n"), LOOK_TEXT);
	assert_true(warned("line end"));
	look_at(SPAN("Pauline13\r\n"), LOOK_TEXT);
	assert_true(warned("line end"));
	look_at(SPAN(" Pauline13"), LOOK_TEXT);
	assert_true(warned("space"));
	look_at(SPAN("P\0a\0u\0l\0"), LOOK_BINARY);
	assert_true(warned("UTF-16"));
	look_at(SPAN("UGF1bGluZTEz"), LOOK_TEXT);
	assert_true(warned("encoded twice"));
	look_at(SPAN("\\0guyt\\0Pauline13"), LOOK_TEXT);
	assert_true(warned("two signs"));
	look_at(SPAN("\xef\xbb\xbfguyt"), LOOK_TEXT);
	assert_true(warned("byte order mark"));
	look_at(SPAN("Pauline13\0"), LOOK_BINARY);
	assert_true(warned("NUL at the end"));
	/* a login of NTLM is no such text */
	look_at(SPAN("fangyunfeng\\Asd123"), LOOK_TEXT);
}

static void
challenges(void **state)
{
	(void)state;
	look_at(SPAN("<1896.697170952@postoffice.example.net>"),
	    LOOK_CRAM_CHALLENGE);
	look_at(SPAN("tim b913a602c7eda7a495b4e6e7334d3890"),
	    LOOK_CRAM_RESPONSE);
	assert_span(field("user"), SPAN("tim"));
	/* RFC 5802 5 */
	look_at(SPAN("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
	    LOOK_SCRAM_FIRST);
	assert_span(field("user"), SPAN("user"));
	look_at(SPAN("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "s=QSXCR+Q6sek8bf92,i=4096"), LOOK_SCRAM_CHALLENGE);
	assert_span(field("iterations"), SPAN("4096"));
	look_at(SPAN("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="), LOOK_SCRAM_FINAL);
	look_at(SPAN("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), LOOK_SCRAM_VERDICT);
	look_at(SPAN("e=invalid-proof"), LOOK_SCRAM_VERDICT);
	assert_span(field("error"), SPAN("invalid-proof"));
	look_at(SPAN("user=joe@example.org\1auth=Bearer ya29.abc\1\1"),
	    LOOK_XOAUTH2);
	assert_span(field("token"), SPAN("Bearer ya29.abc"));
	assert_true(is_secret("token"));
	assert_int_equal(seen.n_warnings, 0);
	look_at(SPAN("user=joe@example.org\1auth=Bearer ya29.abc\1"),
	    LOOK_XOAUTH2);
	assert_true(warned("two bytes 0x01"));
	look_at(SPAN("n,a=joe@example.org,\1host=mail.example.org\1port=587\1"
	    "auth=Bearer ya29\1\1"), LOOK_OAUTHBEARER);
	assert_span(field("port"), SPAN("587"));
	look_at(SPAN("{\"status\":\"400\",\"schemes\":\"Bearer\"}"),
	    LOOK_OAUTH_ERROR);
	look_at(SPAN("realm=\"x\",nonce=\"y\""), LOOK_DIGEST);
	look_at(SPAN("\x60\x82\x02\x5e\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02"
	    "\x02\x01\x00"), LOOK_GSSAPI);
}

/* [MS-SMTPNTLM] 4.1 and [MS-NLMP] 4.2.4. */
static void
ntlm(void **state)
{
	static const char one[] = "TlRMTVNTUAABAAAAt4II4gAAAAAAAAAAAAAAAAAAAAAF"
	    "As4OAAAADw==";
	static const char two[] = "NTLMSSP\0\2\0\0\0\x0c\0\x0c\0\x38\0\0\0"
	    "\x33\x82\x8a\xe2\x01\x23\x45\x67\x89\xab\xcd\xef"
	    "\0\0\0\0\0\0\0\0\x24\0\x24\0\x44\0\0\0\6\0\x70\x17\0\0\0\x0f"
	    "S\0e\0r\0v\0e\0r\0"
	    "\2\0\x0c\0D\0o\0m\0a\0i\0n\0\1\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0";
	static const char three[] = "NTLMSSP\0\3\0\0\0\0\0\0\0\x40\0\0\0"
	    "\x18\0\x18\0\x40\0\0\0\x0c\0\x0c\0\x58\0\0\0\x08\0\x08\0\x64\0\0\0"
	    "\0\0\0\0\x6c\0\0\0\0\0\0\0\x6c\0\0\0\x35\x82\x88\xe2"
	    "RRRRRRRRRRRRRRRRRRRRRRRR" "D\0o\0m\0a\0i\0n\0U\0s\0\xe9\0r\0";
	struct put out = put_init(decoded, sizeof decoded);

	(void)state;
	look_base64(span_str(one), &judged, &out);
	look_at(put_span(&out), LOOK_NTLM_1);
	assert_span(field("Windows version"), SPAN("5.2 build 3790"));
	look_at(span_of(two, sizeof two - 1), LOOK_NTLM_2);
	assert_span(field("target"), SPAN("Server"));
	assert_span(field("server challenge"), SPAN("0123456789abcdef"));
	assert_span(field("NetBIOS domain"), SPAN("Domain"));
	assert_span(field("NetBIOS computer"), SPAN("Server"));
	assert_span(field("Windows version"), SPAN("6.0 build 6000"));
	look_at(span_of(three, sizeof three - 1), LOOK_NTLM_3);
	assert_span(field("user"), SPAN("Us\xc3\xa9r"));
	assert_span(field("domain"), SPAN("Domain"));
	assert_true(warned("24 octets"));
	/* cut off anywhere */
	for (size_t len = 12; len < sizeof three - 1; len++)
		look_at(span_of(three, len), LOOK_NTLM_3);
	look_at(span_of(three, 40), LOOK_NTLM_3);
	assert_true(warned("too short"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traps),
		cmocka_unit_test(more_traps),
		cmocka_unit_test(passwords),
		cmocka_unit_test(text_traps),
		cmocka_unit_test(challenges),
		cmocka_unit_test(ntlm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
