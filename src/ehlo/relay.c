/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/relay.h"

#include <stdlib.h>

#include "base/put.h"

/* A server that is told too many wrong things slows down or hangs up: few
 * transactions a session. */
#define ROWS_A_SESSION 5

enum row_kind {
	MUST_REFUSE,		/* mail for others, without login */
	MUST_REFUSE_TRICK,	/* the same, with a disguise */
	MAY_TAKE,		/* mail for its own people */
	MUST_TAKE,		/* bounces (RFC 5321 4.5.5) */
	FORGES			/* its own people's name, from outside */
};

/* %i the inside domain, %k a known address there, %o an address outside, %u
 * and %d its two halves, %a the server's address, %m the login's own. */
static const struct row {
	const char *what, *sender, *recipient;
	enum row_kind kind;
} rows[] = {
	{ "outside to outside", "%o", "%o", MUST_REFUSE },
	{ "inside to outside", "postmaster@%i", "%o", MUST_REFUSE },
	{ "no sender to outside", "", "%o", MUST_REFUSE },
	{ "outside to inside", "%o", "%k", MAY_TAKE },
	{ "inside to inside", "postmaster@%i", "%k", FORGES },
	{ "no sender to inside", "", "%k", MUST_TAKE },
	{ "the login's own to outside", "%m", "%o", MUST_REFUSE },
	{ "source route", "%o", "@%i:%o", MUST_REFUSE_TRICK },
	{ "percent", "%o", "%u%%%d@%i", MUST_REFUSE_TRICK },
	{ "percent alone", "%o", "%u%%%d", MUST_REFUSE_TRICK },
	{ "percent at the address", "%o", "%u%%%d@[%a]", MUST_REFUSE_TRICK },
	{ "two at", "%o", "%o@%i", MUST_REFUSE_TRICK },
	{ "two at, the address", "%o", "%o@[%a]", MUST_REFUSE_TRICK },
	{ "quoted", "%o", "\"%o\"", MUST_REFUSE_TRICK },
	{ "quoted inside", "%o", "\"%o\"@%i", MUST_REFUSE_TRICK },
	{ "quoted at the address", "%o", "\"%o\"@[%a]", MUST_REFUSE_TRICK },
	{ "quoted percent", "%o", "\"%u%%%d\"", MUST_REFUSE_TRICK },
	{ "bang path", "%o", "%d!%u", MUST_REFUSE_TRICK },
	{ "bang path inside", "%o", "%d!%u@%i", MUST_REFUSE_TRICK },
	{ "bang path, the address", "%o", "%d!%u@[%a]", MUST_REFUSE_TRICK },
	{ "sender at localhost", "root@localhost", "%o", MUST_REFUSE_TRICK },
	{ "sender at loopback", "root@[127.0.0.1]", "%o",
	    MUST_REFUSE_TRICK },
	{ "sender at the address", "postmaster@[%a]", "%o",
	    MUST_REFUSE_TRICK },
	{ "sender without domain", "postmaster", "%o", MUST_REFUSE_TRICK },
};
_Static_assert(sizeof rows / sizeof rows[0] <= RELAY_ROWS_MAX, "rows");

static const char *const column_name[] = { "clear", "TLS", "clear, login",
	"TLS, login" };

/* --- addresses */

/* False: something it needs is not known. */
static bool
fill(const struct exam *exam, const struct exam_place *place,
    const char *pattern, char out[400])
{
	struct put put = put_init(out, 400);
	struct span outside = span_str(exam->outside), user = outside;
	struct span domain = span_skip(outside, span_find(outside, '@') + 1);
	struct span value;

	user.len = span_find(outside, '@');
	for (const char *c = pattern; *c != '\0'; c++) {
		if (*c != '%') {
			put_char(&put, *c);
			continue;
		}
		switch (*++c) {
		case 'i':
			value = span_str(exam->inside);
			break;
		case 'k':
			value = span_str(exam->known);
			break;
		case 'o':
			value = outside;
			break;
		case 'u':
			value = user;
			break;
		case 'd':
			value = domain;
			break;
		case 'm':
			value = span_str(exam->sender);
			break;
		case 'a':
			value = span_str(place->address);
			if (span_find(value, ':') < value.len)
				put_str(&put, "IPv6:");
			break;
		default:
			value = SPAN("%");
		}
		if (value.len == 0)
			return false;
		put_bytes(&put, value);
	}
	(void)put_cstr(&put);
	return !put.full;
}

