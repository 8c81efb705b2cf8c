/* SPDX-License-Identifier: Apache-2.0 */
/* ring: see ring.h. An event is a head and its texts, the whole a multiple of
 * eight octets; it may go over the ring's end. */
#include "trail/ring.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"

#define TEXTS    6
#define TEXT_MAX 1024
#define TO_MAX   4096

struct head {
	uint32_t len;		/* of head and texts */
	uint32_t kind;
	uint64_t at_ms, session, message, other, number;
	uint16_t text_len[TEXTS];
	uint32_t pad;
};

_Static_assert(sizeof(struct head) % 8 == 0, "events stay aligned");
_Static_assert(sizeof(struct head) + (TEXTS - 1) * TEXT_MAX + TO_MAX + 8 <=
    RING_EVENT_MAX, "the longest event fits");

void
ring_init(struct ring *ring, size_t len)
{
	must(len >= RING_EVENT_MAX && (len & (len - 1)) == 0);
	must(pthread_mutex_init(&ring->lock, NULL) == 0);
	ring->bytes = mem_new(len);
	ring->len = len;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->dropped, 0);
}

void
ring_free(struct ring *ring)
{
	pthread_mutex_destroy(&ring->lock);
	free(ring->bytes);
	ring->bytes = NULL;
}

static uint64_t
copy_in(struct ring *ring, uint64_t at, struct span bytes)
{
	size_t from = (size_t)at & (ring->len - 1);
	size_t first = ring->len - from;

	if (bytes.len == 0)
		return at;
	if (first > bytes.len)
		first = bytes.len;
	memcpy(ring->bytes + from, bytes.p, first);
	memcpy(ring->bytes, bytes.p + first, bytes.len - first);
	return at + bytes.len;
}

static void
copy_out(const struct ring *ring, uint64_t at, char *to, size_t len)
{
	size_t from = (size_t)at & (ring->len - 1);
	size_t first = ring->len - from;

	if (first > len)
		first = len;
	memcpy(to, ring->bytes + from, first);
	memcpy(to + first, ring->bytes, len - first);
}

bool
ring_put(struct ring *ring, const struct trail_event *event, size_t *used)
{
	const struct span text[TEXTS] = {
		span_first(event->peer, TEXT_MAX),
		span_first(event->name, TEXT_MAX),
		span_first(event->from, TEXT_MAX),
		span_first(event->to, TO_MAX),
		span_first(event->facts, TEXT_MAX),
		span_first(event->words, TEXT_MAX),
	};
	struct head head = { .kind = (uint32_t)event->kind,
		.at_ms = event->at_ms, .session = event->session,
		.message = event->message, .other = event->other,
		.number = event->number };
	size_t len = sizeof head;
	uint64_t at;

	for (size_t i = 0; i < TEXTS; i++) {
		head.text_len[i] = (uint16_t)text[i].len;
		len += text[i].len;
	}
	len = (len + 7) & ~(size_t)7;
	head.len = (uint32_t)len;
	pthread_mutex_lock(&ring->lock);
	at = atomic_load_explicit(&ring->head, memory_order_relaxed);
	*used = (size_t)(at - atomic_load_explicit(&ring->tail,
	    memory_order_acquire));
	if (ring->len - *used < len) {
		pthread_mutex_unlock(&ring->lock);
		atomic_fetch_add_explicit(&ring->dropped, 1,
		    memory_order_relaxed);
		return false;
	}
	*used += len;
	at = copy_in(ring, at, span_of(&head, sizeof head));
	for (size_t i = 0; i < TEXTS; i++)
		at = copy_in(ring, at, text[i]);
	at = (at + 7) & ~(uint64_t)7;
	/* from here on the reader may see it */
	atomic_store_explicit(&ring->head, at, memory_order_release);
	pthread_mutex_unlock(&ring->lock);
	return true;
}

bool
ring_peek(struct ring *ring, struct trail_event *event,
    char memory[RING_EVENT_MAX])
{
	uint64_t tail = atomic_load_explicit(&ring->tail,
	    memory_order_relaxed);
	struct span *const text[TEXTS] = { &event->peer, &event->name,
		&event->from, &event->to, &event->facts, &event->words };
	const char *p = memory;
	struct head head;

	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return false;
	copy_out(ring, tail, (char *)&head, sizeof head);
	must(head.len >= sizeof head && head.len <= RING_EVENT_MAX);
	copy_out(ring, tail + sizeof head, memory, head.len - sizeof head);
	*event = (struct trail_event){
		.kind = (enum trail_kind)head.kind, .at_ms = head.at_ms,
		.session = head.session, .message = head.message,
		.other = head.other, .number = head.number };
	for (size_t i = 0; i < TEXTS; i++) {
		*text[i] = span_of(p, head.text_len[i]);
		p += head.text_len[i];
	}
	return true;
}

void
ring_drop(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->tail,
	    memory_order_relaxed);
	uint32_t len;

	copy_out(ring, tail, (char *)&len, sizeof len);
	atomic_store_explicit(&ring->tail, tail + len, memory_order_release);
}
