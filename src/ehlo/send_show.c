/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/send_show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "ehlo/tell.h"

#define ANSWER_MAX ((size_t)256 << 10)	/* of one answer kept for JSON */
#define STEPS_MAX  100000		/* kept for JSON */
#define DOTS "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);	/* cannot fail */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void
show_init(struct show *show, FILE *out)
{
	*show = (struct show){ .out = out,
		.has_colour = out != NULL && tell_has_colour(out) };
}

void
show_free(struct show *show)
{
	for (size_t i = 0; i < show->step_n; i++) {
		struct show_step *step = &show->step[i];

		for (size_t j = 0; j < step->answer_n; j++)
			buf_free(&step->answer[j].text);
		free(step->answer);
		free(step->said);
	}
	free(show->step);
	show->step = NULL;
	show->step_n = 0;
}

/* --- what is shown of a line */

/* Quoted, but for the quotation marks themselves: lines stand alone. */
static void
put_shown(struct span text, struct put *out)
{
	while (text.len != 0) {
		size_t n = span_find(text, '"');

		text_quote(span_first(text, n), out);
		if (n != text.len)
			put_char(out, '"');
		text = span_skip(text, n + 1);
	}
}

/* `text` with every secret in it replaced. */
static void
put_hidden(const struct show *show, struct span text, struct put *out)
{
	while (text.len != 0) {
		const struct span *found = NULL;
		size_t at = 0;

		for (; at < text.len && found == NULL; at += found == NULL)
			for (size_t i = 0; i < countof(show->secret); i++)
				if (show->secret[i].len != 0 &&
				    span_starts(span_skip(text, at),
				    show->secret[i]))
					found = &show->secret[i];
		put_shown(span_first(text, at), out);
		text = span_skip(text, at);
		if (found != NULL) {
			put_str(out, DOTS);
			text = span_skip(text, found->len);
		}
	}
}

/* A base64 word in the clear, or as it is if it is none. */
static void
put_decoded(const struct show *show, struct span word, struct put *out)
{
	char memory[ANSWER_TEXT_MAX];
	struct put decoded = put_init(memory, sizeof memory);

	if (word.len == 0 || base64_decode(word, &decoded, NULL) != BASE64_OK)
		put_shown(word, out);
	else
		put_hidden(show, put_span(&decoded), out);
	mem_wipe(memory, sizeof memory);
}

/* "AUTH PLAIN •••", or "•••" of a response; with `decodes` what is in it. */
static void
put_secret(const struct show *show, struct span line, struct put *out)
{
	if (span_casestarts(line, SPAN("AUTH "))) {
		size_t mech = span_find(span_skip(line, 5), ' ');

		put_shown(span_first(line, 5 + mech), out);
		line = span_skip(line, 5 + mech + 1);
		if (line.len == 0)
			return;
		put_char(out, ' ');
	}
	if (show->decodes)
		put_decoded(show, line, out);
	else if (line.len > 1)	/* "=" and "*" are none */
		put_str(out, DOTS);
	else
		put_bytes(out, line);
}

/* --- what is kept */

static struct show_step *
keep_step(struct show *show, struct span said, const char *what)
{
	struct show_step *step;

	if (show->step_n == STEPS_MAX)
		return NULL;
	show->step = mem_grow_array(show->step, show->step_n + 1,
	    sizeof *show->step);
	step = &show->step[show->step_n++];
	*step = (struct show_step){ .said = mem_copy(said), .what = what,
		.at_us = now_us() };
	show->said_at_us = step->at_us;
	return step;
}

/* The first step that waits for an answer, else the last one (LMTP). */
static struct show_step *
waiting_step(struct show *show)
{
	for (size_t i = show->step_n; i-- > 0;) {
		struct show_step *step = &show->step[i];
		bool is_done = step->answer_n != 0 &&
		    step->answer[step->answer_n - 1].is_whole;

		if (is_done)
			return i + 1 < show->step_n ? step + 1 : step;
	}
	return show->step_n != 0 ? &show->step[0] : NULL;
}

