/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN, RFC 4616: one message, [authzid] NUL authcid NUL passwd. With an
 * initial response there is no challenge; without one, an empty challenge.
 * SASLprep is not applied: the bytes count, so that two spellings that look
 * the same never are the same (RFC 4616 2 leaves the comparison to us). */
#include "base/span.h"
#include "sasl/mech.h"

enum { PLAIN_START, PLAIN_ASKED };

/* RFC 4616 2. The password is what is left, so a third NUL is part of it and
 * is refused there. */
static enum sasl_result
take_message(struct sasl_server *sasl, struct span message)
{
	struct span authzid, authcid;
	enum sasl_result result;

	if (span_find(message, '\0') == message.len)
		return sasl_malformed(sasl, "no NUL behind the authzid");
	authzid = span_cut(&message, '\0');
	if (span_find(message, '\0') == message.len)
		return sasl_malformed(sasl, "no NUL behind the user name");
	authcid = span_cut(&message, '\0');
	if (authcid.len == 0)
		return sasl_malformed(sasl, "empty user name");
	result = sasl_take_name(sasl, sasl->authzid, authzid);
	if (result != SASL_DONE)
		return result;
	result = sasl_take_name(sasl, sasl->authcid, authcid);
	if (result != SASL_DONE)
		return result;
	return sasl_take_password(sasl, message);
}

static enum sasl_result
plain_step(struct sasl_server *sasl, const struct span *response,
    struct span *out)
{
	if (response == NULL) {
		sasl->step = PLAIN_ASKED;
		*out = SPAN("");
		return SASL_CHALLENGE;
	}
	return take_message(sasl, *response);
}

const struct sasl_mech sasl_plain = { "PLAIN", SASL_PLAINTEXT, plain_step };
