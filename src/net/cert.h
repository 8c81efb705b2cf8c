/* SPDX-License-Identifier: Apache-2.0 */
/* cert: what stands in a certificate, as text that may be shown to anybody. */
#ifndef NET_CERT_H
#define NET_CERT_H

#include <stddef.h>

#include <openssl/x509.h>

#include "net/tls_client.h"

/* The names it is for: DNS names and addresses of the SAN, else the CN, with
 * ", " between; cut at a name. */
void cert_names(X509 *cert, char *text, size_t len);
/* Subject, issuer, dates, sums, key. */
void cert_facts(X509 *cert, struct tls_cert_facts *out);

#endif
