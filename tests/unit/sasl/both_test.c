/* SPDX-License-Identifier: Apache-2.0 */
/* The client against the server, in one process: right and wrong passwords,
 * bindings and identities; messages with any byte changed; and what a server
 * keeps of a session. */
#include <stdlib.h>

#include "client_exchange.h"
#include "sasl/sasl.h"

#define USER     "g\xc3\xbcyt,=x"
#define PASSWORD "P\xc3\xa4uline13"
#define BINDING  SPAN("\0\1binding\377")

/* Runs the two against each other. */
struct pair {
	struct sasl_client client;
	struct sasl_server server;
	struct sasl_client_options options;
	struct sasl_credentials known;
	bool with_initial;
	unsigned messages;
	/* the message of that number has this bit turned over */
	unsigned spoiled;
	size_t bit;
	bool is_spoiled;
	enum sasl_result result;
	bool is_client_wrong;
};

static void
init_pair(struct pair *p, const char *mech)
{
	bool is_plus = strstr(mech, "-PLUS") != NULL;

	memset(p, 0, sizeof *p);
	p->with_initial = true;
	p->options = options_of(USER, PASSWORD);
	memset(p->options.random, 7, sizeof p->options.random);
	p->options.now_filetime = 1;
	if (is_plus) {
		p->options.binding = BINDING;
		p->options.binding_type = SPAN("tls-exporter");
	}
	sasl_client_init(&p->client, sasl_client_find(span_str(mech)),
	    &p->options);
	sasl_server_init(&p->server, sasl_mech_find(span_str(mech)));
	memset(p->server.options.random, 9, sizeof p->server.options.random);
	p->server.options.host = SPAN("mail.example.org");
	p->server.options.now_filetime = 0x01d0000000000000;
	p->server.options.offers_binding = is_plus;
	p->server.options.binding[0] = (struct sasl_binding){
		"tls-server-end-point", SPAN("x") };
	p->server.options.binding[1] = (struct sasl_binding){ "tls-exporter",
		BINDING };
	p->server.options.binding_n = is_plus ? 2 : 0;
}

static void
store(struct pair *p, const char *password)
{
	static struct sasl_credentials usual;	/* of PASSWORD, made once */
	struct sasl_credentials *known = &p->known;
	bool is_usual = strcmp(password, PASSWORD) == 0;

	if (is_usual && usual.may_log_in) {
		*known = usual;
		return;
	}
	*known = (struct sasl_credentials){ .may_log_in = true,
		.has_scram_sha_1 = true, .has_scram_sha_256 = true,
		.has_nt_hash = true,
		.scram_sha_1 = { .hash = SASL_SHA1, .iterations = 4096,
			.salt = "salt", .salt_len = 4 },
		.scram_sha_256 = { .hash = SASL_SHA256, .iterations = 4096,
			.salt = "salz", .salt_len = 4 } };
	assert_true(scram_derive(span_str(password), &known->scram_sha_1,
	    NULL));
	assert_true(scram_derive(span_str(password), &known->scram_sha_256,
	    NULL));
	assert_true(ntlm_hash(span_str(password), known->nt_hash));
	if (is_usual)
		usual = *known;
}

/* The message as it arrives: a copy of exactly its length. */
static struct span
carry(struct pair *p, struct span message, char **copy)
{
	*copy = malloc(message.len != 0 ? message.len : 1);
	assert_non_null(*copy);
	if (message.len != 0)
		memcpy(*copy, message.p, message.len);
	if (++p->messages == p->spoiled && p->bit / 8 < message.len) {
		(*copy)[p->bit / 8] ^= (char)(1 << p->bit % 8);
		p->is_spoiled = true;
	}
	return span_of(*copy, message.len);
}

static enum sasl_result
server_hears(struct pair *p, const struct span *response, struct span *out)
{
	enum sasl_result result = sasl_server_step(&p->server, response, out);

	if (result == SASL_NEED_CREDENTIALS)
		result = sasl_server_known(&p->server, &p->known, out);
	if (result == SASL_CHECK_PASSWORD)
		result = sasl_server_checked(&p->server,
		    span_eq(span_str(p->server.password), SPAN(PASSWORD)),
		    false);
	return result;
}

