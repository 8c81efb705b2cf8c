/* SPDX-License-Identifier: Apache-2.0 */
/* ntlm: the messages and the arithmetic of NTLM (MS-NLMP), for both sides.
 * Only NTLMv2: what is older can be computed back to the password. Numbers are
 * little-endian, text is UTF-16LE, positions are from the message's start. */
#ifndef SASL_NTLM_H
#define SASL_NTLM_H

#include <stdint.h>

#include "base/put.h"
#include "base/span.h"

/* MS-NLMP 2.2.2.5 */
enum ntlm_flag {
	NTLM_UNICODE		= 0x00000001,
	NTLM_OEM		= 0x00000002,
	NTLM_REQUEST_TARGET	= 0x00000004,
	NTLM_SIGN		= 0x00000010,
	NTLM_NTLM		= 0x00000200,
	NTLM_ANONYMOUS		= 0x00000800,
	NTLM_ALWAYS_SIGN	= 0x00008000,
	NTLM_TARGET_DOMAIN	= 0x00010000,
	NTLM_TARGET_SERVER	= 0x00020000,
	NTLM_EXTENDED		= 0x00080000,
	NTLM_TARGET_INFO	= 0x00800000,
	NTLM_VERSION		= 0x02000000,
	NTLM_128		= 0x20000000,
};
#define NTLM_56 0x80000000u	/* no int */

enum { NTLM_NEGOTIATE = 1, NTLM_CHALLENGE = 2, NTLM_AUTHENTICATE = 3 };

/* MS-NLMP 2.2.2.1 */
enum ntlm_av {
	NTLM_AV_END, NTLM_AV_SERVER, NTLM_AV_DOMAIN, NTLM_AV_DNS_SERVER,
	NTLM_AV_DNS_DOMAIN, NTLM_AV_DNS_TREE, NTLM_AV_FLAGS, NTLM_AV_TIME
};
#define NTLM_AV_HAS_MIC 2	/* in the value of NTLM_AV_FLAGS */

#define NTLM_KEY_LEN  16
#define NTLM_NONCE    8
#define NTLM_MIC_AT   72	/* in the AUTHENTICATE message */
#define NTLM_BLOB_MIN 28	/* NTLMv2_CLIENT_CHALLENGE before its pairs */

uint16_t ntlm_u16(const char *p);
uint32_t ntlm_u32(const char *p);
void ntlm_put_u16(struct put *out, uint16_t n);
void ntlm_put_u32(struct put *out, uint32_t n);
void ntlm_put_u64(struct put *out, uint64_t n);

/* Is it a message of this type, as far as its first twelve octets tell? */
bool ntlm_is(struct span message, uint32_t type);
/* What the security buffer (length, room, position) at `at` points to. */
bool ntlm_field(struct span message, size_t at, struct span *out);
void ntlm_put_head(struct put *out, uint32_t type);
/* A security buffer for `len` octets at `*at`, which moves behind them. */
void ntlm_put_field(struct put *out, size_t len, size_t *at);
/* "10.0, NTLM revision 15": nobody acts upon it, some insist on it. */
void ntlm_put_version(struct put *out);

/* Takes one AV pair off `*list`: false at NTLM_AV_END and behind the last. */
bool ntlm_av_next(struct span *list, unsigned *id, struct span *value);
/* The value of the first pair of that id. */
bool ntlm_av_find(struct span list, unsigned id, struct span *value);
void ntlm_put_av(struct put *out, unsigned id, struct span value);

/* False if the text is not what it should be, or does not fit. */
bool ntlm_put_utf16(struct put *out, struct span utf8);
bool ntlm_put_utf8(struct put *out, struct span utf16);
/* Upper case, letter by letter: ASCII, Latin, Greek and Cyrillic. */
bool ntlm_put_utf16_upper(struct put *out, struct span utf16);
/* OEM strings, an octet a character. */
void ntlm_put_utf16_of_octets(struct put *out, struct span octets);

/* NTOWFv1: MD4 of the password; as good as the password for NTLM. */
bool ntlm_hash(struct span password, unsigned char hash[NTLM_KEY_LEN]);
/* NTOWFv2; names in UTF-16LE. The functions below return false if this
 * machine forbids MD5. */
bool ntlm_key(const unsigned char hash[NTLM_KEY_LEN], struct span user,
    struct span domain, unsigned char key[NTLM_KEY_LEN]);
/* NTProofStr (and LMv2's): HMAC-MD5 of the server's challenge and the blob. */
bool ntlm_proof(const unsigned char key[NTLM_KEY_LEN],
    const unsigned char challenge[NTLM_NONCE], struct span blob,
    unsigned char proof[NTLM_KEY_LEN]);
/* SessionBaseKey, which is ExportedSessionKey where no key is exchanged. */
bool ntlm_session_key(const unsigned char key[NTLM_KEY_LEN],
    const unsigned char proof[NTLM_KEY_LEN],
    unsigned char session[NTLM_KEY_LEN]);
/* Over all three; the MIC in the third is taken as zero. */
bool ntlm_mic(const unsigned char session[NTLM_KEY_LEN],
    const struct span message[3], unsigned char mic[NTLM_KEY_LEN]);

#endif
