/* SPDX-License-Identifier: Apache-2.0 */
/* A client says anything to each of the server's mechanisms. The first octet
 * picks one, the second whether there is an initial response and whether the
 * account may log in; then responses, each behind two octets of length.
 *
 * 1. Challenges are bounded; names are UTF-8, bounded and without NUL.
 * 2. Nobody gets in by SCRAM or NTLM: no proof fits keys that were made up.
 * 3. By GSSAPI only as oneself, and only who may. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "sasl/sasl.h"
#include "straw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sasl_credentials made_up = {
	.may_log_in = true, .has_scram_sha_1 = true,
	.has_scram_sha_256 = true, .has_nt_hash = true,
	.scram_sha_1 = { .hash = SASL_SHA1, .iterations = 4096,
		.salt = "salt", .salt_len = 4, .stored = "x" },
	.scram_sha_256 = { .hash = SASL_SHA256, .iterations = 4096,
		.salt = "salt", .salt_len = 4, .stored = "x" },
	.nt_hash = "no such MD4",
};

static void
check_name(const char name[SASL_NAME_MAX + 1])
{
	const char *end = memchr(name, '\0', SASL_NAME_MAX + 1);

	must(end != NULL);
	must(text_is_utf8(span_of(name, (size_t)(end - name))));
}

static enum sasl_result
step(struct sasl_server *sasl, const struct span *response, bool may)
{
	struct sasl_credentials known = made_up;
	struct span out;
	enum sasl_result result = sasl_server_step(sasl, response, &out);

	known.may_log_in = may;
	if (result == SASL_NEED_CREDENTIALS)
		result = sasl_server_known(sasl, &known, &out);
	must(result != SASL_NEED_CREDENTIALS);
	if (result == SASL_CHALLENGE)
		must(out.len <= SASL_CHALLENGE_MAX);
	if (result == SASL_CHECK_PASSWORD)
		result = sasl_server_checked(sasl, false, true);
	check_name(sasl->authcid);
	check_name(sasl->authzid);
	return result;
}

static enum sasl_result
hear(struct sasl_server *sasl, struct span message, bool may)
{
	char *exact = malloc(message.len != 0 ? message.len : 1);
	enum sasl_result result;

	must(exact != NULL);
	if (message.len != 0)
		memcpy(exact, message.p, message.len);
	message.p = exact;
	result = step(sasl, &message, may);
	free(exact);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_skip(span_of(data, size), 2);
	enum sasl_result result = SASL_CHALLENGE;
	static struct sasl_server sasl;
	bool may;

	if (size < 2)
		return 0;
	may = (data[1] & 2) != 0;
	sasl_server_init(&sasl, sasl_mech_at(data[0] % 8));
	sasl.options.host = SPAN("mail.example.org");
	sasl.options.gss = &straw;
	sasl.options.binding[0] = (struct sasl_binding){ "tls-unique",
		SPAN("binding") };
	sasl.options.binding_n = 1;
	if ((data[1] & 1) != 0)
		result = step(&sasl, NULL, may);
	while (result == SASL_CHALLENGE && in.len != 0)
		result = hear(&sasl, straw_take(&in), may);
	if (result == SASL_DONE) {
		must(sasl.mech == sasl_mech_find(SPAN("GSSAPI")) && may);
		must(sasl.authzid[0] == '\0' ||
		    span_caseeq(span_str(sasl.authzid), SPAN("guyt")));
	}
	if (result == SASL_REFUSED || result == SASL_MALFORMED)
		must(sasl.why != NULL);
	sasl_server_wipe(&sasl);
	return 0;
}
