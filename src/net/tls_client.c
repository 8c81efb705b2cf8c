/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate is judged by OpenSSL in every handshake. Without
 * `must_verify` the verdict is noted and the handshake goes on: the verify
 * callback says yes to everything, SSL_get_verify_result() still says what was
 * wrong. */
#include "net/tls_client.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/put.h"
#include "base/text.h"
#include "net/cert.h"

struct tls_client {
	_Atomic unsigned refs;
	bool must_verify;
	SSL_CTX *ctx;
};

void
tls_client_defaults(struct tls_client_options *options)
{
	*options = (struct tls_client_options){ .least = TLS_1_2,
		.most = TLS_1_3 };
}

/* --- words */

/* So OpenSSL calls an alert (RFC 8446 6), whatever the version was. */
static bool
is_alert(const char *reason)
{
	return strncmp(reason, "sslv3 alert ", 12) == 0 ||
	    strncmp(reason, "tlsv1 alert ", 12) == 0;
}

static void
describe_error(char *out, size_t len)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	if (code == 0)
		snprintf(out, len, "no reason given");
	else if (ERR_SYSTEM_ERROR(code))
		snprintf(out, len, "%s", log_errno(ERR_GET_REASON(code)));
	else if (reason != NULL && is_alert(reason))
		snprintf(out, len, "the other side broke TLS off: %s",
		    reason + 12);
	else
		snprintf(out, len, "%s", reason != NULL ? reason : "unknown");
	ERR_clear_error();
}

void
tls_client_why(struct ssl_st *ssl, int result, char *out, size_t len)
{
	long verdict = SSL_get_verify_result(ssl);

	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_ZERO_RETURN:
		snprintf(out, len, "the server ended TLS");
		return;
	case SSL_ERROR_SYSCALL:
		if (ERR_peek_error() == 0) {
			snprintf(out, len,
			    "the server hung up in the middle of TLS");
			return;
		}
		break;
	case SSL_ERROR_SSL:
		if (ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
			snprintf(out, len, "certificate: %s",
			    X509_verify_cert_error_string(verdict));
			ERR_clear_error();
			return;
		}
		if (ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_WRONG_VERSION_NUMBER) {
			snprintf(out, len, "what the server said is no TLS "
			    "(is it the right port?)");
			ERR_clear_error();
			return;
		}
		break;
	default:
		break;
	}
	describe_error(out, len);
}

/* --- contexts */

struct report {
	char *text;
	size_t len;
};

static bool
fail(const struct report *report, const char *what)
{
	char why[160];

	describe_error(why, sizeof why);
	snprintf(report->text, report->len, "%s: %s", what, why);
	return false;
}

static int
accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int
version_number(enum tls_version version)
{
	static const int number[] = { TLS1_VERSION, TLS1_1_VERSION,
		TLS1_2_VERSION, TLS1_3_VERSION };

	return number[version];
}

static bool
set_versions(SSL_CTX *ctx, const struct tls_client_options *options,
    const struct report *report)
{
	if (SSL_CTX_set_min_proto_version(ctx,
	    version_number(options->least)) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx,
	    version_number(options->most)) != 1)
		return fail(report, "TLS versions");
	if (options->least < TLS_1_2)
		SSL_CTX_set_security_level(ctx, 0);
	if (options->ciphers != NULL &&
	    SSL_CTX_set_cipher_list(ctx, options->ciphers) != 1)
		return fail(report, options->ciphers);
	if (options->ciphers == NULL && options->least < TLS_1_2 &&
	    SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") != 1)
		return fail(report, "ciphers");
	if (options->ciphersuites != NULL &&
	    SSL_CTX_set_ciphersuites(ctx, options->ciphersuites) != 1)
		return fail(report, options->ciphersuites);
	return true;
}

static bool
set_files(SSL_CTX *ctx, const struct tls_client_options *options,
    const struct report *report)
{
	if (options->ca_file == NULL && options->ca_dir == NULL) {
		if (SSL_CTX_set_default_verify_paths(ctx) != 1)
			return fail(report, "the system's authorities");
	} else if (SSL_CTX_load_verify_locations(ctx, options->ca_file,
	    options->ca_dir) != 1) {
		return fail(report, options->ca_file != NULL ?
		    options->ca_file : options->ca_dir);
	}
	if (options->certificate == NULL)
		return true;
	if (SSL_CTX_use_certificate_chain_file(ctx, options->certificate) != 1)
		return fail(report, options->certificate);
	if (SSL_CTX_use_PrivateKey_file(ctx, options->key != NULL ?
	    options->key : options->certificate, SSL_FILETYPE_PEM) != 1)
		return fail(report, options->key != NULL ? options->key :
		    options->certificate);
	return true;
}

