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
	char bytes[];
};

struct transcript *
transcript_new(size_t len)
{
	struct transcript *transcript;

	if (len < LEN_MIN)
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

void
transcript_add(struct transcript *transcript, uint64_t session,
    uint64_t at_ms, bool is_ours, struct span line)
{
	struct head head = { .session = session, .at_ms = at_ms,
		.is_ours = is_ours };
	char *p;

	line = span_first(line, LINE_MAX);
	head.text_len = (uint16_t)line.len;
	head.len = (uint32_t)((sizeof head + line.len + 7) & ~(size_t)7);
	make_room(transcript, head.len);
	p = transcript->bytes + transcript->head;
	memcpy(p, &head, sizeof head);
	if (line.len != 0)
		memcpy(p + sizeof head, line.p, line.len);
	transcript->head += head.len;
}

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
