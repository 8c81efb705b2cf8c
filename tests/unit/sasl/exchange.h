/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: for the tests of sasl; runs steps with base64 as on the wire. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"
#include "sasl/sasl.h"

struct exchange {
	struct sasl_server sasl;
	char bytes[12288];	/* the decoded response */
	char challenge[256];	/* the last one, in base64 */
};

static inline void
begin(struct exchange *x, const char *mech)
{
	const struct sasl_mech *found = sasl_mech_find(span_str(mech));

	assert_non_null(found);
	sasl_server_init(&x->sasl, found);
}

/* A step; `line` is what stands on the wire: base64, "=" or NULL. */
static inline enum sasl_result
say(struct exchange *x, const char *line)
{
	struct put decoded = put_init(x->bytes, sizeof x->bytes);
	struct put encoded = put_init(x->challenge, sizeof x->challenge);
	struct span response, out;
	enum sasl_result result;

	if (line != NULL && strcmp(line, "=") != 0)
		assert_int_equal(base64_decode(span_str(line), &decoded, NULL),
		    BASE64_OK);
	response = put_span(&decoded);
	result = sasl_server_step(&x->sasl, line != NULL ? &response : NULL,
	    &out);
	base64_encode(out, &encoded);
	(void)put_cstr(&encoded);	/* terminated in x->challenge */
	return result;
}

/* A step with raw bytes. */
static inline enum sasl_result
say_bytes(struct exchange *x, struct span bytes)
{
	struct span out;

	return sasl_server_step(&x->sasl, &bytes, &out);
}

#define assert_password(x, expected) \
	do { \
		assert_int_equal((x)->sasl.password_len, strlen(expected)); \
		assert_string_equal((x)->sasl.password, expected); \
	} while (0)

/* No byte of the password is left. */
static inline void
assert_password_gone(const struct exchange *x)
{
	assert_int_equal(x->sasl.password_len, 0);
	for (size_t i = 0; i < sizeof x->sasl.password; i++)
		assert_int_equal(x->sasl.password[i], 0);
}

#endif
