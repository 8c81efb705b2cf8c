/* SPDX-License-Identifier: Apache-2.0 */
#include "certs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/die.h"

void
certs_make_folder(struct certs *certs)
{
	snprintf(certs->folder, sizeof certs->folder,
	    "/tmp/net-certs-XXXXXX");
	must(mkdtemp(certs->folder) != NULL);
}

const char *
certs_path(const struct certs *certs, const char *file)
{
	static char path[16][160];
	static unsigned next;
	char *p = path[next++ % 16];

	snprintf(p, sizeof path[0], "%s/%s", certs->folder, file);
	return p;
}

void
certs_remove(struct certs *certs)
{
	DIR *folder = opendir(certs->folder);
	struct dirent *entry;

	must(folder != NULL);
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			unlink(certs_path(certs, entry->d_name));
	closedir(folder);
	must(rmdir(certs->folder) == 0);
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	must(extension != NULL);
	must(X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *
make_cert(const struct cert_wish *wish, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	must(X509_set_version(cert, 2) == 1);
	must(ASN1_INTEGER_set(X509_get_serialNumber(cert), random()) == 1);
	X509_time_adj_ex(X509_getm_notBefore(cert), -1000, 0, NULL);
	/* An hour more, so that the test may take its time. */
	X509_time_adj_ex(X509_getm_notAfter(cert), wish->days, 3600, NULL);
	must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)wish->common_name, -1, -1, 0) == 1);
	must(X509_set_pubkey(cert, key) == 1);
	if (wish->names != NULL)
		add_extension(cert, NID_subject_alt_name, wish->names);
	return cert;
}

static void
write_pem(const struct certs *certs, const char *file, X509 *leaf,
    X509 *issuer)
{
	FILE *out = fopen(certs_path(certs, file), "w");

	must(out != NULL);
	must(PEM_write_X509(out, leaf) == 1);
	if (issuer != NULL)
		must(PEM_write_X509(out, issuer) == 1);
	must(fclose(out) == 0);
}

static void
write_key(const struct certs *certs, const char *file, EVP_PKEY *key)
{
	int fd = open(certs_path(certs, file), O_WRONLY | O_CREAT | O_TRUNC,
	    0600);
	FILE *out = fdopen(fd, "w");

	must(out != NULL);
	must(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
	must(fclose(out) == 0);
}

static EVP_PKEY *
make_key(bool rsa)
{
	return rsa ? EVP_RSA_gen(2048u) : EVP_EC_gen("P-256");
}

void
certs_make(const struct certs *certs, const struct cert_wish *wish)
{
	const struct cert_wish ca = { .common_name = "Test CA", .days = 900 };
	EVP_PKEY *key = make_key(wish->rsa), *ca_key = make_key(false);
	X509 *leaf, *issuer = make_cert(&ca, ca_key);
	char file[64];

	must(key != NULL && ca_key != NULL);
	leaf = make_cert(wish, key);
	if (wish->with_issuer) {
		must(X509_set_issuer_name(leaf,
		    X509_get_subject_name(issuer)) == 1);
		must(X509_sign(leaf, ca_key, EVP_sha256()) > 0);
	} else {
		must(X509_set_issuer_name(leaf,
		    X509_get_subject_name(leaf)) == 1);
		must(X509_sign(leaf, key, EVP_sha256()) > 0);
	}
	must(X509_set_issuer_name(issuer, X509_get_subject_name(issuer)));
	must(X509_sign(issuer, ca_key, EVP_sha256()) > 0);
	snprintf(file, sizeof file, "%s.pem", wish->file);
	write_pem(certs, file, leaf, wish->with_issuer ? issuer : NULL);
	snprintf(file, sizeof file, "%s.key", wish->file);
	write_key(certs, file, key);
	X509_free(leaf);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}
