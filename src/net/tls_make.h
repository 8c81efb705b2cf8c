/* SPDX-License-Identifier: Apache-2.0 */
/* tls_make: a key and a certificate made on the spot, for tls.c. */
#ifndef NET_TLS_MAKE_H
#define NET_TLS_MAKE_H

#include <openssl/ssl.h>

/* Gives `ctx` a new EC key and a certificate of it that names `name`, signed
 * by itself, good from 31 days before its end, which is in `days`. */
void tls_make_pair(SSL_CTX *ctx, const char *name, int days);

#endif
