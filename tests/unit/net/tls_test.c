/* SPDX-License-Identifier: Apache-2.0 */
/* tls: which files are taken, and what a client gets of them. Both ends of
 * the handshake run here, in turns, over a socket pair. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "base/span.h"
#include "certs.h"
#include "net/tls.h"

static struct certs certs;

static struct tls_cert_files
files_of(const char *certificate, const char *key)
{
	return (struct tls_cert_files){ .certificate = certificate,
		.key = key };
}

static struct tls_server *
server_of(const char *certificate, const char *key, char error[256])
{
	struct tls_cert_files files = files_of(certs_path(&certs, certificate),
	    certs_path(&certs, key));

	return tls_server_new(&files, 1, TLS_1_2, error, 256);
}

static struct tls_server *
good_server(void)
{
	char error[256];
	struct tls_server *tls = server_of("one.pem", "one.key", error);

	assert_string_equal(error, "");
	assert_non_null(tls);
	return tls;
}

/* --- a client --- */

struct wish {
	const char *sni;
	int least, most;	/* versions; 0: OpenSSL's default */
	const char *ciphers;	/* of TLS 1.2 and before */
	const char *sigalgs;
	SSL_SESSION *session;	/* to be resumed */
};

struct meeting {
	int fd[2];
	SSL_CTX *ctx;
	SSL *client, *server;
	SSL_SESSION *ticket;	/* the last one that came */
};

static int
keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct meeting *meeting = SSL_get_app_data(ssl);

	SSL_SESSION_free(meeting->ticket);
	meeting->ticket = session;
	return 1;
}

static bool
is_waiting(SSL *ssl, int result)
{
	int kind = SSL_get_error(ssl, result);

	return kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE;
}

/* OpenSSL's macros for these cast const away, which our compilers refuse. */
static void
control_text(SSL *ssl, int command, const char *text)
{
	if (text != NULL)
		assert_int_equal(SSL_ctrl(ssl, command, 0,
		    (void *)(uintptr_t)text), 1);
}

/* Shakes hands: true if both are content. */
static bool
meet(struct meeting *meeting, struct tls_server *tls, const struct wish *wish)
{
	char byte[1];
	int a = 0, b = 0;

	*meeting = (struct meeting){ .ctx = SSL_CTX_new(TLS_client_method()) };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    meeting->fd), 0);
	SSL_CTX_set_security_level(meeting->ctx, 0);
	assert_int_equal(SSL_CTX_set_cipher_list(meeting->ctx,
	    wish->ciphers ? wish->ciphers : "ALL:@SECLEVEL=0"), 1);
	SSL_CTX_set_min_proto_version(meeting->ctx, wish->least);
	SSL_CTX_set_max_proto_version(meeting->ctx, wish->most);
	SSL_CTX_set_session_cache_mode(meeting->ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(meeting->ctx, keep_ticket);
	meeting->client = SSL_new(meeting->ctx);
	SSL_set_app_data(meeting->client, meeting);
	SSL_set_fd(meeting->client, meeting->fd[0]);
	SSL_set_connect_state(meeting->client);
	control_text(meeting->client, SSL_CTRL_SET_SIGALGS_LIST,
	    wish->sigalgs);
	control_text(meeting->client, SSL_CTRL_SET_TLSEXT_HOSTNAME,
	    wish->sni);
	if (wish->session != NULL)
		assert_int_equal(SSL_set_session(meeting->client,
		    wish->session), 1);
	meeting->server = tls_server_session(tls, meeting->fd[1]);
	assert_non_null(meeting->server);
	while (a != 1 || b != 1) {
		ERR_clear_error();
		a = SSL_do_handshake(meeting->client);
		if (a != 1 && !is_waiting(meeting->client, a))
			return false;
		ERR_clear_error();
		b = SSL_do_handshake(meeting->server);
		if (b != 1 && !is_waiting(meeting->server, b))
			return false;
	}
	/* Tickets of TLS 1.3 come as if they were input. */
	(void)SSL_read(meeting->client, byte, 1);
	return true;
}

static void
part(struct meeting *meeting)
{
	SSL_free(meeting->client);
	SSL_free(meeting->server);
	SSL_CTX_free(meeting->ctx);
	SSL_SESSION_free(meeting->ticket);
	close(meeting->fd[0]);
	close(meeting->fd[1]);
	ERR_clear_error();
}

/* The common name of the certificate that a client with that wish gets; ""
 * if it gets none. */
