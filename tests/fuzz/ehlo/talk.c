/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what `ehlo talk` makes of a typed line and of a server's list.
 * The first line of the input is typed, the rest is what EHLO was answered.
 * Parts of a line lie inside it; what is kept of an AUTH has no response;
 * candidates are printable and begin as was typed; a list compared with itself
 * has no news; what is shown of anything is printable, and of a password it is
 * dots. */
#include "base/die.h"
#include "base/text.h"
#include "ehlo/escape.h"
#include "ehlo/screen.h"
#include "ehlo/talk_auth_form.h"
#include "ehlo/talk_complete.h"
#include "ehlo/talk_hello.h"
#include "ehlo/talk_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[1 << 20];

static void
check_inside(struct span part, struct span whole)
{
	must(part.len == 0 || (part.p >= whole.p &&
	    part.p + part.len <= whole.p + whole.len));
}

static void
check_printable(struct span text)
{
	must(text_is_utf8(text));
	for (size_t i = 0; i < text.len; i++) {
		must(!ascii_is_cntrl(text.p[i]));
		must((unsigned char)text.p[i] != 0xc2 ||
		    (unsigned char)text.p[i + 1] >= 0xa0);
	}
}

static void
check_line(struct span typed)
{
	struct talk_line line;
	struct put out = put_init(memory, sizeof memory);
	bool is_kept = talk_line_for_history(typed, &out);

	talk_line_read(typed, &line);
	check_inside(line.word, typed);
	check_inside(line.rest, typed);
	check_inside(line.tail, typed);
	must(!is_kept || out.len <= typed.len + 1);
	if (is_kept && line.kind == TALK_SMTP && line.step == STEP_AUTH &&
	    !talk_line_names_user(&line)) {
		struct span rest = line.rest, mech = span_cut(&rest, ' ');

		must(out.len == line.word.len + 1 + mech.len);
	}
}

static void
check_candidates(const struct talk_context *context, struct span typed)
{
	struct talk_candidates found;

	for (int i = 0; i < 2; i++) {
		if (i == 0)
			talk_complete(context, typed, &found);
		else
			talk_complete_header(context, typed, &found);
		must(found.n <= TALK_CANDIDATES_MAX);
		must(found.at <= typed.len);
		for (size_t k = 0; k < found.n; k++) {
			struct span word = span_str(found.word[k]);

			check_printable(word);
			must(span_casestarts(word,
			    span_skip(typed, found.at)));
		}
		must(found.n == 0 || talk_common_prefix(&found) <=
		    strlen(found.word[0]));
	}
}

static void
check_list(struct span typed, struct span list)
{
	struct put out = put_init(memory, sizeof memory);

	talk_hello_missing(list, list, &out);
	must(out.len == 0);
	talk_hello_missing(typed, list, &out);
	check_printable(put_span(&out));
}

static void
check_shown(struct span text)
{
	static const char *const mechs[] = { "PLAIN", "LOGIN", "CRAM-MD5",
		"SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER", "DIGEST-MD5",
		"EXTERNAL", "NTLM", "GSSAPI", "?" };
	struct put out;

	for (size_t i = 0; i < countof(mechs); i++) {
		out = put_init(memory, sizeof memory);
		(void)talk_auth_show(span_str(mechs[i]), 0, text, &out);
		check_printable(put_span(&out));
	}
	out = put_init(memory, sizeof memory);
	must(talk_auth_show(SPAN("LOGIN"), 1, text, &out) == (text.len != 0));
	must(text.len == 0 || span_eq(put_span(&out), SPAN(TALK_DOTS)));
	out = put_init(memory, sizeof memory);
	(void)talk_auth_challenge(text, &out);
	check_printable(put_span(&out));
	out = put_init(memory, sizeof memory);
	screen_quote(text, &out);
	check_printable(put_span(&out));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span list = span_of(data, size), typed = span_cut(&list, '\n');
	const struct talk_context context = { .hello = list,
		.mechs = typed, .own_name = SPAN("me.example"),
		.user = SPAN("a@b"), .sender = SPAN("a@b") };
	struct put out = put_init(memory, sizeof memory);
	size_t at = 0;

	check_line(typed);
	check_candidates(&context, typed);
	check_list(typed, list);
	check_shown(typed);
	check_shown(list);
	(void)escape_read(typed, &out, &at);
	must(at <= typed.len);
	(void)talk_auth_is_wire(typed);
	return 0;
}
