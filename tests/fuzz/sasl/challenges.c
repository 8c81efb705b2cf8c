/* SPDX-License-Identifier: Apache-2.0 */
/* A server says anything to each of the client's mechanisms. The first octet
 * picks one, the second what the options hold; then challenges, each behind
 * two octets of length.
 *
 * 1. An answer is within its bounds.
 * 2. WRONG says why, in words that a terminal may see, and nothing is proved.
 * 3. Without a proof that only one who knows the password can give, SCRAM is
 *    not content: the fuzzer does not know it. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "sasl/client.h"
#include "straw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Iterations in five digits are a minute of nothing. */
static bool
is_slow(struct span text)
{
	for (; text.len > 7; text = span_skip(text, 1))
		if (span_starts(text, SPAN("i="))) {
			size_t n = 2;

			while (n < text.len && ascii_is_digit(text.p[n]))
				n++;
			if (n > 6)
				return true;
		}
	return false;
}

static void
check(const struct sasl_client *client, enum sasl_client_result result,
    struct span out)
{
	bool is_scram = span_starts(span_str(client->mech->name),
	    SPAN("SCRAM"));

	must(out.len <= SASL_CLIENT_OUT_MAX);
	must(!is_scram || !sasl_client_is_proved(client));
	must(memchr(client->why, '\0', sizeof client->why) != NULL);
	for (const char *p = client->why; *p != '\0'; p++)
		must(!ascii_is_cntrl(*p));
	if (result == SASL_CLIENT_WRONG)
		must(client->why[0] != '\0' && !sasl_client_is_proved(client));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), out;
	struct sasl_client_options options = { .authcid = SPAN("Dom\\us,er"),
		.password = SPAN("not known to the fuzzer 8d1f"),
		.token = SPAN("token"), .gss = &straw,
		.binding = SPAN("binding"), .binding_type = SPAN("tls-unique"),
		.offered = SPAN("SCRAM-SHA-1") };
	static struct sasl_client client;
	enum sasl_client_result result;

	if (size < 2 || is_slow(in))
		return 0;
	if ((data[1] & 1) != 0)
		options.authzid = SPAN("boss");
	if ((data[1] & 2) != 0)
		options.authcid = SPAN("user");
	sasl_client_init(&client, sasl_client_at(data[0] % 13), &options);
	in = span_skip(in, 2);
	result = sasl_client_step(&client, NULL, &out);
	check(&client, result, out);
	while (result != SASL_CLIENT_WRONG && in.len != 0) {
		struct span message = straw_take(&in);
		char *exact = malloc(message.len != 0 ? message.len : 1);

		must(exact != NULL);
		if (message.len != 0)
			memcpy(exact, message.p, message.len);
		message.p = exact;
		result = sasl_client_step(&client, &message, &out);
		check(&client, result, out);
		free(exact);
	}
	sasl_client_wipe(&client);
	return 0;
}
