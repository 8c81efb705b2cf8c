/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue: what is looked for, how bad it is, and what to do. A judgement
 * reads facts and does nothing else. */
#include "ehlo/exam_judge.h"

#include "ehlo/relay.h"
#include "smtp/explain.h"

const struct exam_hello *
judge_hello(const struct judge *judge)
{
	return judge->facts->tls.is_tried ? &judge->facts->tls :
	    &judge->facts->clear;
}

/* --- the connection and the dialogue */

static enum report_mark
judge_connect(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->connect;

	if (a->result == SESSION_OK)
		return REPORT_GOOD;
	*detail = exam_words(j->exam, a);
	return REPORT_BAD;
}

static enum report_mark
judge_greeting(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->greeting;

	if (!a->is_tried)
		return REPORT_PLAIN;
	*detail = exam_words(j->exam, a);
	return a->code == 220 ? REPORT_GOOD : REPORT_BAD;
}

static enum report_mark
judge_ehlo(const struct judge *j, const char **detail)
{
	const struct exam_hello *hello = judge_hello(j);
	const struct exam_answer *a = &j->facts->hello;

	if (j->facts->greeting.code != 220 || !a->is_tried)
		return REPORT_PLAIN;
	if (a->result != SESSION_OK) {
		*detail = report_text(j->exam->report, "it greets, but then: "
		    "%s", exam_words(j->exam, a));
		return REPORT_BAD;
	}
	if (hello->is_extended)
		return REPORT_GOOD;
	*detail = hello->code == 250 ? "only HELO is accepted" :
	    "neither EHLO nor HELO is accepted";
	return hello->code == 250 ? REPORT_WARNING : REPORT_BAD;
}

static enum report_mark
judge_flaws(const struct judge *j, const char **detail)
{
	static const struct {
		unsigned flaw;
		const char *words;
	} row[] = {
		{ ANSWER_BARE_LF, "lines end in LF alone" },
		{ ANSWER_NO_TEXT, "no space behind a code" },
		{ ANSWER_MIXED_CODES, "lines of one answer have several "
		    "codes" },
		{ ANSWER_CONTROL, "control characters (they could repaint "
		    "your terminal)" },
		{ ANSWER_8BIT, "bytes that are not ASCII" },
	};
	const char *list = "";

	if (j->facts->greeting.code != 220 ||
	    j->facts->hello.result != SESSION_OK)
		return REPORT_PLAIN;
	for (size_t i = 0; i < countof(row); i++)
		if ((j->facts->flaws & row[i].flaw) != 0)
			list = report_text(j->exam->report, "%s%s%s", list,
			    list[0] != '\0' ? "; " : "", row[i].words);
	if (j->facts->nonsense.result == SESSION_BROKEN) {
		*detail = report_text(j->exam->report, "the answer to an "
		    "unknown command: %s", exam_words(j->exam,
		    &j->facts->nonsense));
		return REPORT_WARNING;
	}
	*detail = list;
	return (j->facts->flaws & ~(unsigned)ANSWER_NO_TEXT) != 0 ?
	    REPORT_WARNING : j->facts->flaws != 0 ? REPORT_NOTE : REPORT_GOOD;
}

static enum report_mark
judge_nonsense(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->nonsense;

	if (!a->is_tried || a->result != SESSION_OK)
		return REPORT_PLAIN;	/* "hangs", or "flaws" */
	*detail = report_text(j->exam->report, "XEHLOCHECK: %s",
	    exam_words(j->exam, a));
	return exam_is_refused(a) ? REPORT_GOOD : REPORT_WARNING;
}

static enum report_mark
judge_hangs(const struct judge *j, const char **detail)
{
	const struct exam_facts *f = j->facts;

	if (f->greeting.result == SESSION_TIMEOUT ||
	    f->hello.result == SESSION_TIMEOUT || f->hangs == 0)
		return REPORT_PLAIN;
	*detail = f->hangs >= 2 ? "two answers did not come in time; nothing "
	    "more was asked" : "one answer did not come in time";
	return f->hangs >= 2 ? REPORT_BAD : REPORT_WARNING;
}

