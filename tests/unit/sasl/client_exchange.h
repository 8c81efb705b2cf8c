/* SPDX-License-Identifier: Apache-2.0 */
/* client_exchange: for the tests of the client's side: steps with text. */
#ifndef CLIENT_EXCHANGE_H
#define CLIENT_EXCHANGE_H

#include "../test.h"
#include "sasl/client.h"

static inline struct sasl_client_options
options_of(const char *user, const char *password)
{
	return (struct sasl_client_options){ .authcid = span_str(user),
		.password = span_str(password) };
}

static inline void
client_begin(struct sasl_client *client, const char *mech,
    const struct sasl_client_options *options)
{
	const struct sasl_client_mech *found =
	    sasl_client_find(span_str(mech));

	assert_non_null(found);
	sasl_client_init(client, found, options);
}

/* One step; `out` may be NULL. */
static inline enum sasl_client_result
client_hear(struct sasl_client *client, struct span challenge,
    struct span *out)
{
	struct span ignored;

	return sasl_client_step(client, &challenge,
	    out != NULL ? out : &ignored);
}

static inline enum sasl_client_result
client_start(struct sasl_client *client, struct span *out)
{
	struct span ignored;

	return sasl_client_step(client, NULL, out != NULL ? out : &ignored);
}

/* The step is WRONG, says why, and nothing more can be believed. */
#define assert_wrong(client, challenge) \
	do { \
		assert_int_equal(client_hear(client, challenge, NULL), \
		    SASL_CLIENT_WRONG); \
		assert_true((client)->why[0] != '\0'); \
		assert_false(sasl_client_is_proved(client)); \
	} while (0)

/* Hexadecimal to bytes. */
static inline struct span
unhex(const char *hex, char *memory, size_t max)
{
	struct put out = put_init(memory, max);
	unsigned value;

	for (; hex[0] != '\0'; hex += hex[0] == ' ' ? 1 : 2) {
		if (hex[0] == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &value), 1);
		put_char(&out, (char)value);
	}
	assert_false(out.full);
	return put_span(&out);
}

#endif
