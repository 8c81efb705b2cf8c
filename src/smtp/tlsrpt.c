/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt: see tlsrpt.h. */
#include "smtp/tlsrpt.h"

#include "base/text.h"

static const char *const result_name[] = {	/* RFC 8460 4.3 */
	[TLSRPT_GOOD] = "",
	[TLSRPT_NO_STARTTLS] = "starttls-not-supported",
	[TLSRPT_WRONG_HOST] = "certificate-host-mismatch",
	[TLSRPT_NOT_TRUSTED] = "certificate-not-trusted",
	[TLSRPT_EXPIRED] = "certificate-expired",
	[TLSRPT_VALIDATION] = "validation-failure",
	[TLSRPT_TLSA_INVALID] = "tlsa-invalid",
	[TLSRPT_DNSSEC_INVALID] = "dnssec-invalid",
	[TLSRPT_DANE_REQUIRED] = "dane-required",
	[TLSRPT_STS_FETCH] = "sts-policy-fetch-error",
	[TLSRPT_STS_INVALID] = "sts-policy-invalid",
	[TLSRPT_STS_WEBPKI] = "sts-webpki-invalid",
};
_Static_assert(countof(result_name) == TLSRPT_RESULTS, "a name each");

const char *
tlsrpt_result_name(enum tlsrpt_result result)
{
	return result_name[result];
}

const char *
tlsrpt_kind_name(enum tlsrpt_kind kind)
{
	static const char *const name[] = { "no-policy-found", "sts", "tlsa" };

	return name[kind];
}

bool
tlsrpt_record_is_one(struct span text)
{
	return span_eq(span_trim(span_cut(&text, ';')), SPAN("v=TLSRPTv1"));
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.1; what stands behind a "?" is not ours. */
static void
decode(struct span text, struct put *out)
{
	text = span_first(text, span_find(text, '?'));
	for (size_t i = 0; i < text.len; i++) {
		int high = i + 2 < text.len ? hex_value(text.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(text.p[i + 2]) : -1;

		if (text.p[i] != '%' || low < 0) {
			put_char(out, text.p[i]);
			continue;
		}
		put_char(out, (char)(unsigned char)(high * 16 + low));
		i += 2;
	}
}

/* The value of the first rua; empty without one. */
static struct span
find_rua(struct span text)
{
	while (text.len != 0) {
		struct span value = span_trim(span_cut(&text, ';'));
		struct span key = span_cut(&value, '=');

		if (span_eq(key, SPAN("rua")))
			return value;
	}
	return SPAN("");
}

bool
tlsrpt_record_next(struct span text, size_t *at, struct put *address)
{
	struct span all = tlsrpt_record_is_one(text) ? find_rua(text) :
	    SPAN("");
	struct span rest = span_skip(all, *at);

	while (rest.len != 0) {
		struct span one = span_trim(span_cut(&rest, ','));

		*at = all.len - rest.len;
		if (!span_casestarts(one, SPAN("mailto:")))
			continue;
		address->len = 0;
		address->full = false;
		decode(span_skip(one, 7), address);
		if (!address->full && address->len != 0)
			return true;
	}
	return false;
}
