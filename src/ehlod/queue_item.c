/* SPDX-License-Identifier: Apache-2.0 */
/* queue_item: see queue_item.h. */
#include "ehlod/queue_item.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "ehlod/queue_filter.h"
#include "mail/trace.h"

#define TEXT_MAX 1024	/* of a string; the rest is cut */

static bool
is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_cntrl(text.p[i]))
			return false;
	return text_is_ascii(text) || text_is_utf8(text);
}

int
queue_put_string(struct buf *out, struct span text)
{
	char memory[TEXT_MAX * 4], escaped[sizeof memory * 2 + 2];
	struct put quoted = put_init(memory, sizeof memory);
	struct put put = put_init(escaped, sizeof escaped);

	text = span_first(text, TEXT_MAX);
	if (!is_plain(text)) {
		text_quote(text, &quoted);
		text = put_span(&quoted);
	}
	put_char(&put, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			put_char(&put, '\\');
		put_char(&put, text.p[i]);
	}
	put_char(&put, '"');
	return buf_append(out, put_span(&put));
}

static int
put_member(struct buf *out, const char *name, struct span text)
{
	if (buf_printf(out, ",\"%s\":", name) != 0)
		return -ENOBUFS;
	return queue_put_string(out, text);
}

static int
put_rcpts(struct buf *out, struct store *store, uint64_t id,
    const struct note *note)
{
	struct span rcpt;
	size_t at = 0;
	uint32_t i = 0, n = 0;

	if (buf_append(out, SPAN(",\"rcpts\":[")) != 0)
		return -ENOBUFS;
	for (; note_next_rcpt(note, &at, &rcpt); i++) {
		if (store_is_settled(store, id, i))
			continue;
		if ((n++ != 0 && buf_append(out, SPAN(",")) != 0) ||
		    queue_put_string(out, rcpt) != 0)
			return -ENOBUFS;
	}
	return buf_printf(out, "],\"rcpts_n\":%" PRIu32, note->rcpt_n);
}

int
queue_put_members(struct buf *out, struct store *store,
    const struct store_look *look, const struct note *note)
{
	char id[TRACE_ID_LEN];
	struct put put = put_init(id, sizeof id);
	char memory[NOTE_REASON_MAX];
	uint64_t due = look->entry.due_ms == UINT64_MAX ? 0
	    : look->entry.due_ms;

	trace_put_id(&put, look->entry.id);
	if (buf_printf(out, "\"id\":\"%.*s\",\"received\":%" PRIu64
	    ",\"size\":%" PRIu64 ",\"state\":\"%s\",\"due\":%" PRIu64
	    ",\"attempts\":%u", SPAN_ARG(put_span(&put)),
	    store_id_time(look->entry.id), look->text_len,
	    queue_state_name(look->entry.state), due,
	    look->entry.attempts) != 0)
		return -ENOBUFS;
	if (note == NULL)
		return 0;
	if (put_member(out, "sender", note_sender(note)) != 0 ||
	    put_member(out, "listener", note_listener(note)) != 0 ||
	    put_member(out, "login", note_login(note)) != 0 ||
	    put_rcpts(out, store, look->entry.id, note) != 0)
		return -ENOBUFS;
	if (note_route(note).len != 0 &&
	    put_member(out, "route", note_route(note)) != 0)
		return -ENOBUFS;
	return put_member(out, "reason", note_reason(note, memory));
}
