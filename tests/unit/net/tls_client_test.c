/* SPDX-License-Identifier: Apache-2.0 */
/* tls_client: what is thought of a certificate, with TLSA records and without.
 * Both ends of the handshake run here, in turns, over a socket pair.
 *
 * Seen to catch: the verdict of a chain that leads to nobody told in place of
 * "no TLSA record covers it". */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certs.h"
#include "net/tls_client.h"

static struct certs certs;
static struct tls_server *server;
static struct tls_client *client;

static int
setup(void **state)
{
	const struct cert_wish wish = { .file = "one",
		.common_name = "mx.example.org",
		.names = "DNS:mx.example.org", .days = 30,
		.with_issuer = true };
	struct tls_client_options options;
	char error[256] = "";

	(void)state;
	certs_make_folder(&certs);
	certs_make(&certs, &wish);
	server = tls_server_new(&(struct tls_cert_files){
	    .certificate = certs_path(&certs, "one.pem"),
	    .key = certs_path(&certs, "one.key") }, 1, TLS_1_2, error,
	    sizeof error);
	tls_client_defaults(&options);
	client = tls_client_new(&options, error, sizeof error);
	assert_string_equal(error, "");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_server_unref(server);
	tls_client_unref(client);
	certs_remove(&certs);
	return 0;
}

/* True when this end has shaken hands. */
static bool
shake(SSL *ssl)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(ssl);
	if (result != 1)
		assert_int_equal(SSL_get_error(ssl, result),
		    SSL_ERROR_WANT_READ);
	return result == 1;
}

static struct tls_facts
meet(const struct tlsa *tlsa, size_t n)
{
	const struct tls_target target = { .name = "mx.example.org",
		.tlsa = tlsa, .tlsa_n = n };
	struct tls_facts facts;
	bool is_done = false;
	SSL *ours, *theirs;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	ours = tls_client_session(client, fd[0], &target);
	theirs = tls_server_session(server, fd[1]);
	assert_non_null(ours);
	while (!is_done) {
		is_done = shake(ours);
		is_done = shake(theirs) && is_done;
	}
	tls_facts_read(ours, &target, &facts);
	SSL_free(ours);
	SSL_free(theirs);
	close(fd[0]);
	close(fd[1]);
	return facts;
}

static void
test_without(void **state)
{
	(void)state;
	assert_int_equal(meet(NULL, 0).trust, TLS_BAD_CHAIN);
}

static void
test_dane(void **state)
{
	static const char zeroes[32];
	struct tls_facts facts = meet(NULL, 0);
	unsigned byte;
	char digest[32];
	struct tlsa tlsa = { 3, 1, 1, span_of(digest, sizeof digest) };

	(void)state;
	for (size_t i = 0; i < sizeof digest; i++) {
		assert_int_equal(sscanf(facts.cert[0].spki_sha256 + 2 * i,
		    "%2x", &byte), 1);
		digest[i] = (char)byte;
	}
	assert_int_equal(meet(&tlsa, 1).trust, TLS_TRUST_DANE);
	tlsa.data = span_of(zeroes, sizeof zeroes);
	assert_int_equal(meet(&tlsa, 1).trust, TLS_BAD_DANE);
	/* an authority that is not in the chain */
	tlsa.usage = 2;
	assert_int_equal(meet(&tlsa, 1).trust, TLS_BAD_DANE);
}

/* RFC 7672 2.2: then nothing is known of the certificate. */
static void
test_dane_of_no_use(void **state)
{
	static const char digest[32];
	const struct tlsa tlsa[] = {
		{ 1, 1, 1, { digest, sizeof digest } },
		{ 3, 1, 9, { digest, sizeof digest } },
		{ 3, 1, 1, { digest, 5 } },
		{ UINT8_MAX, 0, 0, { digest, 0 } },
	};

	(void)state;
	assert_int_equal(meet(tlsa, countof(tlsa)).trust, TLS_BAD_CHAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_dane),
		cmocka_unit_test(test_dane_of_no_use),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
