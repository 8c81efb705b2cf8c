/* SPDX-License-Identifier: Apache-2.0 */
/* tls: server contexts made of certificate files, chosen by SNI. A context is
 * immutable and reference counted: a reload makes a new one, sessions keep
 * theirs. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/span.h"

enum tls_version { TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct tls_cert_files {
	const char *name;	/* SNI it is for besides its own names; "" or
				 * NULL: only its own */
	const char *certificate;	/* PEM: leaf, then the whole chain */
	const char *key;		/* PEM; refused if others may read it
					 * (mode & 077), unless owned by root
					 * and group-readable only */
};

struct tls_server;

/* The first pair is the default; a pair for the same names with another kind
 * of key (EC beside RSA) joins the earlier one. NULL on failure, `error` says
 * which file and why: key does not match, expired is only logged. Session
 * tickets: on, keys of this context only, so that no other listener can
 * resume them. TLS 1.0/1.1 need `least` said explicitly (and lower OpenSSL's
 * security level for that context only). No renegotiation, no compression. */
struct tls_server *tls_server_new(const struct tls_cert_files *files,
    size_t n, enum tls_version least, char *error, size_t error_len);
/* With a certificate that is made on the spot, signed by itself, for `name`,
 * that ends in so many days (negative: has ended). For faults on purpose. */
struct tls_server *tls_server_made(const char *name, int days);
struct tls_server *tls_server_ref(struct tls_server *tls);
void tls_server_unref(struct tls_server *tls);
/* Names of the default certificate (SAN, else CN), for `--check`; comma
 * separated. */
void tls_server_names(const struct tls_server *tls, char *out, size_t len);
/* Days until the first of the certificates ends; negative: over. */
int tls_server_days_left(const struct tls_server *tls);
/* For net/wire: the server's side of a new session on `fd`, or NULL. The
 * caller's reference to `tls` must live as long. */
struct ssl_st *tls_server_session(struct tls_server *tls, int fd);

#endif
