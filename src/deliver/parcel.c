/* SPDX-License-Identifier: Apache-2.0 */
/* parcel: see parcel.h. */
#include "deliver/parcel.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"

#define ARENA_MAX ((size_t)64 << 20)
#define PART      ((size_t)64 << 10)

int
parcel_new(const struct store_pin *pin, struct span envelope,
    const struct conf *conf, struct parcel **out)
{
	struct parcel *parcel = mem_new(sizeof *parcel);
	struct span bytes;
	int error = -ENOMEM;

	*out = NULL;
	parcel->pin = *pin;
	/* only its count is written to */
	parcel->conf = conf_ref((struct conf *)(uintptr_t)conf);
	arena_init(&parcel->arena, ARENA_MAX);
	bytes = arena_copy(&parcel->arena, envelope);
	if (bytes.p != NULL)
		error = envelope_decode(bytes, &parcel->arena,
		    &parcel->envelope);
	if (error == 0) {
		parcel->outcome = arena_alloc(&parcel->arena,
		    parcel->envelope.rcpt_n * sizeof *parcel->outcome + 1);
		parcel->target = arena_alloc(&parcel->arena,
		    parcel->envelope.rcpt_n * sizeof *parcel->target + 1);
		error = parcel->outcome == NULL || parcel->target == NULL ?
		    -ENOMEM : 0;
	}
	if (error != 0)
		parcel_free(parcel);
	else
		*out = parcel;
	return error;
}

void
parcel_free(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	arena_reset(&parcel->arena);
	conf_unref(parcel->conf);
	release_unref(parcel->release);
	free(parcel->text);
	free(parcel);
}

/* The automaton that finds the end of the header in a text cut anywhere. */
static void
look_at(struct parcel *parcel, struct span part, unsigned *line_ends)
{
	for (size_t i = 0; i < part.len; i++) {
		char c = part.p[i];

		if ((unsigned char)c >= 0x80) {
			parcel->has_8bit = true;
			if (*line_ends < 2)
				parcel->has_8bit_header = true;
		}
		if (*line_ends >= 2)
			continue;
		if (c == '\n')
			++*line_ends;
		else if (c != '\r')
			*line_ends = 0;
	}
}

int
parcel_read_text(struct parcel *parcel, struct store *store)
{
	bool is_small = parcel->pin.text_len <= PARCEL_TEXT_MAX;
	/* only the declared ones need a look */
	bool is_looked_at = parcel->envelope.body != 0 ||
	    parcel->envelope.is_utf8 != 0;
	unsigned line_ends = 1;
	uint64_t at = 0;
	char *part;

	if (!is_small && !is_looked_at)
		return 0;
	part = mem_new(is_small ? (size_t)parcel->pin.text_len + 1 : PART);
	while (at < parcel->pin.text_len) {
		char *to = is_small ? part + at : part;
		uint64_t left = parcel->pin.text_len - at;
		ssize_t n = store_read_text(store, &parcel->pin, at, to,
		    left < PART ? (size_t)left : PART);

		if (n <= 0) {
			free(part);
			return n == 0 ? -EBADMSG : (int)n;
		}
		look_at(parcel, span_of(to, (size_t)n), &line_ends);
		at += (uint64_t)n;
	}
	if (is_small)
		parcel->text = part;
	else
		free(part);
	return 0;
}

static struct span
keep(struct parcel *parcel, struct span text)
{
	struct span copy = arena_copy(&parcel->arena,
	    span_first(text, PARCEL_WORDS_MAX));

	return copy.p != NULL ? copy : SPAN("");
}

void
parcel_set(struct parcel *parcel, uint32_t rcpt, const struct outcome *outcome)
{
	struct outcome *to = &parcel->outcome[rcpt];

	*to = *outcome;
	to->words = keep(parcel, outcome->words);
	to->host = keep(parcel, outcome->host);
	to->name = keep(parcel, outcome->name);
	to->tls = keep(parcel, outcome->tls);
}

size_t
parcel_count(const struct parcel *parcel, enum fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < parcel->envelope.rcpt_n; i++)
		n += parcel->outcome[i].fate == fate;
	return n;
}

struct outcome
parcel_outcome(enum fate fate, unsigned class, unsigned subject,
    unsigned detail, const char *words)
{
	return (struct outcome){ .fate = fate,
		.status = { (uint16_t)class, (uint16_t)subject,
		    (uint16_t)detail }, .words = span_str(words) };
}

enum param_by
parcel_overdue(const struct envelope *envelope, uint64_t now_ms)
{
	return envelope->by != PARAM_BY_NONE && now_ms >= envelope->by_at ?
	    (enum param_by)envelope->by : PARAM_BY_NONE;
}

/* As with warnings: an attempt is due at that time at the latest, and the
 * first one that is not before it tells. */
bool
parcel_is_by_news(const struct parcel *parcel, uint64_t now_ms)
{
	return parcel_overdue(&parcel->envelope, now_ms) == PARAM_BY_NOTIFY &&
	    parcel->due_ms <= parcel->envelope.by_at;
}

struct outcome
parcel_too_late(void)
{
	return parcel_outcome(FATE_EXPIRED, 5, 4, 7,
	    "the time that its sender gave for its delivery (BY) is over");
}

/* 5.4.7 is BY's, RFC 2852 4.1; that of age is 4.4.7. */
bool
parcel_is_too_late(const struct outcome *outcome)
{
	return outcome->fate == FATE_EXPIRED && outcome->status[0] == 5 &&
	    outcome->status[1] == 4 && outcome->status[2] == 7;
}
