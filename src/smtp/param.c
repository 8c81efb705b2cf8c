/* SPDX-License-Identifier: Apache-2.0 */
/* One table a command: keyword, the extension it belongs to, the function that
 * reads its value. Adding a parameter is adding a row.
 *
 * 1. A value that reaches a log, a queue record or a DSN (ENVID, ORCPT, AUTH)
 *    holds no control byte, not even encoded ("+0A").
 * 2. What was refused leaves nothing behind that a caller may use. */
#include "smtp/param.h"

#include "base/stamp.h"
#include "base/text.h"
#include "smtp/addr.h"

enum extension {
	EXT_SIZE, EXT_BODY, EXT_SMTPUTF8, EXT_DSN, EXT_AUTH, EXT_REQUIRETLS,
	EXT_HOLD, EXT_BY
};

/* Where a row's function writes: one of the two is NULL. */
struct target {
	const struct param_allow *allow;
	struct mail_params *mail;
	struct rcpt_params *rcpt;
};

struct row {
	const char *keyword;
	enum extension extension;
	bool (*read)(struct span value, const struct target *out);
};

/* Printable ASCII only, after decoding. */
static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_cntrl(text.p[i]) ||
		    (unsigned char)text.p[i] >= 0x80)
			return false;
	return true;
}

/* A value as a string into `text` of `cap` bytes, which were zeroed. */
static bool
keep(struct span value, char *text, size_t cap)
{
	if (value.len >= cap)
		return false;
	memcpy(text, value.p, value.len);
	return true;
}

static bool
is_printable_xtext(struct span value)
{
	char plain[PARAM_ORCPT_MAX];
	struct put decoded = put_init(plain, sizeof plain);

	return value.len != 0 && text_xtext_decode(value, &decoded) &&
	    is_printable(put_span(&decoded));
}

/* RFC 1870 3: 1*20DIGIT */
static bool
read_size(struct span value, const struct target *out)
{
	out->mail->has_size = true;
	return text_u64(value, &out->mail->size);
}

static bool
read_body(struct span value, const struct target *out)
{
	if (span_caseeq(value, SPAN("7BIT")))
		out->mail->body = PARAM_BODY_7BIT;
	else if (span_caseeq(value, SPAN("8BITMIME")) && out->allow->eightbit)
		out->mail->body = PARAM_BODY_8BITMIME;
	else if (span_caseeq(value, SPAN("BINARYMIME")) && out->allow->binary)
		out->mail->body = PARAM_BODY_BINARYMIME;
	else
		return false;
	return true;
}

static bool
read_smtputf8(struct span value, const struct target *out)
{
	out->mail->smtputf8 = true;
	return value.p == NULL;	/* RFC 6531 3.4: it has no value */
}

static bool
read_requiretls(struct span value, const struct target *out)
{
	out->mail->requiretls = true;
	return value.p == NULL;	/* RFC 8689 2: it has no value */
}

static bool
read_ret(struct span value, const struct target *out)
{
	if (span_caseeq(value, SPAN("FULL")))
		out->mail->ret = PARAM_RET_FULL;
	else if (span_caseeq(value, SPAN("HDRS")))
		out->mail->ret = PARAM_RET_HDRS;
	else
		return false;
	return true;
}

static bool
read_envid(struct span value, const struct target *out)
{
	return is_printable_xtext(value) &&
	    keep(value, out->mail->envid, sizeof out->mail->envid);
}

/* RFC 4954 5: the xtext of a mailbox, or "<>" */
static bool
read_auth(struct span value, const struct target *out)
{
	struct put decoded = put_init(out->mail->auth, PARAM_AUTH_MAX);
	struct addr addr;

	out->mail->has_auth = true;
	if (value.len > PARAM_AUTH_MAX || !text_xtext_decode(value, &decoded))
		return false;
	return span_eq(put_span(&decoded), SPAN("<>")) ||
	    addr_parse(put_span(&decoded), &addr) == ADDR_OK;
}

/* RFC 4865 4: one of the two, and not nothing */
static bool
read_holdfor(struct span value, const struct target *out)
{
	if (out->mail->hold != PARAM_HOLD_NONE || value.len > 9 ||
	    !text_u64(value, &out->mail->hold_s) || out->mail->hold_s == 0)
		return false;
	out->mail->hold = PARAM_HOLD_FOR;
	return true;
}

static bool
read_holduntil(struct span value, const struct target *out)
{
	if (out->mail->hold != PARAM_HOLD_NONE ||
	    !stamp_read(value, &out->mail->hold_s))
		return false;
	out->mail->hold = PARAM_HOLD_UNTIL;
	return true;
}

