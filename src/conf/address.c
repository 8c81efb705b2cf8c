/* SPDX-License-Identifier: Apache-2.0 */
/* address: by inet_pton(3), which takes numbers only and nothing old-fashioned
 * ("127.1", "0x7f000001"). */
#include "conf/address.h"

#include <arpa/inet.h>

#include "base/die.h"
#include "base/text.h"

bool
address_read(struct span word, struct conf_address *out)
{
	char host[INET6_ADDRSTRLEN];
	struct put put = put_init(host, sizeof host);
	bool is_six = word.len != 0 && word.p[0] == '[';
	struct sockaddr_in *four = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->address;
	struct span text;
	uint64_t port;

	if (is_six) {
		word = span_skip(word, 1);
		text = span_cut(&word, ']');
		if (word.len == 0 || word.p[0] != ':')
			return false;
		word = span_skip(word, 1);
	} else {
		text = span_cut(&word, ':');
	}
	if (!text_u64(word, &port) || port > 65535)
		return false;
	put_bytes(&put, text);
	if (put.full || put.len == sizeof host || text.len == 0)
		return false;
	(void)put_cstr(&put);
	*out = (struct conf_address){ .len = is_six ? sizeof *six
	    : sizeof *four };
	if (is_six) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &four->sin_addr) == 1;
}

bool
network_mask(struct conf_network *network)
{
	bool had_more = false;

	for (size_t i = 0; i < network->len; i++) {
		unsigned kept = network->bits > i * 8
		    ? network->bits - (unsigned)i * 8 : 0;
		unsigned char mask = kept >= 8 ? 0xff
		    : (unsigned char)(0xff00u >> kept);

		had_more = had_more || (network->bytes[i] & ~mask) != 0;
		network->bytes[i] &= mask;
	}
	return had_more;
}

void
network_print(const struct conf_network *network, char out[NETWORK_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];

	must(inet_ntop(network->len == 4 ? AF_INET : AF_INET6, network->bytes,
	    text, sizeof text) != NULL);
	snprintf(out, NETWORK_TEXT_MAX, "%s/%u", text, network->bits);
}

bool
network_read(struct span word, struct conf_network *out)
{
	char host[INET6_ADDRSTRLEN];
	struct put put = put_init(host, sizeof host);
	bool has_bits = span_find(word, '/') != word.len;
	struct span text = span_cut(&word, '/');
	uint64_t bits = 0;

	*out = (struct conf_network){ .len =
	    span_find(text, ':') != text.len ? 16 : 4 };
	put_bytes(&put, text);
	if (put.full || put.len == sizeof host || text.len == 0)
		return false;
	if (inet_pton(out->len == 16 ? AF_INET6 : AF_INET, put_cstr(&put),
	    out->bytes) != 1)
		return false;
	if (!has_bits)
		bits = (uint64_t)out->len * 8;
	else if (!text_u64(word, &bits) || bits > (uint64_t)out->len * 8)
		return false;
	out->bits = (unsigned char)bits;
	return true;
}
