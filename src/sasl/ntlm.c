/* SPDX-License-Identifier: Apache-2.0 */
#include "sasl/ntlm.h"

#include <strings.h>

#include "sasl/hash.h"
#include "sasl/md4.h"

#define SIGNATURE SPAN("NTLMSSP\0")

#define UTF16_MAX   4096	/* octets of a password */
#define MESSAGE_MAX 16384	/* all three, or a blob */

uint16_t
ntlm_u16(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint16_t)(u[0] | u[1] << 8);
}

uint32_t
ntlm_u32(const char *p)
{
	return ntlm_u16(p) | (uint32_t)ntlm_u16(p + 2) << 16;
}

void
ntlm_put_u16(struct put *out, uint16_t n)
{
	put_char(out, (char)(n & 255));
	put_char(out, (char)(n >> 8));
}

void
ntlm_put_u32(struct put *out, uint32_t n)
{
	ntlm_put_u16(out, (uint16_t)(n & 0xffff));
	ntlm_put_u16(out, (uint16_t)(n >> 16));
}

void
ntlm_put_u64(struct put *out, uint64_t n)
{
	ntlm_put_u32(out, (uint32_t)n);
	ntlm_put_u32(out, (uint32_t)(n >> 32));
}

/* --- messages */

bool
ntlm_is(struct span message, uint32_t type)
{
	return message.len >= 12 && span_starts(message, SIGNATURE) &&
	    ntlm_u32(message.p + 8) == type;
}

bool
ntlm_field(struct span message, size_t at, struct span *out)
{
	size_t len, from;

	if (message.len < 8 || at > message.len - 8)
		return false;
	len = ntlm_u16(message.p + at);
	from = ntlm_u32(message.p + at + 4);
	if (len == 0) {	/* its position may be anything */
		*out = SPAN("");
		return true;
	}
	if (from > message.len || len > message.len - from)
		return false;
	*out = span_first(span_skip(message, from), len);
	return true;
}

void
ntlm_put_head(struct put *out, uint32_t type)
{
	put_bytes(out, SIGNATURE);
	ntlm_put_u32(out, type);
}

void
ntlm_put_field(struct put *out, size_t len, size_t *at)
{
	if (len > UINT16_MAX)
		out->full = true;	/* cannot be said */
	ntlm_put_u16(out, (uint16_t)len);
	ntlm_put_u16(out, (uint16_t)len);
	ntlm_put_u32(out, (uint32_t)*at);
	*at += len;
}

void
ntlm_put_version(struct put *out)
{
	put_bytes(out, SPAN("\012\0\0\0\0\0\0\017"));
}

bool
ntlm_av_next(struct span *list, unsigned *id, struct span *value)
{
	size_t len;

	if (list->len < 4)
		return false;
	*id = ntlm_u16(list->p);
	len = ntlm_u16(list->p + 2);
	if (*id == NTLM_AV_END || len > list->len - 4)
		return false;
	*value = span_first(span_skip(*list, 4), len);
	*list = span_skip(*list, 4 + len);
	return true;
}

bool
ntlm_av_find(struct span list, unsigned id, struct span *value)
{
	unsigned found;

	while (ntlm_av_next(&list, &found, value))
		if (found == id)
			return true;
	return false;
}

void
ntlm_put_av(struct put *out, unsigned id, struct span value)
{
	if (value.len > UINT16_MAX)
		out->full = true;	/* cannot be said */
	ntlm_put_u16(out, (uint16_t)id);
	ntlm_put_u16(out, (uint16_t)value.len);
	put_bytes(out, value);
}

/* --- arithmetic */

static struct span
key_of(const unsigned char key[NTLM_KEY_LEN])
{
	return span_of(key, NTLM_KEY_LEN);
}

static bool
hmac(const unsigned char key[NTLM_KEY_LEN], struct span bytes,
    unsigned char out[NTLM_KEY_LEN])
{
	unsigned char mac[SASL_HASH_MAX];

	if (!sasl_hmac(SASL_MD5, key_of(key), bytes, mac))
		return false;
	memcpy(out, mac, NTLM_KEY_LEN);
	explicit_bzero(mac, sizeof mac);
	return true;
}

bool
ntlm_hash(struct span password, unsigned char hash[NTLM_KEY_LEN])
{
	char memory[UTF16_MAX];
	struct put utf16 = put_init(memory, sizeof memory);
	bool is_good = ntlm_put_utf16(&utf16, password);

	md4(put_span(&utf16), hash);
	explicit_bzero(memory, sizeof memory);
	return is_good;
}

bool
ntlm_key(const unsigned char hash[NTLM_KEY_LEN], struct span user,
    struct span domain, unsigned char key[NTLM_KEY_LEN])
{
	char memory[UTF16_MAX];
	struct put names = put_init(memory, sizeof memory);

	if (!ntlm_put_utf16_upper(&names, user))
		return false;
	put_bytes(&names, domain);
	return !names.full && hmac(hash, put_span(&names), key);
}

bool
ntlm_proof(const unsigned char key[NTLM_KEY_LEN],
    const unsigned char challenge[NTLM_NONCE], struct span blob,
    unsigned char proof[NTLM_KEY_LEN])
{
	char memory[MESSAGE_MAX];
	struct put both = put_init(memory, sizeof memory);

	put_bytes(&both, span_of(challenge, NTLM_NONCE));
	put_bytes(&both, blob);
	return !both.full && hmac(key, put_span(&both), proof);
}

bool
ntlm_session_key(const unsigned char key[NTLM_KEY_LEN],
    const unsigned char proof[NTLM_KEY_LEN],
    unsigned char session[NTLM_KEY_LEN])
{
	return hmac(key, key_of(proof), session);
}

bool
ntlm_mic(const unsigned char session[NTLM_KEY_LEN],
    const struct span message[3], unsigned char mic[NTLM_KEY_LEN])
{
	static const char zero[NTLM_KEY_LEN];
	char memory[MESSAGE_MAX];
	struct put all = put_init(memory, sizeof memory);

	if (message[2].len < NTLM_MIC_AT + NTLM_KEY_LEN)
		return false;
	put_bytes(&all, message[0]);
	put_bytes(&all, message[1]);
	put_bytes(&all, span_first(message[2], NTLM_MIC_AT));
	put_bytes(&all, span_of(zero, sizeof zero));
	put_bytes(&all, span_skip(message[2], NTLM_MIC_AT + NTLM_KEY_LEN));
	return !all.full && hmac(session, put_span(&all), mic);
}