static enum report_mark
judge_reverse(const struct judge *j, const char **detail)
{
	const struct exam_facts *f = j->facts;

	if (!f->is_reverse_tried)
		return REPORT_PLAIN;
	if (f->is_reverse_failed) {
		*detail = "the name servers did not answer";
		return REPORT_UNTRIED;
	}
	if (f->reverse_n > 0)
		*detail = report_quote(j->exam->report,
		    span_str(f->reverse[0]));
	if (f->reverse_n > 0 && f->is_confirmed)
		return REPORT_GOOD;
	if (f->reverse_n > 0)
		*detail = report_text(j->exam->report, "the address has the "
		    "name %s, which does not have the address", *detail);
	else
		*detail = "the address has no name at all";
	return j->place->role == EXAM_MX ? REPORT_WARNING : REPORT_NOTE;
}

static enum report_mark
judge_extensions(const struct judge *j, const char **detail)
{
	static const enum cap wanted[] = { CAP_SIZE, CAP_PIPELINING,
		CAP_8BITMIME, CAP_ENHANCEDSTATUSCODES, CAP_SMTPUTF8 };
	const struct exam_hello *hello = judge_hello(j);
	const char *missing = "";

	if (!hello->is_extended)
		return REPORT_PLAIN;
	for (size_t i = 0; i < countof(wanted); i++)
		if ((hello->caps.bits & 1u << wanted[i]) == 0)
			missing = report_text(j->exam->report, "%s%s%s",
			    missing, missing[0] != '\0' ? ", " : "",
			    cap_name(wanted[i]));
	if (missing[0] == '\0')
		return REPORT_GOOD;
	*detail = report_text(j->exam->report, "not offered: %s", missing);
	return REPORT_NOTE;
}

static enum report_mark
judge_size(const struct judge *j, const char **detail)
{
	const struct exam_hello *hello = judge_hello(j);
	uint64_t size = hello->caps.size;

	if (!hello->is_extended || (hello->caps.bits & 1u << CAP_SIZE) == 0)
		return REPORT_PLAIN;
	if (size == 0) {
		*detail = "no limit is told";
		return REPORT_NOTE;
	}
	*detail = report_text(j->exam->report, "%llu octets (%llu MiB)",
	    (unsigned long long)size, (unsigned long long)(size >> 20));
	return size < 10u << 20 ? REPORT_NOTE : REPORT_GOOD;
}

static enum report_mark
judge_quit(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->quit;

	if (!a->is_tried || a->code == 221)
		return REPORT_PLAIN;
	*detail = exam_words(j->exam, a);
	return REPORT_NOTE;
}

/* --- who lives there */

static enum report_mark
judge_vrfy(const struct judge *j, const char **detail)
{
	const struct exam_answer *there = &j->facts->vrfy;
	const struct exam_answer *none = &j->facts->vrfy_none;

	if (!there->is_tried || !none->is_tried)
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "VRFY of a usual name: %s; of "
	    "nobody: %s", exam_words(j->exam, there),
	    exam_words(j->exam, none));
	if ((there->code == 250 || there->code == 251) &&
	    none->code / 100 == 5)
		return REPORT_WARNING;
	return REPORT_GOOD;
}

static enum report_mark
judge_expn(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->expn;

	if (!a->is_tried)
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "EXPN postmaster: %s",
	    exam_words(j->exam, a));
	return a->code == 250 ? REPORT_WARNING : REPORT_GOOD;
}

static enum report_mark
judge_rcpt(const struct judge *j, const char **detail)
{
	const struct exam_answer *there = &j->facts->rcpt;
	const struct exam_answer *none = &j->facts->rcpt_none;

	if (j->place->role != EXAM_MX || !there->is_tried ||
	    !none->is_tried || !exam_is_ok(there))
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "RCPT of a name that does not "
	    "exist: %s", exam_words(j->exam, none));
	return exam_is_ok(none) ? REPORT_NOTE : REPORT_GOOD;
}

static enum report_mark
judge_postmaster(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->rcpt;

	if (j->place->role != EXAM_MX || !a->is_tried)
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "%s: %s", report_quote(
	    j->exam->report, span_str(j->exam->known)),
	    exam_words(j->exam, a));
	if (exam_is_put_off(a))
		return REPORT_UNTRIED;
	return exam_is_ok(a) ? REPORT_GOOD : REPORT_WARNING;
}

