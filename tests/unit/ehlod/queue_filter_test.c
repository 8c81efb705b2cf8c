/* SPDX-License-Identifier: Apache-2.0 */
/* queue_filter, note: which messages a filter means. Seen to catch: a pattern
 * that ends before its text does; a cut list of recipients taken for whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "ehlod/queue_filter.h"

static struct reasons reasons;

static struct note *
make_note(size_t rcpts_max)
{
	struct envelope_rcpt rcpt[] = {
		{ .address = SPAN("bert@elsewhere.example") },
		{ .address = SPAN("carl@sub.other.example") },
	};
	const struct envelope envelope = {
		.sender = SPAN("anna@sender.example"),
		.listener = SPAN("submission"), .login = SPAN("anna"),
		.rcpt = rcpt, .rcpt_n = countof(rcpt) };
	struct note *note = note_new(&envelope, rcpts_max);

	note_put_reason(note, &reasons,
	    SPAN("451 4.7.1 greylisted, come back later"));
	return note;
}

/* Does {"field": "value"} mean the note? */
static bool
is_meant(const char *field, const char *value)
{
	struct queue_filter *filter = mem_new(sizeof *filter);
	struct note *note = make_note(1000);
	json_t *request = json_pack("{s:s}", field, value);
	char memory[128];
	struct put error = put_init(memory, sizeof memory);
	bool result;

	assert_true(queue_filter_read(filter, request, &error));
	assert_true(queue_filter_wants_note(filter));
	result = queue_filter_note(filter, note);
	json_decref(request);
	note_free(note);
	free(filter);
	return result;
}

static void
patterns(void **state)
{
	static const struct {
		const char *field, *value;
		bool is_meant;
	} cases[] = {
		{ "sender", "anna@sender.example", true },
		{ "sender", "ANNA@Sender.Example", true },
		{ "sender", "anna@sender.exampl", false },
		{ "sender", "nna@sender.example", false },
		{ "sender", "*", true }, { "sender", "**", true },
		{ "sender", "", false },
		{ "sender", "a*a@*.example", true },
		{ "sender", "a*b", false },
		{ "sender", "????@sender.example", true },
		{ "sender", "???@sender.example", false },
		{ "rcpt", "carl@*", true }, { "rcpt", "dora@*", false },
		{ "domain", "elsewhere.example", true },
		{ "domain", "other.example", false },
		{ "domain", "*.other.example", true },
		{ "listener", "sub*", true }, { "listener", "sub", false },
		{ "login", "anna", true }, { "login", "ann", false },
		{ "reason", "greylisted", true },
		{ "reason", "451*later", true },
		{ "reason", "greenlisted", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++)
		if (is_meant(cases[i].field, cases[i].value) !=
		    cases[i].is_meant)
			fail_msg("%s = %s: %d", cases[i].field,
			    cases[i].value, !cases[i].is_meant);
}

/* Both must be of one recipient. */
static void
rcpt_and_domain_are_of_one(void **state)
{
	struct queue_filter *filter = mem_new(sizeof *filter);
	struct note *note = make_note(1000);
	json_t *request = json_pack("{s:s,s:s}", "rcpt", "bert@*", "domain",
	    "sub.other.example");
	struct put none = put_init(NULL, 0);

	(void)state;
	assert_true(queue_filter_read(filter, request, &none));
	assert_false(queue_filter_note(filter, note));
	json_decref(request);
	note_free(note);
	free(filter);
}

static void
what_the_index_knows(void **state)
{
	struct queue_filter *filter = mem_new(sizeof *filter);
	struct store_look look = { .entry = { .state = STORE_HELD,
		.id = (uint64_t)1000 << 22 }, .text_len = 500 };
	uint64_t at = store_id_time(look.entry.id);
	struct put none = put_init(NULL, 0);
	const struct {
		json_t *request;
		bool is_meant;
	} cases[] = {
		{ json_object(), true },
		{ json_pack("{s:s}", "state", "held"), true },
		{ json_pack("{s:s}", "state", "ready"), false },
		{ json_pack("{s:I}", "larger", (json_int_t)500), true },
		{ json_pack("{s:I}", "larger", (json_int_t)501), false },
		{ json_pack("{s:I}", "smaller", (json_int_t)500), true },
		{ json_pack("{s:I}", "smaller", (json_int_t)499), false },
		{ json_pack("{s:I}", "before", (json_int_t)at), false },
		{ json_pack("{s:I}", "before", (json_int_t)at + 1), true },
		{ json_pack("{s:I}", "after", (json_int_t)at), true },
		{ json_pack("{s:I}", "after", (json_int_t)at + 1), false },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		assert_true(queue_filter_read(filter, cases[i].request,
		    &none));
		assert_false(queue_filter_wants_note(filter));
		if (queue_filter_look(filter, &look) != cases[i].is_meant)
			fail_msg("case %zu", i);
		json_decref(cases[i].request);
	}
	free(filter);
}

static void
mistakes_are_told(void **state)
{
	json_t *cases[] = {
		json_pack("{s:s}", "state", "drunk"),
		json_pack("{s:[]}", "id"),
		json_pack("{s:[s]}", "id", "short"),
		json_pack("{s:[s]}", "id", "0000000000000"),
	};
	struct queue_filter *filter = mem_new(sizeof *filter);

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		char memory[128];
		struct put error = put_init(memory, sizeof memory);

		assert_false(queue_filter_read(filter, cases[i], &error));
		assert_true(error.len != 0);
		json_decref(cases[i]);
	}
	free(filter);
}

