/* SPDX-License-Identifier: Apache-2.0 */
#include "net/cert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"

/* --- names */

/* Puts a name only if it is plain printable ASCII: a NUL inside (CVE-2009-2408)
 * or a control byte is shown to nobody. */
static void
put_name(struct put *out, struct span text)
{
	struct put before = *out;

	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == ',')
			return;
	if (out->len != 0)
		put_str(out, ", ");
	put_bytes(out, text);
	if (out->full)
		out->len = before.len;	/* whole or not at all */
}

static struct span
string_of(const ASN1_STRING *s)
{
	return span_of(ASN1_STRING_get0_data(s),
	    (size_t)ASN1_STRING_length(s));
}

static void
put_address(struct put *out, struct span bytes)
{
	char text[INET6_ADDRSTRLEN];
	int family = bytes.len == 4 ? AF_INET : AF_INET6;

	if ((bytes.len == 4 || bytes.len == 16) &&
	    inet_ntop(family, bytes.p, text, sizeof text) != NULL)
		put_name(out, span_str(text));
}

static void
put_alternative_names(struct put *out, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name,
	    NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			put_name(out, string_of(name->d.dNSName));
		else if (name->type == GEN_IPADD)
			put_address(out, string_of(name->d.iPAddress));
	}
	GENERAL_NAMES_free(names);
}

static void
put_common_name(struct put *out, X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at >= 0)
		put_name(out, string_of(X509_NAME_ENTRY_get_data(
		    X509_NAME_get_entry(subject, at))));
}

void
cert_names(X509 *cert, char *text, size_t len)
{
	struct put out = put_init(text, len - 1);

	must(len > 0);
	put_alternative_names(&out, cert);
	if (out.len == 0 && !out.full)
		put_common_name(&out, cert);
	text[out.len] = '\0';
}

/* --- facts */

/* "CN = mail.example.org, O = Example", without raw control bytes. */
static void
write_dn(const X509_NAME *name, char *text, size_t len)
{
	struct put out = put_init(text, len - 1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long n;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE &
	    ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		n = BIO_get_mem_data(bio, &bytes);
		text_quote(span_of(bytes, n > 0 ? (size_t)n : 0), &out);
	}
	BIO_free(bio);
	text[out.len] = '\0';
}

static int64_t
seconds_of(const ASN1_TIME *at)
{
	struct tm tm;

	return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
write_hex(const unsigned char *bytes, unsigned n, char *text, size_t len)
{
	struct put out = put_init(text, len - 1);

	put_hex(&out, span_of(bytes, n));
	text[out.len] = '\0';
}

static void
write_serial(X509 *cert, char *text, size_t len)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = n != NULL ? BN_bn2hex(n) : NULL;

	snprintf(text, len, "%s", hex != NULL ? hex : "");
	OPENSSL_free(hex);
	BN_free(n);
}

static void
write_spki_sum(X509 *cert, char *text, size_t len)
{
	unsigned char sum[EVP_MAX_MD_SIZE], *der = NULL;
	unsigned n = 0;
	int der_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	if (der_len <= 0 || EVP_Digest(der, (size_t)der_len, sum, &n,
	    EVP_sha256(), NULL) != 1)
		n = 0;
	write_hex(sum, n, text, len);
	OPENSSL_free(der);
}

/* "RSA 2048", "EC P-256", "ED25519" */
static void
write_key(X509 *cert, char *text, size_t len)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[32] = "";
	size_t n;

	if (key == NULL) {
		snprintf(text, len, "unknown");
	} else if (EVP_PKEY_is_a(key, "RSA")) {
		snprintf(text, len, "RSA %d", EVP_PKEY_get_bits(key));
	} else if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key,
	    group, sizeof group, &n) == 1) {
		const char *nist = EC_curve_nid2nist(OBJ_sn2nid(group));

		snprintf(text, len, "EC %s", nist != NULL ? nist : group);
	} else {
		const char *type = EVP_PKEY_get0_type_name(key);

		snprintf(text, len, "%s", type != NULL ? type : "unknown");
	}
}

void
cert_facts(X509 *cert, struct tls_cert_facts *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	*out = (struct tls_cert_facts){ 0 };
	write_dn(X509_get_subject_name(cert), out->subject,
	    sizeof out->subject);
	write_dn(X509_get_issuer_name(cert), out->issuer, sizeof out->issuer);
	write_serial(cert, out->serial, sizeof out->serial);
	if (X509_digest(cert, EVP_sha256(), sum, &n) == 1)
		write_hex(sum, n, out->sha256, sizeof out->sha256);
	write_spki_sum(cert, out->spki_sha256, sizeof out->spki_sha256);
	snprintf(out->signature, sizeof out->signature, "%s",
	    OBJ_nid2ln(X509_get_signature_nid(cert)));
	write_key(cert, out->key, sizeof out->key);
	out->not_before = seconds_of(X509_get0_notBefore(cert));
	out->not_after = seconds_of(X509_get0_notAfter(cert));
	out->is_self_signed = X509_NAME_cmp(X509_get_subject_name(cert),
	    X509_get_issuer_name(cert)) == 0;
}
