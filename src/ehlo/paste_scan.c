/* SPDX-License-Identifier: Apache-2.0 */
/* Replies outside of sessions: a line that is one, and those that logs and
 * bounces quote in the middle of a line. */
#include "base/text.h"
#include "ehlo/paste.h"
#include "ehlo/script.h"

struct scan {
	struct paste *paste;
	const unsigned char *covered;
	struct span rest;		/* behind the present line */
	unsigned line;
	bool has_diagnostic;		/* in this part of a report */
};

/* Where `word` stands in `text`, case aside, or text.len. */
static size_t
find(struct span text, const char *word)
{
	struct span want = span_str(word);

	for (size_t i = 0; i + want.len <= text.len; i++)
		if (span_casestarts(span_skip(text, i), want))
			return i;
	return text.len;
}

/* What a log says of the moment: "(in reply to RCPT TO command)". */
static enum explain_stage
stage_in(struct span line)
{
	static const struct {
		const char *words;
		enum explain_stage stage;
	} hints[] = {
		{ "end of DATA", EXPLAIN_TEXT },
		{ "after end of data", EXPLAIN_TEXT },
		{ "to RCPT TO", EXPLAIN_RCPT }, { "RCPT from", EXPLAIN_RCPT },
		{ "after RCPT", EXPLAIN_RCPT },
		{ "to MAIL FROM", EXPLAIN_MAIL }, { "MAIL from", EXPLAIN_MAIL },
		{ "after MAIL", EXPLAIN_MAIL },
		{ "during MAIL FROM", EXPLAIN_MAIL },
		{ "to DATA", EXPLAIN_DATA }, { "after DATA", EXPLAIN_DATA },
		{ "to EHLO", EXPLAIN_HELLO }, { "to HELO", EXPLAIN_HELLO },
		{ "to STARTTLS", EXPLAIN_STARTTLS },
		{ "SASL authentication", EXPLAIN_AUTH },
		{ "refused to talk to me", EXPLAIN_GREETING },
		{ "initial connection", EXPLAIN_GREETING },
		{ "CONNECT from", EXPLAIN_GREETING },
	};

	for (size_t i = 0; i < countof(hints); i++)
		if (find(line, hints[i].words) < line.len)
			return hints[i].stage;
	return EXPLAIN_ANY;
}

/* "5.1.1" in front. */
static bool
has_status(struct span text)
{
	struct span rest = text, word = span_cut(&rest, ' ');
	unsigned dots = 0;

	for (size_t i = 0; i < word.len; i++) {
		if (word.p[i] == '.')
			dots++;
		else if (!ascii_is_digit(word.p[i]))
			return false;
	}
	return dots == 2 && word.len >= 5;
}

/* What may stand before a reply that is quoted. */
static bool
is_quoted(struct span before)
{
	static const char *const words[] = { "said: ", "returned '",
		"returned \"", "response: ", "response was: ", "response: \"",
		"replied: ", "error: ", "answered: ", "smtp;", "smtp; ",
		"with: ", "#", "'", "\"", "(", "me: ", "]: " };

	for (size_t i = 0; i < countof(words); i++) {
		struct span word = span_str(words[i]);

		if (before.len >= word.len && span_caseeq(span_skip(before,
		    before.len - word.len), word))
			return true;
	}
	return false;
}

/* The reply inside of `line`: "… said: 550 5.1.1 <a@b>: No (in reply …)". */
static struct span
find_reply(struct span line)
{
	for (size_t i = 0; i + 4 < line.len; i++) {
		struct span rest = span_skip(line, i);
		unsigned code = script_reply_code(span_first(rest, 4));
		char before = i != 0 ? line.p[i - 1] : ' ';

		if (code < 400 || ascii_is_alnum(before) || before == '.' ||
		    before == ':' || before == '-')
			continue;
		if (has_status(span_skip(rest, 4)) ||
		    is_quoted(span_first(line, i)))
			return rest;
	}
	return (struct span){ NULL, 0 };
}

/* Quotes and brackets that were around it, and Postfix's own words behind. */
static struct span
cut_end(struct span text)
{
	text = span_first(text, find(text, " (in reply to"));
	text = span_first(text, find(text, "; from=<"));
	text = span_first(text, find(text, "> #SMTP"));
	while (text.len != 0 && strchr("'\")>#( ", text.p[text.len - 1]) != NULL
	    && text.p[text.len - 1] != '\0')
		text.len--;
	return text;
}

static void
add_text(struct scan *scan, enum paste_source source, struct span text,
    enum explain_stage stage)
{
	struct paste_reply *reply = paste_add(scan->paste, source, scan->line);

	text = cut_end(text);
	reply->stage = stage;
	if (!paste_take_code(reply, text))
		reply->text = text;
}

/* --- delivery reports (RFC 3464) */

/* A field with the lines that belong to it, as one. */
static struct span
unfold(struct scan *scan, struct span line)
{
	size_t room = line.len + 2048;
	char *memory = arena_alloc(&scan->paste->arena, room);
	struct put out = put_init(memory, room);

	if (memory == NULL)
		return line;
	put_bytes(&out, line);
	while (scan->rest.len != 0 && (scan->rest.p[0] == ' ' ||
	    scan->rest.p[0] == '\t')) {
		struct span next = span_trim(span_cut(&scan->rest, '\n'));

		scan->line++;
		if (next.len != 0 && next.p[next.len - 1] == '\r')
			next.len--;
		if (next.len + 1 > room - out.len)
			break;
		put_char(&out, ' ');
		put_bytes(&out, next);
	}
	return put_span(&out);
}

