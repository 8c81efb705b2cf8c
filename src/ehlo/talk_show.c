/* SPDX-License-Identifier: Apache-2.0 */
/* talk_show: the session as it is told: to the person, to the transcript, to a
 * program. Text of the server is quoted, secrets are dots. */
#include <stdarg.h>
#include <time.h>

#include "base/clock.h"
#include "base/buf.h"
#include "base/text.h"
#include "ehlo/talk_auth_form.h"
#include "ehlo/talk_priv.h"
#include "ehlo/transcript.h"
#include "ehlo/words.h"
#include "mail/date.h"

#define DAY 86400

void
talk_note(struct talk *talk, const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);	/* cut */
	va_end(args);
	screen_line(talk->screen, SCREEN_NOTE, span_str(line));
}

void
talk_warn(struct talk *talk, const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);	/* cut */
	va_end(args);
	screen_line(talk->screen, SCREEN_WARNING, span_str(line));
	if (talk->json != NULL)
		fprintf(stderr, "ehlo: %s\n", line);
}

/* --- what is said */

/* Ours, where it was not typed: on a terminal as if it had been. */
static void
show_said(struct talk *talk, struct span line)
{
	char memory[2048];
	struct put out = put_init(memory, sizeof memory);

	if (talk->is_typed)
		return;
	if (screen_is_terminal(talk->screen))
		talk_state_prompt(&talk->state, &out);
	else
		put_str(&out, "> ");
	put_bytes(&out, span_first(line, sizeof memory - 200));
	screen_line(talk->screen, SCREEN_CLIENT, put_span(&out));
}

/* "AUTH MECH [response]": the dialogue begins. What is left of the line is the
 * response; empty if there is none. */
static struct span
begin_auth(struct talk *talk, struct span line)
{
	struct span mech;
	struct put out = put_init(talk->mech, sizeof talk->mech - 1);

	(void)span_cut(&line, ' ');
	mech = span_cut(&line, ' ');
	put_bytes(&out, mech);
	talk->mech[out.len] = '\0';
	talk->round = 0;
	talk->in_auth = true;
	return line;
}

/* A response: what it says, below it; with dots for what is secret. */
static void
show_response(struct talk *talk, struct span before, struct span wire)
{
	char bytes[SASL_CLIENT_OUT_MAX], text[4096], line[2048];
	struct put decoded = put_init(bytes, sizeof bytes);
	struct put shown = put_init(text, sizeof text);
	struct put out = put_init(line, sizeof line);
	bool is_base64 = base64_decode(wire, &decoded, NULL) == BASE64_OK;
	bool hides = true;

	if (span_eq(wire, SPAN("=")) || wire.len == 0)
		hides = false;
	else if (is_base64)
		hides = talk_auth_show(span_str(talk->mech), talk->round,
		    put_span(&decoded), &shown);
	put_bytes(&out, before);
	put_bytes(&out, hides ? SPAN(TALK_DOTS) : span_first(wire, 1000));
	show_said(talk, put_span(&out));
	if (shown.len != 0 && !shown.full &&
	    !span_eq(put_span(&shown), SPAN(TALK_DOTS)))
		screen_printf(talk->screen, SCREEN_FAINT, "    = %.*s",
		    (int)shown.len, shown.p);
	talk->round++;
	mem_wipe(bytes, sizeof bytes);
}

static void
show_secret(struct talk *talk, struct span line)
{
	struct span response, before;

	if (talk->in_auth) {
		if (span_eq(line, SPAN("*")))
			show_said(talk, line);
		else
			show_response(talk, SPAN(""), line);
		return;
	}
	response = begin_auth(talk, line);
	before = span_first(line, line.len - response.len);
	if (response.len == 0)
		show_said(talk, before);
	else
		show_response(talk, before, response);
}

/* --- what is heard */

static void
show_heard(struct talk *talk, struct span line)
{
	char memory[4 * ANSWER_LINE_MAX];
	struct put out = put_init(memory, sizeof memory);

	screen_line(talk->screen, SCREEN_SERVER, line);
	if (!talk->in_auth || line.len < 4)
		return;
	if (!span_starts(line, SPAN("334"))) {
		talk->in_auth = false;
		return;
	}
	if (talk_auth_challenge(span_skip(line, 4), &out) && out.len != 0)
		screen_printf(talk->screen, SCREEN_FAINT, "    = %.*s",
		    out.len < 1000 ? (int)out.len : 1000, out.p);
}

void
talk_tell(void *arg, enum session_news news, struct span text)
{
	struct talk *talk = arg;

	/* what the handshake says is shown in full by us */
	if (news == SESSION_NOTE && (span_starts(text, SPAN("TLS")) ||
	    span_starts(text, SPAN("trying"))))
		return;
	if (talk->record != NULL)
		transcript_write(talk->record, news, text);
	switch (news) {
	case SESSION_NOTE:
		screen_line(talk->screen, SCREEN_NOTE, text);
		break;
	case SESSION_SAID:
		if (span_casestarts(text, SPAN("AUTH ")))
			(void)begin_auth(talk, text);
		show_said(talk, text);
		break;
	case SESSION_SAID_SECRET:
		show_secret(talk, text);
		break;
	case SESSION_HEARD:
		if (!talk->is_speaking)
			talk->unasked += text.len + 2;
		show_heard(talk, text);
		break;
	}
}

/* --- TLS */

static void
format_day(int64_t at, char out[16])
{
	time_t seconds = (time_t)at;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, 16, "%Y-%m-%d", &tm) == 0)
		memcpy(out, "?", 2);
}

