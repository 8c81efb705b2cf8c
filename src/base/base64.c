/* SPDX-License-Identifier: Apache-2.0 */
/* base64: RFC 4648 4, strict: what the base64 web sites of this world do not
 * tell. */
#include "base/text.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct span bytes, struct put *out)
{
	char quad[4];

	while (bytes.len != 0) {
		size_t n = bytes.len < 3 ? bytes.len : 3;
		uint32_t bits = 0;

		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 |
			    (i < n ? (unsigned char)bytes.p[i] : 0u);
		quad[0] = alphabet[bits >> 18 & 63];
		quad[1] = alphabet[bits >> 12 & 63];
		quad[2] = n > 1 ? alphabet[bits >> 6 & 63] : '=';
		quad[3] = n > 2 ? alphabet[bits & 63] : '=';
		put_bytes(out, span_of(quad, sizeof quad));
		bytes = span_skip(bytes, n);
	}
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

/* One group of four at text.p + at. Returns the bytes it holds in `three`,
 * 0 if the group is bad (`result` says how, `*bad` where). */
static size_t
decode_group(struct span text, size_t at, char *three,
    enum base64_result *result, size_t *bad)
{
	bool is_last = at + 4 == text.len;
	size_t n = 4;
	uint32_t bits = 0;

	if (is_last && text.p[at + 3] == '=')
		n = text.p[at + 2] == '=' ? 2 : 3;
	for (size_t i = 0; i < 4; i++) {
		int value = i < n ? value_of(text.p[at + i]) : 0;

		if (value < 0) {
			*bad = at + i;
			*result = text.p[at + i] == '=' ? BASE64_BAD_PADDING
							: BASE64_BAD_CHAR;
			return 0;
		}
		bits = bits << 6 | (uint32_t)value;
	}
	if ((n == 2 && (bits & 0xffff) != 0) ||
	    (n == 3 && (bits & 0xff) != 0)) {
		*bad = at + n - 1;
		*result = BASE64_BAD_PADDING;
		return 0;
	}
	three[0] = (char)(bits >> 16 & 255);
	three[1] = (char)(bits >> 8 & 255);
	three[2] = (char)(bits & 255);
	return n - 1;
}

enum base64_result
base64_decode(struct span text, struct put *out, size_t *at)
{
	enum base64_result result = BASE64_OK;
	size_t i, bad = 0;

	for (i = 0; i + 4 <= text.len; i += 4) {
		char three[3];
		size_t n = decode_group(text, i, three, &result, &bad);

		if (result != BASE64_OK)
			goto out;
		put_bytes(out, span_of(three, n));
		if (out->full) {
			bad = i;
			result = BASE64_TOO_LONG;
			goto out;
		}
	}
	for (; i < text.len; i++) {
		bad = i;
		if (value_of(text.p[i]) < 0 && text.p[i] != '=') {
			result = BASE64_BAD_CHAR;
			goto out;
		}
		result = BASE64_BAD_LENGTH;
	}
out:
	if (at != NULL)
		*at = bad;
	return result;
}
