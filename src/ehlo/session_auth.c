/* SPDX-License-Identifier: Apache-2.0 */
/* A whole AUTH exchange (RFC 4954):
 *
 *     AUTH MECH [initial]  →  334 challenge → response → … →  235, 535 …
 *
 * The mechanism does the arithmetic (sasl/client.h); here is what the wire
 * wants: base64, the length of lines, challenges that are none, and "*". */
#include <openssl/rand.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/put.h"
#include "base/text.h"
#include "ehlo/session_priv.h"
#include "net/binding.h"
#include "net/gss.h"
#include "user/prep.h"

/* RFC 4954 4: the command with its initial response is subject to the limit
 * of RFC 5321 4.5.3.1.4. */
#define AUTH_LINE_MAX 510

struct exchange {
	struct session *session;
	struct sasl_client sasl;
	struct span kept;		/* the response that waits for the
					 * server's empty challenge */
	bool has_kept;
	unsigned char binding[TLS_BINDING_MAX];
	struct gss *gss;		/* Kerberos, if it is wanted */
	char password[4096];		/* prepared */
};

#define FILETIME_1970 UINT64_C(116444736000000000)	/* MS-DTYP 2.3.3 */

/* The strongest binding that this session has (RFC 9266, 5929). */
static void
bind_channel(struct exchange *x, struct sasl_client_options *options)
{
	static const char *const type[] = { "tls-exporter", "tls-unique",
		"tls-server-end-point" };

	if (x->session->dial.ssl == NULL || options->binding_type.len != 0)
		return;
	for (size_t i = 0; i < countof(type); i++) {
		size_t n = tls_binding(x->session->dial.ssl, type[i],
		    x->binding);

		if (n != 0) {
			options->binding_type = span_str(type[i]);
			options->binding = span_of(x->binding, n);
			return;
		}
	}
}

/* "AUTH NAME", and the response if it may and can go with it. */
static struct span
first_line(struct exchange *x, struct span response, bool may_have_response)
{
	struct put out = put_init(x->session->line, sizeof x->session->line);
	size_t bare;

	put_str(&out, "AUTH ");
	put_str(&out, x->sasl.mech->name);
	bare = out.len;
	if (may_have_response) {
		put_char(&out, ' ');
		if (response.len == 0)
			put_char(&out, '=');
		else
			base64_encode(response, &out);
		if (out.full || out.len > AUTH_LINE_MAX)
			may_have_response = false;
	}
	if (!may_have_response)
		out.len = bare;
	return put_span(&out);
}

static enum session_result
start(struct exchange *x, bool no_initial_response)
{
	struct span response = SPAN(""), line;
	enum sasl_client_result result = sasl_client_step(&x->sasl, NULL,
	    &response);

	if (result == SASL_CLIENT_WRONG)
		return session_fail(x->session, SESSION_LOCAL, "%s",
		    x->sasl.why);
	line = first_line(x, response, result == SASL_CLIENT_SEND &&
	    !no_initial_response);
	x->has_kept = result == SASL_CLIENT_SEND &&
	    span_find(span_skip(line, 5), ' ') == line.len - 5;
	x->kept = response;
	return session_say_secret(x->session, STEP_AUTH, line);
}

static enum session_result
cancel(struct exchange *x)
{
	char why[sizeof x->sasl.why];
	enum session_result result;

	memcpy(why, x->sasl.why, sizeof why);
	result = session_say(x->session, STEP_RESPONSE, SPAN("*"));
	if (result != SESSION_OK)
		return result;
	return session_fail(x->session, SESSION_LOCAL, "%s", why);
}

/* The text of a 334. Some servers say words ("NTLM supported"): those count
 * as an empty challenge. */
static struct span
read_challenge(struct exchange *x, char *memory, size_t len)
{
	struct put out = put_init(memory, len);
	struct span text = answer_line(&x->session->answer, 0);

	if (base64_decode(span_trim(text), &out, NULL) == BASE64_OK)
		return put_span(&out);
	session_note(x->session, "the challenge is no base64; taken as empty");
	return SPAN("");
}

static enum session_result
respond(struct exchange *x)
{
	char memory[ANSWER_TEXT_MAX];
	struct span challenge = read_challenge(x, memory, sizeof memory);
	struct put out = put_init(x->session->line, sizeof x->session->line);
	struct span response = x->kept;

	if (!x->has_kept && sasl_client_step(&x->sasl, &challenge,
	    &response) != SASL_CLIENT_SEND)
		return cancel(x);
	x->has_kept = false;
	base64_encode(response, &out);
	must(!out.full);
	return session_say_secret(x->session, STEP_RESPONSE, put_span(&out));
}

