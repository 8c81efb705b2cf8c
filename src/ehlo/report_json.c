/* SPDX-License-Identifier: Apache-2.0 */
/* A report for programs: one object. Its names are part of the interface
 * (ehlo-check(1)). */
#include "base/text.h"
#include "ehlo/report.h"
#include "ehlo/tell.h"

static void
write_pair(FILE *out, const char *name, const char *value)
{
	tell_json(out, span_str(name));
	fputc(':', out);
	tell_json(out, span_str(value));
}

/* "Without login" → "without_login" */
static void
write_key(FILE *out, const char *column, const char *suffix)
{
	fputc('"', out);
	for (const char *c = column; *c != '\0'; c++)
		fputc(ascii_is_alnum(*c) ? ascii_lower(*c) : '_', out);
	fprintf(out, "%s\":", suffix);
}

static void
write_row(FILE *out, const struct report_table *table,
    const struct report_row *row)
{
	fputc('{', out);
	for (size_t i = 0; i < table->column_n; i++) {
		const struct report_cell *cell = &row->cell[i];

		if (i > 0)
			fputc(',', out);
		write_key(out, table->column[i], "");
		tell_json(out, span_str(cell->text));
		if (cell->mark == REPORT_PLAIN)
			continue;
		fputc(',', out);
		write_key(out, table->column[i], "_mark");
		tell_json(out, span_str(report_mark_name(cell->mark)));
	}
	fputc('}', out);
}

static void
write_tables(FILE *out, const struct report *report)
{
	fputs(",\"tables\":[", out);
	for (const struct report_table *t = report->table; t != NULL;
	    t = t->next) {
		fputs(t == report->table ? "{" : ",{", out);
		write_pair(out, "id", t->id);
		fputc(',', out);
		write_pair(out, "title", t->title);
		fputs(",\"rows\":[", out);
		for (const struct report_row *row = t->first; row != NULL;
		    row = row->next) {
			if (row != t->first)
				fputc(',', out);
			write_row(out, t, row);
		}
		fputs("]}", out);
	}
	fputc(']', out);
}

static void
write_findings(FILE *out, const struct report *report)
{
	fputs(",\"findings\":[", out);
	for (const struct report_finding *f = report->finding; f != NULL;
	    f = f->next) {
		fputs(f == report->finding ? "{" : ",{", out);
		write_pair(out, "id", f->id);
		fputc(',', out);
		write_pair(out, "severity", report_mark_name(f->mark));
		fputc(',', out);
		write_pair(out, "title", f->title);
		fputc(',', out);
		write_pair(out, "place", f->place);
		fputc(',', out);
		write_pair(out, "detail", f->detail);
		fputc(',', out);
		write_pair(out, "remedy", f->mark == REPORT_GOOD ? "" :
		    f->remedy);
		fputc(',', out);
		write_pair(out, "reference", f->reference);
		fputc('}', out);
	}
	fputc(']', out);
}

void
report_write_json(const struct report *report, FILE *out)
{
	fputc('{', out);
	write_pair(out, "command", report->command);
	fputc(',', out);
	write_pair(out, "subject", report->subject);
	fprintf(out, ",\"at\":%llu,\"counts\":{",
	    (unsigned long long)(report->begun_ms / 1000));
	for (enum report_mark m = REPORT_BAD; m <= REPORT_GOOD; m++)
		fprintf(out, "%s\"%s\":%u", m == REPORT_BAD ? "" : ",",
		    report_mark_name(m), report->count[m]);
	fprintf(out, "},\"cut\":%s,\"facts\":{",
	    report->is_cut ? "true" : "false");
	for (const struct report_fact *f = report->fact; f != NULL;
	    f = f->next) {
		if (f != report->fact)
			fputc(',', out);
		write_pair(out, f->key, f->value);
	}
	fputc('}', out);
	write_findings(out, report);
	write_tables(out, report);
	fputs("}\n", out);
}