/* RFC 2852 4: ["-"/"+"] 1*9DIGIT ";" "R"/"N" ["T"]; what is to go back when
 * the time is over needs some time. */
static bool
read_by(struct span value, const struct target *out)
{
	struct mail_params *mail = out->mail;
	struct span mode = value, number = span_cut(&mode, ';');
	bool is_past = span_starts(number, SPAN("-"));
	uint64_t seconds;

	if (is_past || span_starts(number, SPAN("+")))
		number = span_skip(number, 1);
	if (number.len == 0 || number.len > 9 || !text_u64(number, &seconds))
		return false;
	mail->by_s = is_past ? -(int64_t)seconds : (int64_t)seconds;
	mail->by_trace = mode.len == 2 && ascii_upper(mode.p[1]) == 'T';
	if (mode.len != 1 && !mail->by_trace)
		return false;
	mail->by = ascii_upper(mode.p[0]) == 'N' ? PARAM_BY_NOTIFY :
	    PARAM_BY_RETURN;
	return mail->by == PARAM_BY_NOTIFY ||
	    (ascii_upper(mode.p[0]) == 'R' && mail->by_s > 0);
}

/* RFC 3461 4.1: NEVER stands alone */
static bool
read_notify(struct span value, const struct target *out)
{
	static const struct {
		const char *text;
		enum param_notify bit;
	} word[] = {
		{ "NEVER", PARAM_NOTIFY_NEVER },
		{ "SUCCESS", PARAM_NOTIFY_SUCCESS },
		{ "FAILURE", PARAM_NOTIFY_FAILURE },
		{ "DELAY", PARAM_NOTIFY_DELAY },
	};
	bool is_last;
	size_t i;

	do {
		struct span one;

		is_last = span_find(value, ',') == value.len;
		one = span_cut(&value, ',');
		for (i = 0; i < countof(word); i++)
			if (span_caseeq(one, span_str(word[i].text)))
				break;
		if (i == countof(word))
			return false;
		out->rcpt->notify |= word[i].bit;
	} while (!is_last);
	return (out->rcpt->notify & PARAM_NOTIFY_NEVER) == 0 ||
	    out->rcpt->notify == PARAM_NOTIFY_NEVER;
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The length of `\x{HEXPOINT}` (RFC 6533 3) at the start of `text`; 0 if it is
 * none, stands for a character that needs no such form, a control, or none. */
static size_t
embedded_len(struct span text)
{
	uint32_t point = 0;
	size_t i, digits;

	if (!span_starts(text, SPAN("\\x{")))
		return 0;
	for (i = 3; i < text.len && i < 10 && hex_value(text.p[i]) >= 0; i++)
		point = point << 4 | (uint32_t)hex_value(text.p[i]);
	digits = i - 3;
	if (i == text.len || text.p[i] != '}' || digits < 2 || digits > 6 ||
	    (digits > 2 && text.p[3] == '0'))
		return 0;
	if (point < 0x80)
		return point == ' ' || point == '+' || point == '=' ||
		    point == '\\' ? i + 1 : 0;
	if (point < 0xa0 || (point >= 0xd800 && point <= 0xdfff) ||
	    point == 0x2028 || point == 0x2029 || point > 0x10ffff)
		return 0;
	return i + 1;
}

/* utf-8-addr-xtext or utf-8-addr-unitext, RFC 6533 3. Raw UTF-8 is for
 * SMTPUTF8 transactions only; the caller knows. */
static bool
is_utf8_orcpt(struct span text)
{
	if (text.len == 0 || !text_is_utf8(text))
		return false;
	while (text.len != 0) {
		unsigned char c = (unsigned char)text.p[0];
		size_t n = 1;

		if (c == '\\')
			n = embedded_len(text);
		if (n == 0 || c <= ' ' || c == 127 || c == '+' || c == '=' ||
		    (c == 0xc2 && (unsigned char)text.p[1] < 0xa0) ||
		    span_starts(text, SPAN("\xe2\x80\xa8")) ||
		    span_starts(text, SPAN("\xe2\x80\xa9")))
			return false;
		text = span_skip(text, n);
	}
	return true;
}

/* addr-type, an atom (RFC 3461 4.2). */
static bool
is_addr_type(struct span type)
{
	for (size_t i = 0; i < type.len; i++)
		if (!ascii_is_alnum(type.p[i]) && type.p[i] != '-')
			return false;
	return type.len != 0;
}

static bool
read_orcpt(struct span value, const struct target *out)
{
	struct span address = value;
	struct span type = span_cut(&address, ';');

	if (!is_addr_type(type) || value.len > PARAM_ORCPT_MAX)
		return false;
	if (span_caseeq(type, SPAN("utf-8")) ? !is_utf8_orcpt(address)
					      : !is_printable_xtext(address))
		return false;
	return keep(value, out->rcpt->orcpt, sizeof out->rcpt->orcpt);
}

static const struct row mail_rows[] = {
	{ "SIZE", EXT_SIZE, read_size },
	{ "BODY", EXT_BODY, read_body },
	{ "SMTPUTF8", EXT_SMTPUTF8, read_smtputf8 },
	{ "RET", EXT_DSN, read_ret },
	{ "ENVID", EXT_DSN, read_envid },
	{ "AUTH", EXT_AUTH, read_auth },
	{ "REQUIRETLS", EXT_REQUIRETLS, read_requiretls },
	{ "HOLDFOR", EXT_HOLD, read_holdfor },
	{ "HOLDUNTIL", EXT_HOLD, read_holduntil },
	{ "BY", EXT_BY, read_by },
};

static const struct row rcpt_rows[] = {
	{ "NOTIFY", EXT_DSN, read_notify },
	{ "ORCPT", EXT_DSN, read_orcpt },
};

static bool
is_allowed(const struct param_allow *allow, enum extension extension)
{
	switch (extension) {
	case EXT_SIZE:
		return allow->size;
	case EXT_BODY:
		return allow->eightbit || allow->binary;
	case EXT_SMTPUTF8:
		return allow->smtputf8;
	case EXT_DSN:
		return allow->dsn;
	case EXT_AUTH:
		return allow->auth;
	case EXT_REQUIRETLS:
		return allow->requiretls;
	case EXT_HOLD:
		return allow->hold;
	case EXT_BY:
		return allow->by;
	}
	return false;
}

/* esmtp-keyword, RFC 5321 4.1.2 */
static bool
is_keyword(struct span word)
{
	if (word.len == 0 || word.p[0] == '-')
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (!ascii_is_alnum(word.p[i]) && word.p[i] != '-')
			return false;
	return true;
}

/* One "KEYWORD" or "KEYWORD=value". `*seen` has a bit for each row met. */
static enum param_result
read_one(struct span param, const struct row *row, size_t row_n,
    const struct target *out, unsigned *seen)
{
	bool has_value = span_find(param, '=') != param.len;
	struct span value = param;
	struct span keyword = span_cut(&value, '=');

	if (!is_keyword(keyword))
		return PARAM_BAD;
	for (size_t i = 0; i < row_n; i++) {
		if (!span_caseeq(keyword, span_str(row[i].keyword)) ||
		    !is_allowed(out->allow, row[i].extension))
			continue;
		if ((*seen & 1u << i) != 0)
			return PARAM_TWICE;
		*seen |= 1u << i;
		if (!has_value)
			value = (struct span){ NULL, 0 };
		return row[i].read(value, out) ? PARAM_OK : PARAM_BAD;
	}
	return PARAM_UNKNOWN;
}

/* Parameters are separated by spaces; more than one is taken, as is one at the
 * end: both are common and neither can be misread. */
static enum param_result
read_all(struct span text, const struct row *row, size_t row_n,
    const struct target *out, struct span *bad)
{
	enum param_result result = PARAM_OK;
	unsigned seen = 0;

	*bad = span_first(text, 0);
	while (text.len != 0 && result == PARAM_OK) {
		struct span param = span_cut(&text, ' ');

		if (param.len == 0)
			continue;
		result = read_one(param, row, row_n, out, &seen);
		if (result != PARAM_OK)
			*bad = param;
	}
	return result;
}

enum param_result
param_parse_mail(struct span text, const struct param_allow *allow,
    struct mail_params *out, struct span *bad)
{
	struct target target = { .allow = allow, .mail = out };
	enum param_result result;

	*out = (struct mail_params){ 0 };
	result = read_all(text, mail_rows, countof(mail_rows), &target, bad);
	if (result != PARAM_OK)
		*out = (struct mail_params){ 0 };
	return result;
}

enum param_result
param_parse_rcpt(struct span text, const struct param_allow *allow,
    struct rcpt_params *out, struct span *bad)
{
	struct target target = { .allow = allow, .rcpt = out };
	enum param_result result;

	*out = (struct rcpt_params){ 0 };
	result = read_all(text, rcpt_rows, countof(rcpt_rows), &target, bad);
	if (result != PARAM_OK)
		*out = (struct rcpt_params){ 0 };
	return result;
}