/* Until the server has said the last word. */
static enum session_result
go_on(struct exchange *x, enum session_result result)
{
	while (result == SESSION_OK && x->session->answer.code == 334)
		result = respond(x);
	if (result == SESSION_OK && x->session->answer.code == 235 &&
	    !sasl_client_is_proved(&x->sasl))
		return session_fail(x->session, SESSION_BROKEN, "the server "
		    "says yes but did not prove that it knows the password");
	return result;
}

/* Kerberos, where it is asked for by name, or nothing else is at hand. */
static enum session_result
get_ticket(struct exchange *x, const struct sasl_client_mech *mech,
    struct sasl_client_options *options)
{
	struct session *session = x->session;
	char why[GSS_WHY_MAX] = "";

	if (options->gss != NULL || (mech != NULL
		? (mech->flags & SASL_CLIENT_TICKET) == 0
		: options->password.len != 0 || options->token.len != 0 ||
		    !smtp_client_offers(&session->client, SPAN("GSSAPI"))))
		return SESSION_OK;
	x->gss = gss_client_new(options->host, why);
	if (x->gss != NULL)
		options->gss = gss_calls(x->gss);
	else if (mech != NULL)
		return session_fail(session, SESSION_LOCAL, "%s", why);
	return SESSION_OK;
}

/* What the caller's options leave open. */
static bool
fill_options(struct exchange *x, struct sasl_client_options *options)
{
	struct session *session = x->session;

	if (RAND_bytes(options->random, sizeof options->random) != 1)
		return false;
	if (options->host.len == 0 && session->options.host != NULL)
		options->host = span_str(session->options.host);
	if (options->port == 0)
		options->port = session->options.port;
	if (options->offered.len == 0)
		options->offered = span_str(session->client.auth);
	if (options->now_filetime == 0)
		options->now_filetime = FILETIME_1970 +
		    clock_real_ms() * 10000;
	bind_channel(x, options);
	return true;
}

/* All that a mechanism may want of us. */
static enum session_result
prepare(struct exchange *x, const struct sasl_client_mech *mech,
    struct sasl_client_options *options)
{
	if (!fill_options(x, options))
		return session_fail(x->session, SESSION_LOCAL,
		    "the system gives no random numbers");
	return get_ticket(x, mech, options);
}

static void
finish(struct exchange *x)
{
	struct session *session = x->session;

	sasl_client_wipe(&x->sasl);
	gss_free(x->gss);
	mem_wipe(x, sizeof *x);
	mem_wipe(session->line, sizeof session->line);
}

/* SCRAM compares what is typed on any keyboard (RFC 5802 5.1); a password that
 * cannot be prepared is taken as it is. */
static void
begin(struct exchange *x, const struct sasl_client_mech *mech,
    struct sasl_client_options *options)
{
	const unsigned kind = SASL_CLIENT_PROVES | SASL_CLIENT_TICKET;
	struct put prepared = put_init(x->password, sizeof x->password);

	if ((mech->flags & kind) == SASL_CLIENT_PROVES &&
	    user_prep(options->password, &prepared))
		options->password = put_span(&prepared);
	x->session->mech = mech;
	sasl_client_init(&x->sasl, mech, options);
}

enum session_result
session_auth(struct session *session, const struct sasl_client_mech *mech,
    const struct sasl_client_options *options, bool no_initial_response)
{
	struct exchange x = { .session = session };
	struct sasl_client_options all = *options;
	enum session_result result = prepare(&x, mech, &all);

	if (result != SESSION_OK)
		return result;
	if (mech == NULL)
		mech = sasl_client_choose(span_str(session->client.auth),
		    &all, session->client.is_tls);
	if (mech == NULL) {
		gss_free(x.gss);
		return session_fail(session, SESSION_LOCAL, "no way to log in "
		    "that both sides can: the server offers %s%s",
		    session->client.auth[0] != '\0' ? session->client.auth :
		    "none", session->client.is_tls ? "" : " (no TLS)");
	}
	begin(&x, mech, &all);
	result = go_on(&x, start(&x, no_initial_response));
	finish(&x);
	return result;
}

enum session_result
session_auth_rest(struct session *session,
    const struct sasl_client_mech *mech,
    const struct sasl_client_options *options)
{
	struct exchange x = { .session = session };
	struct sasl_client_options all = *options;
	enum session_result result = prepare(&x, mech, &all);

	if (result != SESSION_OK)
		return result;
	begin(&x, mech, &all);
	switch (sasl_client_step(&x.sasl, NULL, &x.kept)) {
	case SASL_CLIENT_SEND:
		x.has_kept = true;
		break;
	case SASL_CLIENT_FIRST:
		break;
	case SASL_CLIENT_WRONG:
		result = cancel(&x);
		break;
	}
	if (result == SESSION_OK)
		result = go_on(&x, SESSION_OK);
	finish(&x);
	return result;
}
