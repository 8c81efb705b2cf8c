/* SPDX-License-Identifier: Apache-2.0 */
/* tls_client: our side of TLS towards other servers: contexts, and what a
 * finished handshake tells. A context is immutable and reference counted; the
 * session made of it is driven by its owner (net/conn in the daemon, blocking
 * in `ehlo`).
 *
 * 1. The certificate is always judged; whether a bad one ends the handshake is
 *    the caller's wish (`must_verify`), what is wrong with it is told in any
 *    case (struct tls_facts).
 * 2. No renegotiation, no compression; the server name goes out as SNI unless
 *    it is an address. */
#ifndef NET_TLS_CLIENT_H
#define NET_TLS_CLIENT_H

#include <stdint.h>

#include "base/span.h"
#include "net/tls.h"

struct ssl_st;
struct tls_client;

struct tls_client_options {
	enum tls_version least;		/* TLS_1_0 and TLS_1_1 lower OpenSSL's
					 * security level for this context */
	enum tls_version most;
	bool must_verify;
	const char *ca_file;		/* PEM; NULL with ca_dir NULL: those of
					 * the system */
	const char *ca_dir;
	const char *certificate;	/* of ours (EXTERNAL); or NULL */
	const char *key;
	const char *ciphers;		/* TLS 1.2 and older, OpenSSL's words */
	const char *ciphersuites;	/* TLS 1.3 */
};

/* Versions 1.2 to 1.3, no verification demanded. */
void tls_client_defaults(struct tls_client_options *options);
/* NULL on failure; `error` says which file and why. */
struct tls_client *tls_client_new(const struct tls_client_options *options,
    char *error, size_t error_len);
struct tls_client *tls_client_ref(struct tls_client *tls);
void tls_client_unref(struct tls_client *tls);

/* One record of TLSA (RFC 6698) that was got securely. */
struct tlsa {
	uint8_t usage, selector, matching;
	struct span data;
};
/* How the server's certificate is to be judged. Copied. */
struct tls_target {
	const char *name;	/* SNI, and the name it must have; "" or
				 * NULL: none is asked for */
	const struct tlsa *tlsa;	/* any: only DANE decides (RFC 7672),
					 * usages but 2 and 3 are skipped */
	size_t tlsa_n;
};
/* The client's side of a new session on `fd` (not begun), or NULL. */
struct ssl_st *tls_client_session(struct tls_client *tls, int fd,
    const struct tls_target *target);

/* What became of a handshake. */
enum tls_trust {
	TLS_TRUST_NONE,		/* no certificate, or it was not judged */
	TLS_TRUSTED,		/* chain, dates and name are right */
	TLS_TRUST_DANE,		/* a TLSA record matched */
	TLS_BAD_CHAIN,		/* issuer unknown, self-signed, revoked … */
	TLS_BAD_DATE,		/* expired, or not yet valid */
	TLS_BAD_NAME,		/* right but for another name */
	TLS_BAD_DANE		/* no TLSA record matched, or what it vouches
				 * for is not right for this server */
};
#define TLS_CERTS_MAX 10
struct tls_cert_facts {
	char subject[256], issuer[256];	/* one line, cleaned */
	char serial[64];		/* hexadecimal */
	char sha256[65];		/* of the certificate, hexadecimal */
	char spki_sha256[65];		/* of its public key (TLSA x 1 1) */
	char signature[64];		/* "ecdsa-with-SHA256" */
	char key[32];			/* "RSA 2048", "EC P-256" */
	int64_t not_before, not_after;	/* seconds since 1970 */
	bool is_self_signed;
};
struct tls_facts {
	char protocol[16];		/* "TLSv1.3" */
	char cipher[64];		/* "TLS_AES_256_GCM_SHA384" */
	char group[32];			/* key exchange: "x25519"; may be "" */
	int bits;
	bool is_resumed;
	enum tls_trust trust;
	int verify_code;		/* X509_V_… */
	char verdict[256];		/* in words, for a person */
	char asked[256];		/* the name asked for */
	char names[1024];		/* of the leaf: SANs (DNS, IP), else
					 * CN; ", " between; cut at a name */
	struct tls_cert_facts cert[TLS_CERTS_MAX];	/* leaf first */
	unsigned cert_n;
};
/* After a handshake, or a failed one that came as far as the certificate. */
void tls_facts_read(struct ssl_st *ssl, const struct tls_target *target,
    struct tls_facts *out);
/* Why the last OpenSSL call on `ssl` failed, in words; empties the queue. */
void tls_client_why(struct ssl_st *ssl, int result, char *out, size_t len);

#endif
