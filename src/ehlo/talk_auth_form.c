/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/talk_auth_form.h"

#include "base/text.h"

#define DECODED_MAX 4096
#define UNPADDED_LEAST 12	/* shorter ones may well be a name */

static bool
is_text(struct span bytes)
{
	if (bytes.len == 0 || !text_is_utf8(bytes))
		return false;
	for (size_t i = 0; i < bytes.len; i++)
		if (ascii_is_cntrl(bytes.p[i]))
			return false;
	return true;
}

/* Is it base64 of something that is_text(), or of a PLAIN triple? */
static bool
decodes_to_text(struct span typed, unsigned nuls)
{
	char memory[DECODED_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct span rest;

	if (base64_decode(typed, &out, NULL) != BASE64_OK)
		return false;
	rest = put_span(&out);
	for (; nuls != 0; nuls--) {
		size_t at = span_find(rest, '\0');

		if (at == rest.len)
			return false;
		rest = span_skip(rest, at + 1);
	}
	return is_text(rest);
}

/* How the first message of a client begins. "guyt" is base64, too, and no
 * message of NTLM. */
static const struct {
	struct span mech;		/* a star ends it: and more */
	struct span begin[3];
} first[] = {
	{ { "SCRAM-*", 7 }, { { "n,", 2 }, { "y,", 2 }, { "p=", 2 } } },
	{ { "NTLM", 4 }, { { "NTLMSSP", 8 } } },	/* and its NUL */
	{ { "XOAUTH2", 7 }, { { "user=", 5 } } },
	{ { "OAUTHBEARER", 11 }, { { "n,", 2 }, { "y,", 2 } } },
	{ { "GSSAPI", 6 }, { { "\x60", 1 } } },		/* RFC 2743 3.1 */
	{ { "CRAM-MD5", 8 }, { { NULL, 0 } } },		/* there is none */
	{ { "DIGEST-MD5", 10 }, { { NULL, 0 } } },
};

static bool
begins_like(struct span mech, struct span decoded)
{
	for (size_t i = 0; i < countof(first); i++) {
		struct span name = first[i].mech;
		bool is_it = name.p[name.len - 1] == '*' ?
		    span_casestarts(mech, span_first(name, name.len - 1)) :
		    span_caseeq(mech, name);

		if (!is_it)
			continue;
		for (size_t j = 0; j < countof(first[i].begin); j++)
			if (first[i].begin[j].len != 0 &&
			    span_starts(decoded, first[i].begin[j]))
				return true;
		return false;
	}
	return true;
}

bool
talk_auth_is_response(struct span mech, struct span text)
{
	char memory[DECODED_MAX];
	struct put out = put_init(memory, sizeof memory);

	if (span_eq(text, SPAN("=")))
		return true;
	if (span_caseeq(mech, SPAN("LOGIN")) ||
	    span_caseeq(mech, SPAN("EXTERNAL")))
		return decodes_to_text(text, 0);
	if (span_caseeq(mech, SPAN("PLAIN")))
		return decodes_to_text(text, 2);
	return base64_decode(text, &out, NULL) == BASE64_OK &&
	    begins_like(mech, put_span(&out));
}

bool
talk_auth_is_wire(struct span typed)
{
	bool has_upper = false, has_lower = false;

	if (!decodes_to_text(typed, 0))
		return false;
	if (typed.p[typed.len - 1] == '=')
		return true;
	for (size_t i = 0; i < typed.len; i++) {
		char c = typed.p[i];

		has_upper = has_upper || (c >= 'A' && c <= 'Z');
		has_lower = has_lower || (c >= 'a' && c <= 'z');
	}
	return typed.len >= UNPADDED_LEAST && has_upper && has_lower;
}

/* NTLM and GSSAPI: bytes that say nothing to a person. */
static bool
show_token(struct span decoded, struct put *out)
{
	if (span_starts(decoded, SPAN("NTLMSSP\0")) && decoded.len > 8) {
		put_str(out, "NTLM message ");
		put_u64(out, (unsigned char)decoded.p[8]);
		put_str(out, ", ");
	}
	put_u64(out, decoded.len);
	put_str(out, " octets");
	return true;
}

bool
talk_auth_challenge(struct span text, struct put *out)
{
	char memory[DECODED_MAX];
	struct put decoded = put_init(memory, sizeof memory);

	if (base64_decode(span_trim(text), &decoded, NULL) != BASE64_OK)
		return false;
	if (span_starts(put_span(&decoded), SPAN("NTLMSSP\0")))
		return show_token(put_span(&decoded), out);
	text_quote(put_span(&decoded), out);
	return true;
}

/* --- responses */

/* "p=…" of SCRAM, "response=…" of DIGEST-MD5, "auth=…" of OAuth: everything
 * from behind `key` up to a separator is hidden. */
static bool
show_but(struct span decoded, struct span key, const char *ends,
    struct put *out)
{
	while (decoded.len != 0) {
		size_t end;

		if (!span_casestarts(decoded, key)) {
			text_quote(span_first(decoded, 1), out);
			decoded = span_skip(decoded, 1);
			continue;
		}
		put_bytes(out, key);
		decoded = span_skip(decoded, key.len);
		for (end = 0; end < decoded.len; end++)
			if (decoded.p[end] != '\0' &&
			    strchr(ends, decoded.p[end]) != NULL)
				break;
		put_str(out, TALK_DOTS);
		text_quote(span_skip(decoded, end), out);
		return true;
	}
	return false;
}

static bool
show_plain(struct span decoded, struct put *out)
{
	struct span authzid = span_cut(&decoded, '\0');
	struct span authcid = span_cut(&decoded, '\0');

	text_quote(authzid, out);
	put_str(out, "\\0");
	text_quote(authcid, out);
	put_str(out, "\\0" TALK_DOTS);
	return true;
}

/* RFC 2195: the name, a space, a digest. */
static bool
show_cram(struct span decoded, struct put *out)
{
	size_t space = decoded.len;

	while (space != 0 && decoded.p[space - 1] != ' ')
		space--;
	if (space == 0) {
		put_str(out, TALK_DOTS);
		return true;
	}
	text_quote(span_first(decoded, space), out);
	put_str(out, TALK_DOTS);
	return true;
}

bool
talk_auth_show(struct span mech, unsigned round, struct span decoded,
    struct put *out)
{
	if (decoded.len == 0) {
		put_str(out, "nothing");
		return false;
	}
	if (span_caseeq(mech, SPAN("LOGIN")) && round == 0) {
		text_quote(decoded, out);
		return false;
	}
	if (span_caseeq(mech, SPAN("PLAIN")))
		return show_plain(decoded, out);
	if (span_caseeq(mech, SPAN("CRAM-MD5")))
		return show_cram(decoded, out);
	if (span_casestarts(mech, SPAN("SCRAM-")))
		return show_but(decoded, SPAN(",p="), ",", out);
	if (span_caseeq(mech, SPAN("XOAUTH2")) ||
	    span_caseeq(mech, SPAN("OAUTHBEARER")))
		return show_but(decoded, SPAN("auth="), "\1", out);
	if (span_caseeq(mech, SPAN("DIGEST-MD5")))
		return show_but(decoded, SPAN("response="), ",", out);
	if (span_caseeq(mech, SPAN("EXTERNAL")) ||
	    span_caseeq(mech, SPAN("ANONYMOUS"))) {
		text_quote(decoded, out);
		return false;
	}
	if (span_caseeq(mech, SPAN("NTLM")) ||
	    span_casestarts(mech, SPAN("GSS")))
		return show_token(decoded, out);
	put_str(out, TALK_DOTS);
	return true;
}
