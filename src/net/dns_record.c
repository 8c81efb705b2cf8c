/* SPDX-License-Identifier: Apache-2.0 */
/* dns_record: what stands in a record (dns.h, RFC 1035 3.3). The library gives
 * names without compression; we believe nothing else of what it gives. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/text.h"
#include "net/dns.h"

/* Only bytes that mean nothing to a shell, a terminal or HTML, and no dot:
 * "a.b" in one label would look like two. */
static bool
is_name_byte(char c)
{
	return ascii_is_alnum(c) || memchr("-_/", c, 3) != NULL;
}

/* All of `in` is one name in wire form. */
static bool
read_name(struct span in, char name[256])
{
	struct put out = put_init(name, 256);
	size_t len;

	if (in.len == 0 || in.len > 255)
		return false;
	while ((len = (unsigned char)in.p[0]) != 0) {
		/* one byte of the next label's length must follow */
		if (len > 63 || in.len < len + 2)
			return false;
		if (out.len > 0)
			put_char(&out, '.');
		for (size_t i = 1; i <= len; i++) {
			if (!is_name_byte(in.p[i]))
				return false;
			put_char(&out, ascii_lower(in.p[i]));
		}
		in = span_skip(in, len + 1);
	}
	(void)put_cstr(&out);
	return in.len == 1;
}

bool
dns_get_name(const struct dns_record *record, char name[256])
{
	return read_name(record->data, name);
}

bool
dns_get_mx(const struct dns_record *record, uint16_t *preference,
    char name[256])
{
	const unsigned char *p = (const unsigned char *)record->data.p;

	if (record->data.len < 3)
		return false;
	*preference = (uint16_t)(p[0] << 8 | p[1]);
	return read_name(span_skip(record->data, 2), name);
}

bool
dns_get_address(const struct dns_record *record, enum dns_type type,
    char out[64])
{
	int family = type == DNS_AAAA ? AF_INET6 : AF_INET;
	size_t len = type == DNS_AAAA ? 16 : 4;

	if ((type != DNS_A && type != DNS_AAAA) || record->data.len != len)
		return false;
	return inet_ntop(family, record->data.p, out, 64) != NULL;
}

size_t
dns_get_text(const struct dns_record *record, char *out, size_t len)
{
	struct span in = record->data;
	size_t n, used = 0;

	while (in.len > 0) {
		n = (unsigned char)in.p[0];
		in = span_skip(in, 1);
		if (n > in.len)
			n = in.len;
		if (n > len - used)
			n = len - used;
		if (n == 0 && used == len)
			break;
		memcpy(out + used, in.p, n);
		used += n;
		in = span_skip(in, n);
	}
	return used;
}

bool
dns_get_tlsa(const struct dns_record *record, uint8_t *usage,
    uint8_t *selector, uint8_t *matching, struct span *data)
{
	const unsigned char *p = (const unsigned char *)record->data.p;

	if (record->data.len < 4)
		return false;
	*usage = p[0];
	*selector = p[1];
	*matching = p[2];
	*data = span_skip(record->data, 3);
	return true;
}

bool
dns_reverse_name(const char *address, char out[256])
{
	static const char digit[] = "0123456789abcdef";
	unsigned char b[16];
	struct put put = put_init(out, 256);

	if (inet_pton(AF_INET, address, b) == 1) {
		snprintf(out, 256, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2],
		    b[1], b[0]);
		return true;
	}
	if (inet_pton(AF_INET6, address, b) != 1)
		return false;
	for (size_t i = 16; i-- > 0;) {
		put_char(&put, digit[b[i] & 15]);
		put_char(&put, '.');
		put_char(&put, digit[b[i] >> 4]);
		put_char(&put, '.');
	}
	put_str(&put, "ip6.arpa");
	(void)put_cstr(&put);
	return true;
}
