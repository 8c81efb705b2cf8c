/* SPDX-License-Identifier: Apache-2.0 */
/* talk_text: the text of a message: typed line by line, where the arrows go up
 * to the lines before, or from a file. What is typed is meant: dots are doubled
 * on the way, and lines end in CRLF. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "ehlo/talk_priv.h"
#include "ehlo/transcript.h"
#include "mail/date.h"

#define TEXT_MAX (256u << 20)
#define LINE_KEPT_MAX (1u << 20)	/* in the transcript */

struct text {
	struct talk *talk;
	struct buf above;		/* each line with "\n" */
	struct buf below;		/* the same, the next one last */
	bool was_warned;		/* of Ctrl-C */
	/* while it goes out */
	FILE *file;			/* or NULL: above */
	struct buf carry;		/* a line not yet whole, for the
					 * transcript */
	size_t octets, lines;
};

/* --- the transcript */

static void
record_line(struct talk *talk, struct span line)
{
	char *copy = mem_new(line.len + 2);
	size_t n = 0;

	if (line.len != 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len != 0 && line.p[0] == '.')
		copy[n++] = '.';
	if (line.len != 0)
		memcpy(copy + n, line.p, line.len);
	transcript_write(talk->record, SESSION_SAID,
	    span_of(copy, n + line.len));
	free(copy);
}

static void
record_text(struct text *text, struct span bytes)
{
	while (bytes.len != 0 && text->talk->record != NULL) {
		size_t n = span_find(bytes, '\n');
		bool is_whole = n != bytes.len;

		/* one that is too long is cut, in the transcript only */
		(void)buf_append(&text->carry, span_first(bytes, n));
		bytes = span_skip(bytes, n + 1);
		if (!is_whole)
			break;
		record_line(text->talk, buf_span(&text->carry));
		buf_clear(&text->carry);
	}
}

static void
record_end(struct text *text)
{
	if (text->talk->record == NULL)
		return;
	if (text->carry.len != 0)
		record_line(text->talk, buf_span(&text->carry));
	transcript_write(text->talk->record, SESSION_SAID, SPAN("."));
}

/* --- going out */

static ssize_t
give(void *arg, char *out, size_t len)
{
	struct text *text = arg;
	size_t n;

	if (text->file != NULL) {
		n = fread(out, 1, len, text->file);
		if (n == 0 && ferror(text->file))
			return -EIO;
	} else {
		struct span all = span_first(buf_span(&text->above), len);

		n = all.len;
		memcpy(out, all.p, n);
		buf_consume(&text->above, n);
	}
	text->octets += n;
	for (size_t i = 0; i < n; i++)
		text->lines += out[i] == '\n';
	record_text(text, span_of(out, n));
	if (n == 0) {
		record_end(text);
		talk_note(text->talk, "%zu line%s, %zu octets, and the dot",
		    text->lines, text->lines == 1 ? "" : "s", text->octets);
	}
	return (ssize_t)n;
}

/* LMTP answers once a recipient: all but the last answer, which is treated as
 * those of SMTP are. */
static void
on_answer(void *arg, const struct smtp_client_event *event)
{
	struct text *text = arg;

	if (event->type != CLIENT_ANSWER || event->step->state == STEP_DONE)
		return;
	talk_keep(text->talk, STEP_TEXT, SPAN(""));
}

static void
send_it(struct text *text)
{
	struct talk *talk = text->talk;
	struct smtp_step step = { .type = STEP_TEXT };
	enum session_result result;

	buf_init(&text->carry, LINE_KEPT_MAX);
	talk_begin_wait(talk);
	result = session_run(talk->session, &(struct smtp_step *){ &step }, 1,
	    give, text, on_answer, text);
	buf_free(&text->carry);
	(void)talk_heard(talk, result, STEP_TEXT, SPAN(""));
}

/* --- typing */

static const char *
on_prompt(void *arg, struct put *out)
{
	(void)arg;
	put_str(out, "| ");
	return "2";
}

/* Header lines, until the first empty line. */
static void
on_tab(void *arg, struct span line, struct talk_candidates *out)
{
	const struct text *text = arg;
	struct span rest = buf_span(&text->above);
	struct talk_context context;
	char date[64];
	struct put put = put_init(date, sizeof date);
	time_t now = time(NULL);
	struct tm tm;

	talk_context(text->talk, &context);
	while (rest.len != 0) {
		struct span one = span_cut(&rest, '\n');

		if (one.len == 0) {
			*out = (struct talk_candidates){ .n = 0 };
			return;
		}
		context.headers |= talk_header_bit(one);
	}
	if (localtime_r(&now, &tm) != NULL)
		date_put(&put, (uint64_t)now * 1000,
		    (int)(tm.tm_gmtoff / 60));
	context.date = put_span(&put);
	talk_complete_header(&context, line, out);
}

static bool
push(struct buf *lines, struct span line)
{
	return buf_append(lines, line) == 0 &&
	    buf_append(lines, SPAN("\n")) == 0;
}

