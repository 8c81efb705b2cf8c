/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/compose.h"

#include "base/put.h"
#include "base/text.h"
#include "mail/fold.h"

struct writer {
	const struct compose *compose;
	compose_write *write;
	void *arg;
	struct fold fold;
	struct span which;
	enum compose_result result;
};

static void
say(struct writer *w, struct span bytes)
{
	if (bytes.len != 0)
		w->write(w->arg, bytes);
}

static void
say_str(struct writer *w, const char *s)
{
	say(w, span_str(s));
}

/* The first thing wrong is what is told. */
static void
blame(struct writer *w, enum compose_result result, struct span which)
{
	if (w->result != COMPOSE_OK)
		return;
	w->result = result;
	w->which = which;
}

/* --- what may stand in a header */

bool
compose_is_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
			return false;
	return name.len != 0 && name.len <= 76;
}

bool
compose_has_addresses(struct span name)
{
	static const char *const names[] = { "From", "Sender", "Reply-To",
		"To", "Cc", "Bcc", "Resent-From", "Resent-Sender",
		"Resent-To", "Resent-Cc", "Resent-Bcc", "Mail-Followup-To",
		"Disposition-Notification-To", "Errors-To",
		"Return-Receipt-To" };

	for (size_t i = 0; i < countof(names); i++)
		if (span_caseeq(name, span_str(names[i])))
			return true;
	return false;
}

/* Printable ASCII with something in it, not longer than a line. */
static bool
is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.len != 0 && s.len <= 200;
}

static bool
has_own(const struct compose *compose, const char *name)
{
	for (size_t i = 0; i < compose->field_n; i++)
		if (span_caseeq(compose->field[i].name, span_str(name)))
			return true;
	return false;
}

static void
put_field(struct writer *w, const struct compose_field *field)
{
	w->fold = (struct fold){ .write = w->write, .arg = w->arg,
		.is_utf8 = w->compose->is_utf8 };
	if (!compose_is_name(field->name) || !text_is_utf8(field->value)) {
		blame(w, COMPOSE_BAD_NAME, field->name);
		return;
	}
	fold_field(&w->fold, field->name);
	if (compose_has_addresses(field->name))
		fold_addresses(&w->fold, field->value);
	else
		fold_text(&w->fold, field->value);
	fold_end(&w->fold);
	if (w->fold.is_too_long)
		blame(w, COMPOSE_TOO_LONG, field->name);
	if (w->fold.has_8bit && !w->compose->is_utf8)
		blame(w, COMPOSE_NEEDS_UTF8, field->name);
}

/* --- parts */

static bool
is_text(struct span type)
{
	return span_casestarts(type, SPAN("text/"));
}

/* RFC 2046 5: what holds a message or parts is never encoded itself. */
static bool
is_composite(struct span type)
{
	return span_casestarts(type, SPAN("message/")) ||
	    span_casestarts(type, SPAN("multipart/"));
}

static bool
has_charset(struct span type)
{
	for (size_t i = 0; i < type.len; i++)
		if (span_casestarts(span_skip(type, i), SPAN("charset=")))
			return true;
	return false;
}

/* What was asked for, if it can carry this; else what can. */
static enum transfer
transfer_of(const struct compose *compose, const struct compose_part *part,
    const struct transfer_facts *facts, bool is_attached)
{
	enum transfer fitting = transfer_choose(facts, part->bytes.len,
	    compose->has_8bit);
	bool is_plain = fitting == TRANSFER_7BIT || fitting == TRANSFER_8BIT;

	switch (part->transfer) {
	case TRANSFER_BASE64:
		return is_attached ? TRANSFER_BASE64 : TRANSFER_TEXT_BASE64;
	case TRANSFER_TEXT_BASE64:
	case TRANSFER_QP:
		return part->transfer;
	case TRANSFER_BINARY:
		if (compose->has_binary)
			return TRANSFER_BINARY;
		break;
	case TRANSFER_8BIT:
		if (is_plain)
			return compose->has_8bit ? TRANSFER_8BIT : fitting;
		break;
	case TRANSFER_7BIT:
		if (fitting == TRANSFER_7BIT)
			return fitting;
		break;
	case TRANSFER_AUTO:
		break;
	}
	if (!is_attached && fitting == TRANSFER_BASE64)
		return TRANSFER_TEXT_BASE64;
	if (!is_attached || (is_composite(part->type) && is_plain))
		return fitting;
	/* every byte must arrive, line ends too */
	return compose->has_binary ? TRANSFER_BINARY : TRANSFER_BASE64;
}

static struct span
type_of(const struct compose_part *part, enum transfer transfer,
    bool is_attached)
{
	if (part->type.len == 0)
		return is_attached ? SPAN("application/octet-stream") :
		    SPAN("text/plain");
	/* a message that would have to be encoded is a file like others */
	if (is_composite(part->type) && (transfer == TRANSFER_BASE64 ||
	    transfer == TRANSFER_TEXT_BASE64 || transfer == TRANSFER_QP))
		return SPAN("application/octet-stream");
	return part->type;
}

static void
put_type(struct writer *w, const struct compose_part *part, struct span type,
    const struct transfer_facts *facts)
{
	char memory[256];
	struct put text = put_init(memory, sizeof memory);

	if (!is_printable(type) || span_find(type, '/') == type.len)
		blame(w, COMPOSE_BAD_NAME, part->type);
	put_bytes(&text, span_first(type, 200));
	if (is_text(type) && !has_charset(type))
		put_str(&text, facts->n_8bit == 0 ? "; charset=us-ascii" :
		    facts->is_utf8 ? "; charset=utf-8" :
		    "; charset=unknown-8bit");
	fold_field(&w->fold, SPAN("Content-Type"));
	fold_words(&w->fold, put_span(&text));
	fold_end(&w->fold);
}

