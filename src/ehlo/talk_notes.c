/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/talk_notes.h"

#include "base/put.h"
#include "base/text.h"
#include "ehlo/talk_auth_form.h"
#include "ehlo/talk_hello.h"
#include "ehlo/talk_line.h"
#include "smtp/verb.h"

static void
note(const struct talk_notes *q, const char *text)
{
	q->note(q->arg, text);
}

static void
note_flaws(const struct talk_notes *q)
{
	static const struct {
		unsigned flaw;
		const char *text;
	} rows[] = {
		{ ANSWER_BARE_LF, "a line of the server ended in a bare LF, "
		    "not in CRLF (RFC 5321 2.3.8)" },
		{ ANSWER_MIXED_CODES, "the lines of this reply have different "
		    "codes; the last one counts (RFC 5321 4.2.1)" },
		{ ANSWER_NO_TEXT, "a code without a space and text behind it "
		    "(RFC 5321 4.2)" },
		{ ANSWER_CONTROL, "control characters in the reply; they are "
		    "shown as \\x.., not obeyed" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (q->answer->flaws & rows[i].flaw)
			note(q, rows[i].text);
}

/* The code that each step should have when it is good. */
static void
note_code(const struct talk_notes *q)
{
	static const uint16_t wanted[] = {
		[STEP_GREETING] = 220, [STEP_HELLO] = 250,
		[STEP_STARTTLS] = 220, [STEP_MAIL] = 250,
		[STEP_DATA] = 354, [STEP_TEXT] = 250, [STEP_BDAT] = 250,
		[STEP_RSET] = 250, [STEP_QUIT] = 221, [STEP_RAW] = 0,
	};
	char memory[128];
	struct put out = put_init(memory, sizeof memory);

	if (answer_class(q->answer) > 3 || wanted[q->step] == 0 ||
	    q->answer->code == wanted[q->step])
		return;
	put_str(&out, "odd: ");
	put_u64(&out, wanted[q->step]);
	put_str(&out, " was to be expected here, not ");
	put_u64(&out, q->answer->code);
	note(q, put_cstr(&out));
}

/* "PLAIN LOGIN" of the offered ones. */
static void
put_plaintext(struct span mechs, struct put *out)
{
	while (mechs.len != 0) {
		struct span name = span_cut(&mechs, ' ');

		if (!span_eq(name, SPAN("PLAIN")) &&
		    !span_eq(name, SPAN("LOGIN")))
			continue;
		if (out->len != 0)
			put_str(out, " and ");
		put_bytes(out, name);
	}
}

static void
note_hello(const struct talk_notes *q)
{
	char memory[64], line[256];
	struct put names = put_init(memory, sizeof memory);
	struct put out = put_init(line, sizeof line);
	struct span list = answer_text(q->answer);

	if (answer_class(q->answer) != 2 ||
	    span_casestarts(span_trim(q->line), SPAN("HELO")))
		return;
	if (q->answer->n_lines < 2)
		note(q, "no extensions are offered: no STARTTLS, no AUTH, no "
		    "SIZE");
	put_plaintext(q->mechs, &names);
	if (!q->is_tls && !q->is_local && names.len != 0) {
		put_bytes(&out, put_span(&names));
		put_str(&out, " in the clear: whoever listens on the way can "
		    "read the password");
		if (talk_hello_has(list, SPAN("STARTTLS"), NULL))
			put_str(&out, "; starttls first");
		note(q, put_cstr(&out));
	} else if (!q->is_tls && q->mechs.len == 0 &&
	    talk_hello_has(list, SPAN("STARTTLS"), NULL)) {
		note(q, "no AUTH is offered here; it may come after starttls");
	}
}

static void
note_challenge(const struct talk_notes *q)
{
	char memory[ANSWER_TEXT_MAX];
	struct put out = put_init(memory, sizeof memory);

	if (!talk_auth_challenge(answer_line(q->answer, 0), &out))
		note(q, "this challenge is no base64, only words (as with "
		    "NTLM and GSSAPI of Exchange)");
}

/* The command that was probably meant; empty if there is no doubt. */
static struct span
guess(const struct talk_notes *q, const struct talk_line *typed)
{
	if (typed->step == STEP_MAIL &&
	    !span_casestarts(typed->rest, SPAN("FROM:")))
		return SPAN("MAIL FROM:<address>");
	if (typed->step == STEP_RCPT &&
	    !span_casestarts(typed->rest, SPAN("TO:")))
		return SPAN("RCPT TO:<address>");
	if (q->step == STEP_OTHER && typed->word.len != 0 &&
	    verb_find(typed->word, PERSONA_NATIVE) == NULL)
		return verb_guess(typed->word, q->is_lmtp);
	return SPAN("");
}

/* "mial from:", or "mail frrom:"; unless the server has said so itself. */
static void
note_spelling(const struct talk_notes *q)
{
	struct talk_line typed;
	char memory[128];
	struct put out = put_init(memory, sizeof memory);
	struct span meant;

	if (q->answer->code < 500 || q->answer->code > 502)
		return;
	talk_line_read(q->line, &typed);
	meant = guess(q, &typed);
	if (meant.len == 0 || memmem(q->answer->text, q->answer->len,
	    "id you mean", strlen("id you mean")) != NULL)
		return;
	put_str(&out, "did you mean ");
	put_bytes(&out, meant);
	put_char(&out, '?');
	note(q, put_cstr(&out));
}

void
talk_notes(const struct talk_notes *q)
{
	bool in_auth = q->step == STEP_AUTH || q->step == STEP_RESPONSE;

	note_flaws(q);
	note_code(q);
	if (q->step == STEP_HELLO)
		note_hello(q);
	if (in_auth && q->answer->code == 334)
		note_challenge(q);
	if (in_auth && answer_class(q->answer) == 2 && q->answer->code != 235)
		note(q, "odd: 235 was to be expected here");
	note_spelling(q);
	if (q->answer->code == 421)
		note(q, "421: the server ends this connection");
}
