/* SPDX-License-Identifier: Apache-2.0 */
/* Any mechanism, fed with anything. Input: a byte that picks the mechanism and
 * the answers, then responses, each a two-byte length (its top bit set: none)
 * and bytes. Promised whatever comes:
 *  1. a name or password that comes out was in what went in, is well-formed
 *     UTF-8, without NUL, in its bounds, and a password is not empty;
 *  2. REFUSED and MALFORMED say why, and leave no password behind;
 *  3. an exchange ends: no mechanism asks more than twice;
 *  4. acting as another needs leave. */
#include <stdint.h>

#include "base/die.h"
#include "base/text.h"
#include "sasl/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span
take_response(struct span *in, bool *is_none)
{
	struct span response;
	size_t n;

	*is_none = in->len < 2 || ((unsigned char)in->p[0] & 0x80) != 0;
	if (in->len < 2) {
		*in = span_skip(*in, in->len);
		return *in;
	}
	n = ((size_t)((unsigned char)in->p[0] & 0x7f) << 8) +
	    (unsigned char)in->p[1];
	*in = span_skip(*in, 2);
	response = span_first(*in, n);
	*in = span_skip(*in, n);
	return response;
}

static void
check_text(const char *text, size_t len, size_t max)
{
	must(len <= max && text[len] == '\0' && strlen(text) == len);
	must(text_is_utf8(span_of(text, len)));
}

static bool
stands_in(struct span all, const char *text, size_t len)
{
	return len == 0 || memmem(all.p, all.len, text, len) != NULL;
}

static void
check_gone(const struct sasl_server *sasl)
{
	must(sasl->password_len == 0);
	for (size_t i = 0; i < sizeof sasl->password; i++)
		must(sasl->password[i] == '\0');
}

static void
check_asked(const struct sasl_server *sasl, struct span all)
{
	check_text(sasl->authcid, strlen(sasl->authcid), SASL_NAME_MAX);
	check_text(sasl->authzid, strlen(sasl->authzid), SASL_NAME_MAX);
	check_text(sasl->password, sasl->password_len, SASL_PASSWORD_MAX);
	must(sasl->password_len != 0 && sasl->authcid[0] != '\0');
	must(stands_in(all, sasl->authcid, strlen(sasl->authcid)));
	must(stands_in(all, sasl->authzid, strlen(sasl->authzid)));
	must(stands_in(all, sasl->password, sasl->password_len));
}

/* Promise 4, and the answer to SASL_CHECK_PASSWORD. */
static enum sasl_result
answer(struct sasl_server *sasl, bool is_right, bool may)
{
	bool is_self = sasl->authzid[0] == '\0' ||
	    span_caseeq(span_str(sasl->authzid), span_str(sasl->authcid));
	enum sasl_result result = sasl_server_checked(sasl, is_right, may);

	must((result == SASL_DONE) == (is_right && (is_self || may)));
	check_gone(sasl);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), in = span_skip(all, 1);
	enum sasl_result result = SASL_CHALLENGE;
	struct sasl_server sasl;
	unsigned asked = 0;

	if (size == 0)
		return 0;
	sasl_server_init(&sasl, sasl_mech_find((data[0] & 1) == 0
	    ? SPAN("PLAIN") : SPAN("LOGIN")));
	while (result == SASL_CHALLENGE) {
		bool is_none;
		struct span response = take_response(&in, &is_none), out;

		/* only the first response may be missing */
		result = sasl_server_step(&sasl,
		    is_none && asked == 0 ? NULL : &response, &out);
		if (result == SASL_CHALLENGE)
			must(++asked <= 2 && out.p != NULL);
	}
	if (result == SASL_CHECK_PASSWORD) {
		check_asked(&sasl, all);
		result = answer(&sasl, (data[0] & 2) != 0, (data[0] & 4) != 0);
	}
	if (result != SASL_DONE) {
		must(result == SASL_REFUSED || result == SASL_MALFORMED);
		must(sasl.why != NULL);
		check_gone(&sasl);
	}
	sasl_server_wipe(&sasl);
	return 0;
}
