/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: base64. decode∘encode is the identity; what decodes is the one
 * text that encodes to it, so nothing has two spellings. */
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_of(data, size);
	char *text = malloc(BASE64_LEN(size) + 1);
	char *bytes = malloc(size + 1);
	struct put encoded = put_init(text, BASE64_LEN(size));
	struct put decoded = put_init(bytes, size);
	size_t at = 0;

	must(text != NULL && bytes != NULL);
	base64_encode(input, &encoded);
	must(!encoded.full && encoded.len == BASE64_LEN(size));
	must(base64_decode(put_span(&encoded), &decoded, NULL) == BASE64_OK);
	must(span_eq(put_span(&decoded), input));

	decoded = put_init(bytes, size);
	if (base64_decode(input, &decoded, &at) == BASE64_OK) {
		encoded = put_init(text, BASE64_LEN(size));
		base64_encode(put_span(&decoded), &encoded);
		must(span_eq(put_span(&encoded), input));
	} else {
		must(size != 0 && at < size);
		must(decoded.len <= at);
	}
	free(text);
	free(bytes);
	return 0;
}
