/* SPDX-License-Identifier: Apache-2.0 */
/* binding: channel bindings of a TLS session (RFC 5929, 9266), for
 * SCRAM-…-PLUS, the same on both sides of it: who sits in between has two
 * sessions, and so two bindings. */
#ifndef NET_BINDING_H
#define NET_BINDING_H

#include <stddef.h>

#define TLS_BINDING_MAX 64

struct ssl_st;

/* Of the type "tls-exporter" (TLS 1.3), "tls-unique" (1.2, where the session
 * is bound to its handshake: RFC 7627) or "tls-server-end-point". Returns the
 * octets written to `out`, 0: this session has none of that type. */
size_t tls_binding(struct ssl_st *ssl, const char *type,
    unsigned char out[TLS_BINDING_MAX]);

#endif
