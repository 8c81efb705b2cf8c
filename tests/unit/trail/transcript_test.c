/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: against a list that forgets nothing: what is still there is the
 * newest, whole and in order, whatever the lengths. Seen to catch: a line that
 * was left half when its place was taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "trail/transcript.h"

#define LINES 5000

static unsigned seen, first_seen;

/* The text of line i says which it is, and is of any length. */
static struct span
text_of(unsigned i, char memory[600])
{
	unsigned len = (i * 2654435761u) % 597;
	int n = snprintf(memory, 600, "%u ", i);

	memset(memory + n, 'a' + (int)(i % 26), 600 - (size_t)n);
	return span_of(memory, len < 8 ? (size_t)n : len);
}

static void
check_line(void *arg, const struct transcript_line *line)
{
	unsigned *next = arg;
	char memory[600];
	struct span text;

	if (seen++ == 0) {
		assert_int_equal(sscanf(line->text.p, "%u ", next), 1);
		first_seen = *next;
	}
	text = span_first(text_of(*next, memory), 512);
	assert_true(span_eq(line->text, text));
	assert_int_equal(line->at_ms, *next);
	assert_int_equal(line->is_ours, *next % 3 == 0);
	++*next;
}

static void
the_newest_are_kept_whole(void **state)
{
	static const size_t lens[] = { 1, 4096, 5000, 10008, 65536 };

	(void)state;
	for (size_t k = 0; k < countof(lens); k++) {
		struct transcript *t = transcript_new(lens[k]);
		size_t kept = lens[k] < 4096 ? 4096 : lens[k];

		for (unsigned i = 1; i <= LINES; i++) {
			char memory[600];
			unsigned next = 0;

			transcript_add(t, &(struct transcript_line){
				.session = 7, .at_ms = i,
				.is_ours = i % 3 == 0,
				.text = text_of(i, memory) });
			if (i % 7 != 0)
				continue;
			seen = 0;
			transcript_each(t, 7, check_line, &next);
			assert_true(seen > 0);
			assert_int_equal(next, i + 1);
		}
		/* at least half of the memory is in use: the longest line and
		 * the rest at the ring's end are lost */
		assert_true(seen * 310 > kept / 2);
		transcript_free(t);
	}
}

static void
count_lines(void *arg, const struct transcript_line *line)
{
	unsigned *n = arg;

	assert_int_equal(line->session, 2);
	++*n;
}

static void
sessions_are_told_apart(void **state)
{
	struct transcript *t = transcript_new(65536);
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		transcript_add(t, &(struct transcript_line){
			.session = i % 3, .text = SPAN("x") });
	transcript_each(t, 2, count_lines, &n);
	assert_int_equal(n, 100);
	transcript_free(t);
}

struct watched {
	struct transcript_watch watch;
	unsigned n;
};

static void
on_line(struct transcript_watch *watch, const struct transcript_line *line)
{
	(void)line;
	((struct watched *)watch)->n++;
}

static void
those_who_watch_see_their_peer(void **state)
{
	static const struct {
		const char *watched, *peer, *name;
		bool is_seen;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", "", true },
		{ "192.0.2.1", "192.0.2.11", "", false },
		{ "example.org", "192.0.2.1", "example.org", true },
		{ "example.org", "192.0.2.1", "MX.Example.ORG", true },
		{ "example.org", "192.0.2.1", "notexample.org", false },
		{ "example.org", "192.0.2.1", "org", false },
		{ "org", "192.0.2.1", "", false },
	};
	struct transcript *t = transcript_new(0);

	(void)state;
	assert_false(transcript_is_wanted(t));
	for (size_t i = 0; i < countof(cases); i++) {
		struct watched one = { .watch = { .on_line = on_line,
			.peer = span_str(cases[i].watched) } };

		transcript_watch(t, &one.watch);
		assert_true(transcript_is_wanted(t));
		transcript_add(t, &(struct transcript_line){ .session = 1,
			.peer = span_str(cases[i].peer),
			.name = span_str(cases[i].name),
			.text = SPAN("x") });
		if (one.n != cases[i].is_seen)
			fail_msg("%s, %s %s: seen %u", cases[i].watched,
			    cases[i].peer, cases[i].name, one.n);
		transcript_unwatch(t, &one.watch);
		transcript_unwatch(t, &one.watch);	/* harmless */
	}
	transcript_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_are_kept_whole),
		cmocka_unit_test(sessions_are_told_apart),
		cmocka_unit_test(those_who_watch_see_their_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
