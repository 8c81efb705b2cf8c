/* SPDX-License-Identifier: Apache-2.0 */
/* network: is an address in a network; IPv4 written in IPv6 is IPv4 (RFC 4291
 * 2.5.5.2). */
#ifndef POLICY_NETWORK_H
#define POLICY_NETWORK_H

#include "base/span.h"
#include "conf/conf.h"

/* `address`: 4 or 16 bytes; nothing else is in any network. */
bool network_has(const struct conf_network *network, struct span address);

#endif
