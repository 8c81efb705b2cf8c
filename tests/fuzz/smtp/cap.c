/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: cap. Case changes nothing; a known keyword is its name; the
 * arguments lie inside the line. */
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "smtp/cap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span line = span_of(data, size), args, other;
	enum cap cap = cap_parse(line, &args);
	char *memory = malloc(size + 1);
	struct put flipped = put_init(memory, size);

	must(memory != NULL);
	must((unsigned)cap <= CAP_UNKNOWN);
	must(args.len == 0 || (args.p >= line.p &&
	    args.p + args.len <= line.p + line.len));
	if (cap != CAP_UNKNOWN) {
		struct span name = span_str(cap_name(cap));

		must(span_casestarts(line, name));
		must(size == name.len || data[name.len] == ' ' ||
		    data[name.len] == '\t' || data[name.len] == '=');
		must(cap_parse(name, &other) == cap && other.len == 0);
	}
	for (size_t i = 0; i < size; i++)
		put_char(&flipped, ascii_is_alpha(line.p[i]) ?
		    (char)(line.p[i] ^ 32) : line.p[i]);
	must(cap_parse(put_span(&flipped), &other) == cap);
	must(other.len == args.len);
	free(memory);
	return 0;
}
