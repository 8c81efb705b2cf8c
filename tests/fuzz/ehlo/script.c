/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: script. Input: a list of corrections, a line "%%", a file; or a
 * file alone. Whatever it is: reading ends, items are in the order of their
 * lines, texts of lines hold no line end, a reply has a code, a session comes
 * first. */
#include <stdint.h>

#include "base/die.h"
#include "ehlo/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_item(const struct script *script, size_t i)
{
	const struct script_item *item = &script->item[i];
	bool is_text = script->format == SCRIPT_TEXT;
	bool is_line = item->kind == SCRIPT_SAYS ||
	    item->kind == SCRIPT_REPLY ||
	    (item->kind == SCRIPT_HEARS && is_text);

	must(item->line != 0);
	must(item->text.len == 0 || item->text.p != NULL);
	if (is_line)
		must(span_find(item->text, '\n') == item->text.len);
	if (is_line && item->kind != SCRIPT_SAYS)
		must(script_code(item) >= 200 && script_code(item) < 600);
	if (i == 0)
		must(item->kind == SCRIPT_SESSION ||
		    script->format == SCRIPT_TEXT);
	if (i != 0 && script->format != SCRIPT_TEXT)
		must(item->line >= script->item[i - 1].line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size), list = SPAN("");
	struct script_fixes fixes;
	struct script script;
	const char *why;
	unsigned line;

	for (size_t i = 0; i + 3 <= size; i++)
		if (span_starts(span_skip(text, i), SPAN("%%\n"))) {
			list = span_first(text, i);
			text = span_skip(text, i + 3);
			break;
		}
	if (!script_fixes_read(&fixes, list, &line, &why))
		must(why != NULL);
	else if (!script_read(&script, text, &fixes))
		must(script.bad_why != NULL);
	else
		for (size_t i = 0; i < script.n; i++)
			check_item(&script, i);
	if (why == NULL)
		script_free(&script);
	script_fixes_free(&fixes);
	return 0;
}
