/* SPDX-License-Identifier: Apache-2.0 */
/* note: see note.h. The texts stand one behind the other: sender, listener,
 * login, recipients, reason. */
#include "deliver/note.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/put.h"

#define TEXT_MAX   1024		/* of each but the recipients */
#define REASON_MAX 256
#define ARENA_MAX  ((size_t)16 << 20)

static struct note *
make_note(size_t rcpts_len, struct span sender, struct span listener,
    struct span login, struct span reason)
{
	struct note *note = mem_new(sizeof *note + sender.len + listener.len +
	    login.len + rcpts_len + reason.len);

	note->rcpts_len = (uint32_t)rcpts_len;
	note->sender_len = (uint16_t)sender.len;
	note->listener_len = (uint16_t)listener.len;
	note->login_len = (uint16_t)login.len;
	note->reason_len = (uint16_t)reason.len;
	return note;
}

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

struct note *
note_new(const struct envelope *envelope, size_t rcpts_max)
{
	struct span sender = span_first(envelope->sender, TEXT_MAX);
	struct span listener = span_first(envelope->listener, TEXT_MAX);
	struct span login = span_first(envelope->login, TEXT_MAX);
	size_t n, rcpts_len = rcpts_len_of(envelope, rcpts_max, &n);
	struct note *note = make_note(rcpts_len, sender, listener, login,
	    SPAN(""));
	struct put out = put_init(note->text, sender.len + listener.len +
	    login.len + rcpts_len);

	note->rcpt_n = (uint32_t)envelope->rcpt_n;
	note->is_cut = n != envelope->rcpt_n;
	put_bytes(&out, sender);
	put_bytes(&out, listener);
	put_bytes(&out, login);
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

struct note *
note_with_reason(const struct note *note, struct span reason)
{
	size_t len = (size_t)note->sender_len + note->listener_len +
	    note->login_len + note->rcpts_len;
	struct note *copy;

	reason = span_first(reason, REASON_MAX);
	copy = mem_new(sizeof *copy + len + reason.len);
	memcpy(copy, note, sizeof *note + len);
	if (reason.len != 0)
		memcpy(copy->text + len, reason.p, reason.len);
	copy->reason_len = (uint16_t)reason.len;
	return copy;
}

void
note_set_reason(struct store *store, uint64_t id, struct span reason)
{
	static const struct note nothing = { .is_bare = true };
	const struct note *note = &nothing;
	struct store_look look;

	if (store_look(store, id, &look) != 0)
		return;
	if (look.note != NULL)
		note = look.note;
	/* most are told the same again and again */
	if (span_eq(note_reason(note), span_first(reason, REASON_MAX)))
		return;
	store_set_note(store, id, note_with_reason(note, reason));
}

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

static const char *
rcpts_of(const struct note *note)
{
	return note->text + note->sender_len + note->listener_len +
	    note->login_len;
}

struct span
note_reason(const struct note *note)
{
	return span_of(rcpts_of(note) + note->rcpts_len, note->reason_len);
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
