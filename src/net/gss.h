/* SPDX-License-Identifier: Apache-2.0 */
/* gss: Kerberos for SASL's GSSAPI (sasl/gss.h), for both
 * sides, by MIT's library. That is loaded when it is first needed: where it is
 * not installed, everything else works, and this says so.
 *
 * A context belongs to one exchange and one thread at a time. Tickets, keytab
 * and replay cache are files, the key server is on the network: every call may
 * block. MIT's variables (KRB5_CONFIG, KRB5CCNAME …) hold. */
#ifndef NET_GSS_H
#define NET_GSS_H

#include "base/span.h"
#include "sasl/gss.h"

#define GSS_WHY_MAX 256

struct gss;
struct gss_keys;

/* For a login at smtp@host with the tickets at hand. NULL: `why` says why. */
struct gss *gss_client_new(struct span host, char why[GSS_WHY_MAX]);
/* A server's keys: those for any smtp/ name in the keytab; "" is the
 * machine's. NULL: `why` says why. Shared by any number of contexts, which
 * must be gone before it is closed; the file is read again for each. */
struct gss_keys *gss_keys_open(const char *keytab, char why[GSS_WHY_MAX]);
void gss_keys_close(struct gss_keys *keys);
/* Accepts a ticket for one of the keys. */
struct gss *gss_server_new(struct gss_keys *keys);
void gss_free(struct gss *gss);

/* What mechanisms call; lives as long as `gss`. */
const struct sasl_gss *gss_calls(struct gss *gss);

#endif