struct tls_client *
tls_client_new(const struct tls_client_options *options, char *error,
    size_t error_len)
{
	const struct report report = { error, error_len };
	struct tls_client *tls = mem_new(sizeof *tls);

	ERR_clear_error();
	tls->refs = 1;
	tls->must_verify = options->must_verify;
	tls->ctx = SSL_CTX_new(TLS_client_method());
	if (tls->ctx == NULL) {
		fail(&report, "TLS");
		goto out;
	}
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, options->must_verify ?
	    NULL : accept_any);
	if (SSL_CTX_dane_enable(tls->ctx) != 1) {
		fail(&report, "DANE");
		goto out;
	}
	SSL_CTX_dane_set_flags(tls->ctx, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	if (set_versions(tls->ctx, options, &report) &&
	    set_files(tls->ctx, options, &report))
		return tls;
out:
	tls_client_unref(tls);
	return NULL;
}

struct tls_client *
tls_client_ref(struct tls_client *tls)
{
	atomic_fetch_add(&tls->refs, 1);
	return tls;
}

void
tls_client_unref(struct tls_client *tls)
{
	if (tls == NULL || atomic_fetch_sub(&tls->refs, 1) != 1)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

/* --- sessions */

static bool
is_address(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 ||
	    inet_pton(AF_INET6, name, bytes) == 1;
}

static bool
has_name(const struct tls_target *target)
{
	return target->name != NULL && target->name[0] != '\0';
}

/* RFC 7672 3.1: usages 2 and 3 only. Returns how many can be used, or -1. */
static int
add_tlsa(SSL *ssl, const struct tls_target *target)
{
	int usable = 0;

	if (SSL_dane_enable(ssl, target->name) != 1)
		return -1;
	for (size_t i = 0; i < target->tlsa_n; i++) {
		const struct tlsa *r = &target->tlsa[i];
		int added;

		if (r->usage != 2 && r->usage != 3)
			continue;
		added = SSL_dane_tlsa_add(ssl, r->usage, r->selector,
		    r->matching, (const unsigned char *)r->data.p,
		    r->data.len);
		if (added < 0)
			return -1;
		usable += added > 0;
	}
	return usable;
}

static bool
set_name(SSL *ssl, const struct tls_target *target)
{
	if (!has_name(target))
		return true;
	if (is_address(target->name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
		    target->name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)target->name) != 1)
		return false;
	return SSL_set1_host(ssl, target->name) == 1;
}

struct ssl_st *
tls_client_session(struct tls_client *tls, int fd,
    const struct tls_target *target)
{
	SSL *ssl = SSL_new(tls->ctx);

	ERR_clear_error();
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
		goto out;
	SSL_set_connect_state(ssl);
	if (target->tlsa_n != 0 && has_name(target)) {
		int usable = add_tlsa(ssl, target);

		if (usable < 0)
			goto out;
		if (usable > 0)
			SSL_set_app_data(ssl, tls);
	} else if (!set_name(ssl, target)) {
		goto out;
	}
	return ssl;
out:
	SSL_free(ssl);
	return NULL;
}

/* --- what became of it */

/* There are TLSA records that can be used (tls_client_session() marks it). */
static bool
is_decided_by_dane(const SSL *ssl)
{
	return SSL_get_app_data(ssl) != NULL;
}

static enum tls_trust
judge(SSL *ssl, const struct tls_target *target)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	long verdict = SSL_get_verify_result(ssl);

	if (leaf == NULL)
		return TLS_TRUST_NONE;
	/* "no match" is not what OpenSSL tells last of a chain that leads to
	 * nobody, and of usage 2 name and dates count, too (RFC 7672 3.1.2) */
	if (verdict != X509_V_OK && is_decided_by_dane(ssl))
		return TLS_BAD_DANE;
	switch (verdict) {
	case X509_V_OK:
		if (SSL_get0_dane_authority(ssl, NULL, NULL) >= 0)
			return TLS_TRUST_DANE;
		/* with TLSA records of which none could be used, any
		 * certificate passes (RFC 7672 2.2) */
		return target->tlsa_n != 0 ? TLS_TRUST_NONE : TLS_TRUSTED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS_BAD_NAME;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_BAD_DATE;
	default:
		return TLS_BAD_CHAIN;
	}
}

