/* SPDX-License-Identifier: Apache-2.0 */
/* note: see note.h. The texts stand one behind the other: sender, listener,
 * login, route, recipients. In a reason THEM stands for the recipient it is
 * about; a control byte, which is nobody's: what others said is printable. */
#include "deliver/note.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/put.h"

#define TEXT_MAX  1024		/* of each but the recipients */
#define ARENA_MAX ((size_t)16 << 20)
#define THEM      '\1'

static size_t
rcpts_len_of(const struct envelope *envelope, size_t max, size_t *n)
{
	size_t len = 0;

	for (*n = 0; *n < envelope->rcpt_n; ++*n) {
		size_t more = envelope->rcpt[*n].address.len + 1;

		if (len + more > max)
			break;
		len += more;
	}
	return len;
}

static struct span
route_of(const struct envelope *envelope)
{
	for (size_t i = 0; i < envelope->rcpt_n; i++)
		if (envelope->rcpt[i].route.len != 0)
			return span_first(envelope->rcpt[i].route, TEXT_MAX);
	return SPAN("");
}

struct note *
note_new(const struct envelope *envelope, size_t rcpts_max)
{
	struct span sender = span_first(envelope->sender, TEXT_MAX);
	struct span listener = span_first(envelope->listener, TEXT_MAX);
	struct span login = span_first(envelope->login, TEXT_MAX);
	struct span route = route_of(envelope);
	size_t n, rcpts_len = rcpts_len_of(envelope, rcpts_max, &n);
	size_t len = sender.len + listener.len + login.len + route.len +
	    rcpts_len;
	struct note *note = mem_new(sizeof *note + len);
	struct put out = put_init(note->text, len);

	note->reason_at = NOTE_NOBODY;
	note->rcpts_len = (uint32_t)rcpts_len;
	note->sender_len = (uint16_t)sender.len;
	note->listener_len = (uint16_t)listener.len;
	note->login_len = (uint16_t)login.len;
	note->route_len = (uint16_t)route.len;
	note->rcpt_n = (uint32_t)envelope->rcpt_n;
	note->is_cut = n != envelope->rcpt_n;
	put_bytes(&out, sender);
	put_bytes(&out, listener);
	put_bytes(&out, login);
	put_bytes(&out, route);
	for (size_t i = 0; i < n; i++) {
		put_bytes(&out, envelope->rcpt[i].address);
		put_char(&out, '\0');
	}
	return note;
}

struct note *
note_read(struct span bytes, size_t rcpts_max)
{
	struct envelope envelope;
	struct note *note = NULL;
	struct arena arena;

	arena_init(&arena, ARENA_MAX);
	if (envelope_decode(bytes, &arena, &envelope) == 0)
		note = note_new(&envelope, rcpts_max);
	arena_reset(&arena);
	return note;
}

void
note_free(void *arg)
{
	struct note *note = arg;

	if (note == NULL)
		return;
	reason_unref(note->reason);
	free(note);
}

/* --- reasons */

/* The recipient that the words begin with. */
static struct span
whom(const struct note *note, struct span words, uint32_t *at)
{
	size_t next = 0;
	struct span rcpt;

	for (*at = 0; note_next_rcpt(note, &next, &rcpt);
	    *at = (uint32_t)next)
		if (rcpt.len != 0 && span_starts(words, rcpt) &&
		    words.len > rcpt.len && words.p[rcpt.len] == ':')
			return rcpt;
	*at = NOTE_NOBODY;
	return SPAN("");
}

/* The words with THEM for `rcpt`, wherever it stands. */
static void
put_shared(struct put *out, struct span words, struct span rcpt)
{
	while (words.len != 0) {
		if (rcpt.len != 0 && span_starts(words, rcpt)) {
			put_char(out, THEM);
			words = span_skip(words, rcpt.len);
			continue;
		}
		put_char(out, words.p[0] == THEM ? '?' : words.p[0]);
		words = span_skip(words, 1);
	}
}

void
note_put_reason(struct note *note, struct reasons *reasons, struct span words)
{
	char memory[NOTE_REASON_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct reason *old = note->reason;
	struct span rcpt;

	words = span_first(words, sizeof memory);
	rcpt = whom(note, words, &note->reason_at);
	put_shared(&out, words, rcpt);
	note->reason = words.len != 0 ? reason_get(reasons, put_span(&out)) :
	    NULL;
	reason_unref(old);
}

static struct note *
new_bare(void)
{
	struct note *note = mem_new(sizeof *note);

	note->is_bare = true;
	note->reason_at = NOTE_NOBODY;
	return note;
}

void
note_set_reason(struct store *store, uint64_t id, struct reasons *reasons,
    struct span words)
{
	struct store_look look;
	struct note *note;

	if (store_look(store, id, &look) != 0)
		return;
	/* it is ours, though the store shows it to all */
	note = (struct note *)(uintptr_t)look.note;
	if (note == NULL) {
		note = new_bare();
		note_put_reason(note, reasons, words);
		store_set_note(store, id, note);
		return;
	}
	note_put_reason(note, reasons, words);
}

void
note_forget(struct store *store, uint64_t id, struct reasons *reasons)
{
	char memory[NOTE_REASON_MAX];
	struct store_look look;
	struct note *bare;

	if (store_look(store, id, &look) != 0 || look.note == NULL)
		return;
	bare = new_bare();
	note_put_reason(bare, reasons, note_reason(look.note, memory));
	store_set_note(store, id, bare);
}

/* --- looking */

struct span
note_sender(const struct note *note)
{
	return span_of(note->text, note->sender_len);
}

struct span
note_listener(const struct note *note)
{
	return span_of(note->text + note->sender_len, note->listener_len);
}

struct span
note_login(const struct note *note)
{
	return span_of(note->text + note->sender_len + note->listener_len,
	    note->login_len);
}

struct span
note_route(const struct note *note)
{
	return span_of(note->text + note->sender_len + note->listener_len +
	    note->login_len, note->route_len);
}

static const char *
rcpts_of(const struct note *note)
{
	return note->text + note->sender_len + note->listener_len +
	    note->login_len + note->route_len;
}

struct span
note_reason(const struct note *note, char memory[NOTE_REASON_MAX])
{
	struct put out = put_init(memory, NOTE_REASON_MAX);
	size_t at = note->reason_at;
	struct span rcpt = SPAN(""), words;

	if (note->reason == NULL)
		return SPAN("");
	words = span_of(note->reason->text, note->reason->len);
	if (note->reason_at != NOTE_NOBODY)
		(void)note_next_rcpt(note, &at, &rcpt);
	for (size_t i = 0; i < words.len; i++) {
		if (words.p[i] == THEM)
			put_bytes(&out, rcpt);
		else
			put_char(&out, words.p[i]);
	}
	return put_span(&out);
}

bool
note_next_rcpt(const struct note *note, size_t *at, struct span *rcpt)
{
	struct span rest = span_skip(span_of(rcpts_of(note),
	    note->rcpts_len), *at);

	if (rest.len == 0)
		return false;
	*rcpt = span_first(rest, span_find(rest, '\0'));
	*at += rcpt->len + 1;
	return true;
}