static void
run(struct pair *p)
{
	struct span response, challenge = SPAN("");
	char *copy = NULL;
	enum sasl_client_result said = sasl_client_step(&p->client, NULL,
	    &response);

	p->result = SASL_CHALLENGE;
	if (said == SASL_CLIENT_FIRST || !p->with_initial)
		p->result = server_hears(p, NULL, &challenge);
	while (p->result == SASL_CHALLENGE) {
		struct span heard;

		if (said == SASL_CLIENT_FIRST) {
			heard = carry(p, challenge, &copy);
			said = sasl_client_step(&p->client, &heard, &response);
			free(copy);
		}
		if (said == SASL_CLIENT_WRONG) {
			p->is_client_wrong = true;
			return;
		}
		heard = carry(p, response, &copy);
		p->result = server_hears(p, &heard, &challenge);
		free(copy);
		said = SASL_CLIENT_FIRST;	/* its turn */
	}
}

static const char *const mechs[] = { "SCRAM-SHA-256-PLUS",
	"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "NTLM", "PLAIN",
	"LOGIN" };

static void
right_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(mechs); i++)
		for (unsigned initial = 0; initial < 2; initial++) {
			struct pair p;

			init_pair(&p, mechs[i]);
			store(&p, PASSWORD);
			p.with_initial = initial;
			run(&p);
			if (p.result != SASL_DONE || p.is_client_wrong)
				fail_msg("%s: %s %s", mechs[i], p.client.why,
				    p.server.why);
			assert_string_equal(p.server.authcid, USER);
			assert_true(sasl_client_is_proved(&p.client));
		}
}

static void
wrong_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct pair p;

		init_pair(&p, mechs[i]);
		store(&p, "Pauline13");
		run(&p);
		assert_int_equal(p.result, SASL_REFUSED);
		assert_string_equal(p.server.why, "wrong password");
		assert_false((p.client.mech->flags & SASL_CLIENT_PROVES) != 0 &&
		    sasl_client_is_proved(&p.client));
	}
}

static void
who_may_not_log_in_does_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct pair p;

		init_pair(&p, mechs[i]);
		store(&p, PASSWORD);
		p.known.may_log_in = false;
		run(&p);
		assert_int_equal(p.result, SASL_REFUSED);
		init_pair(&p, mechs[i]);
		store(&p, PASSWORD);
		p.known.has_scram_sha_1 = p.known.has_scram_sha_256 =
		    p.known.has_nt_hash = false;
		run(&p);
		assert_int_equal(p.result, SASL_REFUSED);
		assert_non_null(strstr(p.server.why, "stored"));
	}
}

static void
acting_as_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct pair p;

		init_pair(&p, mechs[i]);
		store(&p, PASSWORD);
		p.client.options.authzid = SPAN("boss");
		run(&p);
		assert_int_equal(p.result, SASL_REFUSED);
		assert_string_equal(p.server.why,
		    "may not act as another user");
		init_pair(&p, mechs[i]);
		store(&p, PASSWORD);
		p.client.options.authzid = SPAN(USER);
		run(&p);
		assert_int_equal(p.result, SASL_DONE);
	}
}

static void
somebody_in_between(void **state)
{
	struct pair p;

	(void)state;
	init_pair(&p, "SCRAM-SHA-256-PLUS");
	store(&p, PASSWORD);
	p.client.options.binding = SPAN("\0\1binding\376");
	run(&p);
	assert_int_equal(p.result, SASL_REFUSED);
	assert_non_null(strstr(p.server.why, "channel bindings differ"));
	/* our offer was taken out of the list that the client saw */
	init_pair(&p, "SCRAM-SHA-256");
	store(&p, PASSWORD);
	p.client.options.binding = BINDING;
	p.client.options.binding_type = SPAN("tls-exporter");
	p.client.options.offered = SPAN("SCRAM-SHA-256 PLAIN");
	p.server.options.offers_binding = true;
	run(&p);
	assert_int_equal(p.result, SASL_REFUSED);
	assert_non_null(strstr(p.server.why, "did not see"));
}

