/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/text.h"
#include "ehlo/cmd.h"
#include "ehlo/tell.h"

#define QUOTE_MAX 2000		/* octets of one text of a stranger's */

void
report_init(struct report *report, const char *command, const char *subject)
{
	*report = (struct report){ .command = command };
	arena_init(&report->arena, REPORT_MAX);
	report->fact_end = &report->fact;
	report->table_end = &report->table;
	report->finding_end = &report->finding;
	report->begun_ms = clock_real_ms();
	report->subject = report_quote(report, span_str(subject));
}

void
report_free(struct report *report)
{
	arena_reset(&report->arena);
}

/* --- texts */

static const char *
keep(struct report *report, struct span text)
{
	struct span kept = arena_copy(&report->arena, text);

	if (kept.p == NULL) {
		report->is_cut = true;
		return "";
	}
	return kept.p;
}

const char *
report_quote(struct report *report, struct span text)
{
	char quoted[4 * QUOTE_MAX];
	struct put put = put_init(quoted, sizeof quoted);

	text_quote(span_first(text, QUOTE_MAX), &put);
	if (text.len > QUOTE_MAX)
		put_str(&put, " ...");
	return keep(report, put_span(&put));
}

const char *
report_text(struct report *report, const char *format, ...)
{
	char text[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return keep(report, span_str(text));
}

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* --- parts */

void
report_add_fact(struct report *report, const char *key, const char *value)
{
	struct report_fact *fact = arena_alloc(&report->arena, sizeof *fact);

	if (fact == NULL) {
		report->is_cut = true;
		return;
	}
	*fact = (struct report_fact){ key, keep(report,
	    span_str(or_empty(value))), NULL };
	*report->fact_end = fact;
	report->fact_end = &fact->next;
}

static bool
is_same(const struct report_finding *a, const struct report_finding *b)
{
	return a->mark == b->mark && strcmp(a->id, b->id) == 0 &&
	    strcmp(a->title, b->title) == 0 &&
	    strcmp(a->detail, b->detail) == 0;
}

/* "a:25, a:587" is "a:25, :587". */
static const char *
join_places(struct report *report, const char *list, const char *place)
{
	const char *port = strrchr(place, ':'), *last = list;
	size_t host = port != NULL ? (size_t)(port - place) : 0;

	for (const char *c = list; (c = strstr(c, ", ")) != NULL; c += 2)
		if (c[2] != ':')
			last = c + 2;
	if (host > 0 && strncmp(last, place, host) == 0 && last[host] == ':')
		place = port;
	return report_text(report, "%s, %s", list, place);
}

void
report_add(struct report *report, const struct report_finding *finding)
{
	struct report_finding *own, *f, new = *finding;

	new.place = or_empty(new.place);
	new.detail = or_empty(new.detail);
	new.remedy = or_empty(new.remedy);
	new.reference = or_empty(new.reference);
	new.next = NULL;
	for (f = report->finding; f != NULL; f = f->next)
		if (is_same(f, &new)) {
			if (strcmp(f->place, new.place) != 0)
				f->place = join_places(report, f->place,
				    new.place);
			return;
		}
	report->count[new.mark]++;
	own = arena_alloc(&report->arena, sizeof *own);
	if (own == NULL) {
		report->is_cut = true;
		return;
	}
	*own = new;
	own->place = keep(report, span_str(new.place));
	own->detail = keep(report, span_str(new.detail));
	*report->finding_end = own;
	report->finding_end = &own->next;
}

struct report_table *
report_add_table(struct report *report, const char *id, const char *title,
    const char *columns)
{
	struct report_table *table = arena_alloc(&report->arena,
	    sizeof *table);
	struct span rest = span_str(columns);

	if (table == NULL) {
		report->is_cut = true;
		return NULL;
	}
	table->id = id;
	table->title = title;
	table->end = &table->first;
	while (rest.len > 0 && table->column_n < REPORT_COLUMNS_MAX)
		table->column[table->column_n++] = keep(report,
		    span_cut(&rest, '|'));
	*report->table_end = table;
	report->table_end = &table->next;
	return table;
}

struct report_row *
report_add_row(struct report *report, struct report_table *table)
{
	static struct report_row nowhere;
	struct report_row *row = table != NULL ?
	    arena_alloc(&report->arena, sizeof *row) : NULL;

	if (row == NULL) {
		report->is_cut = true;
		row = &nowhere;
	}
	for (size_t i = 0; i < REPORT_COLUMNS_MAX; i++)
		row->cell[i] = (struct report_cell){ "", REPORT_PLAIN };
	if (row != &nowhere) {
		*table->end = row;
		table->end = &row->next;
	}
	return row;
}

/* --- looking */

const char *
report_mark_name(enum report_mark mark)
{
	static const char *const name[] = { "bad", "warning", "note",
		"untried", "good", "" };

	must(mark < REPORT_MARKS);
	return name[mark];
}

const struct report_finding *
report_next(const struct report_finding *from, enum report_mark mark)
{
	while (from != NULL && from->mark != mark)
		from = from->next;
	return from;
}

/* --- the end */

static bool
write_page(const struct report *report, const char *path)
{
	FILE *out = fopen(path, "we");
	bool is_written;

	if (out == NULL) {
		tell_error("cannot write %s: %s", path, strerror(errno));
		return false;
	}
	report_write_html(report, out);
	is_written = fflush(out) == 0 && ferror(out) == 0;
	is_written = fclose(out) == 0 && is_written;
	if (!is_written)
		tell_error("cannot write %s: %s", path, strerror(errno));
	return is_written;
}

int
report_finish(const struct report *report, bool is_json, bool is_strict,
    const char *html)
{
	if (is_json)
		report_write_json(report, stdout);
	else
		report_write_text(report, stdout);
	if (html != NULL && !write_page(report, html))
		return CMD_USAGE;
	if (report->count[REPORT_BAD] > 0 ||
	    (is_strict && report->count[REPORT_WARNING] > 0))
		return CMD_FAILED;
	return CMD_GOOD;
}