/* The last line, on the heap; NULL if there is none. */
static char *
pop(struct buf *lines)
{
	struct span all = buf_span(lines);
	size_t at = all.len;
	char *copy;

	if (at == 0)
		return NULL;
	for (at--; at != 0 && all.p[at - 1] != '\n'; at--)
		;
	copy = mem_copy(span_of(all.p + at, all.len - at - 1));
	lines->len = at;
	return copy;
}

/* An arrow: the line that was left is kept on its side; what comes next is
 * returned, on the heap. */
static char *
move(struct text *text, enum screen_result key, struct span typed)
{
	struct buf *from = key == SCREEN_UP ? &text->above : &text->below;
	struct buf *to = key == SCREEN_UP ? &text->below : &text->above;
	char *next;

	if (from->len == 0 && (key == SCREEN_UP || typed.len == 0))
		return mem_copy(typed);
	next = pop(from);
	if (next == NULL)	/* below the last line is a new one */
		next = mem_copy(SPAN(""));
	/* an empty line at the end was never meant */
	if (!(key == SCREEN_UP && typed.len == 0 && to->len == 0) &&
	    !push(to, typed))
		talk_warn(text->talk, "that is too much text");
	if (key == SCREEN_UP)
		screen_take_back(text->talk->screen, span_str(next));
	else
		screen_printf(text->talk->screen, SCREEN_TEXT, "| %.*s",
		    SPAN_ARG(typed));
	return next;
}

/* Ctrl-C: once is a question, twice an answer. True: it is over. */
static bool
cancel(struct text *text)
{
	if (text->was_warned) {
		talk_warn(text->talk, "the connection is cut; nothing was "
		    "sent");
		talk_close(text->talk);
		return true;
	}
	text->was_warned = true;
	talk_warn(text->talk, "the server waits for the text, and SMTP has "
	    "no way back: a dot alone sends it, Ctrl-C again cuts the "
	    "connection");
	return false;
}

/* Ctrl-D is; a pipe that ends before the dot has lost the rest. */
static bool
is_end_meant(struct text *text)
{
	if (screen_is_terminal(text->talk->screen))
		return true;
	talk_warn(text->talk, "the input ends within the text, without a dot "
	    "alone: the connection is cut, nothing was sent");
	text->talk->refused++;
	talk_close(text->talk);
	return false;
}

/* True: the text is whole. */
static bool
type_it(struct text *text)
{
	struct screen_ask ask = { .mode = SCREEN_LINES, .prompt = on_prompt,
		.complete = on_tab, .arg = text };
	char *prefill = NULL;
	bool is_over = false, is_whole = false;

	while (!is_over) {
		struct span typed;
		enum screen_result result;

		ask.prefill = prefill;
		result = screen_read(text->talk->screen, &ask, &typed);
		free(prefill);
		prefill = NULL;
		switch (result) {
		case SCREEN_LINE:
			is_over = is_whole = span_eq(typed, SPAN("."));
			if (!is_over && !push(&text->above, typed)) {
				talk_warn(text->talk, "that is too much "
				    "text: the connection is cut");
				talk_close(text->talk);
				is_over = true;
			}
			if (!is_over)
				prefill = pop(&text->below);
			break;
		case SCREEN_UP:
		case SCREEN_DOWN:
			prefill = move(text, result, typed);
			break;
		case SCREEN_END:
			is_over = true;
			is_whole = is_end_meant(text);
			break;
		case SCREEN_CANCEL:
			is_over = cancel(text);
			break;
		case SCREEN_BROKEN:
			is_over = true;
			break;
		case SCREEN_STOP:
			is_over = text->talk->is_leaving = true;
			talk_close(text->talk);
			break;
		}
	}
	return is_whole;
}

/* Lines that the arrows have left behind. */
static void
gather(struct text *text)
{
	char *line;

	while ((line = pop(&text->below)) != NULL) {
		(void)push(&text->above, span_str(line));	/* it fitted */
		free(line);
	}
}

void
talk_data(struct talk *talk, struct span line)
{
	struct text text = { .talk = talk };

	if (!talk_say(talk, STEP_DATA, line, false) ||
	    talk->last.code != 354)
		return;
	talk->is_typed = false;
	if (screen_is_terminal(talk->screen))
		talk_note(talk, "the text: Tab suggests header lines, arrows "
		    "go back, a dot alone ends it");
	buf_init(&text.above, TEXT_MAX);
	buf_init(&text.below, TEXT_MAX);
	if (type_it(&text)) {
		gather(&text);
		send_it(&text);
	}
	buf_free(&text.above);
	buf_free(&text.below);
}

/* --- a file */

void
talk_send(struct talk *talk, struct span path)
{
	struct text text = { .talk = talk };
	char *name = mem_copy(path);

	if (path.len == 0) {
		talk_warn(talk, "send wants the name of a file");
		talk->refused++;
	} else if ((text.file = fopen(name, "re")) == NULL) {
		talk_warn(talk, "%s: %s", name, log_errno(errno));
		talk->refused++;
	} else {
		if (talk_say(talk, STEP_DATA, SPAN("DATA"), false) &&
		    talk->last.code == 354)
			send_it(&text);
		(void)fclose(text.file);	/* only read */
	}
	free(name);
}
