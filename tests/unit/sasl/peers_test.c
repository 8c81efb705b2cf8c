/* SPDX-License-Identifier: Apache-2.0 */
/* Our client against servers of others, GNU SASL and Cyrus SASL. What two of
 * our own agree upon may be wrong in both. */
#include <stdlib.h>
#include <unistd.h>

#include <gsasl.h>

#include "client_exchange.h"

#define USER     "us,e=r"
#define PASSWORD "pencil, with b\xc3\xa4nding"
#define BINDING  "0123456789abcdef0123456789abcdef"

static struct sasl_client_options
usual_options(const char *mech, const char *password)
{
	struct sasl_client_options options = options_of(USER, password);

	memset(options.random, 42, sizeof options.random);
	options.now_filetime = 0x01d0000000000000;
	if (strstr(mech, "-PLUS") != NULL) {
		options.binding = SPAN(BINDING);
		options.binding_type = SPAN("tls-exporter");
	}
	return options;
}

/* --- GNU SASL */

static int
gsasl_asks(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	char binding[64];
	struct put put = put_init(binding, sizeof binding);

	(void)context;
	switch (property) {
	case GSASL_PASSWORD:
		return gsasl_property_set(session, property, PASSWORD);
	case GSASL_CB_TLS_EXPORTER:
		base64_encode(SPAN(BINDING), &put);
		return gsasl_property_set(session, property, put_cstr(&put));
	case GSASL_VALIDATE_SIMPLE:
		return strcmp(gsasl_property_fast(session, GSASL_PASSWORD),
		    PASSWORD) == 0 ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* True if both sides are content. */
static bool
talk_to_gsasl(const char *mech, const char *password)
{
	struct sasl_client_options options = usual_options(mech, password);
	struct sasl_client client;
	Gsasl *context;
	Gsasl_session *session;
	enum sasl_client_result said;
	int heard = GSASL_NEEDS_MORE;
	struct span response = SPAN("");
	char *out = NULL;
	size_t len = 0;

	assert_int_equal(gsasl_init(&context), GSASL_OK);
	gsasl_callback_set(context, gsasl_asks);
	assert_int_equal(gsasl_server_start(context, mech, &session),
	    GSASL_OK);
	client_begin(&client, mech, &options);
	said = client_start(&client, &response);
	if (said == SASL_CLIENT_FIRST) {
		heard = gsasl_step(session, NULL, 0, &out, &len);
		said = client_hear(&client, span_of(out, len), &response);
		gsasl_free(out);
	}
	while (said == SASL_CLIENT_SEND && heard == GSASL_NEEDS_MORE) {
		out = NULL;
		heard = gsasl_step(session, response.p, response.len, &out,
		    &len);
		if (heard != GSASL_OK && heard != GSASL_NEEDS_MORE)
			break;
		if (len != 0 || heard == GSASL_NEEDS_MORE)
			said = client_hear(&client, span_of(out, len),
			    &response);
		gsasl_free(out);
	}
	gsasl_finish(session);
	gsasl_done(context);
	return heard == GSASL_OK && said == SASL_CLIENT_SEND &&
	    sasl_client_is_proved(&client);
}

static void
gnu_sasl(void **state)
{
	static const char *const mechs[] = { "PLAIN", "LOGIN", "CRAM-MD5",
		"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
		"SCRAM-SHA-256-PLUS" };

	(void)state;
	for (size_t i = 0; i < countof(mechs); i++) {
		if (!talk_to_gsasl(mechs[i], PASSWORD))
			fail_msg("%s: the right password", mechs[i]);
		if (talk_to_gsasl(mechs[i], "wrong"))
			fail_msg("%s: a wrong password", mechs[i]);
	}
}

/* --- Cyrus SASL, whose names are ours: a program of its own (cyrus_peer.c) */

static FILE *to_peer, *from_peer;

static void
start_peer(void)
{
	int in[2], out[2];
	pid_t pid;

	assert_non_null(getenv("CYRUS_PEER"));
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1 &&
		    close(in[1]) == 0)
			(void)execl(getenv("CYRUS_PEER"), "cyrus_peer", NULL);
		_exit(127);	/* the test sees the end */
	}
	assert_int_equal(close(in[0]), 0);
	assert_int_equal(close(out[1]), 0);
	to_peer = fdopen(in[1], "w");
	from_peer = fdopen(out[0], "r");
	assert_non_null(to_peer);
	assert_non_null(from_peer);
}

/* Says a line, "-" for no bytes at all; `verdict` is what comes back: '+' go
 * on, '=' content, '!' refused. */
static struct span
ask_peer(const char *word, const struct span *bytes, char *memory,
    size_t max, char *verdict)
{
	char line[16384], hex[8192];
	struct put put = put_init(hex, sizeof hex);

	if (bytes != NULL)
		put_hex(&put, *bytes);
	else
		put_char(&put, '-');
	fprintf(to_peer, "%s %s\n", word, put_cstr(&put));
	assert_int_equal(fflush(to_peer), 0);
	assert_non_null(fgets(line, sizeof line, from_peer));
	line[strcspn(line, "\n")] = '\0';
	*verdict = line[0];
	return unhex(line + 1, memory, max);
}

/* True if both sides are content. */
static bool
talk_to_cyrus(const char *mech, const char *password)
{
	struct sasl_client_options options = usual_options(mech, password);
	struct sasl_client client;
	char memory[4096], verdict;
	struct span response, heard;
	enum sasl_client_result said;

	options.authcid = SPAN("user");
	client_begin(&client, mech, &options);
	said = client_start(&client, &response);
	heard = ask_peer(mech, said == SASL_CLIENT_SEND ? &response : NULL,
	    memory, sizeof memory, &verdict);
	while (verdict == '+') {
		said = client_hear(&client, heard, &response);
		if (said != SASL_CLIENT_SEND)
			return false;
		heard = ask_peer("step", &response, memory, sizeof memory,
		    &verdict);
	}
	if (verdict == '=' && heard.len != 0)
		said = client_hear(&client, heard, &response);
	return verdict == '=' && said == SASL_CLIENT_SEND &&
	    sasl_client_is_proved(&client);
}

static void
cyrus_sasl(void **state)
{
	static const char *const mechs[] = { "PLAIN", "LOGIN", "CRAM-MD5",
		"NTLM", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
		"SCRAM-SHA-256-PLUS" };

	(void)state;
	start_peer();
	for (size_t i = 0; i < countof(mechs); i++) {
		if (!talk_to_cyrus(mechs[i], "pencil"))
			fail_msg("%s: the right password", mechs[i]);
		if (talk_to_cyrus(mechs[i], "wrong"))
			fail_msg("%s: a wrong password", mechs[i]);
	}
	(void)fclose(to_peer);	/* it ends */
	(void)fclose(from_peer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gnu_sasl),
		cmocka_unit_test(cyrus_sasl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
