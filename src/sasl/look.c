/* SPDX-License-Identifier: Apache-2.0 */
#include "sasl/look.h"

#include "base/text.h"

void
look_add(struct look *look, const char *name, struct span value,
    bool is_secret)
{
	if (look->n_fields < LOOK_FIELDS_MAX)
		look->field[look->n_fields++] = (struct look_field){ name,
			value, is_secret };
}

void
look_warn(struct look *look, const char *warning)
{
	if (look->n_warnings < LOOK_WARNINGS_MAX)
		look->warning[look->n_warnings++] = warning;
}

static bool
is_text(struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (ascii_is_cntrl(bytes.p[i]))
			return false;
	return text_is_utf8(bytes);
}

/* The value of "name=value" among those with `between` between them; .p NULL
 * if there is none. */
static struct span
find_value(struct span list, const char *name, char between)
{
	struct span want = span_str(name);

	while (list.len != 0) {
		struct span part = span_cut(&list, between);

		if (span_starts(part, want))
			return span_skip(part, want.len);
	}
	return (struct span){ NULL, 0 };
}

static void
add_value(struct look *look, const char *shown, struct span list,
    const char *name, char between)
{
	struct span value = find_value(list, name, between);

	if (value.p != NULL)
		look_add(look, shown, value, false);
}

/* --- mechanisms */

static bool
look_plain(struct span bytes, struct look *look)
{
	struct span rest = bytes;
	struct span authzid = span_cut(&rest, '\0');
	struct span user = span_cut(&rest, '\0');

	if (span_find(bytes, '\0') == bytes.len || !text_is_utf8(bytes))
		return false;
	/* UTF-16 has many NULs, and "abc\0" is a C string */
	if (user.len == 0 || (authzid.len == 1 && user.len == 1))
		return false;
	look->kind = LOOK_PLAIN;
	look->what = "PLAIN: user name and password, NUL between";
	if (span_find(span_skip(bytes, span_find(bytes, '\0') + 1), '\0') +
	    authzid.len + 1 == bytes.len) {
		look_add(look, "before the NUL", authzid, false);
		look_add(look, "behind it", user, true);
		look_warn(look, "There is only one NUL. PLAIN is NUL user NUL"
		    " password: the first NUL is missing, it stands before"
		    " the user name.");
		return true;
	}
	if (authzid.len != 0)
		look_add(look, "acts as", authzid, false);
	look_add(look, "user", user, false);
	look_add(look, "password", rest, true);
	if (span_find(rest, '\0') < rest.len)
		look_warn(look, "There is a NUL in the password.");
	if (rest.len == 0)
		look_warn(look, "The password is empty.");
	return true;
}

static bool
is_hex(struct span s, size_t len)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.p[i]) &&
		    !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'f'))
			return false;
	return s.len == len;
}

static bool
look_cram(struct span bytes, struct look *look)
{
	size_t space = bytes.len > 33 ? bytes.len - 33 : 0;

	if (bytes.len > 2 && bytes.p[0] == '<' && bytes.p[bytes.len - 1] == '>'
	    && span_find(bytes, ' ') == bytes.len) {
		look->kind = LOOK_CRAM_CHALLENGE;
		look->what = "CRAM-MD5: the server's challenge";
		look_add(look, "challenge", bytes, false);
		return true;
	}
	if (space == 0 || bytes.p[space] != ' ' ||
	    !is_hex(span_skip(bytes, space + 1), 32))
		return false;
	look->kind = LOOK_CRAM_RESPONSE;
	look->what = "CRAM-MD5: the client's answer";
	look_add(look, "user", span_first(bytes, space), false);
	look_add(look, "HMAC-MD5", span_skip(bytes, space + 1), false);
	return true;
}

