/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM as a client: the exchange of RFC 5802 5, and servers that are not what
 * they say. */
#include "client_exchange.h"
#include "sasl/scram.h"

/* The random octets behind a nonce of 24 characters. */
static struct sasl_client_options
with_nonce(const char *user, const char *password, const char *nonce)
{
	struct sasl_client_options options = options_of(user, password);
	struct put out = put_init(options.random, sizeof options.random);

	assert_int_equal(base64_decode(span_str(nonce), &out, NULL),
	    BASE64_OK);
	assert_int_equal(out.len, SCRAM_NONCE_BYTES);
	return options;
}

#define OURS   "fyko+d2lbbFgONRv9qkxdawL"
#define THEIRS "3rfcNHYJY1ZVvWVs7j"
#define SALTED ",s=QSXCR+Q6sek8bf92,i=4096"
#define PROVED "c=biws,r=" OURS THEIRS ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="

static void
begin_rfc5802(struct sasl_client *client)
{
	const struct sasl_client_options options =
	    with_nonce("user", "pencil", OURS);
	struct span out;

	client_begin(client, "SCRAM-SHA-1", &options);
	assert_int_equal(client_start(client, &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN("n,,n=user,r=" OURS));
}

static void
rfc5802_example(void **state)
{
	struct sasl_client client;
	struct span out;

	(void)state;
	begin_rfc5802(&client);
	assert_int_equal(client_hear(&client, SPAN("r=" OURS THEIRS SALTED),
	    &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN(PROVED));
	assert_false(sasl_client_is_proved(&client));
	assert_int_equal(client_hear(&client,
	    SPAN("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), &out), SASL_CLIENT_SEND);
	assert_span(out, SPAN(""));
	assert_true(sasl_client_is_proved(&client));
	assert_wrong(&client, SPAN("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="));
}

/* seen to catch: a nonce that is not compared
 * (tests/faults/sasl-scram-nonce.patch). */
static void
bad_first_messages(void **state)
{
	const char *const message[] = {
		"r=" THEIRS SALTED,		/* not ours */
		"r=fyko+d2lbbFgONRv9qkxdawl" THEIRS SALTED,	/* case */
		"r=" OURS SALTED,		/* nothing of theirs */
		"r=" OURS THEIRS ",s=QSXCR+Q6sek8bf92,i=4095",
		"r=" OURS THEIRS ",s=QSXCR+Q6sek8bf92,i=10000001",
		"r=" OURS THEIRS ",s=QSXCR+Q6sek8bf92,i=-1",
		"r=" OURS THEIRS ",s=QSXCR+Q6sek8bf92,i=",
		"r=" OURS THEIRS ",s=QSXCR+Q6sek8bf92",
		"r=" OURS THEIRS ",s=,i=4096",
		"r=" OURS THEIRS ",s=QSXC*,i=4096",
		"r=" OURS THEIRS ",i=4096,s=QSXCR+Q6sek8bf92",
		"m=ext,r=" OURS THEIRS SALTED,
		"e=unknown-user",
		"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		"",
		"r",
		",,,",
	};

	(void)state;
	for (size_t i = 0; i < countof(message); i++) {
		struct sasl_client client;

		begin_rfc5802(&client);
		assert_wrong(&client, span_str(message[i]));
	}
}

/* seen to catch: a signature that is not looked at
 * (tests/faults/sasl-scram-signature.patch). */
static void
bad_signatures(void **state)
{
	const char *const message[] = {
		"v=rmF9pqV8S7suAoZWja4dJRkFsKR=", "v=", "v=rmF9", "",
		"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "e=invalid-proof",
		"v=rmF9pqV8S7suAoZWja4dJRkFsKQ", "x=rmF9pqV8S7suAoZWja4dJRkF",
		"v=rmF9pqV8S7suAoZWja4dJRkFsKQAAAA=",
	};

	(void)state;
	for (size_t i = 0; i < countof(message); i++) {
		struct sasl_client client;

		begin_rfc5802(&client);
		assert_int_equal(client_hear(&client,
		    SPAN("r=" OURS THEIRS SALTED), NULL), SASL_CLIENT_SEND);
		assert_wrong(&client, span_str(message[i]));
	}
}

static void
extensions_behind_are_passed_over(void **state)
{
	struct sasl_client client;
	struct span out;

	(void)state;
	begin_rfc5802(&client);
	assert_int_equal(client_hear(&client,
	    SPAN("r=" OURS THEIRS SALTED ",x=1"), &out), SASL_CLIENT_SEND);
	assert_true(span_starts(out, SPAN("c=biws,r=" OURS THEIRS ",p=")));
}

static void
what_the_server_says_is_shown_without_controls(void **state)
{
	struct sasl_client client;

	(void)state;
	begin_rfc5802(&client);
	assert_wrong(&client, SPAN("e=\033]0;x\007other-error"));
	assert_string_equal(client.why,
	    "the server says: \\x1b]0;x\\x07other-error");
}

/* RFC 5802 6: which letter the header begins with. */
static void
header(void **state)
{
	const struct {
		const char *mech, *binding, *offered, *authzid, *expected;
	} row[] = {
		{ "SCRAM-SHA-256", "", "SCRAM-SHA-256", "", "n,," },
		{ "SCRAM-SHA-256", "b", "SCRAM-SHA-256", "", "y,," },
		{ "SCRAM-SHA-256", "b", "PLAIN SCRAM-SHA-256-PLUS", "",
		    "n,," },
		{ "SCRAM-SHA-256", "b", "scram-sha-1-plus SCRAM-SHA-256", "",
		    "n,," },
		{ "SCRAM-SHA-256", "b", "", "", "n,," },
		{ "SCRAM-SHA-1-PLUS", "b", "", "", "p=tls-exporter,," },
		{ "SCRAM-SHA-1-PLUS", "b", "", "a,b=",
		    "p=tls-exporter,a=a=2Cb=3D," },
		{ "SCRAM-SHA-1", "", "", "boss", "n,a=boss," },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct sasl_client_options options =
		    with_nonce("u=,", "p", OURS);
		struct sasl_client client;
		struct span out;
		char expected[128];

		options.binding = span_str(row[i].binding);
		options.binding_type = SPAN("tls-exporter");
		options.offered = span_str(row[i].offered);
		options.authzid = span_str(row[i].authzid);
		client_begin(&client, row[i].mech, &options);
		assert_int_equal(client_start(&client, &out),
		    SASL_CLIENT_SEND);
		snprintf(expected, sizeof expected, "%sn=u=3D=2C,r=%s",
		    row[i].expected, OURS);
		assert_span(out, span_str(expected));
	}
}

/* The binding itself goes into c=, whatever bytes it has. */
static void
binding_is_said(void **state)
{
	struct sasl_client_options options = with_nonce("user", "pencil", OURS);
	struct sasl_client client;
	struct span out;

	(void)state;
	options.binding = SPAN("\0\1\2,=\377");
	options.binding_type = SPAN("tls-unique");
	client_begin(&client, "SCRAM-SHA-256-PLUS", &options);
	assert_int_equal(client_start(&client, &out), SASL_CLIENT_SEND);
	assert_int_equal(client_hear(&client, SPAN("r=" OURS THEIRS SALTED),
	    &out), SASL_CLIENT_SEND);
	/* p=tls-unique,, 00 01 02 2c 3d ff */
	assert_true(span_starts(out,
	    SPAN("c=cD10bHMtdW5pcXVlLCwAAQIsPf8=,r=")));
}

static void
long_messages_are_refused(void **state)
{
	struct sasl_client client;
	char message[8192];
	struct put put = put_init(message, sizeof message);

	(void)state;
	begin_rfc5802(&client);
	put_str(&put, "r=" OURS);
	while (put.len < 5000)
		put_char(&put, 'x');
	put_str(&put, SALTED);
	assert_wrong(&client, put_span(&put));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5802_example),
		cmocka_unit_test(bad_first_messages),
		cmocka_unit_test(bad_signatures),
		cmocka_unit_test(extensions_behind_are_passed_over),
		cmocka_unit_test(
		    what_the_server_says_is_shown_without_controls),
		cmocka_unit_test(header),
		cmocka_unit_test(binding_is_said),
		cmocka_unit_test(long_messages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
