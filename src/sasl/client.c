/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and what holds for every mechanism: who may be asked when, and
 * what a name or password must be before one of them sees it. */
#include "sasl/client.h"

#include <strings.h>

#include "base/die.h"
#include "base/text.h"
#include "sasl/client_mech.h"

enum { STEP_OVER = 255 };

#define CHALLENGE_MAX 16384	/* octets; Kerberos tickets of members of
				 * many groups come near */

static const struct sasl_client_mech *const mechs[] = {
	&sasl_client_gssapi,
	&sasl_client_oauthbearer,
	&sasl_client_xoauth2,
	&sasl_client_scram_sha_256_plus,
	&sasl_client_scram_sha_1_plus,
	&sasl_client_scram_sha_256,
	&sasl_client_scram_sha_1,
	&sasl_client_ntlm,
	&sasl_client_cram_md5,
	&sasl_client_plain,
	&sasl_client_login,
	&sasl_client_external,
	&sasl_client_anonymous,
};

const struct sasl_client_mech *
sasl_client_at(size_t i)
{
	return i < countof(mechs) ? mechs[i] : NULL;
}

const struct sasl_client_mech *
sasl_client_find(struct span name)
{
	for (size_t i = 0; i < countof(mechs); i++)
		if (span_caseeq(name, span_str(mechs[i]->name)))
			return mechs[i];
	return NULL;
}

static bool
has_what_it_needs(const struct sasl_client_mech *mech,
    const struct sasl_client_options *options, bool is_tls)
{
	if ((mech->flags & SASL_CLIENT_PLAINTEXT) != 0 && !is_tls)
		return false;
	if ((mech->flags & SASL_CLIENT_BINDS) != 0 &&
	    options->binding.len == 0)
		return false;
	if ((mech->flags & SASL_CLIENT_TOKEN) != 0)
		return options->token.len != 0;
	if ((mech->flags & SASL_CLIENT_TICKET) != 0)
		return options->gss != NULL;
	if ((mech->flags & SASL_CLIENT_NO_PASSWORD) != 0)
		return options->password.len == 0 && options->token.len == 0;
	return options->authcid.len != 0 && options->password.len != 0;
}

static bool
is_among(struct span offered, const char *name)
{
	while (offered.len != 0)
		if (span_caseeq(span_cut(&offered, ' '), span_str(name)))
			return true;
	return false;
}

const struct sasl_client_mech *
sasl_client_choose(struct span offered,
    const struct sasl_client_options *options, bool is_tls)
{
	const struct sasl_client_mech *best = NULL;

	for (size_t i = 0; i < countof(mechs); i++)
		if (mechs[i]->strength > (best != NULL ? best->strength : 0) &&
		    is_among(offered, mechs[i]->name) &&
		    has_what_it_needs(mechs[i], options, is_tls))
			best = mechs[i];
	return best;
}

/* --- for the mechanisms */

void
sasl_client_note(struct sasl_client *client, const char *why,
    struct span theirs)
{
	struct put out = put_init(client->why, sizeof client->why - 1);

	put_str(&out, why);
	text_quote(theirs, &out);
	client->why[out.len] = '\0';
}

enum sasl_client_result
sasl_client_wrong_as(struct sasl_client *client, const char *why,
    struct span theirs)
{
	sasl_client_note(client, why, theirs);
	explicit_bzero(client->out, sizeof client->out);
	client->is_proved = false;
	return SASL_CLIENT_WRONG;
}

enum sasl_client_result
sasl_client_wrong(struct sasl_client *client, const char *why)
{
	return sasl_client_wrong_as(client, why, SPAN(""));
}

enum sasl_client_result
sasl_client_send(struct sasl_client *client, const struct put *put,
    struct span *out)
{
	if (put->full)
		return sasl_client_wrong(client, "the response is too long");
	*out = put_span(put);
	return SASL_CLIENT_SEND;
}

/* --- the steps */

void
sasl_client_init(struct sasl_client *client,
    const struct sasl_client_mech *mech,
    const struct sasl_client_options *options)
{
	must(mech != NULL);
	memset(client, 0, sizeof *client);
	client->mech = mech;
	client->options = *options;
	client->is_proved = (mech->flags & SASL_CLIENT_PROVES) == 0;
}

static bool
has_nul(struct span text)
{
	return span_find(text, '\0') != text.len;
}

/* What is missing or cannot be said, before anything goes out. */
static const char *
fault_of(const struct sasl_client *client)
{
	const struct sasl_client_options *options = &client->options;
	unsigned flags = client->mech->flags;

	if (has_nul(options->authcid) || has_nul(options->authzid))
		return "there is a NUL in the user name";
	if (has_nul(options->password))
		return "there is a NUL in the password";
	if ((flags & SASL_CLIENT_TOKEN) != 0)
		return options->token.len == 0 ? "a token is needed" : NULL;
	if ((flags & SASL_CLIENT_NO_PASSWORD) == 0 &&
	    options->authcid.len == 0)
		return "a user name is needed";
	if ((flags & SASL_CLIENT_TICKET) != 0 && options->gss == NULL)
		return "Kerberos is not at hand";
	if ((flags & SASL_CLIENT_BINDS) != 0 && options->binding.len == 0)
		return "there is no TLS session to bind to";
	return NULL;
}

enum sasl_client_result
sasl_client_step(struct sasl_client *client, const struct span *challenge,
    struct span *out)
{
	const char *fault = NULL;
	enum sasl_client_result result;

	must(client->mech != NULL && client->step != STEP_OVER);
	must((challenge == NULL) == (client->step == 0));
	*out = SPAN("");
	if (challenge == NULL)
		fault = fault_of(client);
	else if (challenge->len > CHALLENGE_MAX)
		fault = "the server's challenge is too long";
	result = fault != NULL ? sasl_client_wrong(client, fault)
			       : client->mech->step(client, challenge, out);
	must(result == SASL_CLIENT_WRONG || client->step != 0);
	if (result == SASL_CLIENT_WRONG)
		client->step = STEP_OVER;
	return result;
}

void
sasl_client_wipe(struct sasl_client *client)
{
	explicit_bzero(client, sizeof *client);
}
