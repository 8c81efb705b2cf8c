/* SPDX-License-Identifier: Apache-2.0 */
/* fake_store: a store in memory that fails when told to. */
#include "fake_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "deliver/note.h"

/* A settle whose `done` waits for store_poll(). */
struct pending {
	struct pending *next;
	store_done *done;
	void *arg;
	int result;
};

static struct pending *first, **last = &first;

struct store *
fake_store_new(void)
{
	return mem_new(sizeof(struct store));
}

void
fake_store_free(struct store *store)
{
	must(first == NULL && store->pins_n == 0);
	for (size_t i = 0; i < store->n; i++) {
		buf_free(&store->message[i].envelope);
		free(store->message[i].text);
	}
	free(store);
}

struct fake_message *
fake_store_add(struct store *store, const struct envelope *envelope,
    struct span text)
{
	struct fake_message *message = &store->message[store->n];

	must(store->n < FAKE_MESSAGES && envelope->rcpt_n <= FAKE_RCPTS);
	message->id = ++store->n;
	message->text = mem_copy(text);
	message->text_len = text.len;
	buf_init(&message->envelope, 1 << 20);
	must(envelope_encode(envelope, &message->envelope) == 0);
	return message;
}

static struct fake_message *
find(struct store *store, uint64_t id)
{
	must(id != 0 && id <= store->n);
	return &store->message[id - 1];
}

int
store_pin(struct store *store, uint64_t id, struct store_pin *pin)
{
	struct fake_message *message = find(store, id);

	if (message->is_gone)
		return -ENOENT;
	*pin = (struct store_pin){ .id = id, .text_len = message->text_len,
		.envelope_len = (uint32_t)message->envelope.len };
	for (size_t i = 0; i < FAKE_RCPTS; i++)
		pin->rcpt_settled_n += message->is_settled[i];
	if (++store->pins_n > store->pins_max)
		store->pins_max = store->pins_n;
	return 0;
}

int
store_look(const struct store *store, uint64_t id, struct store_look *out)
{
	const struct fake_message *message = &store->message[id - 1];

	must(id != 0 && id <= store->n);
	if (message->is_gone)
		return -ENOENT;
	*out = (struct store_look){ .entry = { .id = id,
		.state = message->state, .due_ms = message->due_ms,
		.attempts = message->attempts } };
	return 0;
}

/* --- what only operators do, in the daemon */

void
store_set_note(struct store *store, uint64_t id, void *note)
{
	(void)store;
	(void)id;
	note_free(note);
}

int
store_set_state(struct store *store, uint64_t id, enum store_state state,
    uint64_t due_ms)
{
	find(store, id)->state = state;
	find(store, id)->due_ms = due_ms;
	return find(store, id)->is_gone ? -ENOENT : 0;
}

int
store_rewrite(struct store *store, uint64_t id, struct span envelope,
    store_done *done, void *arg)
{
	struct fake_message *message = find(store, id);

	if (message->is_gone)
		return -ENOENT;
	buf_clear(&message->envelope);
	must(buf_append(&message->envelope, envelope) == 0);
	done(arg, 0);
	return 0;
}

int
store_remove(struct store *store, uint64_t id)
{
	if (find(store, id)->is_gone)
		return -ENOENT;
	find(store, id)->is_gone = true;
	store->gone_n++;
	return 0;
}

void
store_unpin(struct store *store, struct store_pin *pin)
{
	(void)pin;
	store->pins_n--;
}

int
store_read_envelope(struct store *store, const struct store_pin *pin,
    char *out)
{
	struct span bytes = buf_span(&find(store, pin->id)->envelope);

	if (store->envelope_error != 0)
		return store->envelope_error;
	memcpy(out, bytes.p, bytes.len);
	if (store->is_envelope_bad)
		out[0] = 0;
	return 0;
}

/* Never more than 100,000 octets at once, as from a store of parts. */
ssize_t
store_read_text(struct store *store, const struct store_pin *pin,
    uint64_t offset, char *out, size_t len)
{
	struct fake_message *message = find(store, pin->id);
	struct span rest = span_skip(span_of(message->text,
	    message->text_len), offset);

	/* the first part of a large one is still good */
	if (store->text_error != 0 && (offset != 0 || rest.len <= 100000))
		return store->text_error;
	rest = span_first(span_first(rest, len), 100000);
	memcpy(out, rest.p, rest.len);
	return (ssize_t)rest.len;
}

bool
store_is_settled(struct store *store, uint64_t id, uint32_t rcpt)
{
	return rcpt < FAKE_RCPTS && find(store, id)->is_settled[rcpt];
}

static void
apply(struct store *store, const struct store_settle *settle)
{
	struct fake_message *message = find(store, settle->id);

	must(!message->is_gone);
	for (size_t i = 0; i < settle->rcpt_n; i++) {
		must(settle->outcome[i] == STORE_DELIVERED);
		must(!message->is_settled[settle->rcpt[i]]);
		message->is_settled[settle->rcpt[i]] = true;
	}
	message->settles_n++;
	message->state = settle->state;
	message->due_ms = settle->due_ms;
	message->attempts += !settle->is_no_attempt;
	snprintf(message->reason, sizeof message->reason, "%.*s",
	    SPAN_ARG(settle->reason));
	message->is_gone = settle->is_last;
	store->gone_n += settle->is_last;
}

void
store_settle(struct store *store, const struct store_settle *settle,
    store_done *done, void *arg)
{
	struct pending *pending = mem_new(sizeof *pending);

	pending->done = done;
	pending->arg = arg;
	pending->result = store->settle_error;
	*last = pending;
	last = &pending->next;
	store->settles_n++;
	if (store->settle_error == 0)
		apply(store, settle);
}

unsigned
store_poll(struct store *store)
{
	struct pending *pending;
	unsigned n = 0;

	(void)store;
	while ((pending = first) != NULL) {
		first = pending->next;
		if (first == NULL)
			last = &first;
		if (pending->done != NULL)
			pending->done(pending->arg, pending->result);
		free(pending);
		n++;
	}
	return n;
}

/* --- messages of delivery's own */

struct store_msg {
	struct store *store;
	struct buf text;
};

struct store_msg *
store_begin(struct store *store, int *error)
{
	struct store_msg *msg;

	*error = store->begin_error;
	if (store->begin_error != 0)
		return NULL;
	msg = mem_new(sizeof *msg);
	msg->store = store;
	buf_init(&msg->text, 1 << 20);
	return msg;
}

uint64_t
store_msg_id(const struct store_msg *msg)
{
	return msg->store->n + 1;
}

void
store_write(struct store_msg *msg, struct span bytes)
{
	must(buf_append(&msg->text, bytes) == 0);
}

void
store_commit(struct store_msg *msg, struct span envelope, store_done *done,
    void *arg)
{
	struct pending *pending = mem_new(sizeof *pending);
	struct store *store = msg->store;
	struct fake_message *message = &store->message[store->n];

	must(store->n < FAKE_MESSAGES);
	message->id = ++store->n;
	message->text = mem_copy(buf_span(&msg->text));
	message->text_len = msg->text.len;
	buf_init(&message->envelope, 1 << 20);
	must(buf_append(&message->envelope, envelope) == 0);
	buf_free(&msg->text);
	free(msg);
	pending->done = done;
	pending->arg = arg;
	*last = pending;
	last = &pending->next;
}
