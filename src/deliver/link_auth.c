/* SPDX-License-Identifier: Apache-2.0 */
/* link: logging in at a smarthost (RFC 4954), with the strongest way that both
 * sides can. A login that fails is the operator's business, not the message's:
 * the mail waits, and the log says it loudly. */
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "deliver/link_state.h"
#include "net/binding.h"
#include "sasl/client.h"
#include "smtp/explain.h"

#define FILETIME_1970 UINT64_C(116444736000000000)	/* MS-DTYP 2.3.3 */

#define INITIAL_MAX 510	/* octets of "AUTH …" in one line */
#define LINE_LEN    (BASE64_LEN(SASL_CLIENT_OUT_MAX) + 64)

struct link_auth {
	struct sasl_client sasl;
	struct smtp_step step;
	struct span kept;	/* a first response that was too long */
	bool has_kept, is_cancelled;
	unsigned char binding[TLS_BINDING_MAX];
	char line[LINE_LEN];
};

void
link_auth_free(struct link *link)
{
	if (link->auth == NULL)
		return;
	sasl_client_wipe(&link->auth->sasl);
	mem_wipe(link->auth, sizeof *link->auth);
	free(link->auth);
	link->auth = NULL;
}

static void
fail(struct link *link, const char *words)
{
	log_error("smarthost-login-failed", LOG_Z("host", link->peer.text),
	    LOG_Z("why", words));
	link_fail_words(link, 4, 7, 8, words);
}

static void
bind_channel(struct link *link, struct sasl_client_options *options)
{
	static const char *const types[] = { "tls-exporter", "tls-unique",
		"tls-server-end-point" };
	struct ssl_st *ssl = conn_tls(link->conn);

	for (size_t i = 0; ssl != NULL && i < countof(types); i++) {
		size_t n = tls_binding(ssl, types[i],
		    link->auth->binding);

		if (n == 0)
			continue;
		options->binding_type = span_str(types[i]);
		options->binding = span_of(link->auth->binding, n);
		return;
	}
}

static void
say(struct link *link, enum smtp_step_type type, struct span line)
{
	link->auth->step = (struct smtp_step){ .type = type, .line = line,
		.is_secret = true };
	if (type == STEP_AUTH)
		smtp_client_add(&link->client, &link->auth->step);
	else
		smtp_client_insert(&link->client, &link->auth->step);
}

/* "AUTH NAME", and the response if it may and can go with it. */
static void
say_first(struct link *link, enum sasl_client_result result,
    struct span response)
{
	struct link_auth *auth = link->auth;
	struct put out = put_init(auth->line, sizeof auth->line);
	size_t bare;

	put_str(&out, "AUTH ");
	put_str(&out, auth->sasl.mech->name);
	bare = out.len;
	if (result == SASL_CLIENT_SEND) {
		put_char(&out, ' ');
		if (response.len == 0)
			put_char(&out, '=');
		else
			base64_encode(response, &out);
		auth->has_kept = out.full || out.len > INITIAL_MAX;
		auth->kept = response;
	}
	if (auth->has_kept)
		out.len = bare;
	say(link, STEP_AUTH, put_span(&out));
}

void
link_auth_begin(struct link *link)
{
	struct sasl_client_options options = {
		.authcid = span_str(link->target.route->login),
		.password = span_str(link->password),
		.host = span_str(link->peer.name),
		.port = link->target.via->port,
		.offered = span_str(link->client.auth),
		.now_filetime = FILETIME_1970 + clock_real_ms() * 10000 };
	const struct sasl_client_mech *mech;
	enum sasl_client_result result;
	struct span response = SPAN("");

	link->state = LINK_AUTH;
	link->auth = mem_new(sizeof *link->auth);
	if (getrandom(options.random, sizeof options.random, 0) !=
	    (ssize_t)sizeof options.random) {
		fail(link, "the system gives no random numbers");
		return;
	}
	bind_channel(link, &options);
	mech = sasl_client_choose(span_str(link->client.auth), &options,
	    link->client.is_tls);
	if (mech == NULL) {
		fail(link, link->client.is_tls ? "no way to log in that both "
		    "sides can" : "no way to log in that does not show the "
		    "password in clear: there is no TLS");
		return;
	}
	sasl_client_init(&link->auth->sasl, mech, &options);
	result = sasl_client_step(&link->auth->sasl, NULL, &response);
	if (result == SASL_CLIENT_WRONG)
		fail(link, link->auth->sasl.why);
	else
		say_first(link, result, response);
}

static void
respond(struct link *link, const struct answer *answer)
{
	struct link_auth *auth = link->auth;
	char memory[ANSWER_TEXT_MAX];
	struct put text = put_init(memory, sizeof memory);
	struct put out = put_init(auth->line, sizeof auth->line);
	struct span response = auth->kept, challenge = SPAN("");

	/* words instead of base64 ("NTLM supported") are an empty one */
	if (base64_decode(span_trim(answer_line(answer, 0)), &text, NULL) ==
	    BASE64_OK)
		challenge = put_span(&text);
	if (!auth->has_kept && sasl_client_step(&auth->sasl, &challenge,
	    &response) != SASL_CLIENT_SEND) {
		auth->is_cancelled = true;
		say(link, STEP_RESPONSE, SPAN("*"));
		return;
	}
	auth->has_kept = false;
	base64_encode(response, &out);
	must(!out.full);
	say(link, STEP_RESPONSE, put_span(&out));
}

void
link_auth_take(struct link *link, const struct smtp_client_event *event)
{
	struct link_auth *auth = link->auth;
	const char *words = NULL;
	struct outcome why;

	if (event->type == CLIENT_BROKEN) {
		fail(link, event->why);
		return;
	}
	/* "*" ends it, whatever is asked behind that (RFC 4954 4) */
	if (event->type == CLIENT_ANSWER && event->answer->code == 334 &&
	    !auth->is_cancelled) {
		respond(link, event->answer);
		return;
	}
	if (auth->is_cancelled)
		words = auth->sasl.why;
	else if (event->answer->code == 235 &&
	    !sasl_client_is_proved(&auth->sasl))
		words = "the server says yes but did not prove that it knows "
		    "the password";
	if (words != NULL) {
		fail(link, words);
		return;
	}
	if (event->answer->code == 235) {
		link_auth_free(link);
		link_talk_ready(link);
		return;
	}
	why = smtp_out_outcome(event->answer, EXPLAIN_AUTH, &link->peer);
	why.fate = FATE_LATER;
	why.status[0] = 4;
	log_error("smarthost-login-failed", LOG_Z("host", link->peer.text),
	    LOG_Z("user", link->target.route->login),
	    LOG_U("code", event->answer->code),
	    LOG_S("reply", answer_text(event->answer)));
	link_fail(link, &why);
}
