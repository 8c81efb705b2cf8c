/* SPDX-License-Identifier: Apache-2.0 */
/* domain: plain ASCII names are lowered and checked here; names with other
 * letters, and names that say they are A-labels, go through libidn2.
 *
 * 1. Labels are checked by us, after libidn2: it takes "a..b", and with
 *    IDN2_USE_STD3_ASCII_RULES it silently makes "ab" of "a_b", which would be
 *    somebody else's domain. That flag is never used.
 * 2. Non-transitional: "faß.de" is not "fass.de" (RFC 5892, UTS 46).
 * 3. An ideographic full stop separates labels like a dot (UTS 46). */
#include "conf/domain.h"

#include <idn2.h>

#include "base/text.h"

#define LABEL_MAX 63

/* Letters, digits and inner hyphens only; lower case. */
static bool
is_host_name(struct span name)
{
	if (name.len == 0 || name.len > CONF_DOMAIN_MAX ||
	    name.p[name.len - 1] == '.')
		return false;
	while (name.len != 0) {
		struct span label = span_cut(&name, '.');

		if (label.len == 0 || label.len > LABEL_MAX ||
		    label.p[0] == '-' || label.p[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return true;
}

/* Needs libidn2: other letters than ASCII, or a label that begins "xn--". */
static bool
is_idn(struct span name)
{
	if (!text_is_ascii(name))
		return true;
	while (name.len != 0)
		if (span_casestarts(span_cut(&name, '.'), SPAN("xn--")))
			return true;
	return false;
}

static bool
to_a_labels(struct span name, struct put *out)
{
	char text[256];
	char *ascii = NULL;
	struct put in = put_init(text, sizeof text);
	int rc;

	if (span_find(name, '\0') != name.len || !text_is_utf8(name))
		return false;
	put_bytes(&in, name);
	put_char(&in, '\0');
	if (in.full)
		return false;
	rc = idn2_to_ascii_8z(text, &ascii,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc == IDN2_OK)
		put_str(out, ascii);
	idn2_free(ascii);
	return rc == IDN2_OK;
}

bool
conf_domain_canon(struct span name, char out[256])
{
	struct put put = put_init(out, 255);

	out[0] = '\0';
	if (name.len > 255)
		return false;
	if (is_idn(name)) {
		if (!to_a_labels(name, &put))
			return false;
	} else {
		text_lower(name, &put);
	}
	out[put.len] = '\0';
	return !put.full && is_host_name(put_span(&put));
}
