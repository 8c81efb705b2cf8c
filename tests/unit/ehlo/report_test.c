/* SPDX-License-Identifier: Apache-2.0 */
/* report: one description, three writings; nothing of a stranger's gets out of
 * its place in any of them; bounded. And the policy of MTA-STS. */
#include "../test.h"

#include <stdlib.h>

#include "ehlo/cmd.h"
#include "ehlo/report.h"

static const char evil[] = "<b>\"&'</b>\x1b[2J\n</script>\xff";

static char *
written(const struct report *report,
    void (*write)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	write(report, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
fill(struct report *report)
{
	struct report_table *table;
	struct report_row *row;

	report_init(report, "check", evil);
	report_add_fact(report, "fact", report_quote(report,
	    span_str(evil)));
	table = report_add_table(report, "t", "Title", "One|Two words");
	row = report_add_row(report, table);
	row->cell[0] = (struct report_cell){ "a", REPORT_BAD };
	row->cell[1].text = report_quote(report, span_str(evil));
	report_add(report, &(struct report_finding){ .id = "x",
	    .mark = REPORT_BAD, .title = "it is bad", .place = "mail:25",
	    .detail = report_quote(report, span_str(evil)),
	    .remedy = "mend it", .reference = "RFC 1" });
}

static void
test_text(void **state)
{
	struct report report;
	char *text;

	(void)state;
	fill(&report);
	text = written(&report, report_write_text);
	for (const char *c = text; *c != '\0'; c++)
		assert_true(*c == '\n' || (unsigned char)*c >= ' ');
	assert_non_null(strstr(text, "it is bad  [mail:25]"));
	assert_non_null(strstr(text, "-> mend it"));
	assert_non_null(strstr(text, "1 bad\n"));
	assert_non_null(strstr(text, "\\x1b[2J"));
	free(text);
	report_free(&report);
}

static void
test_html(void **state)
{
	struct report report;
	char *text;

	(void)state;
	fill(&report);
	text = written(&report, report_write_html);
	assert_null(strstr(text, "<b>\""));
	assert_null(strstr(text, "</script"));
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "&lt;b&gt;"));
	assert_non_null(strstr(text, "&amp;&#39;"));
	free(text);
	report_free(&report);
}

static void
test_json(void **state)
{
	struct report report;
	char *text;

	(void)state;
	fill(&report);
	text = written(&report, report_write_json);
	assert_non_null(strstr(text, "{\"id\":\"x\",\"severity\":\"bad\","));
	assert_non_null(strstr(text, "\"one\":\"a\",\"one_mark\":\"bad\""));
	assert_non_null(strstr(text, "\"two_words\":\"<b>\\\\\\\"&"));
	assert_null(strchr(text, '\x1b'));
	free(text);
	report_free(&report);
}

static void
test_places(void **state)
{
	static const char *const place[] = { "mail:25", "mail:587",
		"other:25", "mail:587" };
	struct report report;

	(void)state;
	report_init(&report, "check", "mail");
	for (size_t i = 0; i < countof(place); i++)
		report_add(&report, &(struct report_finding){ .id = "x",
		    .mark = REPORT_NOTE, .title = "so", .place = place[i] });
	assert_int_equal(report.count[REPORT_NOTE], 1);
	assert_string_equal(report.finding->place,
	    "mail:25, :587, other:25, mail:587");
	/* another detail is another finding */
	report_add(&report, &(struct report_finding){ .id = "x",
	    .mark = REPORT_NOTE, .title = "so", .detail = "else" });
	assert_int_equal(report.count[REPORT_NOTE], 2);
	report_free(&report);
}

static void
test_bounds(void **state)
{
	static char text[1 << 16];
	struct report report;
	struct report_table *table;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	report_init(&report, "check", "mail");
	assert_true(strlen(report_quote(&report, span_str(text))) < 8192);
	table = report_add_table(&report, "t", "T", "One");
	for (size_t i = 0; i < 20000 && !report.is_cut; i++) {
		struct report_row *row = report_add_row(&report, table);

		row->cell[0].text = report_quote(&report, span_str(text));
		report_add(&report, &(struct report_finding){ .id = "x",
		    .mark = REPORT_BAD, .title = "t", .detail =
		    report_text(&report, "%zu", i) });
	}
	assert_true(report.is_cut);
	/* what was there before can still be written */
	free(written(&report, report_write_text));
	free(written(&report, report_write_html));
	free(written(&report, report_write_json));
	report_free(&report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
