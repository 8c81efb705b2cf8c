/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is, by counts: the same moments always meet the same faults.
 * A fault is written as in a file, so that the words are tested as well.
 *
 * Seen to catch: a count that is not kept apart by `per`, refused moments that
 * count for a rate, an off-by-one of `first`. */
#include "../test.h"

#include <stdlib.h>

#include "policy/fault.h"

static struct fault_set *set;
static struct span anna;
static struct fault_moment at_rcpt;

static void
add(const char *text)
{
	struct conf *conf = conf_parse_fault(text, strlen(text), stderr);

	assert_non_null(conf);
	assert_true(fault_set_add(set, conf, true));
	conf_unref(conf);
}

static int
begin(void **state)
{
	(void)state;
	set = fault_set_new();
	anna = SPAN("anna@cp.com");
	at_rcpt = (struct fault_moment){ .stage = CONF_AT_RCPT,
		.listener = SPAN("mx"), .session = SPAN("s1"),
		.client = SPAN("\x7f\0\0\1"), .sender = SPAN("guy@cp.com"),
		.recipient = &anna, .recipient_n = 1 };
	return 0;
}

static int
end(void **state)
{
	(void)state;
	fault_set_free(set);
	return 0;
}

/* The name of the fault that is played, "" if none is. */
static const char *
play(const struct fault_moment *moment)
{
	static char name[80];
	struct conf *conf = NULL;
	const struct conf_fault *fault = fault_set_find(set, moment, &conf);

	snprintf(name, sizeof name, "%s", fault != NULL ? fault->name : "");
	conf_unref(conf);
	return name;
}

/* "x" for every moment that it is played at, "." for the others. */
static const char *
row(struct fault_moment moment, size_t n)
{
	static char text[80];

	for (size_t i = 0; i < n; i++)
		text[i] = *play(&moment) != '\0' ? 'x' : '.';
	text[n] = '\0';
	return text;
}

static void
counts(void **state)
{
	(void)state;
	add("fault a { at rcpt; first 2; reply \"450 x\"; }");
	assert_string_equal(row(at_rcpt, 6), "xx....");
	fault_set_clear(set, true);
	add("fault a { at rcpt; every 3; reply \"450 x\"; }");
	assert_string_equal(row(at_rcpt, 9), "..x..x..x");
	fault_set_clear(set, true);
	add("fault a { at rcpt; skip 2; reply \"450 x\"; }");
	assert_string_equal(row(at_rcpt, 5), "..xxx");
	fault_set_clear(set, true);
	add("fault a { at rcpt; skip 1; first 4; every 2; reply \"450 x\"; }");
	assert_string_equal(row(at_rcpt, 9), "..x.x....");
}

/* Greylisting: each triplet is refused once. */
static void
per_triplet(void **state)
{
	const struct span bert = SPAN("bert@cp.com");
	struct fault_moment other = at_rcpt;

	(void)state;
	add("fault grey { at rcpt; per triplet; first 1; reply \"450 x\"; }");
	assert_string_equal(play(&at_rcpt), "grey");
	assert_string_equal(play(&at_rcpt), "");
	other.recipient = &bert;
	assert_string_equal(play(&other), "grey");
	other.client = SPAN("\x7f\0\0\2");
	assert_string_equal(play(&other), "grey");
	other.sender = SPAN("GUY@cp.com");
	assert_string_equal(play(&other), "");
	other.sender = SPAN("");
	assert_string_equal(play(&other), "grey");
	assert_string_equal(play(&at_rcpt), "");
}

static void
per_others(void **state)
{
	struct fault_moment other = at_rcpt;

	(void)state;
	add("fault a { at rcpt; per session; first 1; reply \"450 x\"; }");
	assert_string_equal(row(at_rcpt, 2), "x.");
	other.session = SPAN("s2");
	assert_string_equal(row(other, 2), "x.");
	fault_set_clear(set, true);
	add("fault a { at rcpt; per login; first 1; reply \"450 x\"; }");
	assert_string_equal(row(at_rcpt, 2), "x.");
	other.login = SPAN("guyt");
	assert_string_equal(row(other, 2), "x.");
}