static void
notes_are_cut_and_say_so(void **state)
{
	struct note *whole = make_note(1000), *cut = make_note(30);
	char memory[NOTE_REASON_MAX];
	struct span rcpt;
	size_t at = 0;

	(void)state;
	assert_false(whole->is_cut);
	assert_true(cut->is_cut);
	assert_int_equal(cut->rcpt_n, 2);
	assert_true(note_next_rcpt(cut, &at, &rcpt));
	assert_true(span_eq(rcpt, SPAN("bert@elsewhere.example")));
	assert_false(note_next_rcpt(cut, &at, &rcpt));
	assert_true(span_eq(note_sender(cut), SPAN("anna@sender.example")));
	assert_true(span_eq(note_listener(cut), SPAN("submission")));
	assert_true(span_eq(note_login(cut), SPAN("anna")));
	assert_true(span_eq(note_reason(cut, memory),
	    SPAN("451 4.7.1 greylisted, come back later")));
	note_free(whole);
	note_free(cut);
}

/* A thousand messages that were told the same of different people. */
static void
reasons_are_shared(void **state)
{
	enum { MANY = 1000 };
	struct note *note[MANY];
	char address[64], words[256], memory[NOTE_REASON_MAX];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct envelope_rcpt rcpt[2] = { { .address =
		    SPAN("first@example.org") } };
		const struct envelope envelope = { .rcpt = rcpt,
			.rcpt_n = 2 };

		snprintf(address, sizeof address, "r%d@example.org", i);
		rcpt[1].address = span_str(address);
		note[i] = note_new(&envelope, NOTE_RCPTS_MAX);
		snprintf(words, sizeof words, "%s: mx: 450 4.2.0 <%s>: full",
		    address, address);
		note_put_reason(note[i], &reasons, span_str(words));
		assert_true(span_eq(note_reason(note[i], memory),
		    span_str(words)));
	}
	assert_int_equal(reasons.map.n, 1);
	for (int i = 0; i < MANY; i++)
		note_free(note[i]);
	assert_int_equal(reasons.map.n, 0);
}

/* Words that nobody else hears fill the table, not the memory. */
static void
reasons_are_bounded(void **state)
{
	enum { MANY = REASONS_MAX + 10 };
	struct note **note = mem_new_array(MANY, sizeof(struct note *));
	char memory[NOTE_REASON_MAX], words[300];
	const struct envelope nobody = { .rcpt_n = 0 };

	(void)state;
	memset(words, 'x', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	for (int i = 0; i < MANY; i++) {
		snprintf(words, 12, "%011d", i);
		words[11] = ' ';
		note[i] = note_new(&nobody, NOTE_RCPTS_MAX);
		note_put_reason(note[i], &reasons, span_str(words));
		assert_int_equal(note_reason(note[i], memory).len, i <
		    REASONS_MAX ? REASON_MAX : REASON_OWN_MAX);
	}
	assert_int_equal(reasons.map.n, REASONS_MAX);
	for (int i = 0; i < MANY; i++)
		note_free(note[i]);
	free(note);
	assert_int_equal(reasons.map.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(rcpt_and_domain_are_of_one),
		cmocka_unit_test(what_the_index_knows),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(notes_are_cut_and_say_so),
		cmocka_unit_test(reasons_are_shared),
		cmocka_unit_test(reasons_are_bounded),
	};

	reasons_init(&reasons);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
