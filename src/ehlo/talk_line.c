/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/talk_line.h"

#include "base/text.h"
#include "ehlo/talk_auth_form.h"
#include "smtp/verb.h"

static const struct talk_own_row own_rows[] = {
	{ "auth", OWN_AUTH, false, "[MECHANISM] [USER]",
	    "log in: asks what it needs, does the rest" },
	{ "close", OWN_CLOSE, true, "", "end the connection without QUIT" },
	{ "data", OWN_DATA, false, "", "DATA, then the text of a message" },
	{ "decode", OWN_DECODE, true, "BASE64", "what it says" },
	{ "encode", OWN_ENCODE, true, "TEXT", "in base64; sends nothing" },
	{ "exit", OWN_EXIT, true, "", "leave without QUIT" },
	{ "explain", OWN_EXPLAIN, true, "[CODE|TEXT]",
	    "the last reply, or this one, in words (also ?)" },
	{ "hello", OWN_HELLO, true, "[NAME]",
	    "EHLO with our name; HELO if that is refused" },
	{ "help", OWN_HELP, false, "", "this" },
	{ "open", OWN_OPEN, true, "[HOST[:PORT]]", "connect anew" },
	{ "quit", OWN_QUIT, false, "", "QUIT, and leave (also Ctrl-D)" },
	{ "raw", OWN_RAW, true, "[TEXT]", "exactly these bytes, without CRLF: "
	    "\\r \\n \\t \\b \\0 \\\\ \\xHH; alone: until an empty line" },
	{ "record", OWN_RECORD, true, "[FILE]",
	    "write a transcript from now on; alone: stop it" },
	{ "send", OWN_SEND, true, "FILE", "DATA, then the text of that file" },
	{ "starttls", OWN_STARTTLS, false, "",
	    "TLS, the certificate, EHLO again" },
	{ "tls", OWN_TLS, true, "", "what is known of TLS and certificate" },
	{ "wait", OWN_WAIT, true, "[SECONDS]",
	    "for something that the server says unasked" },
};

const struct talk_own_row *
talk_own_at(size_t i)
{
	return i < countof(own_rows) ? &own_rows[i] : NULL;
}

static const struct talk_own_row *
find_own(struct span word)
{
	for (size_t i = 0; i < countof(own_rows); i++)
		if (span_caseeq(word, span_str(own_rows[i].name)))
			return &own_rows[i];
	return NULL;
}

static enum smtp_step_type
step_of(struct span word)
{
	static const struct {
		const char *verb;
		enum smtp_step_type step;
	} steps[] = { { "EHLO", STEP_HELLO }, { "HELO", STEP_HELLO },
		{ "LHLO", STEP_HELLO }, { "STARTTLS", STEP_STARTTLS },
		{ "AUTH", STEP_AUTH }, { "MAIL", STEP_MAIL },
		{ "RCPT", STEP_RCPT }, { "DATA", STEP_DATA },
		{ "BDAT", STEP_BDAT }, { "RSET", STEP_RSET },
		{ "QUIT", STEP_QUIT } };

	for (size_t i = 0; i < countof(steps); i++)
		if (span_caseeq(word, span_str(steps[i].verb)))
			return steps[i].step;
	return STEP_OTHER;
}

/* RFC 821 had SEND FROM:, which is not ours. */
static bool
is_ours_bare(const struct talk_own_row *row, const struct talk_line *line)
{
	if (row->own == OWN_AUTH)
		return line->rest.len == 0;
	if (row->own == OWN_SEND && span_casestarts(line->rest, SPAN("FROM:")))
		return false;
	return row->is_bare;
}

void
talk_line_read(struct span text, struct talk_line *out)
{
	const struct talk_own_row *row;
	struct span whole = text;
	bool has_slash;

	text = span_trim(text);
	*out = (struct talk_line){ .kind = TALK_EMPTY, .step = STEP_OTHER };
	if (text.len == 0)
		return;
	has_slash = text.p[0] == '/';
	if (has_slash)
		text = span_skip(text, 1);
	out->word = span_cut(&text, ' ');
	out->rest = span_trim(text);
	out->tail = span_skip(whole, (size_t)(out->word.p - whole.p) +
	    out->word.len + 1);
	row = find_own(out->word);
	if (!has_slash && span_eq(out->word, SPAN("?"))) {
		row = find_own(SPAN("explain"));
		has_slash = true;
	}
	if (row != NULL && (has_slash || is_ours_bare(row, out))) {
		out->kind = TALK_OWN;
		out->own = row->own;
	} else if (has_slash) {
		out->kind = TALK_UNKNOWN;
	} else {
		out->kind = TALK_SMTP;
		out->step = step_of(out->word);
	}
}

