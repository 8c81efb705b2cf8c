/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/talk_complete.h"

#include "base/text.h"
#include "ehlo/talk_hello.h"
#include "ehlo/talk_line.h"

struct maker {
	const struct talk_context *context;
	struct talk_candidates *out;
	struct span typed;	/* what the candidates must begin with */
	bool is_lower;
};

static bool
is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '!' || s.p[i] > '~')
			return false;
	return s.len != 0;
}

/* Once, if it begins with what was typed and fits. */
static void
add(struct maker *m, struct span word, const char *tail)
{
	struct talk_candidates *out = m->out;
	struct put put;

	if (out->n == TALK_CANDIDATES_MAX || !span_casestarts(word, m->typed))
		return;
	put = put_init(out->word[out->n], TALK_CANDIDATE_LEN - 1);
	for (size_t i = 0; i < word.len; i++)
		put_char(&put, m->is_lower ? ascii_lower(word.p[i]) :
		    word.p[i]);
	put_str(&put, tail);
	if (put.full)
		return;
	out->word[out->n][put.len] = '\0';
	for (size_t i = 0; i < out->n; i++)
		if (strcmp(out->word[i], out->word[out->n]) == 0)
			return;
	out->n++;
}

static bool
has_lower(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'a' && s.p[i] <= 'z')
			return true;
	return false;
}

static bool
has_keyword(const struct maker *m, const char *name)
{
	return talk_hello_has(m->context->hello, span_str(name), NULL);
}

/* --- the first word */

/* Verbs that come with an extension, and where nothing else tells. */
static const struct {
	const char *keyword, *verb;
} verbs_of[] = {
	{ "STARTTLS", "STARTTLS" }, { "AUTH", "AUTH" }, { "VRFY", "VRFY" },
	{ "EXPN", "EXPN" }, { "ETRN", "ETRN" }, { "TURN", "TURN" },
	{ "ATRN", "ATRN" }, { "CHUNKING", "BDAT" }, { "BURL", "BURL" },
};

static void
add_verbs(struct maker *m)
{
	static const char *const always[] = { "MAIL FROM:<", "RCPT TO:<",
		"DATA", "RSET", "NOOP", "HELP", "QUIT" };
	struct span list = m->context->hello;

	if (m->context->is_lmtp)
		add(m, SPAN("LHLO"), "");
	else {
		add(m, SPAN("EHLO"), "");
		add(m, SPAN("HELO"), "");
	}
	for (size_t i = 0; i < countof(always); i++)
		add(m, span_str(always[i]), "");
	for (size_t i = 0; i < countof(verbs_of); i++)
		if (has_keyword(m, verbs_of[i].keyword))
			add(m, span_str(verbs_of[i].verb), "");
	(void)span_cut(&list, '\n');	/* the greeting */
	while (list.len != 0) {
		struct span word = span_cut(&list, '\n');

		word = span_cut(&word, ' ');
		word = span_first(word, span_find(word, '='));
		if (span_casestarts(word, SPAN("X")) && is_printable(word))
			add(m, word, "");
	}
}

static void
add_own(struct maker *m, bool has_slash)
{
	const struct talk_own_row *row;

	for (size_t i = 0; (row = talk_own_at(i)) != NULL; i++)
		if (has_slash || row->is_bare || row->own == OWN_AUTH)
			add(m, span_str(row->name), "");
}

static void
complete_first(struct maker *m)
{
	if (m->typed.len != 0 && m->typed.p[0] == '/') {
		m->typed = span_skip(m->typed, 1);
		m->out->at++;
		add_own(m, true);
		return;
	}
	add_verbs(m);
	/* an empty line shows what SMTP has, not what we have */
	if (m->typed.len != 0 && m->is_lower)
		add_own(m, false);
}

/* --- what stands behind a verb */

static void
add_mechs(struct maker *m)
{
	struct span list = m->context->mechs;

	while (list.len != 0) {
		struct span name = span_cut(&list, ' ');

		if (is_printable(name))
			add(m, name, "");
	}
}

struct parameter {
	const char *keyword;	/* NULL: always */
	const char *text;
};

static void
add_parameters(struct maker *m, const struct parameter *rows, size_t n)
{
	m->is_lower = m->typed.len != 0 && has_lower(m->typed);
	for (size_t i = 0; i < n; i++)
		if (has_keyword(m, rows[i].keyword))
			add(m, span_str(rows[i].text), "");
}