/* SCRAM with one bit turned over in one message: never are both sides
 * content, and never is there a read behind the end. */
static void
every_bit_counts(void **state)
{
	static const char *const bound[] = { "SCRAM-SHA-1-PLUS",
		"SCRAM-SHA-1" };

	(void)state;
	for (size_t i = 0; i < countof(bound); i++)
		for (unsigned message = 1; message <= 4; message++)
			for (size_t bit = 0; bit < 8 * 120; bit += 29) {
				struct pair p;

				init_pair(&p, bound[i]);
				store(&p, PASSWORD);
				p.spoiled = message;
				p.bit = bit;
				run(&p);
				if (p.is_spoiled && p.result == SASL_DONE &&
				    sasl_client_is_proved(&p.client))
					fail_msg("%s: message %u bit %zu",
					    bound[i], message, bit);
			}
}

/* seen to catch: a MIC that is not looked at
 * (tests/faults/sasl-ntlm-mic.patch): the time in the server's challenge is
 * what the client's MIC covers, and nothing else of ours does. */
static void
the_mic_covers_all_three(void **state)
{
	(void)state;
	for (unsigned message = 1; message <= 3; message++) {
		struct pair p;

		init_pair(&p, "NTLM");
		store(&p, PASSWORD);
		p.spoiled = message;
		/* 1: a version; 2: reserved octets; 3: a version */
		p.bit = 8 * (message == 1 ? 33 : message == 2 ? 50 : 65);
		run(&p);
		assert_int_equal(p.result, SASL_REFUSED);
		assert_non_null(strstr(p.server.why, "MIC"));
	}
}

/* seen to catch: NTLMv1 taken (tests/faults/sasl-ntlm-v1.patch). The response
 * of 24 octets is the proof of the empty blob, right as far as it goes. */
static void
ntlm_of_version_1_is_refused(void **state)
{
	static const size_t len[] = { 0, 16, 24, 43 };

	(void)state;
	for (size_t i = 0; i < countof(len); i++) {
		unsigned char key[NTLM_KEY_LEN], proof[NTLM_KEY_LEN];
		char memory[512], blob[64] = "";
		struct put put = put_init(memory, sizeof memory);
		struct span message, out;
		struct pair p;
		size_t at = 88, rest = len[i] > 16 ? len[i] - 16 : 0;

		init_pair(&p, "NTLM");
		store(&p, PASSWORD);
		assert_int_equal(sasl_client_step(&p.client, NULL, &message),
		    SASL_CLIENT_SEND);
		assert_int_equal(sasl_server_step(&p.server, &message, &out),
		    SASL_CHALLENGE);
		assert_true(ntlm_key(p.known.nt_hash, SPAN("u\0"), SPAN(""),
		    key));
		assert_true(ntlm_proof(key, p.server.options.random,
		    span_of(blob, rest), proof));
		ntlm_put_head(&put, NTLM_AUTHENTICATE);
		ntlm_put_field(&put, 0, &at);
		ntlm_put_field(&put, len[i], &at);
		ntlm_put_field(&put, 0, &at);
		ntlm_put_field(&put, 2, &at);
		ntlm_put_field(&put, 0, &at);
		ntlm_put_field(&put, 0, &at);
		ntlm_put_u32(&put, NTLM_UNICODE);
		ntlm_put_version(&put);
		put_bytes(&put, span_of(blob, 16));	/* no MIC */
		put_bytes(&put, span_first(span_of(proof, sizeof proof),
		    len[i]));
		put_bytes(&put, span_of(blob, rest));
		put_bytes(&put, SPAN("u\0"));
		message = put_span(&put);
		assert_int_equal(server_hears(&p, &message, &out),
		    SASL_REFUSED);
		assert_string_equal(p.server.why,
		    "NTLMv1, or no password at all");
	}
}

