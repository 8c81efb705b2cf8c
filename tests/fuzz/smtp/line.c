/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: line. Whole, octet by octet and in pieces, the reader tells
 * what the model tells, reads nothing behind what it was given and never has
 * more than a line kept for it. First octet: mode, limit; second: the piece. */
#include "../../unit/smtp/line_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct put told[4];
	struct span input;
	bool is_lf_only;
	size_t max, cap;

	if (size < 2 || size > 4096)
		return 0;
	is_lf_only = data[0] & 1;
	max = 2u + (data[0] >> 1);
	input = span_of(data + 2, size - 2);
	cap = size * 8;
	for (size_t i = 0; i < countof(told); i++) {
		char *memory = malloc(cap);

		must(memory != NULL);
		told[i] = put_init(memory, cap);
	}
	line_model(input, is_lf_only, max, &told[0]);
	line_run(input, is_lf_only, max, input.len, &told[1]);
	line_run(input, is_lf_only, max, 1, &told[2]);
	line_run(input, is_lf_only, max, 1u + data[1], &told[3]);
	for (size_t i = 0; i < countof(told); i++)
		must(!told[i].full &&
		    span_eq(put_span(&told[i]), put_span(&told[0])));
	for (size_t i = 0; i < countof(told); i++)
		free(told[i].p);
	return 0;
}