static void
complete_mail(struct maker *m, bool is_path, const char *path)
{
	static const struct parameter mail[] = {
		{ "SIZE", "SIZE=" }, { "8BITMIME", "BODY=8BITMIME" },
		{ "8BITMIME", "BODY=7BIT" },
		{ "BINARYMIME", "BODY=BINARYMIME" },
		{ "SMTPUTF8", "SMTPUTF8" }, { "DSN", "RET=FULL" },
		{ "DSN", "RET=HDRS" }, { "DSN", "ENVID=" },
		{ "AUTH", "AUTH=<>" }, { "REQUIRETLS", "REQUIRETLS" },
		{ "DELIVERBY", "BY=" }, { "FUTURERELEASE", "HOLDFOR=" },
		{ "FUTURERELEASE", "HOLDUNTIL=" }, { "MT-PRIORITY",
		    "MT-PRIORITY=" },
	}, rcpt[] = {
		{ "DSN", "NOTIFY=NEVER" }, { "DSN", "NOTIFY=SUCCESS" },
		{ "DSN", "NOTIFY=FAILURE" }, { "DSN", "NOTIFY=DELAY" },
		{ "DSN", "NOTIFY=SUCCESS,FAILURE,DELAY" },
		{ "DSN", "ORCPT=rfc822;" },
	};
	bool is_rcpt = path[0] == 'T';

	if (is_path) {
		struct span colon = span_skip(m->typed,
		    span_find(m->typed, '<'));

		/* the person's own address is the likeliest sender */
		if (!is_rcpt && colon.len != 0 &&
		    span_find(m->context->user, '@') !=
		    m->context->user.len) {
			m->out->at += (size_t)(colon.p - m->typed.p) + 1;
			m->typed = span_skip(colon, 1);
			m->is_lower = false;
			add(m, m->context->user, ">");
			return;
		}
		add(m, span_str(path), "");
		return;
	}
	if (is_rcpt)
		add_parameters(m, rcpt, countof(rcpt));
	else
		add_parameters(m, mail, countof(mail));
}

static void
complete_arguments(struct maker *m, const struct talk_line *line,
    unsigned words)
{
	m->is_lower = m->typed.len != 0 ? has_lower(m->typed) :
	    has_lower(line->word);
	if (line->kind == TALK_OWN) {
		m->out->is_file = words == 1 && (line->own == OWN_SEND ||
		    line->own == OWN_RECORD);
		if (line->own == OWN_AUTH && words == 1)
			add_mechs(m);
		return;
	}
	if (line->step == STEP_MAIL)
		complete_mail(m, words == 1, "FROM:<");
	else if (line->step == STEP_RCPT)
		complete_mail(m, words == 1, "TO:<");
	else if (line->step == STEP_AUTH && words == 1)
		add_mechs(m);
	else if (line->step == STEP_HELLO && words == 1) {
		m->is_lower = false;
		add(m, m->context->own_name, "");
	}
}

/* "mail from: <a@b> S": the path may have a space before it (IIS prints it so,
 * and so does the habit): words behind the path are counted. */
static unsigned
count_words(struct span line)
{
	unsigned n = 0;
	bool in_word = false, is_colon = false;

	for (size_t i = 0; i < line.len; i++) {
		bool is_space = line.p[i] == ' ';

		if (is_space && in_word && !is_colon)
			n++;
		in_word = !is_space;
		is_colon = line.p[i] == ':' || (is_space && is_colon);
	}
	return n;
}

void
talk_complete(const struct talk_context *context, struct span line,
    struct talk_candidates *out)
{
	struct maker m = { .context = context, .out = out };
	struct talk_line read;
	size_t at = line.len;

	out->at = out->n = 0;
	out->is_file = false;
	while (at != 0 && line.p[at - 1] != ' ')
		at--;
	m.typed = span_skip(line, at);
	m.is_lower = has_lower(m.typed);
	out->at = at;
	if (span_trim(span_first(line, at)).len == 0) {
		complete_first(&m);
		return;
	}
	/* what is being typed is the argument, so a bare "auth" has one */
	talk_line_read(line, &read);
	complete_arguments(&m, &read, count_words(line));
}

/* --- the head of a message */

static const char *const headers[] = { "From", "To", "Subject", "Date",
	"Message-ID", "Cc", "Reply-To", "MIME-Version", "Content-Type" };
#define HEADERS_FIRST 4	/* suggested to everybody, in this order */

unsigned
talk_header_bit(struct span line)
{
	struct span name = span_trim(span_first(line, span_find(line, ':')));

	for (size_t i = 0; i < countof(headers); i++)
		if (span_caseeq(name, span_str(headers[i])))
			return 1u << i;
	return 0;
}

static const char *
header_body(const struct talk_context *context, size_t i, char memory[256])
{
	struct put out = put_init(memory, 255);

	put_str(&out, ": ");
	if (i == 0 && context->sender.len != 0)
		put_bytes(&out, context->sender);
	else if (i == 1)
		put_bytes(&out, context->rcpt);
	else if (i == 3)
		put_bytes(&out, context->date);
	else if (i == 7)
		put_str(&out, "1.0");
	else if (i == 8)
		put_str(&out, "text/plain; charset=utf-8");
	if (out.full)
		out.len = 2;
	return put_cstr(&out);
}

void
talk_complete_header(const struct talk_context *context, struct span line,
    struct talk_candidates *out)
{
	struct maker m = { .context = context, .out = out, .typed = line };
	char memory[256];

	out->at = out->n = 0;
	out->is_file = false;
	for (size_t i = 0; i < countof(headers); i++) {
		if (line.len == 0 && (i >= HEADERS_FIRST || out->n != 0))
			break;
		if ((context->headers & 1u << i) == 0)
			add(&m, span_str(headers[i]),
			    header_body(context, i, memory));
	}
}

size_t
talk_common_prefix(const struct talk_candidates *candidates)
{
	size_t n = candidates->n != 0 ? strlen(candidates->word[0]) : 0;

	for (size_t i = 1; i < candidates->n; i++)
		for (size_t k = 0; k < n; k++)
			if (candidates->word[i][k] != candidates->word[0][k])
				n = k;
	return n;
}