static const char *
name_shown(struct tls_server *tls, const struct wish *wish)
{
	static char name[256];
	struct meeting meeting;

	name[0] = '\0';
	if (meet(&meeting, tls, wish))
		X509_NAME_get_text_by_NID(X509_get_subject_name(
		    SSL_get0_peer_certificate(meeting.client)),
		    NID_commonName, name, sizeof name);
	part(&meeting);
	return name;
}

static const char *
name_for(struct tls_server *tls, const char *sni)
{
	const struct wish wish = { .sni = sni };

	return name_shown(tls, &wish);
}

/* --- files --- */

static void
refused(const char *certificate, const char *key, const char *file,
    const char *why)
{
	char error[256];
	struct tls_server *tls = server_of(certificate, key, error);

	assert_null(tls);
	/* The guilty file first, then the reason. */
	if (strncmp(error, certs_path(&certs, file),
	    strlen(certs_path(&certs, file))) != 0 ||
	    strstr(error, why) == NULL)
		fail_msg("expected \"%s ... %s\", got \"%s\"", file, why,
		    error);
}

static void
test_files_refused(void **state)
{
	FILE *file = fopen(certs_path(&certs, "rubbish"), "w");

	(void)state;
	fputs("this is no PEM\n", file);
	fclose(file);
	chmod(certs_path(&certs, "rubbish"), 0600);
	refused("absent.pem", "one.key", "absent.pem",
	    "No such file or directory");
	refused("one.pem", "absent.key", "absent.key",
	    "No such file or directory");
	refused("rubbish", "one.key", "rubbish", "no start line");
	refused("one.pem", "rubbish", "rubbish", "private key");
	refused("one.pem", "two.key", "two.key",
	    "does not belong to the certificate: key values mismatch");
	refused("one.pem", "rsa.key", "rsa.key",
	    "does not belong to the certificate");
	refused("one.pem", "/", "/", "is not a file");
}

static void
test_key_with_passphrase_is_refused(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *file = fopen(certs_path(&certs, "locked.key"), "w");

	(void)state;
	assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(),
	    (const unsigned char *)"abc", 3, NULL, NULL), 1);
	fclose(file);
	chmod(certs_path(&certs, "locked.key"), 0600);
	EVP_PKEY_free(key);
	/* Without a terminal to ask on, nor one asked. */
	refused("one.pem", "locked.key", "locked.key", "pass phrase");
}