static void
show_leaf(struct talk *talk, const struct tls_facts *facts)
{
	const struct tls_cert_facts *leaf = &facts->cert[0];
	char from[16], until[16];
	int64_t left = leaf->not_after - (int64_t)(clock_real_ms() / 1000);

	format_day(leaf->not_before, from);
	format_day(leaf->not_after, until);
	talk_note(talk, "certificate for %s", facts->names[0] != '\0' ?
	    facts->names : leaf->subject);
	talk_note(talk, "  issued by %s, %s", leaf->issuer, leaf->key);
	talk_note(talk, "  valid from %s until %s (%s%lld days)", from, until,
	    left >= 0 ? "" : "over since ",
	    (long long)(left >= 0 ? left : -left) / DAY);
}

void
talk_show_tls(struct talk *talk)
{
	const struct tls_facts *facts = session_tls(talk->session);

	if (facts == NULL) {
		talk_note(talk, "no TLS");
		return;
	}
	if (facts->protocol[0] != '\0')
		talk_note(talk, "%s %s%s%s", facts->protocol, facts->cipher,
		    facts->group[0] != '\0' ? " " : "", facts->group);
	if (facts->cert_n != 0)
		show_leaf(talk, facts);
	if (facts->trust == TLS_TRUSTED || facts->trust == TLS_TRUST_DANE)
		talk_note(talk, "  the certificate is right: %s",
		    facts->verdict);
	else
		talk_warn(talk, "  the certificate is not right: %s",
		    facts->verdict);
	if (facts->trust == TLS_BAD_NAME)
		talk_warn(talk, "  asked for %s: configure one of the names "
		    "above, or get a certificate for this one", facts->asked);
}

/* --- words */

/* What EHLO said then; .p NULL: nothing yet. */
static struct span
hello_of(const struct talk *talk, bool is_tls)
{
	if (talk->hello_len[is_tls] == 0)
		return (struct span){ NULL, 0 };
	return span_of(talk->hello[is_tls], talk->hello_len[is_tls]);
}

void
talk_explain(struct talk *talk)
{
	struct explain explain;
	struct words words;

	if (talk->last.code == 0) {
		talk_note(talk, "there is no reply yet");
		return;
	}
	if (talk->json != NULL)
		return;
	words_init(&words, stdout);
	explain_answer(talk->last_step, &talk->last, &explain);
	if (talk->last_step == STEP_HELLO && talk->last.n_lines > 1)
		words_list(&words, 2, answer_text(&talk->last));
	words_explain(&words, 2, &explain);
	if (talk->last_step == STEP_HELLO)
		words_remarks(&words, 2, hello_of(talk, false),
		    hello_of(talk, true));
	(void)fflush(stdout);	/* the end will tell */
}

static void
put_json_lines(const struct talk *talk)
{
	for (unsigned i = 0; i < talk->last.n_lines; i++) {
		if (i != 0)
			fputc(',', talk->json);
		words_json(talk->json, answer_line(&talk->last, i));
	}
}

static void
put_json_said(struct talk *talk)
{
	struct span line = span_str(talk->last_line);

	/* AUTH MECH, and never what follows */
	if (talk->last_step == STEP_AUTH) {
		struct span rest = line;

		(void)span_cut(&rest, ' ');
		(void)span_cut(&rest, ' ');
		if (rest.len != 0)
			line.len -= rest.len + 1;
	}
	words_json(talk->json, line);
}

void
talk_put_json(struct talk *talk, bool is_unasked)
{
	const struct answer *last = &talk->last;

	if (talk->json == NULL)
		return;
	fprintf(talk->json, "{\"said\":");
	put_json_said(talk);
	fprintf(talk->json, ",\"stage\":\"%s\",\"code\":%u",
	    explain_stage_name(explain_stage_of(talk->last_step)),
	    last->code);
	if (last->status[0] != 0)
		fprintf(talk->json, ",\"status\":\"%u.%u.%u\"",
		    last->status[0], last->status[1], last->status[2]);
	fprintf(talk->json, ",\"lines\":[");
	put_json_lines(talk);
	fprintf(talk->json, "],\"tls\":%s%s}\n",
	    talk->state.is_tls ? "true" : "false",
	    is_unasked ? ",\"unasked\":true" : "");
	(void)fflush(talk->json);	/* the end will tell */
}

/* --- prompt and completion */

const char *
talk_prompt_colour(const struct talk *talk)
{
	if (!talk_is_open(talk))
		return "1;31";
	return talk->state.is_tls ? "1;32" : "1;33";
}

const char *
talk_prompt(void *arg, struct put *out)
{
	const struct talk *talk = arg;

	talk_state_prompt(&talk->state, out);
	return talk_prompt_colour(talk);
}

void
talk_context(const struct talk *talk, struct talk_context *out)
{
	bool is_tls = talk->state.is_tls;

	*out = (struct talk_context){
		.hello = span_of(talk->hello[is_tls],
		    talk->hello_len[is_tls]),
		.mechs = span_str(session_engine(talk->session)->auth),
		.own_name = span_str(session_own_name(talk->session)),
		.user = span_str(talk->state.user), .is_tls = is_tls,
		.is_lmtp = talk->where.is_lmtp,
		.sender = span_str(talk->state.sender),
		.rcpt = span_str(talk->state.rcpt) };
}

void
talk_on_tab(void *arg, struct span line, struct talk_candidates *out)
{
	struct talk_context context;

	talk_context(arg, &context);
	talk_complete(&context, line, out);
}
