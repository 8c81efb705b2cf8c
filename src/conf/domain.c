/* SPDX-License-Identifier: Apache-2.0 */
/* domain: see domain.h. libidn2 is asked only for names that need it, and
 * without its STD3 flag: with it "a_b.example" silently becomes "ab.example",
 * mail to somebody else; and it lets "a..b" pass. So the result is checked
 * here. */
#include "conf/domain.h"

#include <idn2.h>
#include <stdlib.h>

#include "base/put.h"
#include "base/text.h"

#define NAME_MAX_LEN  253
#define LABEL_MAX_LEN 63

static bool
is_good_label(struct span label)
{
	if (label.len == 0 || label.len > LABEL_MAX_LEN ||
	    label.p[0] == '-' || label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' &&
		    label.p[i] != '_')
			return false;
	return true;
}

static bool
is_good_name(struct span name)
{
	if (name.len == 0 || name.len > NAME_MAX_LEN)
		return false;
	for (;;) {
		size_t dot = span_find(name, '.');

		if (!is_good_label(span_first(name, dot)))
			return false;
		if (dot == name.len)
			return true;
		name = span_skip(name, dot + 1);
	}
}

static bool
to_a_labels(struct span domain, struct put *out)
{
	char name[1024];
	struct put copy = put_init(name, sizeof name);
	char *result = NULL;
	bool is_good;

	put_bytes(&copy, domain);
	if (copy.full || memchr(domain.p, '\0', domain.len) != NULL)
		return false;
	is_good = idn2_to_ascii_8z(put_cstr(&copy), &result,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK;
	if (is_good)
		text_lower(span_str(result), out);
	idn2_free(result);
	return is_good;
}

bool
conf_domain_canon(struct span domain, char out[256])
{
	struct put name = put_init(out, 256);

	if (domain.len != 0 && domain.p[domain.len - 1] == '.')
		domain.len--;
	if (text_is_ascii(domain))
		text_lower(domain, &name);
	else if (!to_a_labels(domain, &name))
		return false;
	if (name.full || !is_good_name(put_span(&name)))
		return false;
	(void)put_cstr(&name);
	return true;
}
