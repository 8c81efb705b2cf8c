/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM messages taken apart (MS-NLMP 2.2.1), whoever made them: positions and
 * lengths are the sender's and are not trusted. */
#include "sasl/look.h"

#include "base/text.h"

/* Behind what is there: 0. */
static uint32_t
number(struct span bytes, size_t at, size_t len)
{
	uint32_t n = 0;

	for (size_t i = len; i-- > 0;)
		n = n << 8 | (at + i < bytes.len ?
		    (unsigned char)bytes.p[at + i] : 0u);
	return n;
}

/* What the security buffer at `at` (length, room, position) points to. */
static struct span
buffer(struct span bytes, size_t at)
{
	return span_first(span_skip(bytes, number(bytes, at + 4, 4)),
	    number(bytes, at, 2));
}

/* As text, if it is: UTF-16LE with nothing beyond the BMP. */
static struct span
from_utf16(struct look *look, struct span bytes)
{
	size_t start = look->put.len;

	for (size_t i = 0; i + 1 < bytes.len; i += 2) {
		unsigned c = number(bytes, i, 2);

		if (c < 0x80) {
			put_char(&look->put, (char)c);
		} else if (c < 0x800) {
			put_char(&look->put, (char)(0xc0 | c >> 6));
			put_char(&look->put, (char)(0x80 | (c & 63)));
		} else if (c < 0xd800 || c > 0xdfff) {
			put_char(&look->put, (char)(0xe0 | c >> 12));
			put_char(&look->put, (char)(0x80 | (c >> 6 & 63)));
			put_char(&look->put, (char)(0x80 | (c & 63)));
		} else {
			put_char(&look->put, '?');
		}
	}
	return span_skip(put_span(&look->put), start);
}

static struct span
from_hex(struct look *look, struct span bytes)
{
	size_t start = look->put.len;

	put_hex(&look->put, bytes);
	return span_skip(put_span(&look->put), start);
}

#define NTLM_UNICODE 1u

static void
add_text(struct look *look, const char *name, struct span bytes,
    uint32_t flags)
{
	if (bytes.len != 0)
		look_add(look, name, flags & NTLM_UNICODE ?
		    from_utf16(look, bytes) : bytes, false);
}

static void
add_flags(struct look *look, uint32_t flags)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ 0x1, "Unicode" }, { 0x2, "OEM" }, { 0x4, "asks-target" },
		{ 0x10, "sign" }, { 0x20, "seal" }, { 0x200, "NTLM" },
		{ 0x800, "anonymous" }, { 0x8000, "always-sign" },
		{ 0x10000, "target-is-domain" },
		{ 0x20000, "target-is-server" }, { 0x80000, "extended" },
		{ 0x800000, "target-info" }, { 0x2000000, "version" },
		{ 0x20000000, "128-bit" }, { 0x40000000, "key-exchange" },
		{ 0x80000000, "56-bit" },
	};
	size_t start = look->put.len;

	for (size_t i = 0; i < countof(names); i++)
		if (flags & names[i].bit) {
			if (look->put.len != start)
				put_char(&look->put, ' ');
			put_str(&look->put, names[i].name);
		}
	look_add(look, "flags", span_skip(put_span(&look->put), start), false);
}

static void
add_version(struct look *look, struct span bytes, size_t at, uint32_t flags)
{
	size_t start = look->put.len;

	if (!(flags & 0x2000000) || at + 8 > bytes.len)
		return;
	put_u64(&look->put, number(bytes, at, 1));
	put_char(&look->put, '.');
	put_u64(&look->put, number(bytes, at + 1, 1));
	put_str(&look->put, " build ");
	put_u64(&look->put, number(bytes, at + 2, 2));
	look_add(look, "Windows version",
	    span_skip(put_span(&look->put), start), false);
}

/* The pairs of MS-NLMP 2.2.2.1. */
static void
add_target_info(struct look *look, struct span info)
{
	static const char *const names[] = { NULL, "NetBIOS computer",
		"NetBIOS domain", "DNS computer", "DNS domain", "DNS forest" };

	while (info.len >= 4) {
		uint32_t id = number(info, 0, 2), len = number(info, 2, 2);
		struct span value = span_first(span_skip(info, 4), len);

		if (id == 0)
			break;
		if (id < countof(names))
			look_add(look, names[id], from_utf16(look, value),
			    false);
		info = span_skip(info, 4 + (size_t)len);
	}
}

static void
look_negotiate(struct span bytes, struct look *look)
{
	uint32_t flags = number(bytes, 12, 4);

	look->kind = LOOK_NTLM_1;
	look->what = "NTLM message 1: the client begins";
	/* names in it are never Unicode */
	if (flags & 0x1000)
		add_text(look, "domain", buffer(bytes, 16), 0);
	if (flags & 0x2000)
		add_text(look, "workstation", buffer(bytes, 24), 0);
	add_version(look, bytes, 32, flags);
	add_flags(look, flags);
}

static void
look_challenge(struct span bytes, struct look *look)
{
	uint32_t flags = number(bytes, 20, 4);

	look->kind = LOOK_NTLM_2;
	look->what = "NTLM message 2: the server's challenge";
	add_text(look, "target", buffer(bytes, 12), flags);
	look_add(look, "server challenge", from_hex(look,
	    span_first(span_skip(bytes, 24), 8)), false);
	add_target_info(look, buffer(bytes, 40));
	add_version(look, bytes, 48, flags);
	add_flags(look, flags);
}

static void
look_authenticate(struct span bytes, struct look *look)
{
	uint32_t flags = number(bytes, 60, 4);
	struct span nt = buffer(bytes, 20);

	look->kind = LOOK_NTLM_3;
	look->what = "NTLM message 3: the client's answer";
	add_text(look, "domain", buffer(bytes, 28), flags);
	add_text(look, "user", buffer(bytes, 36), flags);
	add_text(look, "workstation", buffer(bytes, 44), flags);
	look_add(look, "response", nt.len > 24 ? SPAN("NTLMv2") :
	    nt.len == 24 ? SPAN("NTLMv1 or NTLM2 session") : SPAN("none"),
	    false);
	if (nt.len == 24)
		look_warn(look, "The answer is of the old kind (24 octets),"
		    " which can be computed back to the password; servers of"
		    " today refuse it.");
	if (buffer(bytes, 36).len == 0)
		look_warn(look, "There is no user name in it: an anonymous"
		    " login.");
	add_version(look, bytes, 64, flags);
	add_flags(look, flags);
}

bool
look_ntlm(struct span bytes, struct look *look)
{
	static const char magic[] = "NTLMSSP";
	uint32_t type = number(bytes, 8, 4);

	if (!span_starts(bytes, span_of(magic, sizeof magic)) || type < 1 ||
	    type > 3)
		return false;
	if (type == 1)
		look_negotiate(bytes, look);
	else if (type == 2)
		look_challenge(bytes, look);
	else
		look_authenticate(bytes, look);
	if (bytes.len < (type == 1 ? 16u : type == 2 ? 32u : 64u))
		look_warn(look, "It is too short for an NTLM message: it was"
		    " cut off.");
	return true;
}