bool
relay_row(const struct exam *exam, const struct exam_place *place, size_t row,
    char sender[400], char recipient[400])
{
	return fill(exam, place, rows[row].sender, sender) &&
	    fill(exam, place, rows[row].recipient, recipient);
}

size_t
relay_rows(void)
{
	return countof(rows);
}

/* --- looking */

static bool
is_login(enum relay_column column)
{
	return column == RELAY_CLEAR_LOGIN || column == RELAY_TLS_LOGIN;
}

static bool
is_tls(enum relay_column column)
{
	return column == RELAY_TLS || column == RELAY_TLS_LOGIN;
}

/* A session ready for MAIL, or NULL and why. */
static struct session *
open_column(const struct exam *exam, const struct exam_place *place,
    enum relay_column column, struct exam_answer *out)
{
	const char *mech;
	struct session *session = exam_dial(exam, place, is_tls(column) ?
	    EXAM_TLS : EXAM_HELLO, NULL, out);

	if (session == NULL || !is_login(column))
		return session;
	if (exam_log_in(exam, session, out, &mech) == SESSION_OK &&
	    out->code == 235)
		return session;
	exam_hang_up(session);
	return NULL;
}

/* MAIL, RCPT, RSET. False: the session is over. */
static bool
try_pair(struct session *session, const char *sender, const char *recipient,
    struct relay_cell *cell)
{
	struct exam_answer reset;

	cell->is_tried = true;
	cell->is_mail = true;
	if (exam_say(session, STEP_MAIL, &cell->answer, "MAIL FROM:<%s>",
	    sender) != SESSION_OK)
		return false;
	if (exam_is_ok(&cell->answer)) {
		cell->is_mail = false;
		if (exam_say(session, STEP_RCPT, &cell->answer,
		    "RCPT TO:<%s>", recipient) != SESSION_OK)
			return false;
	}
	return cell->answer.code != 421 && exam_say(session, STEP_RSET,
	    &reset, "RSET") == SESSION_OK && reset.code != 421;
}

static bool
is_wanted(size_t row, bool with_tricks, enum relay_column column)
{
	if (strcmp(rows[row].sender, "%m") == 0 && !is_login(column))
		return false;
	return with_tricks || rows[row].kind != MUST_REFUSE_TRICK;
}

/* Nobody has that name. */
static void
try_catch_all(const struct exam *exam, struct session *session, bool *out)
{
	struct relay_cell cell = { 0 };
	char recipient[400];

	if (exam->inside[0] == '\0')
		return;
	snprintf(recipient, sizeof recipient, "ehlo-%08lx@%.256s",
	    random() & 0xffffffff, exam->inside);
	(void)try_pair(session, exam->outside, recipient, &cell);
	*out = !cell.is_mail && exam_is_ok(&cell.answer);
}

void
relay_look(const struct exam *exam, const struct exam_place *place,
    enum relay_column column, bool with_tricks, struct relay *out)
{
	struct session *session = NULL;
	char sender[400], recipient[400];
	unsigned n = 0, lost = 0;
	bool is_first = true;

	for (size_t i = 0; i < countof(rows) && lost < 3; i++) {
		struct relay_cell *cell = &out->cell[i][column];

		if (!is_wanted(i, with_tricks, column) ||
		    !relay_row(exam, place, i, sender, recipient))
			continue;
		exam_progress("%s: relay, %s: %s", place->label,
		    column_name[column], rows[i].what);
		if (session == NULL) {
			session = open_column(exam, place, column,
			    &out->column[column]);
			if (session == NULL)
				return;
			if (is_first && with_tricks)
				try_catch_all(exam, session,
				    &out->is_catch_all[column]);
			is_first = false;
		}
		if (!try_pair(session, sender, recipient, cell)) {
			session_free(session);
			session = NULL;
			lost++;
		} else if (++n % ROWS_A_SESSION == 0) {
			exam_hang_up(session);
			session = NULL;
		}
	}
	exam_hang_up(session);
}