/* Promise 1. Seen to catch: mode & 007 for mode & 077. */
static void
test_key_mode(void **state)
{
	static const struct {
		mode_t mode;
		bool ok_ours, ok_root;
	} row[] = {
		{ 0600, true, true }, { 0400, true, true },
		{ 0700, true, true },
		{ 0640, false, true }, { 0440, false, true },
		{ 0660, false, false }, { 0650, false, false },
		{ 0604, false, false }, { 0644, false, false },
		{ 0602, false, false }, { 0601, false, false },
		{ 0645, false, false }, { 0666, false, false },
	};
	char path[160];
	bool root = geteuid() == 0;

	(void)state;
	snprintf(path, sizeof path, "%s", certs_path(&certs, "two.key"));
	for (size_t i = 0; i < countof(row) * 2; i++) {
		bool as_root = i >= countof(row);
		mode_t mode = row[i % countof(row)].mode;
		struct tls_server *tls;
		char error[256], wanted[16];

		if (root)	/* nobody: 65534 */
			assert_int_equal(chown(path, as_root ? 0 : 65534, 0),
			    0);
		else if (as_root)
			break;
		assert_int_equal(chmod(path, mode), 0);
		tls = server_of("two.pem", "two.key", error);
		snprintf(wanted, sizeof wanted, "mode %04o", (unsigned)mode);
		if (as_root ? row[i % countof(row)].ok_root :
		    row[i % countof(row)].ok_ours)
			assert_string_equal(error, "");
		else if (tls != NULL || strstr(error, wanted) == NULL)
			fail_msg("%s: got \"%s\"", wanted, error);
		tls_server_unref(tls);
	}
	if (root)
		assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
test_names_and_days(void **state)
{
	static const struct {
		const char *file, *names;
		int days;
	} row[] = {
		{ "one", "mail.example.org, smtp.example.org", 30 },
		{ "two", "two.example", 90 },	/* from the common name */
		{ "old", "old.example", -4 },
		{ "chain", "chain.example", 10 },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		char names[256], small[20], pem[32], key[32], error[256];
		struct tls_server *tls;

		snprintf(pem, sizeof pem, "%s.pem", row[i].file);
		snprintf(key, sizeof key, "%s.key", row[i].file);
		tls = server_of(pem, key, error);
		assert_string_equal(error, "");
		tls_server_names(tls, names, sizeof names);
		assert_string_equal(names, row[i].names);
		/* Cut between names, never inside one. */
		tls_server_names(tls, small, sizeof small);
		assert_memory_equal(small, row[i].names, strlen(small));
		assert_int_equal(tls_server_days_left(tls), row[i].days);
		tls_server_unref(tls);
	}
}

/* --- what the client gets --- */

static struct tls_server *
three_names(void)
{
	struct tls_cert_files files[] = {
		files_of(certs_path(&certs, "one.pem"),
		    certs_path(&certs, "one.key")),
		files_of(certs_path(&certs, "wild.pem"),
		    certs_path(&certs, "wild.key")),
		files_of(certs_path(&certs, "two.pem"),
		    certs_path(&certs, "two.key")),
	};
	struct tls_server *tls;
	char error[256];

	files[2].name = "alias.example";
	tls = tls_server_new(files, countof(files), TLS_1_2, error,
	    sizeof error);
	assert_string_equal(error, "");
	assert_non_null(tls);
	return tls;
}

/* Seen to catch: strcmp for the caseless comparison; the default for all. */
static void
test_sni_chooses(void **state)
{
	static const struct {
		const char *sni, *shown;
	} row[] = {
		{ NULL, "one" },
		{ "mail.example.org", "one" },
		{ "SMTP.Example.ORG", "one" },
		{ "a.wild.example", "wild" },
		{ "A.WILD.example", "wild" },
		{ "wild.example", "one" },	/* not covered: the default */
		{ "a.b.wild.example", "one" },
		{ "two.example", "two.example" },
		{ "Alias.Example", "two.example" },
		{ "unknown.example", "one" },
		{ "a\\", "one" },
		{ "a'; drop", "one" },
	};
	struct tls_server *tls = three_names();

	(void)state;
	for (size_t i = 0; i < countof(row); i++)
		if (strcmp(name_for(tls, row[i].sni), row[i].shown) != 0)
			fail_msg("sni %s: expected %s, got %s", row[i].sni,
			    row[i].shown, name_for(tls, row[i].sni));
	tls_server_unref(tls);
}

static void
test_old_versions_only_if_asked_for(void **state)
{
	static const int version[] = { TLS1_VERSION, TLS1_1_VERSION,
		TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_cert_files files = files_of(certs_path(&certs, "rsa.pem"),
	    certs_path(&certs, "rsa.key"));

	(void)state;
	for (size_t least = 0; least < countof(version); least++) {
		char error[256];
		struct tls_server *tls = tls_server_new(&files, 1,
		    (enum tls_version)least, error, sizeof error);

		assert_string_equal(error, "");
		for (size_t i = 0; i < countof(version); i++) {
			const struct wish wish = { .least = version[i],
				.most = version[i] };
			const char *name = name_shown(tls, &wish);

			if ((*name != '\0') != (i >= least))
				fail_msg("least %zu, asked %zu: got \"%s\"",
				    least, i, name);
		}
		tls_server_unref(tls);
	}
}

static void
test_weak_ciphers_are_refused(void **state)
{
	static const char *const weak[] = { "kRSA:@SECLEVEL=0",
		"aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0" };
	struct tls_cert_files files = files_of(certs_path(&certs, "rsa.pem"),
	    certs_path(&certs, "rsa.key"));
	char error[256];
	struct tls_server *tls = tls_server_new(&files, 1, TLS_1_2, error,
	    sizeof error);

	(void)state;
	assert_non_null(tls);
	for (size_t i = 0; i < countof(weak); i++) {
		const struct wish wish = { .most = TLS1_2_VERSION,
			.ciphers = weak[i] };

		assert_string_equal(name_shown(tls, &wish), "");
	}
	tls_server_unref(tls);
}

static void
test_whole_chain_is_sent(void **state)
{
	char error[256];
	struct tls_server *tls = server_of("chain.pem", "chain.key", error);
	const struct wish wish = { 0 };
	struct meeting meeting;

	(void)state;
	assert_true(meet(&meeting, tls, &wish));
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(meeting.client)),
	    2);
	part(&meeting);
	tls_server_unref(tls);
}

/* A pair for the same names with another kind of key stands beside the first:
 * each client gets the one it understands. */
