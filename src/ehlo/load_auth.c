/* SPDX-License-Identifier: Apache-2.0 */
/* The login of one connection of `ehlo load`. */
#include <openssl/rand.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "ehlo/load_priv.h"

#define INITIAL_MAX 510		/* octets of the line, RFC 4954 4 */

static const struct sasl_client_mech *
choose(const struct load_conn *conn)
{
	const struct login *login = conn->load->options->login;

	for (size_t i = 0; i < login->mech_n; i++)
		if (smtp_client_offers(&conn->engine,
		    span_str(login->mech[i]->name)))
			return login->mech[i];
	if (login->mech_n != 0)
		return login->mech[0];
	return sasl_client_choose(span_str(conn->engine.auth), &login->sasl,
	    conn->engine.is_tls);
}

bool
load_auth_begin(struct load_conn *conn)
{
	const struct login *login = conn->load->options->login;
	struct sasl_client_options options = login->sasl;
	const struct sasl_client_mech *mech = choose(conn);
	struct load_login *l = mem_new(sizeof *l);
	struct put out = put_init(l->line, sizeof l->line);
	struct span response = SPAN("");
	enum sasl_client_result result;
	size_t bare;

	conn->login = l;
	if (mech == NULL) {
		load_count_error(conn->load, "AUTH: nothing that fits",
		    span_str(conn->engine.auth));
		return false;
	}
	must(RAND_bytes(options.random, sizeof options.random) == 1);
	options.offered = span_str(conn->engine.auth);
	sasl_client_init(&l->sasl, mech, &options);
	result = sasl_client_step(&l->sasl, NULL, &response);
	if (result == SASL_CLIENT_WRONG) {
		load_count_error(conn->load, "AUTH",
		    span_str(l->sasl.why));
		return false;
	}
	put_str(&out, "AUTH ");
	put_str(&out, mech->name);
	bare = out.len;
	if (result == SASL_CLIENT_SEND && !login->no_initial_response) {
		put_char(&out, ' ');
		if (response.len == 0)
			put_char(&out, '=');
		else
			base64_encode(response, &out);
	}
	l->has_kept = result == SASL_CLIENT_SEND &&
	    (out.len == bare || out.full || out.len > INITIAL_MAX);
	l->kept = response;
	if (l->has_kept)
		out.len = bare;
	conn->auth = (struct smtp_step){ .type = STEP_AUTH,
		.line = put_span(&out) };
	smtp_client_add(&conn->engine, &conn->auth);
	return true;
}

/* A challenge that is no base64 counts as an empty one (sasl/client.h). */
static bool
respond(struct load_conn *conn, const struct answer *answer)
{
	struct load_login *l = conn->login;
	char memory[ANSWER_TEXT_MAX];
	struct put decoded = put_init(memory, sizeof memory);
	struct put out = put_init(l->line, sizeof l->line);
	struct span challenge = SPAN(""), response = l->kept;

	if (base64_decode(span_trim(answer_line(answer, 0)), &decoded,
	    NULL) == BASE64_OK)
		challenge = put_span(&decoded);
	if (!l->has_kept && sasl_client_step(&l->sasl, &challenge,
	    &response) != SASL_CLIENT_SEND) {
		load_count_error(conn->load, "AUTH",
		    span_str(l->sasl.why));
		return false;
	}
	l->has_kept = false;
	base64_encode(response, &out);
	must(!out.full);
	conn->auth = (struct smtp_step){ .type = STEP_RESPONSE,
		.line = put_span(&out) };
	smtp_client_add(&conn->engine, &conn->auth);
	return true;
}

bool
load_auth_answer(struct load_conn *conn, const struct answer *answer)
{
	char what[32];

	if (answer->code == 334)
		return respond(conn, answer);
	if (answer->code == 235 && sasl_client_is_proved(&conn->login->sasl)) {
		conn->load->totals.logins++;
		return true;
	}
	(void)snprintf(what, sizeof what, "AUTH %u", answer->code);
	load_count_error(conn->load, what, answer_line(answer,
	    answer->n_lines - 1));
	return false;
}

void
load_auth_end(struct load_conn *conn)
{
	if (conn->login == NULL)
		return;
	if (conn->login->sasl.mech != NULL)
		sasl_client_wipe(&conn->login->sasl);
	mem_wipe(conn->login, sizeof *conn->login);
	free(conn->login);
	conn->login = NULL;
}