bool
talk_line_names_user(const struct talk_line *line)
{
	struct span user = line->rest, mech = span_cut(&user, ' ');

	if (!span_eq(line->word, SPAN("auth")) || user.len == 0)
		return false;
	return !talk_auth_is_response(mech, user);
}

/* "AUTH LOGIN Z3V5dA==": the third word stays out, it may be a password. */
bool
talk_line_for_history(struct span text, struct put *out)
{
	struct talk_line line;

	if (text.len != 0 && text.p[0] == ' ')
		return false;
	talk_line_read(text, &line);
	if (line.kind == TALK_EMPTY)
		return false;
	if (line.kind == TALK_OWN && (line.own == OWN_ENCODE ||
	    line.own == OWN_DECODE || line.own == OWN_RAW)) {
		put_char(out, '/');
		put_bytes(out, line.word);
		return !out->full;
	}
	if (line.kind == TALK_SMTP && (line.step == STEP_AUTH ||
	    span_caseeq(line.word, SPAN("X-EXPS"))) &&
	    !talk_line_names_user(&line)) {
		struct span mech = span_cut(&line.rest, ' ');

		put_bytes(out, line.word);
		put_char(out, ' ');
		put_bytes(out, mech);
		return !out->full;
	}
	put_bytes(out, text);
	return !out->full;
}

/* --- what the session has come to */

static void
forget_mail(struct talk_state *state)
{
	state->has_mail = false;
	state->rcpt_n = 0;
	state->sender[0] = state->rcpt[0] = '\0';
}

/* What stands in "MAIL FROM:<a@b> SIZE=1", quoted. */
static void
copy_address(struct span line, char *out, size_t len)
{
	struct put quoted = put_init(out, len - 1);

	(void)span_cut(&line, ':');
	line = span_trim(line);
	if (line.len != 0 && line.p[0] == '<') {
		line = span_skip(line, 1);
		line = span_first(line, span_find(line, '>'));
	} else {
		line = span_first(line, span_find(line, ' '));
	}
	text_quote(line, &quoted);
	out[quoted.full ? 0 : quoted.len] = '\0';
}

void
talk_state_learn(struct talk_state *state, enum smtp_step_type step,
    struct span line, unsigned code)
{
	bool is_good = code / 100 == 2;

	switch (step) {
	case STEP_MAIL:
		if (is_good) {
			forget_mail(state);
			state->has_mail = true;
			copy_address(line, state->sender,
			    sizeof state->sender);
		}
		break;
	case STEP_RCPT:
		if (is_good && state->rcpt_n++ == 0)
			copy_address(line, state->rcpt, sizeof state->rcpt);
		break;
	case STEP_HELLO:
	case STEP_RSET:
	case STEP_TEXT:
		if (is_good || step == STEP_TEXT)
			forget_mail(state);
		break;
	case STEP_AUTH:
	case STEP_RESPONSE:
		if (code == 235)
			state->is_logged_in = true;
		break;
	case STEP_GREETING:
	case STEP_STARTTLS:
	case STEP_DATA:
	case STEP_BDAT:
	case STEP_QUIT:
	case STEP_OTHER:
	case STEP_RAW:
		break;
	}
}

void
talk_state_tls(struct talk_state *state)
{
	forget_mail(state);
	state->is_tls = true;
	state->is_logged_in = false;	/* RFC 3207 4.2 */
	state->user[0] = '\0';
}

void
talk_state_login(struct talk_state *state, struct span user)
{
	struct put quoted = put_init(state->user, sizeof state->user - 1);

	text_quote(span_first(user, 60), &quoted);
	state->user[quoted.full ? 0 : quoted.len] = '\0';
}

void
talk_state_prompt(const struct talk_state *state, struct put *out)
{
	if (!state->is_open) {
		put_str(out, "closed> ");
		return;
	}
	put_str(out, state->is_tls ? "tls" : "clear");
	if (state->is_logged_in) {
		put_char(out, ' ');
		put_str(out, state->user[0] != '\0' ? state->user :
		    "logged-in");
	}
	if (state->has_mail) {
		put_str(out, " mail");
		if (state->rcpt_n != 0) {
			put_char(out, '+');
			put_u64(out, state->rcpt_n);
		}
	}
	put_str(out, "> ");
}
