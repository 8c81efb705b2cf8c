/* SPDX-License-Identifier: Apache-2.0 */
/* tls: certificate files in, OpenSSL contexts out.
 *
 * 1. A key that others may read is refused before it is used.
 * 2. Every failure names the file and says why, in words.
 * 3. A session ticket is good for the tls_server that gave it, for nobody
 *    else: its keys are its own and random, and so is the session context.
 * 4. Nothing older than TLS 1.2 unless asked for. */
#include "net/tls.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/put.h"
#include "net/tls_make.h"
#include "net/cert.h"

/* Forward secrecy always; CBC at the end for mail servers that would else
 * fall back to clear text. */
#define CIPHERS_MODERN "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL"
/* What was asked for with TLS 1.0: clients of that time know no better. */
#define CIPHERS_OLD CIPHERS_MODERN ":kRSA+AES:@SECLEVEL=0"

struct tls_pair {
	SSL_CTX *ctx;
	X509 *leaf;		/* of ctx, which owns it */
	char *name;
	int key_type;
};

struct tls_server {
	_Atomic unsigned refs;
	int days_left;
	unsigned char context_id[32];
	size_t n;
	struct tls_pair pair[];
};

/* Where tls_server_new() reports to. */
struct report {
	char *text;
	size_t len;
};

/* --- errors --- */

/* "<file>: <what>[: <OpenSSL's reason>]"; always false. */
static bool
fail(const struct report *report, const char *file, const char *what)
{
	/* The oldest error is the cause; later ones tell who passed it on. */
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	const char *system = NULL;

	/* A reason of the system is an errno: OpenSSL has no text for it. */
	if (code != 0 && ERR_SYSTEM_ERROR(code))
		system = log_errno(ERR_GET_REASON(code));
	if (system != NULL)
		reason = system;
	snprintf(report->text, report->len, "%s: %s%s%s", file, what,
	    reason != NULL ? ": " : "", reason != NULL ? reason : "");
	ERR_clear_error();
	return false;
}

/* --- days --- */

static int
days_left(const X509 *certificate)
{
	int days, seconds;

	if (ASN1_TIME_diff(&days, &seconds, NULL,
	    X509_get0_notAfter(certificate)) != 1)
		return INT_MIN;	/* unreadable: as good as over */
	return seconds < 0 ? days - 1 : days;
}

/* The leaf and the chain sent with it. */
static int
pair_days_left(SSL_CTX *ctx)
{
	STACK_OF(X509) *chain = NULL;
	int least = days_left(SSL_CTX_get0_certificate(ctx));

	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int days = days_left(sk_X509_value(chain, i));

		if (days < least)
			least = days;
	}
	return least;
}

/* --- keys --- */

/* We run without a terminal: a key with a pass phrase is an error, and never
 * a question. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* The rule of tls.h, on the open file: a name may change between two looks. */
static bool
key_is_private(FILE *file, const char *name, const struct report *report)
{
	char what[96];
	struct stat st;

	if (fstat(fileno(file), &st) != 0)
		return fail(report, name, log_errno(errno));
	if (!S_ISREG(st.st_mode))
		return fail(report, name, "is not a file");
	if ((st.st_mode & 077) == 0)
		return true;
	if (st.st_uid == 0 && (st.st_mode & 077) == S_IRGRP)
		return true;
	snprintf(what, sizeof what, "mode %04o lets others use the key "
	    "(wanted: 0600, or 0640 of root)", (unsigned)st.st_mode & 07777);
	return fail(report, name, what);
}

static bool
load_key(SSL_CTX *ctx, const char *name, const struct report *report)
{
	FILE *file = fopen(name, "re");
	EVP_PKEY *key = NULL;
	bool ok = false;

	if (file == NULL)
		return fail(report, name, log_errno(errno));
	if (!key_is_private(file, name, report))
		goto out;
	key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
	if (key == NULL) {
		(void)fail(report, name,
		    "is not a PEM private key without pass phrase");
		goto out;
	}
	/* Compares with the certificate loaded last, too. */
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		(void)fail(report, name, "does not belong to the certificate");
		goto out;
	}
	ok = true;
out:
	EVP_PKEY_free(key);
	fclose(file);
	return ok;
}

/* --- contexts --- */

static bool
load_pair(SSL_CTX *ctx, const struct tls_cert_files *files,
    const struct report *report)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate) != 1)
		return fail(report, files->certificate,
		    "no certificate (PEM: leaf, then the chain)");
	return load_key(ctx, files->key, report);
}

/* By SNI: a name said in the configuration, else a name of the certificate,
 * else the default. OpenSSL has refused names with a NUL inside already. */
