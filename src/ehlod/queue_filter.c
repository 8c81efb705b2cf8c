/* SPDX-License-Identifier: Apache-2.0 */
/* queue_filter: see queue_filter.h. */
#include "ehlod/queue_filter.h"

#include "base/text.h"
#include "mail/trace.h"

static const char *const state_names[] = {
	[STORE_READY] = "ready",
	[STORE_HELD] = "held",
	[STORE_WAITING] = "waiting",
};

const char *
queue_state_name(enum store_state state)
{
	return state_names[state];
}

/* `*` stands for any octets, `?` for one. Linear but for the last star. */
static bool
is_like(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len && (pattern.p[p] == '?' ||
		    ascii_lower(pattern.p[p]) == ascii_lower(text.p[t]))) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

static bool
read_ids(struct queue_filter *filter, const json_t *ids, struct put *error)
{
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);
		struct span text = span_of(json_string_value(id),
		    json_string_length(id));

		if (!trace_parse_id(text, &filter->id[filter->id_n++])) {
			put_str(error, "\"");
			text_quote(span_first(text, 40), error);
			put_str(error, "\" is no id of a message");
			return false;
		}
	}
	if (ids != NULL && filter->id_n == 0) {
		put_str(error, "the list of ids is empty");
		return false;
	}
	return true;
}

static bool
read_states(struct queue_filter *filter, struct span text, struct put *error)
{
	filter->states = ~0u;
	if (text.len == 0)
		return true;
	for (size_t i = 0; i < countof(state_names); i++)
		if (span_eq(text, span_str(state_names[i]))) {
			filter->states = 1u << i;
			return true;
		}
	put_str(error, "state is one of ready, waiting, held");
	return false;
}

bool
queue_filter_read(struct queue_filter *filter, const json_t *request,
    struct put *error)
{
	*filter = (struct queue_filter){
		.sender = ctl_text(request, "sender"),
		.has_sender = json_object_get(request, "sender") != NULL,
		.rcpt = ctl_text(request, "rcpt"),
		.domain = ctl_text(request, "domain"),
		.listener = ctl_text(request, "listener"),
		.login = ctl_text(request, "login"),
		.reason = ctl_text(request, "reason"),
		.before_ms = ctl_number(request, "before"),
		.after_ms = ctl_number(request, "after"),
		.size_min = ctl_number(request, "larger"),
		.size_max = ctl_number(request, "smaller"),
	};
	if (filter->before_ms == 0)
		filter->before_ms = UINT64_MAX;
	if (filter->size_max == 0)
		filter->size_max = UINT64_MAX;
	return read_ids(filter, json_object_get(request, "id"), error) &&
	    read_states(filter, ctl_text(request, "state"), error);
}

bool
queue_filter_look(const struct queue_filter *filter,
    const struct store_look *look)
{
	uint64_t at = store_id_time(look->entry.id);

	return (filter->states >> look->entry.state & 1) != 0 &&
	    at < filter->before_ms && at >= filter->after_ms &&
	    look->text_len >= filter->size_min &&
	    look->text_len <= filter->size_max;
}

bool
queue_filter_wants_rcpts(const struct queue_filter *filter)
{
	return filter->rcpt.len != 0 || filter->domain.len != 0;
}

bool
queue_filter_wants_note(const struct queue_filter *filter)
{
	return filter->has_sender || filter->listener.len != 0 ||
	    filter->login.len != 0 || filter->reason.len != 0 ||
	    queue_filter_wants_rcpts(filter);
}

/* A reason is long: a part of it will do. */
static bool
has_part(struct span part, struct span text)
{
	char memory[1100];
	struct put pattern = put_init(memory, sizeof memory);

	put_char(&pattern, '*');
	put_bytes(&pattern, part);
	put_char(&pattern, '*');
	return is_like(put_span(&pattern), text);
}

bool
queue_filter_rcpt(const struct queue_filter *filter, struct span rcpt)
{
	const char *at = rcpt.len == 0 ? NULL
	    : memrchr(rcpt.p, '@', rcpt.len);
	struct span domain = at == NULL ? SPAN("")
	    : span_skip(rcpt, (size_t)(at + 1 - rcpt.p));

	return (filter->rcpt.len == 0 || is_like(filter->rcpt, rcpt)) &&
	    (filter->domain.len == 0 || is_like(filter->domain, domain));
}

bool
queue_filter_note(const struct queue_filter *filter, const struct note *note)
{
	char memory[NOTE_REASON_MAX];
	struct span rcpt;
	size_t at = 0;

	if ((filter->has_sender &&
	    !is_like(filter->sender, note_sender(note))) ||
	    (filter->listener.len != 0 &&
	    !is_like(filter->listener, note_listener(note))) ||
	    (filter->login.len != 0 &&
	    !is_like(filter->login, note_login(note))) ||
	    (filter->reason.len != 0 &&
	    !has_part(filter->reason, note_reason(note, memory))))
		return false;
	if (!queue_filter_wants_rcpts(filter))
		return true;
	while (note_next_rcpt(note, &at, &rcpt))
		if (queue_filter_rcpt(filter, rcpt))
			return true;
	return false;
}
