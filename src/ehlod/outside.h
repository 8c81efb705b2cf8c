/* SPDX-License-Identifier: Apache-2.0 */
/* outside: what all shards use to reach other servers: the resolver and the
 * context of our side of TLS. Made when the configuration first has a route;
 * its options hold until a restart. */
#ifndef EHLOD_OUTSIDE_H
#define EHLOD_OUTSIDE_H

#include "conf/conf.h"
#include "net/dns.h"
#include "net/tls_client.h"

struct outside {
	struct dns *dns;		/* NULL: there is no route */
	struct tls_client *tls;
};

/* True if nothing is wanted, or all is there; false having logged why not. */
bool outside_open(struct outside *outside, const struct conf *conf);
/* After all loops that used it have ended. */
void outside_close(struct outside *outside);

#endif
