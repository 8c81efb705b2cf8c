/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain says about mail that comes from it: SPF, DMARC, TLS-RPT. */
#include "base/text.h"
#include "ehlo/road.h"

#define SPF_LOOKUPS_MAX 10	/* RFC 7208 4.6.4 */

static void
add(const struct exam *exam, const struct road *road, enum report_mark mark,
    struct report_finding f)
{
	f.mark = mark;
	f.place = road->domain;
	report_add(exam->report, &f);
}
#define FINDING(...) ((struct report_finding){ __VA_ARGS__ })

/* --- SPF */

struct spf {
	unsigned lookups;	/* of this record; those of others are more */
	char all;		/* '+', '-', '~', '?'; 0: none */
	bool is_redirect;
};

/* One term, RFC 7208 4.6.1. */
static void
read_term(struct span term, struct spf *out)
{
	static const char *const asks[] = { "include:", "exists:", "ptr",
		"redirect=" };
	char qualifier = '+';
	struct span name;

	if (term.len > 0 && memchr("+-~?", term.p[0], 4) != NULL) {
		qualifier = term.p[0];
		term = span_skip(term, 1);
	}
	if (span_caseeq(term, SPAN("all")))
		out->all = qualifier;
	if (span_casestarts(term, SPAN("redirect=")))
		out->is_redirect = true;
	for (size_t i = 0; i < countof(asks); i++)
		out->lookups += span_casestarts(term, span_str(asks[i]));
	name = span_first(term, span_find(term, ':'));
	name = span_first(name, span_find(name, '/'));
	out->lookups += span_caseeq(name, SPAN("a")) ||
	    span_caseeq(name, SPAN("mx"));
}

static struct spf
read_spf(struct span text)
{
	struct spf spf = { .lookups = 0 };

	while (text.len > 0)
		read_term(span_trim(span_cut(&text, ' ')), &spf);
	return spf;
}

static void
judge_one_spf(const struct exam *exam, const struct road *road,
    const char *shown)
{
	struct spf spf = read_spf(span_str(road->spf.text));

	if (spf.lookups > SPF_LOOKUPS_MAX)
		add(exam, road, REPORT_BAD, FINDING(.id = "spf",
		    .title = "SPF asks too much: it counts as an error",
		    .detail = report_text(exam->report, "%u look-ups in the "
		    "record alone: %s", spf.lookups, shown),
		    .remedy = "At most 10, those of included records "
		    "together: name addresses (ip4:, ip6:) instead.",
		    .reference = "RFC 7208 4.6.4"));
	else if (spf.all == '+')
		add(exam, road, REPORT_BAD, FINDING(.id = "spf",
		    .title = "SPF allows everybody to send (+all)",
		    .detail = shown, .remedy = "End it with -all or ~all.",
		    .reference = "RFC 7208 5.1"));
	else if (spf.all == '\0' && !spf.is_redirect)
		add(exam, road, REPORT_WARNING, FINDING(.id = "spf",
		    .title = "SPF does not say what others are", .detail =
		    shown, .remedy = "Without all or redirect= everybody is "
		    "neutral: end it with -all or ~all.",
		    .reference = "RFC 7208 4.7"));
	else
		add(exam, road, spf.all == '?' ? REPORT_NOTE : REPORT_GOOD,
		    FINDING(.id = "spf", .title = spf.all == '?' ?
		    "SPF says nothing about others (?all)" : "has SPF",
		    .detail = shown, .remedy = "End it with -all or ~all.",
		    .reference = "RFC 7208"));
}

static void
judge_spf(const struct exam *exam, const struct road *road)
{
	const char *shown = report_quote(exam->report,
	    span_str(road->spf.text));

	if (road->spf.lookup.result > DNS_NO_NAME)
		add(exam, road, REPORT_UNTRIED, FINDING(.id = "spf",
		    .title = "SPF", .detail = report_quote(exam->report,
		    span_str(road->spf.lookup.why))));
	else if (road->spf.n == 0)
		add(exam, road, REPORT_WARNING, FINDING(.id = "spf",
		    .title = "no SPF: anybody may send in its name",
		    .remedy = "A TXT record says who sends: \"v=spf1 mx "
		    "-all\"; for a domain that sends nothing \"v=spf1 -all\".",
		    .reference = "RFC 7208 3"));
	else if (road->spf.n > 1)
		add(exam, road, REPORT_BAD, FINDING(.id = "spf",
		    .title = "more than one SPF record: all count as an error",
		    .detail = shown, .remedy = "Put them into one.",
		    .reference = "RFC 7208 4.5"));
	else
		judge_one_spf(exam, road, shown);
}

