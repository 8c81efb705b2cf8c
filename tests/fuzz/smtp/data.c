/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: data. Whole, octet by octet and in pieces, the reader gives
 * what the model gives; no CR or LF comes out but as CRLF; what came out,
 * stuffed and sent on, comes out again and ends where it should. First octet:
 * mode; second: the piece. */
#include <stdlib.h>

#include "base/die.h"

#include "../../unit/smtp/data_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct data_result
result_new(size_t cap)
{
	char *memory = malloc(cap);

	must(memory != NULL);
	return (struct data_result){ .out = put_init(memory, cap) };
}

static void
check_same(struct span in, bool is_lf_only, size_t first, size_t step,
    const struct data_result *want)
{
	struct data_result got = result_new(want->out.cap);

	data_run(in, is_lf_only, first, step, &got);
	must(!got.out.full);
	must(span_eq(put_span(&got.out), put_span(&want->out)));
	must(got.is_end == want->is_end);
	must(!got.is_end || got.used == want->used);
	must(got.flaws == want->flaws);
	must(got.is_lf_only == want->is_lf_only);
	free(got.out.p);
}

static void
check_safe(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '\r') {
			must(i + 1 < text.len && text.p[i + 1] == '\n');
			i++;
		} else {
			must(text.p[i] != '\n');
		}
	}
}

static void
check_survives(struct span text)
{
	struct data_result wire = result_new(text.len * 2 + 8);
	struct data_result again = result_new(text.len + 8);
	bool is_lines = text.len == 0 || text.p[text.len - 1] == '\n';

	data_stuff(text, &wire.out);
	put_str(&wire.out, is_lines ? ".\r\n" : "\r\n.\r\n");
	must(!wire.out.full);
	data_run(put_span(&wire.out), false, wire.out.len, 1, &again);
	must(again.is_end && again.used == wire.out.len);
	must((again.flaws & (DATA_BARE_LF | DATA_BARE_CR)) == 0);
	if (!is_lines)
		again.out.len -= 2;
	must(span_eq(put_span(&again.out), text));
	free(wire.out.p);
	free(again.out.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct data_result want;
	struct span input;
	bool is_lf_only;

	if (size < 2)
		return 0;
	is_lf_only = data[0] & 1;
	input = span_of(data + 2, size - 2);
	want = result_new(size * 2 + 8);
	data_model(input, is_lf_only, &want);
	must(!want.out.full);
	check_same(input, is_lf_only, input.len, input.len, &want);
	check_same(input, is_lf_only, 1, 1, &want);
	check_same(input, is_lf_only, 1u + data[1], 1u + data[1], &want);
	check_same(input, is_lf_only, 1u + data[1], input.len, &want);
	check_safe(put_span(&want.out));
	check_survives(put_span(&want.out));
	free(want.out.p);
	return 0;
}