/* --- judging */

static bool
is_taken(const struct relay_cell *cell)
{
	return cell->is_tried && !cell->is_mail && exam_is_ok(&cell->answer);
}

static bool
is_inside_trick(const struct row *row)
{
	struct span r = span_str(row->recipient);

	return r.len > 3 && (span_eq(span_skip(r, r.len - 3), SPAN("@%i")) ||
	    span_eq(span_skip(r, r.len - 5), SPAN("@[%a]")));
}

static enum report_mark
judge_cell(const struct exam_place *place, const struct relay *relay,
    size_t row, enum relay_column column)
{
	const struct relay_cell *cell = &relay->cell[row][column];

	if (!cell->is_tried || cell->answer.result != SESSION_OK ||
	    exam_is_put_off(&cell->answer))
		return REPORT_UNTRIED;
	switch (rows[row].kind) {
	case MUST_REFUSE:
		if (is_login(column))
			return is_taken(cell) ? REPORT_PLAIN : REPORT_NOTE;
		return is_taken(cell) ? REPORT_BAD : REPORT_GOOD;
	case MUST_REFUSE_TRICK:
		if (is_login(column))
			return REPORT_PLAIN;
		if (!is_taken(cell))
			return REPORT_GOOD;
		return relay->is_catch_all[column] &&
		    is_inside_trick(&rows[row]) ? REPORT_NOTE : REPORT_BAD;
	case MUST_TAKE:
		if (is_login(column) || place->role != EXAM_MX)
			return REPORT_PLAIN;
		return is_taken(cell) ? REPORT_GOOD : REPORT_WARNING;
	case FORGES:
	case MAY_TAKE:
		return REPORT_PLAIN;
	}
	return REPORT_PLAIN;
}

/* The rows of a column that are marked so, as one line of text. */
static const char *
list_rows(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay, enum report_mark mark, bool tricks)
{
	char sender[400], recipient[400];
	const char *list = "";

	for (size_t i = 0; i < countof(rows); i++)
		for (size_t c = 0; c < RELAY_COLUMNS; c++) {
			if (judge_cell(place, relay, i, c) != mark ||
			    (rows[i].kind == MUST_REFUSE_TRICK) != tricks ||
			    rows[i].kind > MUST_REFUSE_TRICK ||
			    !relay_row(exam, place, i, sender, recipient))
				continue;
			list = report_text(exam->report,
			    "%s%s%s, %s: from <%s> to <%s>: %s", list,
			    list[0] != '\0' ? "; " : "", column_name[c],
			    rows[i].what, sender, recipient, exam_words(exam,
			    &relay->cell[i][c].answer));
			break;	/* one column is enough */
		}
	return list;
}

static bool
any(const struct exam_place *place, const struct relay *relay,
    enum report_mark mark, enum row_kind kind)
{
	for (size_t i = 0; i < countof(rows); i++)
		for (size_t c = 0; c < RELAY_COLUMNS; c++)
			if (rows[i].kind == kind &&
			    judge_cell(place, relay, i, c) == mark)
				return true;
	return false;
}

static void
judge_open(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay)
{
	struct report_finding f = { .id = "relay-open",
		.place = place->label, .mark = REPORT_BAD,
		.title = "an open relay: it takes mail of anybody for anybody",
		.remedy = "Accept recipients of other domains only behind a "
		    "login or from addresses that you name (Postfix: "
		    "reject_unauth_destination; ehlod: relay authenticated). "
		    "Until then spam leaves in your name. If this program "
		    "runs on an address that may relay, run it elsewhere.",
		.reference = "RFC 5321 7.9, RFC 2505 2.1" };

	if (any(place, relay, REPORT_BAD, MUST_REFUSE)) {
		f.detail = list_rows(exam, place, relay, REPORT_BAD, false);
	} else if (any(place, relay, REPORT_GOOD, MUST_REFUSE)) {
		f.mark = REPORT_GOOD;
		f.title = "without a login it relays for nobody";
	} else {
		f.mark = REPORT_UNTRIED;
		f.title = "whether it is an open relay";
		f.detail = "no final answer to RCPT: none at all, or \"later\" "
		    "(greylisting); try again in a while";
		f.remedy = "";
	}
	report_add(exam->report, &f);
}

