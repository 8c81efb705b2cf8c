/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and the rules every mechanism obeys: who may be asked what, when.
 *
 *      init ──→ step 0 ──CHALLENGE──→ step 1 …
 *                 │  ├──CHECK_PASSWORD──→ asked ──checked──→ over
 *                 │  └──NEED_CREDENTIALS──known──→ as after a step
 *                 └──DONE, REFUSED, MALFORMED─────────────→ over
 *
 * A call in the wrong state is our own mistake and stops the program: an
 * exchange that is over must not be picked up again (CVE-2011-1720). */
#include "sasl/sasl.h"

#include "base/die.h"
#include "base/text.h"
#include "sasl/mech.h"

enum {
	STEP_ASKED = 254,	/* the caller is finding out */
	STEP_OVER = 255
};

/* Strongest first: the order in which they are offered. */
static const struct sasl_mech *const mechs[] = {
	&sasl_gssapi,
	&sasl_scram_sha_256_plus,
	&sasl_scram_sha_1_plus,
	&sasl_scram_sha_256,
	&sasl_scram_sha_1,
	&sasl_ntlm,
	&sasl_plain,
	&sasl_login,
};

const struct sasl_mech *
sasl_mech_at(size_t i)
{
	return i < countof(mechs) ? mechs[i] : NULL;
}

const struct sasl_mech *
sasl_mech_find(struct span name)
{
	for (size_t i = 0; i < countof(mechs); i++)
		if (span_caseeq(name, span_str(mechs[i]->name)))
			return mechs[i];
	return NULL;
}

static void
wipe_password(struct sasl_server *sasl)
{
	explicit_bzero(sasl->password, sizeof sasl->password);
	sasl->password_len = 0;
}

enum sasl_result
sasl_refuse(struct sasl_server *sasl, const char *why)
{
	wipe_password(sasl);
	sasl->why = why;
	return SASL_REFUSED;
}

enum sasl_result
sasl_malformed(struct sasl_server *sasl, const char *why)
{
	wipe_password(sasl);
	sasl->why = why;
	return SASL_MALFORMED;
}

static bool
acts_as_itself(const struct sasl_server *sasl)
{
	return sasl->authzid[0] == '\0' ||
	    span_caseeq(span_str(sasl->authzid), span_str(sasl->authcid));
}

enum sasl_result
sasl_accept(struct sasl_server *sasl)
{
	return acts_as_itself(sasl) ? SASL_DONE
	    : sasl_refuse(sasl, "may not act as another user");
}

enum sasl_result
sasl_take_name(struct sasl_server *sasl, char field[SASL_NAME_MAX + 1],
    struct span name)
{
	if (name.len > SASL_NAME_MAX)
		return sasl_malformed(sasl, "user name too long");
	if (span_find(name, '\0') != name.len)
		return sasl_malformed(sasl, "NUL in the user name");
	if (!text_is_utf8(name))
		return sasl_malformed(sasl, "user name is not UTF-8");
	if (name.len != 0)
		memcpy(field, name.p, name.len);
	field[name.len] = '\0';
	return SASL_DONE;
}

enum sasl_result
sasl_take_password(struct sasl_server *sasl, struct span password)
{
	if (password.len == 0)
		return sasl_refuse(sasl, "empty password");
	if (password.len > SASL_PASSWORD_MAX)
		return sasl_refuse(sasl, "password too long");
	/* whoever compares C strings would stop there and see a prefix */
	if (span_find(password, '\0') != password.len)
		return sasl_refuse(sasl, "NUL in the password");
	if (!text_is_utf8(password))
		return sasl_refuse(sasl, "password is not UTF-8");
	memcpy(sasl->password, password.p, password.len);
	sasl->password[password.len] = '\0';
	sasl->password_len = password.len;
	return SASL_CHECK_PASSWORD;
}

void
sasl_server_init(struct sasl_server *sasl, const struct sasl_mech *mech)
{
	must(mech != NULL);
	memset(sasl, 0, sizeof *sasl);
	sasl->mech = mech;
}

/* What a step said decides what may be called next. */
static enum sasl_result
settle(struct sasl_server *sasl, enum sasl_result result,
    const struct span *out)
{
	if (result == SASL_CHALLENGE && out->len > SASL_CHALLENGE_MAX)
		result = sasl_refuse(sasl, "our challenge would be too long");
	if (result == SASL_CHECK_PASSWORD)
		sasl->step = STEP_ASKED;
	else if (result != SASL_CHALLENGE && result != SASL_NEED_CREDENTIALS)
		sasl->step = STEP_OVER;
	sasl->is_asking = result == SASL_NEED_CREDENTIALS;
	return result;
}

enum sasl_result
sasl_server_step(struct sasl_server *sasl, const struct span *response,
    struct span *out)
{
	must(sasl->mech != NULL && sasl->step < STEP_ASKED);
	must(!sasl->is_asking);
	/* only the first step may come without a response */
	must(response != NULL || sasl->step == 0);
	*out = SPAN("");
	return settle(sasl, sasl->mech->step(sasl, response, out), out);
}

enum sasl_result
sasl_server_known(struct sasl_server *sasl,
    const struct sasl_credentials *known, struct span *out)
{
	must(sasl->is_asking && sasl->mech->known != NULL);
	*out = SPAN("");
	return settle(sasl, sasl->mech->known(sasl, known, out), out);
}

enum sasl_result
sasl_server_checked(struct sasl_server *sasl, bool is_right, bool may_act_as)
{
	must(sasl->mech != NULL && sasl->step == STEP_ASKED);
	sasl->step = STEP_OVER;
	if (!is_right)
		return sasl_refuse(sasl, "wrong user name or password");
	wipe_password(sasl);
	return may_act_as ? SASL_DONE : sasl_accept(sasl);
}

void
sasl_server_wipe(struct sasl_server *sasl)
{
	explicit_bzero(sasl, sizeof *sasl);
}