static void
test_rsa_beside_ec(void **state)
{
	struct tls_cert_files files[] = {
		files_of(certs_path(&certs, "one.pem"),
		    certs_path(&certs, "one.key")),
		files_of(certs_path(&certs, "rsa.pem"),
		    certs_path(&certs, "rsa.key")),
	};
	const struct wish ec = { .sigalgs = "ECDSA+SHA256" };
	const struct wish rsa = { .sigalgs = "RSA-PSS+SHA256:RSA+SHA256" };
	char error[256];
	struct tls_server *tls = tls_server_new(files, 2, TLS_1_2, error,
	    sizeof error);

	(void)state;
	assert_string_equal(error, "");
	assert_string_equal(name_shown(tls, &ec), "one");
	assert_string_equal(name_shown(tls, &rsa), "rsa");
	tls_server_unref(tls);
}

/* Promise 3, TLS 1.2 and 1.3. Seen to catch: one context for all (ticket of
 * the other accepted). */
static void
test_ticket_is_good_for_its_giver_only(void **state)
{
	static const int version[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < countof(version); i++) {
		struct tls_server *giver = good_server();
		struct tls_server *other = good_server();
		struct wish wish = { .least = version[i],
			.most = version[i] };
		struct meeting first, again;

		assert_true(meet(&first, giver, &wish));
		assert_false(SSL_session_reused(first.client));
		assert_non_null(first.ticket);
		wish.session = first.ticket;
		assert_true(meet(&again, other, &wish));
		assert_false(SSL_session_reused(again.server));
		part(&again);
		assert_true(meet(&again, giver, &wish));
		assert_true(SSL_session_reused(again.server));
		part(&again);
		part(&first);
		tls_server_unref(giver);
		tls_server_unref(other);
	}
}

/* CVE-2009-3555 and its relatives. */
static void
test_no_renegotiation_no_compression(void **state)
{
	struct tls_server *tls = good_server();
	const struct wish wish = { .most = TLS1_2_VERSION };
	struct meeting meeting;
	char byte[1];
	int n;

	(void)state;
	assert_true(meet(&meeting, tls, &wish));
	assert_null(SSL_get_current_compression(meeting.server));
	SSL_renegotiate(meeting.client);
	(void)SSL_do_handshake(meeting.client);
	(void)SSL_read(meeting.server, byte, 1);
	ERR_clear_error();
	n = SSL_do_handshake(meeting.client);
	assert_int_not_equal(n, 1);
	assert_int_equal(SSL_get_error(meeting.client, n), SSL_ERROR_SSL);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
	    SSL_R_NO_RENEGOTIATION);
	part(&meeting);
	tls_server_unref(tls);
}

static void
test_sessions_outlive_a_reload(void **state)
{
	struct tls_server *tls = good_server();
	const struct wish wish = { 0 };
	struct meeting meeting;
	char text[8] = "";

	(void)state;
	assert_ptr_equal(tls_server_ref(tls), tls);
	assert_true(meet(&meeting, tls, &wish));
	tls_server_unref(tls);		/* the configuration's */
	assert_int_equal(SSL_write(meeting.client, "hello", 5), 5);
	assert_int_equal(SSL_read(meeting.server, text, sizeof text), 5);
	part(&meeting);
	tls_server_unref(tls);		/* the session's */
}

static int
make_all(void **state)
{
	static const struct cert_wish wish[] = {
		{ "one", "one", "DNS:mail.example.org,DNS:smtp.example.org",
		    .days = 30 },
		{ "rsa", "rsa", "DNS:mail.example.org,DNS:smtp.example.org",
		    .rsa = true, .days = 30 },
		{ "two", "two.example", .days = 90 },
		{ "wild", "wild", "DNS:*.wild.example", .days = 30 },
		{ "old", "old.example", .days = -4 },
		{ "chain", "chain.example", .days = 10, .with_issuer = true },
	};

	(void)state;
	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	certs_make_folder(&certs);
	for (size_t i = 0; i < countof(wish); i++)
		certs_make(&certs, &wish[i]);
	return 0;
}

static int
remove_all(void **state)
{
	(void)state;
	certs_remove(&certs);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_refused),
		cmocka_unit_test(test_key_with_passphrase_is_refused),
		cmocka_unit_test(test_key_mode),
		cmocka_unit_test(test_names_and_days),
		cmocka_unit_test(test_sni_chooses),
		cmocka_unit_test(test_old_versions_only_if_asked_for),
		cmocka_unit_test(test_weak_ciphers_are_refused),
		cmocka_unit_test(test_whole_chain_is_sent),
		cmocka_unit_test(test_rsa_beside_ec),
		cmocka_unit_test(test_ticket_is_good_for_its_giver_only),
		cmocka_unit_test(test_no_renegotiation_no_compression),
		cmocka_unit_test(test_sessions_outlive_a_reload),
	};

	return cmocka_run_group_tests(tests, make_all, remove_all);
}
