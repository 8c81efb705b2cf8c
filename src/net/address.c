/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/die.h"

void
address_set(struct address *address, const struct sockaddr_storage *from)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	const unsigned char *bytes = in6.sin6_addr.s6_addr;

	*address = (struct address){ .len = 0 };
	if (from->ss_family == AF_INET) {
		memcpy(&in, from, sizeof in);
		memcpy(address->bytes, &in.sin_addr, 4);
		address->port = ntohs(in.sin_port);
		address->len = 4;
		return;
	}
	if (from->ss_family != AF_INET6)
		return;
	memcpy(&in6, from, sizeof in6);
	address->port = ntohs(in6.sin6_port);
	address->len = 16;
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		address->len = 4;
		bytes += 12;
	}
	memcpy(address->bytes, bytes, address->len);
}

void
address_text(const struct address *address, char out[64])
{
	out[0] = '\0';
	if (address->len != 0)
		must(inet_ntop(address->len == 4 ? AF_INET : AF_INET6,
		    address->bytes, out, 64) != NULL);
}
