/* SPDX-License-Identifier: Apache-2.0 */
/* send_mx: the mail servers of a domain, best first (RFC 5321 5.1), and their
 * addresses. */
#ifndef EHLO_SEND_MX_H
#define EHLO_SEND_MX_H

#include <stdbool.h>
#include <stddef.h>

#define SEND_MX_MAX 16		/* hosts looked at; addresses kept */

struct send_mx {
	struct {
		char name[256], address[64];
	} host[SEND_MX_MAX];
	size_t n;
};

/* Asks the system's resolver, or `resolver` ("ADDR", "ADDR@PORT"); `family` is
 * AF_INET, AF_INET6, or AF_UNSPEC for both. A domain without MX is its own
 * server. Says what is wrong and returns false: no such domain, a null MX (RFC
 * 7505), no address, the name system does not answer. */
bool send_mx_find(struct send_mx *mx, const char *domain,
    const char *resolver, int family);

#endif