static void
keep_heard(struct show *show, struct span line)
{
	struct show_step *step = waiting_step(show);
	struct show_answer *answer;
	uint64_t code = 0;

	if (step == NULL)
		step = keep_step(show, SPAN(""), "unasked");
	if (step == NULL)
		return;
	answer = step->answer_n != 0 ? &step->answer[step->answer_n - 1] :
	    NULL;
	if (answer == NULL || answer->is_whole) {
		if (step->answer_n == SHOW_ANSWERS_MAX)
			return;
		step->answer = mem_grow_array(step->answer,
		    step->answer_n + 1, sizeof *step->answer);
		answer = &step->answer[step->answer_n++];
		*answer = (struct show_answer){ .code = 0 };
		buf_init(&answer->text, ANSWER_MAX);
	} else {
		(void)buf_append(&answer->text, SPAN("\n"));	/* or cut */
	}
	if (text_u64(span_first(line, 3), &code))
		answer->code = (unsigned)code;
	(void)buf_append(&answer->text, span_skip(line, 4));	/* or cut */
	answer->is_whole = line.len < 4 || line.p[3] != '-';
	answer->at_us = now_us();
}

/* --- what is printed */

static void
print(const struct show *show, const char *mark, const char *colour,
    struct span text)
{
	bool has_colour = show->has_colour && colour[0] != '\0';

	fprintf(show->out, "%s%s%.*s%s\n", has_colour ? colour : "", mark,
	    SPAN_ARG(text), has_colour ? "\033[0m" : "");
}

static bool
is_tls(const struct show *show)
{
	return show->session != NULL && session_engine(show->session)->is_tls;
}

static void
print_lapse(struct show *show)
{
	uint64_t us = now_us() - show->said_at_us;

	if (!show->has_lapse || show->out == NULL)
		return;
	if (show->is_lapse_whole)
		fprintf(show->out, "=== response in %" PRIu64 "s\n",
		    us / 1000000);
	else
		fprintf(show->out, "=== response in %.3fs\n",
		    (double)us / 1e6);
}

static void
on_heard(struct show *show, struct span line)
{
	char memory[4 * ANSWER_LINE_MAX];
	struct put out = put_init(memory, sizeof memory);
	bool is_last = line.len < 4 || line.p[3] != '-';
	bool is_bad = line.len != 0 && line.p[0] != '2' && line.p[0] != '3';
	bool is_auth = show->is_in_auth &&
	    span_starts(line, SPAN("334 ")) && show->decodes;
	const char *mark;

	keep_heard(show, line);
	if (is_last)
		print_lapse(show);
	if (show->out == NULL || show->hides_received)
		return;
	if (is_auth) {
		put_str(&out, "334 ");
		put_decoded(show, span_skip(line, 4), &out);
	} else {
		put_shown(line, &out);
	}
	mark = show->no_received_marks ? "" : is_tls(show) ?
	    (is_bad ? "<~* " : "<~  ") : (is_bad ? "<** " : "<-  ");
	print(show, mark, is_bad ? "\033[31m" : "", put_span(&out));
}

static void
on_said(struct show *show, struct span line, bool is_secret)
{
	char memory[4 * ANSWER_LINE_MAX];
	struct put out = put_init(memory, sizeof memory);
	const char *mark;

	if (is_secret)
		put_secret(show, line, &out);
	else
		put_shown(line, &out);
	show->is_in_auth = is_secret;
	(void)keep_step(show, put_span(&out), NULL);	/* or not any more */
	if (show->out == NULL || show->hides_sent)
		return;
	mark = show->no_sent_marks ? "" : is_tls(show) ? " ~> " : " -> ";
	print(show, mark, "\033[1m", put_span(&out));
}

