/* SPDX-License-Identifier: Apache-2.0 */
/* md4: RFC 1320, for the one thing that still wants it: the NT hash of a
 * password (ntlm.h). Broken as a digest since 1995, and absent from an OpenSSL
 * without its legacy provider; so it is here. */
#ifndef SASL_MD4_H
#define SASL_MD4_H

#include "base/span.h"

#define MD4_LEN 16

void md4(struct span bytes, unsigned char out[MD4_LEN]);

#endif
