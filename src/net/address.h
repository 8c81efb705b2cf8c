/* SPDX-License-Identifier: Apache-2.0 */
/* address: one end of a connection in 20 bytes, because there is one in every
 * idle session twice. IPv4-mapped IPv6 addresses are IPv4 ones. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>

struct address {
	unsigned char bytes[16];
	uint16_t port;		/* in our byte order */
	uint8_t len;		/* of bytes: 4, 16; 0: not an IP address */
};

void address_set(struct address *address,
    const struct sockaddr_storage *from);
/* "192.0.2.1", "2001:db8::1" or "". */
void address_text(const struct address *address, char out[64]);

#endif