/* --- ends of lines */

static enum report_mark
judge_bare_lf(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->bare_lf;

	if (!a->is_tried)
		return REPORT_PLAIN;
	if (a->code == 221 || a->result != SESSION_OK)
		return REPORT_GOOD;
	*detail = "NOOP, LF, NOOP, CR LF were two commands";
	return REPORT_NOTE;
}

/* A server that says it is a loop has taken the end for one, too. */
static bool
took_the_end(const struct exam_answer *a)
{
	if (a->result != SESSION_OK || !a->is_tried)
		return false;
	return a->code / 100 == 2 || strcasestr(a->text, "hop") != NULL ||
	    strcasestr(a->text, "loop") != NULL;
}

static enum report_mark
judge_smuggling(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = j->facts->smuggled;
	const char *list = "";

	if (!a[0].is_tried && judge_hello(j)->code == 0)
		return REPORT_PLAIN;	/* there is no mail server */
	if (!a[0].is_tried) {
		*detail = "looking may deliver a message to a server that is "
		    "wrong: ehlo check --smuggling YOUR-ADDRESS does it";
		return REPORT_UNTRIED;
	}
	for (size_t i = 0; i < EXAM_FORMS; i++)
		if (j->facts->is_smuggled[i] && took_the_end(&a[i]))
			list = report_text(j->exam->report, "%s%s%s (%s)",
			    list, list[0] != '\0' ? "; " : "",
			    exam_form_name(i), exam_words(j->exam, &a[i]));
	*detail = list;
	if (list[0] != '\0')
		return REPORT_BAD;
	for (size_t i = 0; i < EXAM_FORMS; i++)
		if (j->facts->is_smuggled[i])
			return REPORT_GOOD;
	*detail = report_text(j->exam->report, "no text could be sent: %s",
	    exam_words(j->exam, &a[0]));
	return REPORT_UNTRIED;
}

static const struct judge_row dialogue[] = {
	{ "connect", judge_connect, "connects", "no connection",
	    "Is the server running, does it listen at this address and port, "
	    "and does a firewall or your provider (port 25!) let it through?",
	    "" },
	{ "greeting", judge_greeting, "greets with 220",
	    "no greeting of a mail server",
	    "A server says \"220 its.name ESMTP\" within five minutes; if "
	    "something else answers, it is the wrong port or a proxy; if "
	    "nothing comes, look what it waits for (DNS, greet delay, TLS "
	    "from the first byte as on port 465).",
	    "RFC 5321 4.3.1, 4.5.3.2.1" },
	{ "hangs", judge_hangs, "", "stops answering in the middle",
	    "Look into its log at this time: what does it wait for? A slow "
	    "look-up (DNS, block lists, accounts) is the usual answer.",
	    "RFC 5321 4.5.3.2" },
	{ "ehlo", judge_ehlo, "speaks ESMTP (EHLO)", "does not speak ESMTP",
	    "Without EHLO there is no TLS and no login. Cisco's \"smtp "
	    "fixup\" and its kind do that to good servers: turn it off.",
	    "RFC 5321 4.1.1.1" },
	{ "flaws", judge_flaws, "its replies are well-formed",
	    "its replies are malformed",
	    "Clients may misread them. Look for a proxy or filter between.",
	    "RFC 5321 2.3.8, 4.2" },
	{ "unknown-command", judge_nonsense, "refuses what it does not know",
	    "accepts a command that does not exist",
	    "500 or 502 is the answer to that. Something that says yes to "
	    "everything is no mail server but a filter or a trap.",
	    "RFC 5321 4.2.4" },
	{ "extensions", judge_extensions, "offers the usual extensions",
	    "some usual extensions are not offered",
	    "Nothing is broken: transfers are slower, reports less exact, or "
	    "addresses with accents impossible.",
	    "RFC 5321 2.2" },
	{ "size", judge_size, "tells its largest message",
	    "its largest message",
	    "Most people try to send up to 25 MB. Base64 makes a file a "
	    "third larger.", "RFC 1870 3" },
	{ "quit", judge_quit, "", "QUIT is not answered by 221",
	    "Harmless.", "RFC 5321 4.1.1.10" },
	{ "reverse-name", judge_reverse, "address and name agree in DNS",
	    "address and name do not agree in DNS",
	    "Ask whoever gave you the address (the hosting company) for a PTR "
	    "record with the server's name, and give that name the address. "
	    "Without it big providers refuse what this server sends.",
	    "RFC 1912 2.1" },
	{ "vrfy", judge_vrfy, "VRFY tells nothing",
	    "VRFY tells which users exist",
	    "Answer 252 to everything (Postfix: disable_vrfy_command).",
	    "RFC 5321 7.3" },
	{ "expn", judge_expn, "EXPN tells nothing",
	    "EXPN tells who is on a list", "Turn it off.", "RFC 5321 7.3" },
	{ "rcpt-unknown", judge_rcpt, "refuses unknown recipients at once",
	    "accepts recipients that do not exist",
	    "If it has no catch-all mailbox it will have to bounce such mail "
	    "later, to forged senders: refuse at RCPT instead.",
	    "RFC 5321 6.2" },
	{ "postmaster", judge_postmaster, "the postmaster can be reached",
	    "the postmaster cannot be reached",
	    "Every domain with mail must have this address, without regard to "
	    "upper and lower case.", "RFC 5321 4.5.1" },
	{ "bare-lf", judge_bare_lf, "LF alone ends no command",
	    "LF alone ends a command",
	    "Convenient for people at a telnet, and harmless in commands. See "
	    "that it does not end a message: --smuggling.",
	    "RFC 5321 2.3.8" },
	{ "smuggling", judge_smuggling,
	    "no wrong end of data is taken for the right one",
	    "SMTP smuggling: wrong ends of data are taken for the right one",
	    "Whoever can send through a server that passes these bytes on can "
	    "forge mail of all its domains. Update, or forbid bare LF "
	    "(Postfix: smtpd_forbid_bare_newline = normalize; Exim 4.97.1; "
	    "Sendmail 8.18).",
	    "RFC 5321 4.1.1.4, 2.3.8; CVE-2023-51764" },
};