/* --- GSSAPI: a Kerberos of straw on both sides */

static int
straw_step(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	(void)arg;
	if (span_eq(in, SPAN("bad"))) {
		snprintf(why, why_len, "bad token");
		return -1;
	}
	*out = in.len == 0 ? SPAN("hello") : SPAN("");
	return in.len == 0;	/* the client's first */
}

static int
straw_wrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	char *memory = arg;
	struct put put = put_init(memory, 64);

	(void)why;
	(void)why_len;
	put_str(&put, "seal");
	put_bytes(&put, in);
	*out = put_span(&put);
	return 0;
}

static int
straw_unwrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	(void)arg;
	if (!span_starts(in, SPAN("seal"))) {
		snprintf(why, why_len, "no seal");
		return -1;
	}
	*out = span_skip(in, 4);
	return 0;
}

static int
straw_peer(void *arg, struct span *out, char *why, size_t why_len)
{
	(void)arg;
	(void)why;
	(void)why_len;
	*out = SPAN("guyt");
	return 0;
}

static void
gssapi(void **state)
{
	static const struct {
		const char *choice;
		size_t len;
		enum sasl_result result;
	} row[] = {
		{ "seal\1\0\0\0", 8, SASL_DONE },
		{ "seal\1\0\0\0guyt", 12, SASL_DONE },
		{ "seal\1\0\0\0boss", 12, SASL_REFUSED },
		{ "seal\2\0\0\0", 8, SASL_MALFORMED },
		{ "seal\3\0\0\0", 8, SASL_MALFORMED },
		{ "seal\1\0\0", 7, SASL_MALFORMED },
		{ "seal", 4, SASL_MALFORMED },
		{ "\1\0\0\0", 4, SASL_REFUSED },
	};
	char memory[64];
	const struct sasl_gss gss = { memory, straw_step, straw_wrap,
		straw_unwrap, straw_peer };

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct span in = SPAN("ticket"), out;
		struct pair p;

		init_pair(&p, "GSSAPI");
		store(&p, PASSWORD);
		p.server.options.gss = &gss;
		assert_int_equal(server_hears(&p, NULL, &out),
		    SASL_CHALLENGE);
		assert_int_equal(server_hears(&p, &in, &out), SASL_CHALLENGE);
		assert_span(out, SPAN("seal\1\0\0\0"));
		in = span_of(row[i].choice, row[i].len);
		assert_int_equal(server_hears(&p, &in, &out), row[i].result);
	}
}

static void
gssapi_refuses(void **state)
{
	char memory[64];
	const struct sasl_gss gss = { memory, straw_step, straw_wrap,
		straw_unwrap, straw_peer };
	struct span in = SPAN("bad"), out;
	struct pair p;

	(void)state;
	init_pair(&p, "GSSAPI");
	assert_int_equal(server_hears(&p, &in, &out), SASL_REFUSED);
	assert_string_equal(p.server.why, "Kerberos is not at hand");
	init_pair(&p, "GSSAPI");
	p.server.options.gss = &gss;
	assert_int_equal(server_hears(&p, &in, &out), SASL_REFUSED);
	assert_string_equal(p.server.why, "bad token");
	/* he has a ticket, and no account */
	init_pair(&p, "GSSAPI");
	p.server.options.gss = &gss;
	in = SPAN("ticket");
	assert_int_equal(server_hears(&p, &in, &out), SASL_CHALLENGE);
	in = SPAN("seal\1\0\0\0");
	assert_int_equal(server_hears(&p, &in, &out), SASL_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_password),
		cmocka_unit_test(wrong_password),
		cmocka_unit_test(who_may_not_log_in_does_not),
		cmocka_unit_test(acting_as_another),
		cmocka_unit_test(somebody_in_between),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(the_mic_covers_all_three),
		cmocka_unit_test(ntlm_of_version_1_is_refused),
		cmocka_unit_test(gssapi),
		cmocka_unit_test(gssapi_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