/* Is the better field still to come, before the empty line that ends the part
 * about this recipient? */
static bool
has_diagnostic(struct span rest)
{
	while (rest.len != 0) {
		struct span line = span_trim(span_cut(&rest, '\n'));

		if (line.len == 0 || span_eq(line, SPAN("\r")))
			return false;
		if (span_casestarts(line, SPAN("Diagnostic-Code:")))
			return true;
	}
	return false;
}

/* True if the line is a field of a report. */
static bool
scan_report(struct scan *scan, struct span line)
{
	struct span value;

	if (span_casestarts(line, SPAN("Diagnostic-Code:"))) {
		unsigned at = scan->line;

		value = span_skip(unfold(scan, line), 16);
		(void)span_cut(&value, ';');
		scan->has_diagnostic = true;
		add_text(scan, PASTE_REPORT, span_trim(value), EXPLAIN_ANY);
		scan->paste->reply[scan->paste->n - 1].line = at;
		return true;
	}
	if (span_casestarts(line, SPAN("Final-Recipient:")))
		scan->has_diagnostic = false;
	if (span_casestarts(line, SPAN("Status:")) &&
	    !scan->has_diagnostic && !has_diagnostic(scan->rest)) {
		value = span_trim(span_skip(line, 7));
		if (has_status(value) && value.p[0] != '2')
			add_text(scan, PASTE_REPORT, value, EXPLAIN_ANY);
		return has_status(value);
	}
	return false;
}

/* --- logs */

/* Postfix and Exim tell troubles of their own without a code. */
static bool
scan_log(struct scan *scan, struct span line)
{
	static const char *const marks[] = { "status=deferred (",
		"status=bounced (", "status=undeliverable (", " defer (" };

	for (size_t i = 0; i < countof(marks); i++) {
		size_t at = find(line, marks[i]);
		struct span text = span_skip(line, at + strlen(marks[i]));

		if (at == line.len)
			continue;
		if (strcmp(marks[i], " defer (") == 0)
			(void)span_cut(&text, ')');
		add_text(scan, PASTE_LOG, span_trim(text), EXPLAIN_ANY);
		return true;
	}
	return false;
}

/* --- replies alone */

/* Several lines of one: a list of EHLO without its EHLO, for one. */
static void
scan_reply(struct scan *scan, struct span line)
{
	struct paste *paste = scan->paste;
	struct paste_reply *reply = paste_add(paste, PASTE_LINE, scan->line);
	struct span text = line;
	unsigned lines = 1, known = 0;

	(void)paste_take_code(reply, line);
	while (line.len > 3 && line.p[3] == '-' && scan->rest.len != 0) {
		struct span rest = scan->rest;

		line = span_trim(span_cut(&rest, '\n'));
		if (script_reply_code(line) != reply->code)
			break;
		known += explain_keyword(span_skip(line, 4), NULL)[0] != '\0';
		scan->rest = rest;
		scan->line++;
		lines++;
		text.len = (size_t)((line.p + line.len) - text.p);
	}
	if (lines > 1) {
		char *memory = arena_alloc(&paste->arena, text.len + 1);
		struct put out = put_init(memory, memory != NULL ? text.len :
		    0);

		while (text.len != 0) {
			struct span next = span_trim(span_cut(&text, '\n'));

			if (next.len != 0 && next.p[next.len - 1] == '\r')
				next.len--;
			if (out.len != 0)
				put_char(&out, '\n');
			put_bytes(&out, span_skip(next, 4));
		}
		reply->text = put_span(&out);
	}
	if (reply->code == 250 && known > 0) {
		reply->stage = EXPLAIN_HELLO;
		if (paste->clear.p == NULL)
			paste->clear = reply->text;
		else
			paste->tls = reply->text;
	}
}

static void
scan_line(struct scan *scan, struct span line)
{
	struct span reply;

	if (scan_report(scan, line))
		return;
	if (script_reply_code(line) != 0) {
		scan_reply(scan, line);
		return;
	}
	reply = find_reply(line);
	if (reply.p != NULL)
		add_text(scan, PASTE_LOG, reply, stage_in(line));
	else
		(void)scan_log(scan, line);
}

/* Nothing with a code: what do the words say, or a bare "5.7.57"? */
static void
scan_words(struct paste *paste, struct span text)
{
	struct explain explain;
	struct paste_reply *reply;

	text = span_trim(text);
	while (text.len != 0 && (text.p[text.len - 1] == '\n' ||
	    text.p[text.len - 1] == '\r'))
		text.len--;
	if (text.len == 0)
		return;
	explain_reply(&(struct explain_query){ .text = text }, &explain);
	if (explain.basis != EXPLAIN_BY_WORDS &&
	    explain.basis != EXPLAIN_BY_STATUS)
		return;
	reply = paste_add(paste, PASTE_WORDS, 1);
	reply->text = span_first(text, 1000);
	reply->stage = stage_in(text);
}

void
paste_scan(struct paste *paste, struct span text,
    const unsigned char *covered)
{
	struct scan scan = { .paste = paste, .covered = covered,
		.rest = text };

	while (scan.rest.len != 0) {
		struct span line = span_cut(&scan.rest, '\n');

		scan.line++;
		if (covered[scan.line])
			continue;
		line = span_trim(line);
		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len != 0)
			scan_line(&scan, line);
	}
	if (paste->n == 0)
		scan_words(paste, text);
}
