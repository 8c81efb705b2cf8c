/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: see transcript.h. Lines stand one behind the other in a ring;
 * one that would go over its end begins at its start instead. */
#include "trail/transcript.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"

#define LEN_MIN  4096
#define LINE_MAX 512

struct head {
	uint64_t session, at_ms;
	uint32_t len;		/* of head and text, a multiple of 8 */
	uint16_t text_len;
	uint16_t is_ours;
};

/* Lines are in [tail, end) and [0, head) if tail > head or both are equal and
 * it is not empty, else in [tail, head). */
struct transcript {
	size_t len;
	size_t head, tail;
	size_t end;		/* behind the last line before the ring's end,
				 * when lines go over it */
	bool is_over;		/* head has gone over the end, tail has not */
	struct transcript_watch *watches;
	char bytes[];
};

struct transcript *
transcript_new(size_t len)
{
	struct transcript *transcript;

	if (len != 0 && len < LEN_MIN)
		len = LEN_MIN;
	len &= ~(size_t)7;
	transcript = mem_new(sizeof *transcript + len);
	transcript->len = len;
	return transcript;
}

void
transcript_free(struct transcript *transcript)
{
	free(transcript);
}

static struct head
head_at(const struct transcript *transcript, size_t at)
{
	struct head head;

	memcpy(&head, transcript->bytes + at, sizeof head);
	must(head.len >= sizeof head && head.len % 8 == 0);
	return head;
}

static void
drop_oldest(struct transcript *transcript)
{
	transcript->tail += head_at(transcript, transcript->tail).len;
	if (transcript->is_over && transcript->tail >= transcript->end) {
		transcript->tail = 0;
		transcript->is_over = false;
	}
}

/* Makes room at `head`, at the ring's start if need be. */
static void
make_room(struct transcript *t, size_t len)
{
	if (t->head + len > t->len) {
		while (t->is_over)	/* what lies between head and end */
			drop_oldest(t);
		t->end = t->head;
		t->head = 0;
		t->is_over = true;
		if (t->tail >= t->end) {	/* it was empty */
			t->tail = 0;
			t->is_over = false;
		}
	}
	while (t->is_over && t->tail < t->head + len)
		drop_oldest(t);
}

static void
remember(struct transcript *transcript, const struct transcript_line *line)
{
	struct span text = span_first(line->text, LINE_MAX);
	struct head head = { .session = line->session,
		.at_ms = line->at_ms, .is_ours = line->is_ours };
	char *p;

	head.text_len = (uint16_t)text.len;
	head.len = (uint32_t)((sizeof head + text.len + 7) & ~(size_t)7);
	make_room(transcript, head.len);
	p = transcript->bytes + transcript->head;
	memcpy(p, &head, sizeof head);
	if (text.len != 0)
		memcpy(p + sizeof head, text.p, text.len);
	transcript->head += head.len;
}

/* --- those who watch */

static bool
is_watched(struct span watched, const struct transcript_line *line)
{
	struct span name = line->name;

	if (span_caseeq(watched, line->peer) || span_caseeq(watched, name))
		return true;
	return watched.len != 0 && name.len > watched.len &&
	    name.p[name.len - watched.len - 1] == '.' &&
	    span_caseeq(span_skip(name, name.len - watched.len), watched);
}

void
transcript_watch(struct transcript *transcript,
    struct transcript_watch *watch)
{
	watch->next = transcript->watches;
	transcript->watches = watch;
}

void
transcript_unwatch(struct transcript *transcript,
    struct transcript_watch *watch)
{
	struct transcript_watch **link = &transcript->watches;

	while (*link != NULL && *link != watch)
		link = &(*link)->next;
	if (*link != NULL)
		*link = watch->next;
}

bool
transcript_is_wanted(const struct transcript *transcript)
{
	return transcript->len != 0 || transcript->watches != NULL;
}

void
transcript_add(struct transcript *transcript,
    const struct transcript_line *line)
{
	struct transcript_watch *next;

	if (transcript->len != 0)
		remember(transcript, line);
	for (struct transcript_watch *at = transcript->watches; at != NULL;
	    at = next) {
		next = at->next;
		if (is_watched(at->peer, line))
			at->on_line(at, line);
	}
}

/* --- reading */

static void
each_in(const struct transcript *transcript, size_t from, size_t to,
    uint64_t session,
    void (*each)(void *arg, const struct transcript_line *line), void *arg)
{
	while (from < to) {
		struct head head = head_at(transcript, from);
		struct transcript_line line = { .session = head.session,
			.at_ms = head.at_ms, .is_ours = head.is_ours != 0,
			.text = span_of(transcript->bytes + from +
			    sizeof head, head.text_len) };

		if (head.session == session)
			each(arg, &line);
		from += head.len;
	}
}

void
transcript_each(const struct transcript *transcript, uint64_t session,
    void (*each)(void *arg, const struct transcript_line *line), void *arg)
{
	if (transcript->is_over) {
		each_in(transcript, transcript->tail, transcript->end,
		    session, each, arg);
		each_in(transcript, 0, transcript->head, session, each, arg);
		return;
	}
	each_in(transcript, transcript->tail, transcript->head, session,
	    each, arg);
}
