/* SPDX-License-Identifier: Apache-2.0 */
/* proxy: the header that a load balancer puts in front of a connection (the
 * PROXY protocol of HAProxy, versions 1 and 2), made of options. */
#ifndef EHLO_PROXY_H
#define EHLO_PROXY_H

#include "base/put.h"
#include "ehlo/args.h"

#define PROXY_OPTIONS_MAX 12
#define PROXY_HEADER_MAX  2048

/* As typed. */
struct proxy {
	const char *raw, *version, *family, *protocol, *command;
	const char *source, *source_port, *dest, *dest_port;
};

extern const char proxy_help[];

size_t proxy_options(struct proxy *proxy, struct args_option *out);
/* Writes the header, nothing if no option was there. The family comes from the
 * addresses unless it is said; what is said may be nonsense (tests of servers
 * want that), as far as its form can carry it. Says what is wrong and returns
 * false. */
bool proxy_put(const struct proxy *proxy, struct put *out);

#endif
