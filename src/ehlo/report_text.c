/* SPDX-License-Identifier: Apache-2.0 */
/* A report for a person at a terminal or in a mail: 80 columns, the worst
 * first. */
#include <string.h>

#include "ehlo/report.h"
#include "ehlo/tell.h"

#define WIDTH 78

struct pen {
	FILE *out;
	bool has_colour;
};

static const char *
colour(const struct pen *pen, enum report_mark mark)
{
	static const char *const code[] = { "\033[1;31m", "\033[1;33m",
		"\033[36m", "\033[2m", "\033[32m", "" };

	return pen->has_colour ? code[mark] : "";
}

static const char *
plain(const struct pen *pen)
{
	return pen->has_colour ? "\033[0m" : "";
}

/* Columns of a terminal, near enough: characters. */
static size_t
width(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

/* `label` and the text behind it, broken at spaces, the later lines under the
 * first. */
static void
write_wrapped(const struct pen *pen, size_t indent, const char *label,
    const char *text)
{
	struct span rest = span_str(text), word;
	size_t begin = indent + width(span_str(label)), at = begin;
	bool is_first = true;

	fprintf(pen->out, "%*s%s", (int)indent, "", label);
	while (rest.len > 0) {
		word = span_cut(&rest, ' ');
		if (!is_first && at + 1 + width(word) > WIDTH) {
			fprintf(pen->out, "\n%*s", (int)begin, "");
			at = begin;
		} else if (!is_first) {
			fputc(' ', pen->out);
			at++;
		}
		fprintf(pen->out, "%.*s", SPAN_ARG(word));
		at += width(word);
		is_first = false;
	}
	fputc('\n', pen->out);
}

static void
write_finding(const struct pen *pen, const struct report_finding *f)
{
	fprintf(pen->out, "  %s%s%s", colour(pen, f->mark), f->title,
	    plain(pen));
	if (f->place[0] != '\0')
		fprintf(pen->out, "  [%s]", f->place);
	fputc('\n', pen->out);
	if (f->detail[0] != '\0')
		write_wrapped(pen, 4, "", f->detail);
	if (f->mark == REPORT_GOOD)
		return;
	if (f->remedy[0] != '\0')
		write_wrapped(pen, 4, "-> ", f->remedy);
	if (f->reference[0] != '\0')
		fprintf(pen->out, "    (%s)\n", f->reference);
}

static void
write_findings(const struct pen *pen, const struct report *report)
{
	static const char *const heading[] = { "BAD", "WARNINGS",
		"TO BE KNOWN", "NOT LOOKED AT", "GOOD" };

	for (enum report_mark m = REPORT_BAD; m <= REPORT_GOOD; m++) {
		const struct report_finding *f = report_next(report->finding,
		    m);

		if (f == NULL || (m == REPORT_GOOD && report->is_brief))
			continue;
		fprintf(pen->out, "\n%s%s%s\n", colour(pen, m), heading[m],
		    plain(pen));
		for (; f != NULL; f = report_next(f->next, m))
			write_finding(pen, f);
	}
}

static void
measure(const struct report_table *table, size_t size[])
{
	for (size_t i = 0; i < table->column_n; i++)
		size[i] = width(span_str(table->column[i]));
	for (const struct report_row *row = table->first; row != NULL;
	    row = row->next)
		for (size_t i = 0; i < table->column_n; i++) {
			size_t n = width(span_str(row->cell[i].text));

			if (n > size[i])
				size[i] = n;
		}
}

static bool
is_shown(const struct report_table *table, size_t column)
{
	return (table->hidden & 1u << column) == 0;
}

static void
write_line(const struct pen *pen, const struct report_table *table,
    const struct report_cell *cell, const size_t size[])
{
	size_t pad = 0;

	for (size_t i = 0; i < table->column_n; i++) {
		if (!is_shown(table, i))
			continue;
		fprintf(pen->out, "%*s  %s%s%s", (int)pad, "",
		    colour(pen, cell[i].mark), cell[i].text,
		    cell[i].mark != REPORT_PLAIN ? plain(pen) : "");
		pad = size[i] - width(span_str(cell[i].text));
	}
	fputc('\n', pen->out);
}

static void
write_table(const struct pen *pen, const struct report_table *table)
{
	struct report_cell head[REPORT_COLUMNS_MAX];
	size_t size[REPORT_COLUMNS_MAX];

	measure(table, size);
	for (size_t i = 0; i < table->column_n; i++)
		head[i] = (struct report_cell){ table->column[i],
			REPORT_UNTRIED };
	fprintf(pen->out, "\n%s\n", table->title);
	write_line(pen, table, head, size);
	for (const struct report_row *row = table->first; row != NULL;
	    row = row->next)
		write_line(pen, table, row->cell, size);
}

static void
write_tables(const struct pen *pen, const struct report *report)
{
	for (const struct report_table *t = report->table; t != NULL;
	    t = t->next)
		if (t->first != NULL &&
		    (!t->is_detail || report->with_details))
			write_table(pen, t);
}

static void
write_facts(const struct pen *pen, const struct report *report)
{
	size_t longest = 0;

	for (const struct report_fact *f = report->fact; f != NULL;
	    f = f->next)
		if (strlen(f->key) > longest)
			longest = strlen(f->key);
	for (const struct report_fact *f = report->fact; f != NULL;
	    f = f->next) {
		fprintf(pen->out, "  %s", f->key);
		write_wrapped(pen, longest - strlen(f->key) + 2, "",
		    f->value);
	}
}

static void
write_sum(const struct pen *pen, const struct report *report)
{
	bool is_first = true;

	fputc('\n', pen->out);
	for (enum report_mark m = REPORT_BAD; m <= REPORT_GOOD; m++) {
		if (report->count[m] == 0)
			continue;
		fprintf(pen->out, "%s%s%u %s%s%s", is_first ? "" : ", ",
		    colour(pen, m), report->count[m], m == REPORT_UNTRIED ?
		    "not looked at" : report_mark_name(m),
		    report->count[m] != 1 && (m == REPORT_WARNING ||
		    m == REPORT_NOTE) ? "s" : "", plain(pen));
		is_first = false;
	}
	fprintf(pen->out, "%s\n", is_first ? "nothing was found" : "");
	if (report->is_cut)
		fprintf(pen->out, "There was more than this report holds.\n");
}

void
report_write_text(const struct report *report, FILE *out)
{
	const struct pen pen = { out, tell_has_colour(out) };

	fprintf(out, "ehlo %s %s\n", report->command, report->subject);
	write_facts(&pen, report);
	if (report->tables_first)
		write_tables(&pen, report);
	write_findings(&pen, report);
	if (!report->tables_first)
		write_tables(&pen, report);
	write_sum(&pen, report);
}