static void
judge_tricks(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay)
{
	struct report_finding f = { .id = "relay-trick",
		.place = place->label, .mark = REPORT_BAD,
		.title = "a disguised address is relayed",
		.remedy = "Refuse these forms. Some servers take them for "
		    "local names and lose the mail later; look into the "
		    "server's log what became of the address.",
		.reference = "RFC 5321 3.6.1, RFC 2505 2.1" };

	if (any(place, relay, REPORT_BAD, MUST_REFUSE_TRICK) &&
	    !any(place, relay, REPORT_BAD, MUST_REFUSE)) {
		f.detail = list_rows(exam, place, relay, REPORT_BAD, true);
		report_add(exam->report, &f);
	}
	if (any(place, relay, REPORT_NOTE, MUST_REFUSE_TRICK)) {
		f.mark = REPORT_NOTE;
		f.title = "any name is taken at the inside domain, disguised "
		    "ones, too";
		f.detail = list_rows(exam, place, relay, REPORT_NOTE, true);
		f.remedy = "Nothing is proved by that: look into the server's "
		    "log whether such mail stays inside.";
		report_add(exam->report, &f);
	} else if (any(place, relay, REPORT_GOOD, MUST_REFUSE_TRICK) &&
	    !any(place, relay, REPORT_BAD, MUST_REFUSE_TRICK)) {
		f.mark = REPORT_GOOD;
		f.title = "the disguised addresses are refused";
		report_add(exam->report, &f);
	}
}

/* The row with these patterns. */
static size_t
find_row(const char *sender, const char *recipient)
{
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].sender, sender) == 0 &&
		    strcmp(rows[i].recipient, recipient) == 0)
			return i;
	return 0;
}

static void
judge_login(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay)
{
	size_t own = find_row("%m", "%o"), other = find_row("%o", "%o");
	size_t inside = find_row("postmaster@%i", "%o");

	for (size_t c = RELAY_CLEAR_LOGIN; c < RELAY_COLUMNS; c++) {
		const struct relay_cell *cell = &relay->cell[own][c];
		const struct relay_cell *as = &relay->cell[other][c];

		if (cell->is_tried)
			report_add(exam->report, &(struct report_finding){
			    .id = "relay-login", .place = place->label,
			    .mark = is_taken(cell) ? REPORT_GOOD :
			    REPORT_WARNING, .title = is_taken(cell) ?
			    "with a login it takes mail for the world" :
			    "the login may not send to the outside",
			    .detail = is_taken(cell) ? "" :
			    exam_words(exam, &cell->answer),
			    .remedy = "If it should: allow relaying behind a "
			    "login, and see that the sender is one of the "
			    "login's addresses (--from).",
			    .reference = "RFC 6409 6.1" });
		if (!is_taken(as) && relay->cell[inside][c].is_tried)
			as = &relay->cell[inside][c];
		if (as->is_tried && as->answer.result == SESSION_OK)
			report_add(exam->report, &(struct report_finding){
			    .id = "relay-sender", .place = place->label,
			    .mark = is_taken(as) ? REPORT_WARNING :
			    REPORT_GOOD, .title = is_taken(as) ?
			    "the login may send as somebody else" :
			    "the login may not send as somebody else",
			    .detail = exam_words(exam, &as->answer),
			    .remedy = "Bind each login to its addresses "
			    "(Postfix: reject_sender_login_mismatch; Exchange: "
			    "SendAs; ehlod: send-as): one stolen password "
			    "should not forge everybody.",
			    .reference = "RFC 6409 6.1" });
	}
}

