/* SPDX-License-Identifier: Apache-2.0 */
/* dns_context: libunbound, set up. Private to net/dns. */
#ifndef NET_DNS_CONTEXT_H
#define NET_DNS_CONTEXT_H

#include "net/dns.h"

struct ub_ctx;

/* NULL on failure, `error` says why; ub_ctx_delete() takes it back. */
struct ub_ctx *dns_context_new(const struct dns_options *options, char *error,
    size_t error_len);

#endif