void
judge_rows(const struct judge *judge, const struct judge_row *row, size_t n)
{
	struct report *report = judge->exam->report;

	for (size_t i = 0; i < n; i++) {
		const char *detail = "";
		enum report_mark mark = row[i].judge(judge, &detail);

		if (mark == REPORT_PLAIN)
			continue;
		report_add(report, &(struct report_finding){
		    .id = row[i].id, .mark = mark,
		    .place = judge->place->label, .detail = detail,
		    .title = mark == REPORT_GOOD ? row[i].good :
		    mark != REPORT_UNTRIED ? row[i].bad :
		    report_text(report, "unknown: %s", row[i].good),
		    .remedy = mark == REPORT_UNTRIED ? "" : row[i].remedy,
		    .reference = row[i].reference });
	}
}

/* What the lists of EHLO tell to who knows their history, as far as no row
 * says it. */
static void
judge_remarks(const struct judge *judge)
{
	static const char *const wanted[] = { "login-gone-in-tls",
		"only-windows", "no-password-mechanism", "firewall",
		"old-auth", "risky" };
	const struct explain_remark *remark[EXPLAIN_REMARKS_MAX];
	const struct exam_facts *facts = judge->facts;
	size_t n = explain_hello(
	    span_str(facts->clear.is_tried ? facts->clear.text : NULL),
	    span_str(facts->tls.is_tried ? facts->tls.text : NULL), remark);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < countof(wanted); k++)
			if (strcmp(remark[i]->name, wanted[k]) == 0)
				report_add(judge->exam->report,
				    &(struct report_finding){
				    .id = remark[i]->name,
				    .mark = remark[i]->is_warning ?
				    REPORT_WARNING : REPORT_NOTE,
				    .title = remark[i]->meaning,
				    .place = judge->place->label,
				    .remedy = remark[i]->advice,
				    .reference = "RFC 5321 4.1.1.1" });
}

void
exam_judge(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts)
{
	const struct judge judge = { exam, place, facts };

	judge_rows(&judge, dialogue, countof(dialogue));
	if (facts->clear.is_tried || facts->tls.is_tried)
		judge_remarks(&judge);
	judge_tls(&judge);
	judge_logins(&judge);
	if (facts->relay != NULL)
		relay_judge(exam, place, facts->relay);
}