static bool
look_scram(struct span bytes, struct look *look)
{
	struct span bind = find_value(bytes, "c=", ',');
	struct span nonce = find_value(bytes, "r=", ',');
	bool is_first = nonce.p != NULL &&
	    find_value(bytes, "n=", ',').p != NULL &&
	    (span_starts(bytes, SPAN("n,")) || span_starts(bytes, SPAN("y,")) ||
	    span_starts(bytes, SPAN("p=")));

	if (is_first) {
		look->kind = LOOK_SCRAM_FIRST;
		look->what = "SCRAM: the client begins";
		add_value(look, "user", bytes, "n=", ',');
		add_value(look, "acts as", bytes, "a=", ',');
		add_value(look, "channel binding", bytes, "p=", ',');
	} else if (nonce.p != NULL && find_value(bytes, "s=", ',').p != NULL) {
		look->kind = LOOK_SCRAM_CHALLENGE;
		look->what = "SCRAM: the server's challenge";
		add_value(look, "salt", bytes, "s=", ',');
		add_value(look, "iterations", bytes, "i=", ',');
	} else if (bind.p != NULL && nonce.p != NULL) {
		look->kind = LOOK_SCRAM_FINAL;
		look->what = "SCRAM: the client's proof";
		add_value(look, "channel binding", bytes, "c=", ',');
		add_value(look, "proof", bytes, "p=", ',');
	} else if (span_starts(bytes, SPAN("v=")) ||
	    span_starts(bytes, SPAN("e="))) {
		look->kind = LOOK_SCRAM_VERDICT;
		look->what = bytes.p[0] == 'v' ?
		    "SCRAM: the server's proof that it knows the password" :
		    "SCRAM: the server refuses";
		add_value(look, "signature", bytes, "v=", ',');
		add_value(look, "error", bytes, "e=", ',');
	} else {
		return false;
	}
	add_value(look, "nonce", bytes, "r=", ',');
	return true;
}

static void
add_bearer(struct look *look, struct span bytes)
{
	struct span token = find_value(bytes, "auth=", '\1');

	if (token.p == NULL) {
		look_warn(look, "There is no auth=Bearer in it.");
		return;
	}
	if (!span_starts(token, SPAN("Bearer ")))
		look_warn(look, "The token must stand behind \"Bearer\" and one"
		    " space.");
	look_add(look, "token", token, true);
	if (bytes.len < 2 || bytes.p[bytes.len - 1] != '\1' ||
	    bytes.p[bytes.len - 2] != '\1')
		look_warn(look, "It has to end in two bytes 0x01.");
}

static bool
look_oauth(struct span bytes, struct look *look)
{
	if (span_starts(bytes, SPAN("user=")) &&
	    span_find(bytes, '\1') < bytes.len) {
		look->kind = LOOK_XOAUTH2;
		look->what = "XOAUTH2: user name and OAuth token";
		add_value(look, "user", bytes, "user=", '\1');
		add_bearer(look, bytes);
		return true;
	}
	if (span_starts(bytes, SPAN("n,a=")) ||
	    (span_starts(bytes, SPAN("n,,")) &&
	    span_find(bytes, '\1') < bytes.len)) {
		struct span head = span_first(bytes, span_find(bytes, '\1'));

		look->kind = LOOK_OAUTHBEARER;
		look->what = "OAUTHBEARER: OAuth token (RFC 7628)";
		add_value(look, "user", head, "a=", ',');
		add_value(look, "host", bytes, "host=", '\1');
		add_value(look, "port", bytes, "port=", '\1');
		add_bearer(look, bytes);
		return true;
	}
	if (span_starts(bytes, SPAN("{\"status\"")) ||
	    span_starts(bytes, SPAN("{\"error"))) {
		look->kind = LOOK_OAUTH_ERROR;
		look->what = "OAuth: why the server refuses the token";
		look_add(look, "error", bytes, false);
		return true;
	}
	return false;
}

static bool
look_login(struct span bytes, struct look *look)
{
	struct span text = bytes;

	/* Exchange's own clients end it in a NUL */
	while (text.len != 0 && (text.p[text.len - 1] == '\0' ||
	    text.p[text.len - 1] == ':'))
		text.len--;
	if (span_caseeq(text, SPAN("Username")) ||
	    span_caseeq(text, SPAN("User Name")) ||
	    span_caseeq(text, SPAN("User"))) {
		look->kind = LOOK_ASKS_USER;
		look->what = "LOGIN: the server asks for the user name";
	} else if (span_caseeq(text, SPAN("Password")) ||
	    span_caseeq(text, SPAN("Pass"))) {
		look->kind = LOOK_ASKS_PASSWORD;
		look->what = "LOGIN: the server asks for the password";
	} else {
		return false;
	}
	look_add(look, "text", bytes, false);
	return true;
}

/* Kerberos in GSSAPI begins with an ASN.1 application tag (RFC 2743 3.1);
 * NegTokenResp of SPNEGO with a context tag. */
static bool
look_gssapi(struct span bytes, struct look *look)
{
	unsigned char first = bytes.len != 0 ? (unsigned char)bytes.p[0] : 0;

	if (bytes.len < 16 || (first != 0x60 && first != 0xa1) ||
	    text_is_ascii(bytes))
		return false;
	look->kind = LOOK_GSSAPI;
	look->what = first == 0x60 ? "GSSAPI: a token of Kerberos or SPNEGO" :
	    "GSSAPI: an answer of SPNEGO";
	return true;
}