static void
write_day(int64_t at, char out[32])
{
	time_t seconds = (time_t)at;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, 32, "%Y-%m-%d", &tm) == 0)
		out[0] = '\0';
}

/* For a person: what is right or wrong, with the names and days concerned. */
static void
write_verdict(struct tls_facts *facts)
{
	const struct tls_cert_facts *leaf = &facts->cert[0];
	char day[32];

	switch (facts->trust) {
	case TLS_TRUST_NONE:
		snprintf(facts->verdict, sizeof facts->verdict, "%s",
		    facts->cert_n == 0 ? "no certificate" : "not judged");
		break;
	case TLS_TRUSTED:
		if (facts->asked[0] == '\0')
			snprintf(facts->verdict, sizeof facts->verdict,
			    "trusted; no name was asked for");
		else
			snprintf(facts->verdict, sizeof facts->verdict,
			    "trusted, and for %.200s", facts->asked);
		break;
	case TLS_TRUST_DANE:
		snprintf(facts->verdict, sizeof facts->verdict,
		    "trusted by DANE");
		break;
	case TLS_BAD_NAME:
		snprintf(facts->verdict, sizeof facts->verdict,
		    "not for %.100s, but for %.100s", facts->asked,
		    facts->names[0] != '\0' ? facts->names : "nobody");
		break;
	case TLS_BAD_DATE:
		write_day(facts->verify_code == X509_V_ERR_CERT_HAS_EXPIRED ?
		    leaf->not_after : leaf->not_before, day);
		snprintf(facts->verdict, sizeof facts->verdict, "%s %s",
		    facts->verify_code == X509_V_ERR_CERT_HAS_EXPIRED ?
		    "expired on" : "not valid before", day);
		break;
	case TLS_BAD_CHAIN:
	case TLS_BAD_DANE:
		snprintf(facts->verdict, sizeof facts->verdict, "%s",
		    X509_verify_cert_error_string(facts->verify_code));
		break;
	}
}

static void
read_certificates(SSL *ssl, struct tls_facts *out)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

	if (leaf == NULL)
		return;
	cert_names(leaf, out->names, sizeof out->names);
	for (int i = 0; i < sk_X509_num(chain) &&
	    out->cert_n < TLS_CERTS_MAX; i++)
		cert_facts(sk_X509_value(chain, i), &out->cert[out->cert_n++]);
	if (out->cert_n == 0)
		cert_facts(leaf, &out->cert[out->cert_n++]);
}

static void
read_group(SSL *ssl, char *out, size_t len)
{
	int nid = (int)SSL_get_negotiated_group(ssl);
	const char *name = nid != NID_undef ? OBJ_nid2sn(nid) : NULL;

	if (SSL_version(ssl) == TLS1_3_VERSION || name != NULL)
		snprintf(out, len, "%s", name != NULL ? name : "");
	for (char *c = out; *c != '\0'; c++)
		*c = ascii_lower(*c);
}

void
tls_facts_read(struct ssl_st *ssl, const struct tls_target *target,
    struct tls_facts *out)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

	*out = (struct tls_facts){ 0 };
	snprintf(out->asked, sizeof out->asked, "%s",
	    target->name != NULL ? target->name : "");
	snprintf(out->protocol, sizeof out->protocol, "%s",
	    SSL_get_version(ssl));
	if (cipher != NULL) {
		snprintf(out->cipher, sizeof out->cipher, "%s",
		    SSL_CIPHER_get_name(cipher));
		out->bits = SSL_CIPHER_get_bits(cipher, NULL);
		read_group(ssl, out->group, sizeof out->group);
	}
	out->is_resumed = SSL_session_reused(ssl) == 1;
	out->verify_code = (int)SSL_get_verify_result(ssl);
	out->trust = judge(ssl, target);
	read_certificates(ssl, out);
	write_verdict(out);
}
