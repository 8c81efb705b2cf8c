/* SPDX-License-Identifier: Apache-2.0 */
/* tls_make: see tls_make.h. Nothing here depends on anybody's input but the
 * name, which OpenSSL may refuse: then the certificate has none. */
#include "net/tls_make.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/die.h"
#include "base/put.h"

#define DAY_SECONDS 86400

static void
set_names(X509 *certificate, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	char text[300];
	struct put put = put_init(text, sizeof text);
	X509_EXTENSION *names;

	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	must(X509_set_issuer_name(certificate, subject) == 1);
	put_str(&put, "DNS:");
	put_str(&put, name);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    put_cstr(&put));
	if (names != NULL)
		must(X509_add_ext(certificate, names, -1) == 1);
	X509_EXTENSION_free(names);
}

static void
set_serial(X509 *certificate)
{
	uint64_t serial;

	must(RAND_bytes((unsigned char *)&serial, sizeof serial) == 1);
	must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate),
	    serial >> 1) == 1);
}

void
tls_make_pair(SSL_CTX *ctx, const char *name, int days)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	must(key != NULL && certificate != NULL);
	must(X509_set_version(certificate, X509_VERSION_3) == 1);
	set_serial(certificate);
	/* it begins before today: clocks differ */
	must(X509_gmtime_adj(X509_getm_notBefore(certificate),
	    (long)(days - 31) * DAY_SECONDS) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(certificate),
	    (long)days * DAY_SECONDS) != NULL);
	set_names(certificate, name);
	must(X509_set_pubkey(certificate, key) == 1);
	must(X509_sign(certificate, key, EVP_sha256()) != 0);
	must(SSL_CTX_use_certificate(ctx, certificate) == 1);
	must(SSL_CTX_use_PrivateKey(ctx, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}
