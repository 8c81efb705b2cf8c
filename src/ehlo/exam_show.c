/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of what an examination saw. */
#include <time.h>

#include "base/text.h"
#include "ehlo/exam_cmd.h"

/* --- EHLO before and after TLS */

static struct span
keyword(struct span line)
{
	line = span_first(line, span_find(line, ' '));
	return span_first(line, span_find(line, '='));
}

/* The rest of the line that begins with this keyword; .p NULL: there is
 * none. */
static struct span
find_keyword(const char *text, struct span word)
{
	struct span rest = span_str(text), line;

	(void)span_cut(&rest, '\n');	/* the greeting */
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (span_caseeq(keyword(line), word))
			return span_trim(span_skip(line, word.len));
	}
	return (struct span){ NULL, 0 };
}

static struct report_cell
hello_cell(const struct exam *exam, const struct exam_hello *hello,
    struct span word)
{
	struct span rest = find_keyword(hello->text, word);

	if (!hello->is_tried)
		return (struct report_cell){ "", REPORT_PLAIN };
	if (rest.p == NULL)
		return (struct report_cell){ "-", REPORT_PLAIN };
	return (struct report_cell){ rest.len == 0 ? "yes" :
	    report_quote(exam->report, span_first(rest, 60)), REPORT_PLAIN };
}

static void
show_keywords(const struct exam *exam, struct report_table *table,
    const struct exam_facts *facts, const char *text, const char *but)
{
	struct span rest = span_str(text), line, word;

	(void)span_cut(&rest, '\n');
	while (rest.len > 0) {
		struct report_row *row;

		line = span_cut(&rest, '\n');
		word = keyword(line);
		if (word.len == 0 || (but != NULL &&
		    find_keyword(but, word).p != NULL))
			continue;
		row = report_add_row(exam->report, table);
		row->cell[0].text = report_quote(exam->report,
		    span_first(word, 40));
		row->cell[1] = hello_cell(exam, &facts->clear, word);
		row->cell[2] = hello_cell(exam, &facts->tls, word);
	}
}

void
exam_show_hello(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts)
{
	struct report_table *table;

	if (!facts->clear.is_tried && !facts->tls.is_tried)
		return;
	table = report_add_table(exam->report, "ehlo", report_text(
	    exam->report, "What EHLO offers at %s", place->label),
	    "Keyword|Before TLS|After");
	if (table == NULL)
		return;
	table->is_detail = true;
	show_keywords(exam, table, facts, facts->clear.text, NULL);
	show_keywords(exam, table, facts, facts->tls.text,
	    facts->clear.text);
}

/* --- versions */

void
exam_show_versions(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts)
{
	struct report_table *table;

	if (facts->version[TLS_1_2].state == EXAM_UNTRIED &&
	    facts->version[TLS_1_3].state == EXAM_UNTRIED)
		return;
	table = report_add_table(exam->report, "versions", report_text(
	    exam->report, "Versions of TLS at %s", place->label),
	    "Version|Accepted|Cipher|Key exchange");
	if (table == NULL)
		return;
	table->is_detail = true;
	for (size_t i = EXAM_VERSIONS; i-- > 0;) {
		const struct exam_version *v = &facts->version[i];
		struct report_row *row = report_add_row(exam->report, table);
		bool is_old = i < TLS_1_2, is_in = v->state == EXAM_ACCEPTED;

		row->cell[0].text = report_text(exam->report, "TLS %s",
		    exam_version_name(i));
		row->cell[1] = (struct report_cell){ is_in ? "yes" :
		    v->state == EXAM_REFUSED ? "no" : "not tried",
		    v->state == EXAM_UNTRIED ? REPORT_UNTRIED :
		    is_old == is_in ? REPORT_NOTE : REPORT_GOOD };
		row->cell[2].text = v->cipher;
		row->cell[3].text = v->group;
	}
}

/* --- the chain */

static const char *
day(const struct exam *exam, int64_t at)
{
	time_t seconds = (time_t)at;
	struct tm tm;
	char text[32];

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%d", &tm) == 0)
		return "?";
	return report_text(exam->report, "%s", text);
}

void
exam_show_chain(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts)
{
	const struct tls_facts *tls = &facts->cert;
	struct report_table *table;

	if (tls->cert_n == 0)
		return;
	table = report_add_table(exam->report, "chain", report_text(
	    exam->report, "Certificates sent by %s", place->label),
	    "Subject|Issuer|From|Until|Key|Signature");
	if (table == NULL)
		return;
	table->is_detail = true;
	for (unsigned i = 0; i < tls->cert_n; i++) {
		const struct tls_cert_facts *cert = &tls->cert[i];
		struct report_row *row = report_add_row(exam->report, table);

		row->cell[0].text = cert->subject;
		row->cell[1].text = cert->is_self_signed ? "itself" :
		    cert->issuer;
		row->cell[2].text = day(exam, cert->not_before);
		row->cell[3].text = day(exam, cert->not_after);
		row->cell[4].text = cert->key;
		row->cell[5].text = cert->signature;
	}
}
