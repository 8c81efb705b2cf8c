/* SPDX-License-Identifier: Apache-2.0 */
/* A report as one page: no script, no picture, nothing from elsewhere, so that
 * it can be mailed and printed. Everything but our own markup goes through
 * escape(). */
#include <stdio.h>

#include "base/put.h"
#include "ehlo/report.h"
#include "mail/date.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1c2430;--dim:#5d6875;--line:#d9dfe6;"
    "--paper:#f4f6f8;--card:#fff;--bad:#b3261e;--warning:#9a5b00;"
    "--note:#1d5f9e;--untried:#5d6875;--good:#1d7a3e}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--dim:#98a4b1;"
    "--line:#313b47;--paper:#12171d;--card:#1a2129;--bad:#ff8a80;"
    "--warning:#ffc266;--note:#86bdf5;--untried:#98a4b1;--good:#7fd99a}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:60rem;margin:0 auto;padding:2rem 1.2rem 4rem}\n"
    "h1{font-size:1.6rem;margin:0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:2.2rem 0 .7rem}\n"
    "header p{color:var(--dim);margin:.2rem 0 0}\n"
    ".sum{display:flex;flex-wrap:wrap;gap:.6rem;padding:0;"
    "margin:1.2rem 0;list-style:none}\n"
    ".sum li{background:var(--card);border:1px solid var(--line);"
    "border-radius:.6rem;padding:.4rem .9rem}\n"
    ".sum b{font-size:1.3rem;margin-right:.35rem}\n"
    ".bad{--c:var(--bad)}.warning{--c:var(--warning)}.note{--c:var(--note)}"
    ".untried{--c:var(--untried)}.good{--c:var(--good)}\n"
    ".sum b,td.bad,td.warning,td.note,td.good,h2.m{color:var(--c)}\n"
    "article{background:var(--card);border:1px solid var(--line);"
    "border-left:.3rem solid var(--c);border-radius:.5rem;"
    "padding:.7rem 1rem;margin:0 0 .7rem;break-inside:avoid}\n"
    "article h3{font-size:1rem;margin:0}\n"
    "article p{margin:.3rem 0 0;overflow-wrap:anywhere}\n"
    ".seen{color:var(--dim)}.place{font-size:.85rem;color:var(--dim);"
    "font-weight:400;margin-left:.5rem}\n"
    ".ref{font-size:.85rem;color:var(--dim)}\n"
    "details summary{cursor:pointer;font-weight:600;color:var(--good);"
    "margin:2.2rem 0 .7rem}\n"
    ".scroll{overflow-x:auto;background:var(--card);border:1px solid "
    "var(--line);border-radius:.5rem}\n"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}\n"
    "th,td{text-align:left;padding:.4rem .8rem;border-top:1px solid "
    "var(--line);vertical-align:top}\n"
    "thead th{border-top:0;color:var(--dim);font-weight:600}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}\n"
    "dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n"
    "footer{margin-top:3rem;color:var(--dim);font-size:.85rem}\n";

static const char *const heading[] = { "Bad", "Warnings", "To be known",
	"Not looked at", "Good" };

static void
escape(FILE *out, const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		switch (*c) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*c, out);
		}
}

/* <tag class="name">text</tag>; nothing at all for an empty text. */
static void
element(FILE *out, const char *tag, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	fprintf(out, "<%s class=\"%s\">", tag, name);
	escape(out, text);
	fprintf(out, "</%s>", tag);
}

static void
write_head(FILE *out, const struct report *report)
{
	char date[64];
	struct put put = put_init(date, sizeof date);

	date_put(&put, report->begun_ms, 0);
	fprintf(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset="
	    "\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,"
	    "initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
	    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	    "<title>");
	escape(out, report->subject);
	fprintf(out, " - ehlo %s</title>\n<style>\n%s</style>\n<main>\n"
	    "<header><h1>", report->command, style);
	escape(out, report->subject);
	fprintf(out, "</h1><p>ehlo %s, ", report->command);
	escape(out, put_cstr(&put));
	fputs("</p></header>\n", out);
}

