/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: look, on the input as base64 and as a message. A sound string
 * decodes as base64_decode() does it, and what is not sound does not; guesses
 * decode; what is told of a message lies in it or in the look itself. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "sasl/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct look_base64 judged;
static struct look look;
static char decoded[LOOK_MAX], again[LOOK_MAX];

static bool
lies_in(struct span part, const void *p, size_t len)
{
	const char *whole = p;

	return part.p >= whole && part.p + part.len <= whole + len;
}

static void
check_message(struct span bytes)
{
	look_message(bytes, &look);
	must((unsigned)look.kind < LOOK_KINDS && look.what[0] != '\0');
	must(look_kind_name(look.kind)[0] != '\0');
	must(look.n_fields <= LOOK_FIELDS_MAX &&
	    look.n_warnings <= LOOK_WARNINGS_MAX);
	for (unsigned i = 0; i < look.n_fields; i++) {
		struct span value = look.field[i].value;

		/* or words of ours */
		must(value.len == 0 || lies_in(value, bytes.p, bytes.len) ||
		    lies_in(value, &look, sizeof look) ||
		    span_starts(value, SPAN("NTLM")) ||
		    span_eq(value, SPAN("none")));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct put out = put_init(decoded, sizeof decoded);
	struct put other = put_init(again, sizeof again);
	enum base64_result result;

	if (size > 8192)
		return 0;
	look_base64(text, &judged, &out);
	result = base64_decode(text, &other, NULL);
	must((judged.trap == LOOK_SOUND) ==
	    (result == BASE64_OK && size != 0));
	if (judged.trap == LOOK_SOUND)
		must(span_eq(put_span(&out), put_span(&other)));
	else
		must(judged.why[0] != '\0' && judged.at <= size);
	for (unsigned i = 0; i < judged.n_guesses; i++) {
		other.len = 0;
		must(base64_decode(judged.guess[i], &other, NULL) ==
		    BASE64_OK);
	}
	check_message(text);
	check_message(put_span(&out));
	return 0;
}
