/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c: the Castagnoli checksum (RFC 3720 12.1), by the processor's own
 * instruction where it has one. Chain by passing the last result; begin with
 * 0. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stdint.h>

#include "base/span.h"

uint32_t crc32c(uint32_t crc, struct span bytes);
/* The same without the instruction, for tests. */
uint32_t crc32c_portable(uint32_t crc, struct span bytes);

#endif