static void
on_note(struct show *show, struct span text)
{
	char memory[2048];
	struct put out = put_init(memory, sizeof memory);

	if (show->out == NULL || show->hides_notes)
		return;
	put_shown(text, &out);
	print(show, show->no_note_marks ? "" : "=== ", "\033[2m",
	    put_span(&out));
}

void
show_tell(void *arg, enum session_news news, struct span text)
{
	switch (news) {
	case SESSION_NOTE:
		on_note(arg, text);
		break;
	case SESSION_SAID:
	case SESSION_SAID_SECRET:
		on_said(arg, text, news == SESSION_SAID_SECRET);
		break;
	case SESSION_HEARD:
		on_heard(arg, text);
		break;
	}
}

void
show_begin(struct show *show, const char *what)
{
	(void)keep_step(show, SPAN(""), what);	/* or not any more */
}

void
show_note(struct show *show, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);	/* or cut */
	va_end(args);
	on_note(show, span_str(line));
}

void
show_text(struct show *show, struct span text)
{
	if (!show->shows_text || show->out == NULL || show->hides_sent)
		return;
	while (text.len != 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		/* in portions: a line may be as long as it likes */
		fputs(show->no_sent_marks ? "" : is_tls(show) ? " ~> " :
		    " -> ", show->out);
		while (line.len != 0) {
			char memory[4096];
			struct put out = put_init(memory, sizeof memory);
			struct span part = span_first(line, 1000);

			/* not through the middle of a character */
			while (part.len < line.len && part.len > 990 &&
			    ((unsigned char)line.p[part.len] & 0xc0) == 0x80)
				part.len--;
			put_shown(part, &out);
			fprintf(show->out, "%.*s", (int)out.len, out.p);
			line = span_skip(line, part.len);
		}
		fputc('\n', show->out);
	}
}

void
show_end(struct show *show)
{
	show_begin(show, "text");
	show_text(show, SPAN("."));
}

/* --- JSON */

void
show_json_bytes(FILE *out, struct span bytes)
{
	struct buf text;

	if (text_is_utf8(bytes)) {
		tell_json(out, bytes);
		return;
	}
	buf_init(&text, bytes.len * 3);
	for (size_t i = 0; i < bytes.len;) {
		size_t n = 1, max = bytes.len - i < 4 ? bytes.len - i : 4;

		while (n < max && !text_is_utf8(span_of(bytes.p + i, n)))
			n++;
		if (text_is_utf8(span_of(bytes.p + i, n))) {
			(void)buf_append(&text, span_of(bytes.p + i, n));
			i += n;
		} else {
			(void)buf_append(&text, SPAN("\xef\xbf\xbd"));
			i++;
		}
	}
	tell_json(out, buf_span(&text));
	buf_free(&text);
}

static void
json_answer(FILE *out, const struct show_step *step,
    const struct show_answer *answer)
{
	struct span text = buf_span(&answer->text);

	fprintf(out, "{\"code\":%u,\"ms\":%.3f,\"text\":[", answer->code,
	    (double)(answer->at_us - step->at_us) / 1e3);
	for (bool is_first = true; is_first || text.len != 0;
	    is_first = false) {
		if (!is_first)
			fputc(',', out);
		show_json_bytes(out, span_cut(&text, '\n'));
	}
	fputs("]}", out);
}

void
show_json(const struct show *show, FILE *out)
{
	fputc('[', out);
	for (size_t i = 0; i < show->step_n; i++) {
		const struct show_step *step = &show->step[i];

		fprintf(out, "%s\n  {", i != 0 ? "," : "");
		if (step->what != NULL)
			fprintf(out, "\"step\":\"%s\"", step->what);
		else {
			fputs("\"said\":", out);
			show_json_bytes(out, span_str(step->said));
		}
		fputs(",\"answers\":[", out);
		for (size_t j = 0; j < step->answer_n; j++) {
			if (j != 0)
				fputc(',', out);
			json_answer(out, step, &step->answer[j]);
		}
		fputs("]}", out);
	}
	fputs(show->step_n != 0 ? "\n ]" : "]", out);
}
