/* SPDX-License-Identifier: Apache-2.0 */
/* address: addresses to listen at and networks, between text and bytes. No
 * name is looked up. Private to conf/. */
#ifndef CONF_ADDRESS_H
#define CONF_ADDRESS_H

#include "base/span.h"
#include "conf/conf.h"

#define NETWORK_TEXT_MAX 64

/* "127.0.0.1:25" or "[::1]:25"; out->text is left to the caller. */
bool address_read(struct span word, struct conf_address *out);
/* "10.0.0.0/8", "fe80::/10"; without bits, one address. */
bool network_read(struct span word, struct conf_network *out);
/* Clears the bits behind the prefix; says whether there were any. */
bool network_mask(struct conf_network *network);
void network_print(const struct conf_network *network,
    char out[NETWORK_TEXT_MAX]);

#endif
