/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/send_edit.h"

#include "base/text.h"
#include "ehlo/tell.h"
#include "mail/fold.h"

static void
append(void *arg, struct span bytes)
{
	(void)buf_append(arg, bytes);	/* a cut one is seen by its length */
}

/* --- tokens */

static void
put_recipients(const struct send *send, struct buf *out)
{
	for (size_t i = 0; i < send->rcpt_n; i++) {
		if (i != 0)
			append(out, SPAN(","));
		append(out, send->rcpt[i]);
	}
}

static void
put_fields(const struct args_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++) {
		append(out, span_str(list->word[i]));
		append(out, SPAN("\n"));
	}
}

static void
put_body(const struct send *send, struct buf *out)
{
	for (size_t i = 0; i < send->part_n; i++)
		if (send->part[i].is_body) {
			append(out, send->part[i].bytes);
			return;
		}
	append(out, SPAN("This is a test mailing"));
}

/* The token at the start of `text`: its length, 0 if there is none. */
static size_t
put_token(const struct edit *edit, struct span text, struct buf *out)
{
	static const char *const names[] = { "%FROM_ADDRESS%",
		"%TO_ADDRESS%", "%DATE%", "%MESSAGEID%", "%SWAKS_VERSION%",
		"%NEW_HEADERS%", "%BODY%", "%NEWLINE%" };
	struct span id = span_str(edit->send->message_id);
	size_t i = 0;

	while (i < countof(names) && !span_starts(text, span_str(names[i])))
		i++;
	switch (i) {
	case 0: append(out, edit->send->sender); break;
	case 1: put_recipients(edit->send, out); break;
	case 2: append(out, edit->date); break;
	/* without its brackets, as swaks has it */
	case 3: append(out, span_of(id.p + 1, id.len - 2)); break;
	case 4: append(out, SPAN(EHLO_VERSION)); break;
	case 5: put_fields(&edit->send->field_add, out); break;
	case 6: put_body(edit->send, out); break;
	case 7: append(out, SPAN("\r\n")); break;
	default: return 0;
	}
	return strlen(names[i]);
}

/* True if the place of --add-header was named. */
static bool
expand(const struct edit *edit, struct span text, struct buf *out)
{
	bool has_place = false;

	while (text.len != 0) {
		size_t n = span_find(text, '%'), used;

		append(out, span_first(text, n));
		text = span_skip(text, n);
		has_place |= span_starts(text, SPAN("%NEW_HEADERS%"));
		used = text.len != 0 ? put_token(edit, text, out) : 0;
		if (used == 0) {
			append(out, span_first(text, 1));
			used = 1;
		}
		text = span_skip(text, used);
	}
	return has_place;
}

/* --- fields */

static struct span
name_of(struct span field)
{
	return span_trim(span_cut(&field, ':'));
}

static bool
put_field(struct span field, const struct send *send, struct buf *out)
{
	struct fold fold = { .write = append, .arg = out,
		.is_utf8 = send->has_smtputf8 };
	struct span name = name_of(field);

	(void)span_cut(&field, ':');
	fold_field(&fold, name);
	if (compose_has_addresses(name))
		fold_addresses(&fold, field);
	else
		fold_text(&fold, field);
	fold_end(&fold);
	if (fold.is_too_long || (fold.has_8bit && !send->has_smtputf8)) {
		tell_error("--header %.*s: %s", SPAN_ARG(name),
		    fold.is_too_long ? "a word of more than 998 bytes" :
		    "needs --smtputf8");
		return false;
	}
	return true;
}

/* The field at the start of `*text` with its continuations; empty where the
 * header ends. */
static struct span
take_field(struct span *text)
{
	size_t n = 0;
	struct span field;

	if (text->len == 0 || text->p[0] == '\n' || text->p[0] == '\r')
		return (struct span){ text->p, 0 };
	do
		n += span_find(span_skip(*text, n), '\n') + 1;
	while (n < text->len && (text->p[n] == ' ' || text->p[n] == '\t'));
	field = span_first(*text, n);
	*text = span_skip(*text, n);
	return field;
}

/* The typed field of that name, or -1. */
static int
find_typed(const struct args_list *list, struct span name)
{
	for (size_t i = list->n; i-- > 0;)
		if (span_caseeq(name_of(span_str(list->word[i])), name))
			return (int)i;
	return -1;
}

/* A last line without its end gets one. */
static void
put_line(struct span line, struct buf *out)
{
	append(out, line);
	if (line.len != 0 && line.p[line.len - 1] != '\n')
		append(out, SPAN("\r\n"));
}

static bool
change(const struct edit *edit, struct span text, bool has_place,
    struct buf *out)
{
	const struct send *send = edit->send;
	const struct args_list *set = &send->field_set;
	bool is_used[64] = { false }, is_good = set->n <= countof(is_used);
	struct span field;

	if (!is_good)
		tell_error("--header: at most %zu of them with --data",
		    countof(is_used));
	while (is_good && (field = take_field(&text)).len != 0) {
		int typed = find_typed(set, name_of(field));

		if (typed < 0) {
			put_line(field, out);
		} else if (!is_used[typed]) {
			is_used[typed] = true;
			is_good = put_field(span_str(set->word[typed]), send,
			    out);
		}
	}
	for (size_t i = 0; is_good && i < set->n; i++)
		if (!is_used[i] && find_typed(set,
		    name_of(span_str(set->word[i]))) == (int)i)
			is_good = put_field(span_str(set->word[i]), send,
			    out);
	for (size_t i = 0; is_good && !has_place && i < send->field_add.n;
	    i++)
		is_good = put_field(span_str(send->field_add.word[i]), send,
		    out);
	append(out, text);
	return is_good;
}

bool
send_edit(const struct edit *edit, struct span text, struct buf *out)
{
	struct buf expanded;
	bool has_place = false, is_good = true;

	buf_init(&expanded, SEND_MESSAGE_MAX);
	if (edit->send->expands) {
		has_place = expand(edit, text, &expanded);
		text = buf_span(&expanded);
	}
	if (edit->send->field_set.n == 0 &&
	    (edit->send->field_add.n == 0 || has_place))
		append(out, text);
	else
		is_good = change(edit, text, has_place, out);
	if (out->len == out->max)
		tell_error("the message is too large");
	buf_free(&expanded);
	return is_good && out->len < out->max;
}