/* --- DMARC */

/* The value of a tag of "v=DMARC1; p=none; …". */
static struct span
tag(struct span text, const char *name)
{
	while (text.len > 0) {
		struct span value = span_cut(&text, ';');
		struct span key = span_trim(span_cut(&value, '='));

		if (span_caseeq(key, span_str(name)))
			return span_trim(value);
	}
	return (struct span){ "", 0 };
}

static void
judge_dmarc(const struct exam *exam, const struct road *road)
{
	const struct road_text *dmarc = &road->dmarc;
	struct span policy = tag(span_str(dmarc->text), "p");
	const char *shown = report_quote(exam->report,
	    span_str(dmarc->text));
	bool is_strict = span_caseeq(policy, SPAN("reject")) ||
	    span_caseeq(policy, SPAN("quarantine"));

	if (dmarc->n == 0 && dmarc->lookup.result > DNS_NO_NAME)
		add(exam, road, REPORT_UNTRIED, FINDING(.id = "dmarc",
		    .title = "DMARC", .detail = report_quote(exam->report,
		    span_str(dmarc->lookup.why))));
	else if (dmarc->n == 0)
		add(exam, road, REPORT_WARNING, FINDING(.id = "dmarc",
		    .title = "no DMARC",
		    .remedy = "Big providers ask for it: begin with a TXT "
		    "record at _dmarc.DOMAIN, \"v=DMARC1; p=none; rua=mailto:"
		    "...\", read the reports, then p=quarantine or reject.",
		    .reference = "RFC 7489 6.3"));
	else if (dmarc->n > 1)
		add(exam, road, REPORT_BAD, FINDING(.id = "dmarc",
		    .title = "more than one DMARC record: none counts",
		    .detail = shown, .remedy = "Leave one.",
		    .reference = "RFC 7489 6.6.3"));
	else if (!is_strict && !span_caseeq(policy, SPAN("none")))
		add(exam, road, REPORT_BAD, FINDING(.id = "dmarc",
		    .title = "DMARC without a policy that exists",
		    .detail = shown,
		    .remedy = "p= is one of none, quarantine, reject.",
		    .reference = "RFC 7489 6.3"));
	else
		add(exam, road, is_strict ? REPORT_GOOD : REPORT_NOTE,
		    FINDING(.id = "dmarc", .title = is_strict ? "has DMARC" :
		    "DMARC only watches (p=none)", .detail = shown,
		    .remedy = "Once the reports show only your own servers: "
		    "p=quarantine, then reject.",
		    .reference = "RFC 7489 6.3"));
}

static void
judge_rpt(const struct exam *exam, const struct road *road)
{
	if (road->rpt.lookup.result > DNS_NO_NAME)
		return;
	add(exam, road, road->rpt.n == 1 ? REPORT_GOOD : road->rpt.n == 0 ?
	    REPORT_NOTE : REPORT_WARNING, FINDING(.id = "tls-rpt",
	    .title = road->rpt.n == 1 ? "asks for reports about TLS" :
	    road->rpt.n == 0 ? "no TLS-RPT" : "more than one TLS-RPT record",
	    .detail = report_quote(exam->report, span_str(road->rpt.text)),
	    .remedy = "A TXT record at _smtp._tls.DOMAIN, \"v=TLSRPTv1; rua="
	    "mailto:...\", makes big senders tell you when TLS to you fails.",
	    .reference = "RFC 8460 3"));
}

void
road_judge_texts(const struct exam *exam, const struct road *road)
{
	judge_spf(exam, road);
	judge_dmarc(exam, road);
	judge_rpt(exam, road);
}
