/* SPDX-License-Identifier: Apache-2.0 */
/* What a server or a domain says, through all of a report, as texts of findings
 * and cells. Promised whatever comes:
 *  1. in the text no byte is a control but LF, in the JSON and the page none
 *     at all but LF, and all are UTF-8;
 *  2. in the page a stranger's "<", ">" or quote is an entity: there are as
 *     many tags as without it. */
#include <stdint.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "ehlo/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span
write_all(struct span words, void (*write)(const struct report *, FILE *))
{
	struct report report;
	struct report_table *table;
	struct report_row *row;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	must(out != NULL);
	report_init(&report, "check", "mail.example.org");
	report.begun_ms = 0;
	report_add_fact(&report, "fact", report_quote(&report, words));
	table = report_add_table(&report, "t", "Title", "One|Two");
	row = report_add_row(&report, table);
	row->cell[0].text = report_quote(&report, words);
	report_add(&report, &(struct report_finding){ .id = "x",
	    .mark = REPORT_BAD, .title = "title",
	    .detail = report_quote(&report, words),
	    .place = report_quote(&report, words) });
	write(&report, out);
	must(fclose(out) == 0);
	report_free(&report);
	return span_of(text, len);
}

static void
check_clean(struct span text)
{
	must(text_is_utf8(text));
	for (size_t i = 0; i < text.len; i++)
		must(text.p[i] == '\n' || !ascii_is_cntrl(text.p[i]));
}

static size_t
count(struct span text, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == c;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span words = span_of(data, size), got, plain;

	got = write_all(words, report_write_text);
	check_clean(got);
	free((void *)(uintptr_t)got.p);
	got = write_all(words, report_write_json);
	check_clean(got);
	must(count(got, '\n') == 1);
	free((void *)(uintptr_t)got.p);
	got = write_all(words, report_write_html);
	plain = write_all(size > 0 ? SPAN("words") : SPAN(""),
	    report_write_html);
	check_clean(got);
	must(count(got, '<') == count(plain, '<'));
	must(count(got, '>') == count(plain, '>'));
	must(count(got, '"') == count(plain, '"'));
	free((void *)(uintptr_t)got.p);
	free((void *)(uintptr_t)plain.p);
	return 0;
}
