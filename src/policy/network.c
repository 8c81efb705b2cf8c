/* SPDX-License-Identifier: Apache-2.0 */
/* network: see network.h. */
#include "policy/network.h"

static struct span
plain(struct span address)
{
	static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

	if (address.len == 16 && memcmp(address.p, mapped, sizeof mapped) == 0)
		return span_skip(address, sizeof mapped);
	return address;
}

bool
network_has(const struct conf_network *network, struct span address)
{
	size_t whole = network->bits / 8;
	unsigned rest = network->bits % 8;

	address = plain(address);
	if (address.len != network->len ||
	    memcmp(address.p, network->bytes, whole) != 0)
		return false;
	return rest == 0 || ((unsigned char)address.p[whole] ^
	    network->bytes[whole]) >> (8 - rest) == 0;
}
