/* SPDX-License-Identifier: Apache-2.0 */
/* request: 1. Any line is a request of the table or is answered in words that
 * are printable and not empty. 2. Of a request that was taken every field is
 * known, of its type, and what was required is there. */
#include <stdint.h>

#include "base/die.h"
#include "base/text.h"
#include "ctl/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ctl_field fields[] = {
	{ "name", CTL_TEXT, true }, { "n", CTL_NUMBER, false },
	{ "is_dry", CTL_FLAG, false }, { "list", CTL_TEXTS, false },
};
static const struct ctl_request rows[] = {
	{ .name = "status" },
	{ .name = "full", .field = fields, .field_n = countof(fields) },
};
static const struct ctl_request *const table[] = { &rows[0], &rows[1] };

static void
check_text(struct span text)
{
	must(text.len <= 1024);
	for (size_t i = 0; i < text.len; i++)
		must(!ascii_is_cntrl(text.p[i]));
}

static void
check_taken(const json_t *object, const struct ctl_request *row)
{
	must(json_object_size(object) <= 1 + row->field_n);
	for (size_t i = 0; i < row->field_n; i++)
		must(!row->field[i].is_required ||
		    json_object_get(object, row->field[i].name) != NULL);
	check_text(ctl_text(object, "name"));
	must(ctl_number(object, "n") <= UINT64_C(1) << 53);
	(void)ctl_flag(object, "is_dry");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char memory[512];
	struct put error = put_init(memory, sizeof memory);
	json_t *object = ctl_request_parse(span_of(data, size), &error);
	const struct ctl_request *row = NULL;
	size_t at = 0;

	if (object != NULL)
		row = ctl_request_find(object, table, countof(table), &at,
		    &error);
	if (row != NULL) {
		check_taken(object, row);
	} else {
		must(error.len != 0);
		for (size_t i = 0; i < error.len; i++)
			must(!ascii_is_cntrl(error.p[i]));
	}
	json_decref(object);
	return 0;
}
