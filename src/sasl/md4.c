/* SPDX-License-Identifier: Apache-2.0 */
#include "sasl/md4.h"

#include <stdint.h>
#include <strings.h>

static uint32_t
rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t
mix(unsigned round, uint32_t x, uint32_t y, uint32_t z)
{
	if (round == 0)
		return (x & y) | (~x & z);
	if (round == 1)
		return ((x & y) | (x & z) | (y & z)) + 0x5a827999u;
	return (x ^ y ^ z) + 0x6ed9eba1u;
}

static uint32_t
word_at(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* RFC 1320 3.4: three rounds of sixteen; which word of the block and how far
 * to turn stands in the tables. */
static void
take_block(uint32_t sum[4], const unsigned char block[64])
{
	static const unsigned char order[3][16] = {
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
		{ 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 },
		{ 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 },
	};
	static const unsigned char turn[3][4] = {
		{ 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 },
	};
	uint32_t a = sum[0], b = sum[1], c = sum[2], d = sum[3];

	for (unsigned i = 0; i < 48; i++) {
		unsigned round = i / 16;
		uint32_t next = rotate(a + mix(round, b, c, d) +
		    word_at(block + 4 * order[round][i % 16]),
		    turn[round][i % 4]);

		a = d;
		d = c;
		c = b;
		b = next;
	}
	sum[0] += a;
	sum[1] += b;
	sum[2] += c;
	sum[3] += d;
}

void
md4(struct span bytes, unsigned char out[MD4_LEN])
{
	uint32_t sum[4] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu,
		0x10325476u };
	uint64_t bits = (uint64_t)bytes.len * 8;
	unsigned char tail[128] = { 0 };
	size_t len;

	for (; bytes.len >= 64; bytes = span_skip(bytes, 64))
		take_block(sum, (const unsigned char *)bytes.p);
	if (bytes.len != 0)
		memcpy(tail, bytes.p, bytes.len);
	tail[bytes.len] = 0x80;
	len = bytes.len < 56 ? 64 : 128;
	for (unsigned i = 0; i < 8; i++)
		tail[len - 8 + i] = (unsigned char)(bits >> (8 * i));
	for (size_t at = 0; at < len; at += 64)
		take_block(sum, tail + at);
	explicit_bzero(tail, sizeof tail);
	for (unsigned i = 0; i < MD4_LEN; i++)
		out[i] = (unsigned char)(sum[i / 4] >> (8 * (i % 4)));
}
