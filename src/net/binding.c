/* SPDX-License-Identifier: Apache-2.0 */
#include "net/binding.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/objects.h>
#include <openssl/ssl.h>

/* RFC 5929 4.1: the hash of the server's certificate, by the digest of its
 * signature, but never a weaker one than SHA-256. */
static size_t
end_point(SSL *ssl, unsigned char *out)
{
	X509 *leaf = SSL_is_server(ssl) ? SSL_get_certificate(ssl)
					: SSL_get0_peer_certificate(ssl);
	int hash_nid = NID_undef;
	const EVP_MD *md;
	unsigned n = 0;

	if (leaf == NULL)
		return 0;
	(void)OBJ_find_sigid_algs(X509_get_signature_nid(leaf), &hash_nid,
	    NULL);
	if (hash_nid == NID_md5 || hash_nid == NID_sha1)
		hash_nid = NID_sha256;
	md = EVP_get_digestbynid(hash_nid);
	if (md == NULL || X509_digest(leaf, md, out, &n) != 1)
		return 0;
	return n;
}

/* RFC 9266 */
static size_t
exporter(SSL *ssl, unsigned char *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(ssl) != TLS1_3_VERSION ||
	    SSL_export_keying_material(ssl, out, 32, label, sizeof label - 1,
	    NULL, 0, 0) != 1)
		return 0;
	return 32;
}

/* RFC 5929 3: the first Finished, which is the client's, or the server's
 * where a session is resumed. */
static size_t
unique(SSL *ssl, unsigned char *out)
{
	bool is_clients = SSL_session_reused(ssl) != 1;

	if (SSL_version(ssl) >= TLS1_3_VERSION ||
	    SSL_get_extms_support(ssl) != 1)
		return 0;
	return is_clients == (SSL_is_server(ssl) == 0)
	    ? SSL_get_finished(ssl, out, TLS_BINDING_MAX)
	    : SSL_get_peer_finished(ssl, out, TLS_BINDING_MAX);
}

size_t
tls_binding(struct ssl_st *ssl, const char *type,
    unsigned char out[TLS_BINDING_MAX])
{
	if (strcmp(type, "tls-server-end-point") == 0)
		return end_point(ssl, out);
	if (strcmp(type, "tls-exporter") == 0)
		return exporter(ssl, out);
	if (strcmp(type, "tls-unique") == 0)
		return unique(ssl, out);
	return 0;
}