static void
write_sum(FILE *out, const struct report *report)
{
	fputs("<ul class=\"sum\">\n", out);
	for (enum report_mark m = REPORT_BAD; m <= REPORT_GOOD; m++)
		if (report->count[m] > 0 || m == REPORT_BAD)
			fprintf(out, "<li class=\"%s\"><b>%u</b>%s</li>\n",
			    report->count[m] == 0 ? "good" :
			    report_mark_name(m), report->count[m],
			    m == REPORT_UNTRIED ? "not looked at" :
			    report_mark_name(m));
	fputs("</ul>\n", out);
	if (report->is_cut)
		fputs("<p>There was more than this report holds.</p>\n", out);
}

static void
write_finding(FILE *out, const struct report_finding *f)
{
	fprintf(out, "<article class=\"%s\" id=\"%s\"><h3>",
	    report_mark_name(f->mark), f->id);
	escape(out, f->title);
	element(out, "span", "place", f->place);
	fputs("</h3>", out);
	element(out, "p", "seen", f->detail);
	if (f->mark != REPORT_GOOD)
		element(out, "p", "do", f->remedy);
	element(out, "p", "ref", f->reference);
	fputs("</article>\n", out);
}

static void
write_findings(FILE *out, const struct report *report)
{
	for (enum report_mark m = REPORT_BAD; m <= REPORT_GOOD; m++) {
		const struct report_finding *f = report_next(report->finding,
		    m);

		if (f == NULL)
			continue;
		if (m == REPORT_GOOD)
			fprintf(out, "<details><summary>%s (%u)</summary>\n",
			    heading[m], report->count[m]);
		else
			fprintf(out, "<section><h2 class=\"m %s\">%s</h2>\n",
			    report_mark_name(m), heading[m]);
		for (; f != NULL; f = report_next(f->next, m))
			write_finding(out, f);
		fputs(m == REPORT_GOOD ? "</details>\n" : "</section>\n", out);
	}
}

static void
write_table(FILE *out, const struct report_table *table)
{
	fputs("<section><h2>", out);
	escape(out, table->title);
	fputs("</h2><div class=\"scroll\"><table>\n<thead><tr>", out);
	for (size_t i = 0; i < table->column_n; i++) {
		fputs("<th>", out);
		escape(out, table->column[i]);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	for (const struct report_row *row = table->first; row != NULL;
	    row = row->next) {
		fputs("<tr>", out);
		for (size_t i = 0; i < table->column_n; i++) {
			fprintf(out, "<td class=\"%s\">",
			    report_mark_name(row->cell[i].mark));
			escape(out, row->cell[i].text);
			fputs("</td>", out);
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div></section>\n", out);
}

static void
write_tables(FILE *out, const struct report *report)
{
	for (const struct report_table *t = report->table; t != NULL;
	    t = t->next)
		if (t->first != NULL)
			write_table(out, t);
}

static void
write_facts(FILE *out, const struct report *report)
{
	if (report->fact == NULL)
		return;
	fputs("<dl>\n", out);
	for (const struct report_fact *f = report->fact; f != NULL;
	    f = f->next) {
		fputs("<dt>", out);
		escape(out, f->key);
		fputs("</dt><dd>", out);
		escape(out, f->value);
		fputs("</dd>\n", out);
	}
	fputs("</dl>\n", out);
}

void
report_write_html(const struct report *report, FILE *out)
{
	write_head(out, report);
	write_sum(out, report);
	write_facts(out, report);
	if (report->tables_first)
		write_tables(out, report);
	write_findings(out, report);
	if (!report->tables_first)
		write_tables(out, report);
	fputs("<footer>Written by ehlo " EHLO_VERSION
	    "</footer>\n</main>\n</html>\n", out);
}
