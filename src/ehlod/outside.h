/* SPDX-License-Identifier: Apache-2.0 */
/* outside: what all shards use to reach other servers: the resolver, the
 * context of our side of TLS, the policies of MTA-STS, and the book of what
 * became of TLS. Made when the configuration first has a route;
 * its options hold until a restart. */
#ifndef EHLOD_OUTSIDE_H
#define EHLOD_OUTSIDE_H

#include "conf/conf.h"
#include "deliver/sts.h"
#include "deliver/tlsrpt.h"
#include "net/dns.h"
#include "net/tls_client.h"

struct outside {
	struct dns *dns;		/* NULL: there is no route */
	struct tls_client *tls;
	struct sts *sts;
	struct tlsrpt *book;
};

/* True if nothing is wanted, or all is there; false having logged why not. */
bool outside_open(struct outside *outside, const struct conf *conf);
/* Threads that tell loops of something end: the loops still are. */
void outside_stop(struct outside *outside);
/* After all loops that used it have ended. */
void outside_close(struct outside *outside);

#endif
