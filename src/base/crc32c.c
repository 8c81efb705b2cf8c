/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u	/* reversed */

uint32_t
crc32c_portable(uint32_t crc, struct span bytes)
{
	crc = ~crc;
	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (POLYNOMIAL & (0u - (crc & 1u)));
	}
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, struct span bytes)
{
	uint64_t sum = (uint32_t)~crc;
	const char *p = bytes.p;
	size_t n = bytes.len;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof word);
		sum = _mm_crc32_u64(sum, word);
	}
	for (; n != 0; n--, p++)
		sum = _mm_crc32_u8((uint32_t)sum, (unsigned char)*p);
	return ~(uint32_t)sum;
}
#endif

uint32_t
crc32c(uint32_t crc, struct span bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, bytes);
#endif
	return crc32c_portable(crc, bytes);
}