/* --- what is none of these */

static bool
is_utf16(struct span bytes)
{
	size_t zeroes = 0;

	for (size_t i = 1; i < bytes.len; i += 2)
		zeroes += bytes.p[i] == '\0' && bytes.p[i - 1] != '\0';
	return bytes.len >= 4 && bytes.len % 2 == 0 && zeroes ==
	    bytes.len / 2;
}

static void
warn_of_text(struct look *look, struct span bytes)
{
	char memory[512];
	struct put out = put_init(memory, sizeof memory);
	char last = bytes.len != 0 ? bytes.p[bytes.len - 1] : 'x';

	if (last == '\n' || last == '\r')
		look_warn(look, "A line end was encoded along (echo without"
		    " -n, or a file with one): the server takes it for a part"
		    " of the password.");
	else if (last == ' ' || (bytes.len != 0 && bytes.p[0] == ' '))
		look_warn(look, "A space at the beginning or end was encoded"
		    " along.");
	if (span_starts(bytes, SPAN("\xef\xbb\xbf")))
		look_warn(look, "It begins with a byte order mark (EF BB BF)"
		    " that an editor put there.");
	if (span_find(bytes, '\\') + 1 < bytes.len &&
	    bytes.p[span_find(bytes, '\\') + 1] == '0')
		look_warn(look, "\\0 was encoded as two signs, not as a NUL"
		    " byte: PLAIN needs real NULs (printf, not echo).");
	if (bytes.len >= 8 && bytes.len % 4 == 0 && is_text(bytes) &&
	    base64_decode(bytes, &out, NULL) == BASE64_OK &&
	    is_text(put_span(&out)))
		look_warn(look, "It is base64 again: encoded twice. A program"
		    " that asks for a password wants it as it is, and encodes"
		    " it itself.");
}

static void
look_text(struct span bytes, struct look *look)
{
	struct span line = bytes;

	while (line.len != 0 && (line.p[line.len - 1] == '\n' ||
	    line.p[line.len - 1] == '\r'))
		line.len--;
	if (is_utf16(bytes)) {
		look->kind = LOOK_BINARY;
		look->what = "text in UTF-16";
		look_warn(look, "Every second byte is zero: a program of"
		    " Windows encoded UTF-16 (\"Unicode\"). Servers want"
		    " UTF-8.");
		return;
	}
	if (is_text(line)) {
		look->kind = LOOK_TEXT;
		look->what = "text";
		look_add(look, "text", bytes, false);
	} else {
		look->kind = LOOK_BINARY;
		look->what = "bytes that are no text";
		if (bytes.len != 0 && bytes.p[bytes.len - 1] == '\0' &&
		    is_text(span_first(bytes, bytes.len - 1)))
			look_warn(look, "A NUL at the end was encoded along.");
	}
	warn_of_text(look, bytes);
}

void
look_message(struct span bytes, struct look *look)
{
	static bool (*const kinds[])(struct span bytes, struct look *look) = {
		look_ntlm, look_oauth, look_scram, look_login, look_cram,
		look_plain, look_gssapi,
	};

	memset(look, 0, sizeof *look);
	look->put = put_init(look->memory, sizeof look->memory);
	if (bytes.len == 0) {
		look->kind = LOOK_NOTHING;
		look->what = "nothing";
		return;
	}
	if (span_starts(bytes, SPAN("realm=\"")) ||
	    span_starts(bytes, SPAN("nonce=\"")) ||
	    span_starts(bytes, SPAN("username=\""))) {
		look->kind = LOOK_DIGEST;
		look->what = "DIGEST-MD5 (given up, RFC 6331)";
		look_add(look, "text", bytes, false);
		return;
	}
	for (size_t i = 0; i < countof(kinds); i++)
		if (kinds[i](bytes, look))
			return;
	look_text(bytes, look);
}

const char *
look_kind_name(enum look_kind kind)
{
	static const char *const names[LOOK_KINDS] = { "nothing", "text",
		"binary", "asks-user", "asks-password", "plain",
		"cram-challenge", "cram-response", "scram-first",
		"scram-challenge", "scram-final", "scram-verdict", "xoauth2",
		"oauthbearer", "oauth-error", "digest", "ntlm-negotiate",
		"ntlm-challenge", "ntlm-authenticate", "gssapi" };

	return kind < LOOK_KINDS ? names[kind] : "";
}