static void
judge_inside(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay)
{
	size_t forged = find_row("postmaster@%i", "%k");
	size_t bounce = find_row("", "%k");

	if (place->role != EXAM_MX)
		return;
	for (size_t c = 0; c <= RELAY_TLS; c++) {
		const struct relay_cell *cell = &relay->cell[forged][c];

		if (is_taken(cell))
			report_add(exam->report, &(struct report_finding){
			    .id = "relay-forged", .place = place->label,
			    .mark = REPORT_NOTE,
			    .title = "takes mail from outside that claims to "
			    "come from inside",
			    .remedy = "Usual, because of mailing lists; SPF "
			    "and DMARC judge it then. See that they do.",
			    .reference = "RFC 7489 6" });
		cell = &relay->cell[bounce][c];
		if (cell->is_tried && cell->answer.result == SESSION_OK &&
		    !exam_is_put_off(&cell->answer))
			report_add(exam->report, &(struct report_finding){
			    .id = "relay-bounce", .place = place->label,
			    .mark = is_taken(cell) ? REPORT_GOOD :
			    REPORT_WARNING, .title = is_taken(cell) ?
			    "bounces come in (the null sender is accepted)" :
			    "bounces are refused (MAIL FROM:<>)",
			    .detail = is_taken(cell) ? "" :
			    exam_words(exam, &cell->answer),
			    .remedy = "The empty sender must be accepted: "
			    "without it your people never learn that their "
			    "mail was lost. (If the recipient does not exist, "
			    "name one that does: --known.)",
			    .reference = "RFC 5321 4.5.5" });
	}
}

void
relay_judge(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay)
{
	judge_open(exam, place, relay);
	judge_tricks(exam, place, relay);
	judge_login(exam, place, relay);
	judge_inside(exam, place, relay);
}

/* --- the table */

bool
relay_has(const struct relay *relay, enum relay_column column)
{
	for (size_t i = 0; i < countof(rows); i++)
		if (relay->cell[i][column].is_tried)
			return true;
	return false;
}

static const char *
cell_text(const struct exam *exam, const struct relay_cell *cell)
{
	if (!cell->is_tried)
		return "-";
	if (cell->answer.result != SESSION_OK)
		return "lost";
	if (cell->is_mail)
		return report_text(exam->report, "%u to MAIL",
		    cell->answer.code);
	return report_text(exam->report, "%u", cell->answer.code);
}

void
relay_show(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay)
{
	struct report_table *table = report_add_table(exam->report, "relay",
	    report_text(exam->report, "Who may send to whom at %s (answers to "
	    "RCPT)", place->label), "What|From|To|Clear|TLS|Clear, login|"
	    "TLS, login");
	char sender[400], recipient[400];

	if (table == NULL)
		return;
	table->is_detail = true;
	table->hidden = 1u << 1 | 1u << 2;	/* From, To */
	for (size_t c = 0; c < RELAY_COLUMNS; c++)
		if (!relay_has(relay, (enum relay_column)c))
			table->hidden |= 1u << (3 + c);
	for (size_t i = 0; i < countof(rows); i++) {
		struct report_row *row;
		bool is_tried = false;

		for (size_t c = 0; c < RELAY_COLUMNS; c++)
			is_tried |= relay->cell[i][c].is_tried;
		if (!is_tried ||
		    !relay_row(exam, place, i, sender, recipient))
			continue;
		row = report_add_row(exam->report, table);
		row->cell[0].text = rows[i].what;
		row->cell[1].text = report_text(exam->report, "<%s>",
		    sender);
		row->cell[2].text = report_text(exam->report, "<%s>",
		    recipient);
		for (size_t c = 0; c < RELAY_COLUMNS; c++)
			row->cell[3 + c] = (struct report_cell){
			    cell_text(exam, &relay->cell[i][c]),
			    relay->cell[i][c].is_tried ? judge_cell(place,
			    relay, i, c) : REPORT_PLAIN };
	}
}
