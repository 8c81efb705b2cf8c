/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN, draft-murchison-sasl-login: two questions with exactly these texts,
 * because old clients compare them. An initial response is the answer to the
 * first; an empty one ("AUTH LOGIN =") is taken as none, for clients that
 * always send one. */
#include "base/span.h"
#include "sasl/mech.h"

enum { LOGIN_START, LOGIN_NAME, LOGIN_PASSWORD };

static enum sasl_result
ask_name(struct sasl_server *sasl, struct span *out)
{
	sasl->step = LOGIN_NAME;
	*out = SPAN("Username:");
	return SASL_CHALLENGE;
}

static enum sasl_result
take_name(struct sasl_server *sasl, struct span name, struct span *out)
{
	enum sasl_result result;

	if (name.len == 0)
		return sasl_malformed(sasl, "empty user name");
	result = sasl_take_name(sasl, sasl->authcid, name);
	if (result != SASL_DONE)
		return result;
	sasl->step = LOGIN_PASSWORD;
	*out = SPAN("Password:");
	return SASL_CHALLENGE;
}

static enum sasl_result
login_step(struct sasl_server *sasl, const struct span *response,
    struct span *out)
{
	switch (sasl->step) {
	case LOGIN_START:
		if (response == NULL || response->len == 0)
			return ask_name(sasl, out);
		return take_name(sasl, *response, out);
	case LOGIN_NAME:
		return take_name(sasl, *response, out);
	case LOGIN_PASSWORD:
		return sasl_take_password(sasl, *response);
	}
	return sasl_malformed(sasl, "unexpected response");
}

const struct sasl_mech sasl_login = { "LOGIN", SASL_PLAINTEXT, login_step };