static void
put_disposition(struct writer *w, const struct compose_part *part,
    bool is_attached)
{
	if (!is_attached && part->name.len == 0)
		return;
	if (!text_is_utf8(part->name))
		blame(w, COMPOSE_BAD_NAME, SPAN("filename"));
	fold_field(&w->fold, SPAN("Content-Disposition"));
	fold_words(&w->fold, part->is_inline || !is_attached ?
	    SPAN("inline") : SPAN("attachment"));
	if (part->name.len != 0)
		fold_param(&w->fold, "filename", part->name);
	fold_end(&w->fold);
}

static void
put_id(struct writer *w, const struct compose_part *part)
{
	if (part->id.len == 0)
		return;
	if (!is_printable(part->id) || span_find(part->id, '>') !=
	    part->id.len || span_find(part->id, ' ') != part->id.len)
		blame(w, COMPOSE_BAD_NAME, part->id);
	say_str(w, "Content-ID: <");
	say(w, part->id);
	say_str(w, ">\r\n");
}

/* `is_alone`: its header is the message's, in which the caller's own fields
 * go before ours. */
static void
put_part(struct writer *w, const struct compose_part *part, bool is_attached,
    bool is_alone)
{
	struct transfer_facts facts = transfer_look(part->bytes);
	enum transfer transfer = transfer_of(w->compose, part, &facts,
	    is_attached);
	struct span type = type_of(part, transfer, is_attached);

	w->fold = (struct fold){ .write = w->write, .arg = w->arg };
	if (!is_alone || !has_own(w->compose, "Content-Type"))
		put_type(w, part, type, &facts);
	if (!is_alone || !has_own(w->compose, "Content-Transfer-Encoding")) {
		say_str(w, "Content-Transfer-Encoding: ");
		say_str(w, transfer_name(transfer));
		say_str(w, "\r\n");
	} else {
		transfer = facts.n_8bit == 0 ? TRANSFER_7BIT : TRANSFER_8BIT;
	}
	if (!is_alone || !has_own(w->compose, "Content-Disposition"))
		put_disposition(w, part, is_attached);
	if (!is_alone || !has_own(w->compose, "Content-ID"))
		put_id(w, part);
	say_str(w, "\r\n");
	transfer_put(transfer, part->bytes, w->write, w->arg);
	/* only there the boundary could be met */
	if (part->bytes.len != 0 && (transfer == TRANSFER_7BIT ||
	    transfer == TRANSFER_8BIT || transfer == TRANSFER_BINARY))
		if (memmem(part->bytes.p, part->bytes.len,
		    w->compose->boundary.p, w->compose->boundary.len) != NULL)
			blame(w, COMPOSE_BOUNDARY, part->name);
}

/* --- parts of parts */

/* "=_" can be in no encoded text; the letter tells the two levels apart at
 * once, so that neither begins like the other (RFC 2046 5.1.1). */
static void
put_boundary(struct writer *w, const char *level, const char *end)
{
	say_str(w, "--=_");
	say_str(w, level);
	say_str(w, "_");
	say(w, w->compose->boundary);
	say_str(w, end);
	say_str(w, "\r\n");
}

static void
put_multipart(struct writer *w, const char *subtype, const char *level)
{
	say_str(w, "Content-Type: multipart/");
	say_str(w, subtype);
	say_str(w, ";\r\n boundary=\"=_");
	say_str(w, level);
	say_str(w, "_");
	say(w, w->compose->boundary);
	say_str(w, "\"\r\n\r\n");
}

/* Behind a part: its text may lack a line end that counts for the boundary. */
static void
put_next(struct writer *w, const char *level)
{
	say_str(w, "\r\n");
	put_boundary(w, level, "");
}

static void
put_bodies(struct writer *w, bool is_alone)
{
	const struct compose *compose = w->compose;
	static const struct compose_part nothing;

	if (compose->body_n <= 1) {
		put_part(w, compose->body_n != 0 ? compose->body : &nothing,
		    false, is_alone);
		return;
	}
	put_multipart(w, "alternative", "a");
	put_boundary(w, "a", "");
	for (size_t i = 0; i < compose->body_n; i++) {
		if (i != 0)
			put_next(w, "a");
		put_part(w, &compose->body[i], false, false);
	}
	say_str(w, "\r\n");
	put_boundary(w, "a", "--");
}

static void
put_mixed(struct writer *w)
{
	const struct compose *compose = w->compose;

	put_multipart(w, "mixed", "m");
	put_boundary(w, "m", "");
	if (compose->body_n != 0)
		put_bodies(w, false);
	for (size_t i = 0; i < compose->attached_n; i++) {
		if (i != 0 || compose->body_n != 0)
			put_next(w, "m");
		put_part(w, &compose->attached[i], true, false);
	}
	say_str(w, "\r\n");
	put_boundary(w, "m", "--");
}

enum compose_result
compose_put(const struct compose *compose, compose_write *write, void *arg,
    struct span *which)
{
	struct writer w = { .compose = compose, .write = write, .arg = arg };

	for (size_t i = 0; i < compose->field_n; i++)
		put_field(&w, &compose->field[i]);
	if (!has_own(compose, "MIME-Version"))
		say_str(&w, "MIME-Version: 1.0\r\n");
	if (compose->attached_n != 0)
		put_mixed(&w);
	else
		put_bodies(&w, true);
	if (which != NULL)
		*which = w.which;
	return w.result;
}