static int
choose_context(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *tls = arg;
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct span name = span_str(asked);
	const struct tls_pair *found = NULL;

	(void)alert;
	if (name.len == 0)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < tls->n && found == NULL; i++)
		if (span_caseeq(name, span_str(tls->pair[i].name)))
			found = &tls->pair[i];
	for (size_t i = 0; i < tls->n && found == NULL; i++)
		if (X509_check_host(tls->pair[i].leaf, name.p, name.len,
		    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1)
			found = &tls->pair[i];
	if (found == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_set_SSL_CTX(ssl, found->ctx) == NULL)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int
version_number(enum tls_version version)
{
	switch (version) {
	case TLS_1_0:
		return TLS1_VERSION;
	case TLS_1_1:
		return TLS1_1_VERSION;
	case TLS_1_2:
		return TLS1_2_VERSION;
	case TLS_1_3:
		return TLS1_3_VERSION;
	}
	must(!"a version");
	return 0;
}

static SSL_CTX *
context_new(struct tls_server *tls, enum tls_version least)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const char *ciphers = least < TLS_1_2 ? CIPHERS_OLD : CIPHERS_MODERN;

	must(ctx != NULL);	/* out of memory, before any session */
	/* The system's openssl.cnf may ask for other things: say all. */
	SSL_CTX_set_security_level(ctx, least < TLS_1_2 ? 0 : 2);
	must(SSL_CTX_set_min_proto_version(ctx, version_number(least)) == 1);
	must(SSL_CTX_set_max_proto_version(ctx, 0) == 1);
	must(SSL_CTX_set_cipher_list(ctx, ciphers) == 1);
	SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
	    SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 0);
	/* Tickets only: a cache of ours would grow with the callers. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	must(SSL_CTX_set_num_tickets(ctx, 1) == 1);
	must(SSL_CTX_set_session_id_context(ctx, tls->context_id,
	    sizeof tls->context_id) == 1);
	SSL_CTX_set_tlsext_servername_callback(ctx, choose_context);
	SSL_CTX_set_tlsext_servername_arg(ctx, tls);
	return ctx;
}

/* An earlier pair with the same names and another kind of key. */
static struct tls_pair *
find_sibling(struct tls_server *tls, const struct tls_pair *pair)
{
	char names[1024], others[1024];

	cert_names(pair->leaf, names, sizeof names);
	for (size_t i = 0; i < tls->n; i++) {
		struct tls_pair *other = &tls->pair[i];

		cert_names(other->leaf, others, sizeof others);
		if (other->key_type != pair->key_type &&
		    span_caseeq(span_str(names), span_str(others)) &&
		    span_caseeq(span_str(pair->name), span_str(other->name)))
			return other;
	}
	return NULL;
}

static void
note_days(struct tls_server *tls, SSL_CTX *ctx, const char *certificate)
{
	int days = pair_days_left(ctx);

	if (days < 0)
		log_warning("certificate-expired",
		    LOG_Z("file", certificate));
	if (days < tls->days_left)
		tls->days_left = days;
}

static void
pair_free(struct tls_pair *pair)
{
	SSL_CTX_free(pair->ctx);
	free(pair->name);
}

static bool
add_pair(struct tls_server *tls, const struct tls_cert_files *files,
    enum tls_version least, const struct report *report)
{
	struct tls_pair pair = { .ctx = context_new(tls, least) };
	struct tls_pair *sibling;
	bool ok = false;

	pair.name = mem_copy(span_str(files->name));
	if (!load_pair(pair.ctx, files, report))
		goto out;
	pair.leaf = SSL_CTX_get0_certificate(pair.ctx);
	pair.key_type = EVP_PKEY_get_base_id(X509_get0_pubkey(pair.leaf));
	note_days(tls, pair.ctx, files->certificate);
	sibling = find_sibling(tls, &pair);
	if (sibling == NULL) {
		tls->pair[tls->n++] = pair;
		return true;
	}
	/* OpenSSL keeps one certificate of each kind in a context. */
	ok = load_pair(sibling->ctx, files, report);
out:
	pair_free(&pair);
	return ok;
}

/* --- public --- */

struct tls_server *
tls_server_new(const struct tls_cert_files *files, size_t n,
    enum tls_version least, char *error, size_t error_len)
{
	const struct report report = { error, error_len };
	struct tls_server *tls;

	must(n > 0 && error_len > 0);
	tls = mem_new(sizeof *tls + n * sizeof tls->pair[0]);
	tls->refs = 1;
	tls->days_left = INT_MAX;
	error[0] = '\0';
	must(RAND_bytes(tls->context_id, sizeof tls->context_id) == 1);
	for (size_t i = 0; i < n; i++) {
		if (!add_pair(tls, &files[i], least, &report)) {
			tls_server_unref(tls);
			return NULL;
		}
	}
	return tls;
}

struct tls_server *
tls_server_made(const char *name, int days)
{
	struct tls_server *tls = mem_new(sizeof *tls + sizeof tls->pair[0]);
	struct tls_pair *pair = &tls->pair[0];

	tls->refs = 1;
	tls->n = 1;
	tls->days_left = days;
	must(RAND_bytes(tls->context_id, sizeof tls->context_id) == 1);
	pair->ctx = context_new(tls, TLS_1_2);
	pair->name = mem_copy(SPAN(""));
	tls_make_pair(pair->ctx, name, days);
	pair->leaf = SSL_CTX_get0_certificate(pair->ctx);
	pair->key_type = EVP_PKEY_EC;
	return tls;
}

struct tls_server *
tls_server_ref(struct tls_server *tls)
{
	tls->refs++;
	return tls;
}

void
tls_server_unref(struct tls_server *tls)
{
	if (tls == NULL || --tls->refs != 0)
		return;
	for (size_t i = 0; i < tls->n; i++)
		pair_free(&tls->pair[i]);
	free(tls);
}

void
tls_server_names(const struct tls_server *tls, char *out, size_t len)
{
	cert_names(tls->pair[0].leaf, out, len);
}

int
tls_server_days_left(const struct tls_server *tls)
{
	return tls->days_left;
}

struct ssl_st *
tls_server_session(struct tls_server *tls, int fd)
{
	SSL *ssl = SSL_new(tls->pair[0].ctx);

	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}