static void
rates(void **state)
{
	struct fault_moment moment = at_rcpt;

	(void)state;
	add("fault a { at rcpt; limit 2; within 10s; reply \"450 x\"; }");
	moment.now_ms = 1000;
	assert_string_equal(row(moment, 4), "..xx");
	moment.now_ms = 10999;
	assert_string_equal(row(moment, 2), "xx");
	/* the two of the first second are ten seconds ago */
	moment.now_ms = 11000;
	assert_string_equal(row(moment, 3), "..x");
	moment.now_ms = 30000;
	assert_string_equal(row(moment, 3), "..x");
}

static void
criteria(void **state)
{
	struct fault_moment other = at_rcpt;

	(void)state;
	add("fault a { at rcpt; listener m*; client 127.0.0.0/8 ::1; "
	    "sender *@cp.com; recipient ANNA@*; reply \"450 x\"; }");
	assert_string_equal(play(&at_rcpt), "a");
	other.stage = CONF_AT_MAIL;
	assert_string_equal(play(&other), "");
	other = at_rcpt;
	other.listener = SPAN("smtp");
	assert_string_equal(play(&other), "");
	other = at_rcpt;
	other.client = SPAN("\x0a\0\0\1");
	assert_string_equal(play(&other), "");
	other.client = span_of("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x9", 16);
	assert_string_equal(play(&other), "a");
	other = at_rcpt;
	other.sender = SPAN("guy@cp.example");
	assert_string_equal(play(&other), "");
	other = at_rcpt;
	other.recipient_n = 0;
	assert_string_equal(play(&other), "");
}

/* The first that fits wins, and it alone has counted. */
static void
order(void **state)
{
	struct conf *twice;
	const char *text = "fault b { at rcpt; then drop; }";

	(void)state;
	add("fault a { at rcpt; first 1; reply \"450 x\"; }");
	add("fault b { at rcpt; first 1; then drop; }");
	assert_string_equal(play(&at_rcpt), "a");
	assert_string_equal(play(&at_rcpt), "b");
	assert_string_equal(play(&at_rcpt), "");
	twice = conf_parse_fault(text, strlen(text), stderr);
	assert_false(fault_set_add(set, twice, true));
	conf_unref(twice);
	assert_int_equal(fault_set_n(set), 2);
	assert_true(fault_set_remove(set, SPAN("a")));
	assert_false(fault_set_remove(set, SPAN("a")));
	add("fault a { at rcpt; reply \"450 x\"; }");
	assert_string_equal(play(&at_rcpt), "a");
	assert_int_equal(fault_set_n(set), 2);
	fault_set_clear(set, false);
	assert_int_equal(fault_set_n(set), 2);
}

static void
bounded(void **state)
{
	struct fault_moment moment = at_rcpt;

	(void)state;
	add("fault a { at rcpt; per session; first 1; reply \"450 x\"; }");
	for (unsigned i = 0; i < FAULT_KEYS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof name, "%u", i);
		moment.session = span_str(name);
		assert_string_equal(play(&moment), "a");
	}
	moment.session = SPAN("one more");
	assert_string_equal(row(moment, 2), "x.");
	moment.session = SPAN("0");
	assert_string_equal(row(moment, 2), "x.");
}

static void
patterns(void **state)
{
	const struct {
		struct span pattern, text;
		bool matches;
	} rows[] = {
		{ SPAN("*"), SPAN(""), true },
		{ SPAN("*"), SPAN("a"), true },
		{ SPAN(""), SPAN(""), true },
		{ SPAN(""), SPAN("a"), false },
		{ SPAN("a"), SPAN("A"), true },
		{ SPAN("a*"), SPAN("ab"), true },
		{ SPAN("a*"), SPAN("ba"), false },
		{ SPAN("*a"), SPAN("aaba"), true },
		{ SPAN("*a"), SPAN("aab"), false },
		{ SPAN("*@cp.com"), SPAN("x@cp.com"), true },
		{ SPAN("*@cp.com"), SPAN("x@cp.com.example"), false },
		{ SPAN("a*b*c"), SPAN("aXbYbZc"), true },
		{ SPAN("a*b*c"), SPAN("aXbY"), false },
		{ SPAN("**"), SPAN("x"), true },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		assert_int_equal(fault_matches(rows[i].pattern, rows[i].text),
		    rows[i].matches);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts), TEST(per_triplet), TEST(per_others), TEST(rates),
		TEST(criteria), TEST(order), TEST(bounded), TEST(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
