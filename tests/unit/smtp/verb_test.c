/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: what is in it, what it guesses, what HELP shows. */
#include "../test.h"

#include "smtp/verb.h"

static bool
is_legal(struct span verb, enum smtp_mode mode)
{
	const struct verb_row *row = verb_find(verb, PERSONA_NATIVE);

	assert_non_null(row);
	return (row->modes >> mode & 1) != 0;
}

static enum verb
find(struct span word, enum persona persona)
{
	const struct verb_row *row = verb_find(word, persona);

	assert_non_null(row);
	return row->verb;
}

static void
finding(void **state)
{
	(void)state;
	assert_int_equal(find(SPAN("mAiL"), PERSONA_NATIVE), VERB_MAIL);
	assert_int_equal(find(SPAN("XEXCH50"), PERSONA_NATIVE), VERB_REFUSED);
	assert_int_equal(find(SPAN("GET"), PERSONA_NATIVE), VERB_HTTP);
	assert_null(verb_find(SPAN("MAI"), PERSONA_NATIVE));
	assert_null(verb_find(SPAN("MAILS"), PERSONA_NATIVE));
	assert_null(verb_find(SPAN("MAIL\0"), PERSONA_NATIVE));
}

/* What a persona lists is there, and only there. */
static void
personas(void **state)
{
	(void)state;
	assert_int_equal(find(SPAN("X-EXPS"), PERSONA_EXCHANGE2007), VERB_AUTH);
	assert_int_equal(find(SPAN("X-EXPS"), PERSONA_NATIVE), VERB_REFUSED);
	assert_int_equal(find(SPAN("X-EXPS"), PERSONA_POSTFIX), VERB_REFUSED);
	assert_int_equal(find(SPAN("X-ANONYMOUSTLS"), PERSONA_EXCHANGE2010),
	    VERB_STARTTLS);
	assert_int_equal(find(SPAN("X-ANONYMOUSTLS"), PERSONA_IIS6),
	    VERB_REFUSED);
	assert_int_equal(find(SPAN("etrn"), PERSONA_IIS6), VERB_ETRN);
	assert_int_equal(find(SPAN("etrn"), PERSONA_POSTFIX_OLD), VERB_ETRN);
	assert_int_equal(find(SPAN("etrn"), PERSONA_NATIVE), VERB_ETRN);
	assert_int_equal(find(SPAN("etrn"), PERSONA_EXCHANGE2007),
	    VERB_REFUSED);
	assert_int_equal(find(SPAN("HELP"), PERSONA_POSTFIX_OLD),
	    VERB_REFUSED);
	assert_int_equal(find(SPAN("HELP"), PERSONA_POSTFIX), VERB_HELP);
}

/* RFC 5321 4.1.4, RFC 3207 4, RFC 4954 4, RFC 3030 2 */
static void
legality(void **state)
{
	const enum smtp_mode talk[] = { SMTP_MODE_GREETED, SMTP_MODE_READY,
		SMTP_MODE_MAIL, SMTP_MODE_RCPT, SMTP_MODE_NEXT };
	const struct {
		struct span verb;
		bool legal[countof(talk)];
	} rows[] = {
		{ SPAN("EHLO"), { true, true, true, true, true } },
		{ SPAN("RSET"), { true, true, true, true, true } },
		{ SPAN("QUIT"), { true, true, true, true, true } },
		{ SPAN("MAIL"), { false, true, false, false, false } },
		{ SPAN("RCPT"), { false, false, true, true, false } },
		{ SPAN("DATA"), { false, false, false, true, false } },
		{ SPAN("BDAT"), { false, false, false, true, true } },
		{ SPAN("AUTH"), { false, true, false, false, false } },
		{ SPAN("STARTTLS"), { true, true, false, false, false } },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		for (size_t j = 0; j < countof(talk); j++)
			assert_int_equal(is_legal(rows[i].verb, talk[j]),
			    rows[i].legal[j]);
}

static void
guesses(void **state)
{
	const struct {
		struct span word, guess;
	} rows[] = {
		{ SPAN("HELLO"), SPAN("HELO") },
		{ SPAN("elho"), SPAN("EHLO") },
		{ SPAN("mial"), SPAN("MAIL") },
		{ SPAN("rcpt:"), SPAN("RCPT") },
		{ SPAN("mailfrom:<a@b>"), SPAN("MAIL") },
		{ SPAN("exit"), SPAN("QUIT") },
		{ SPAN("starttsl"), SPAN("STARTTLS") },
		{ SPAN("dta"), SPAN("DATA") },
		{ SPAN("foo"), SPAN("") },
		{ SPAN("subject:"), SPAN("") },
		{ SPAN("Z3V5dA=="), SPAN("") },
		{ SPAN(""), SPAN("") },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		assert_span(verb_guess(rows[i].word, false), rows[i].guess);
	assert_span(verb_guess(SPAN("LHLP"), true), SPAN("LHLO"));
	assert_span(verb_guess(SPAN("EHL0"), true), SPAN("LHLO"));
}

static void
help_list(void **state)
{
	char memory[256];
	struct put out = put_init(memory, sizeof memory);

	(void)state;
	verb_put_list(false, &out);
	assert_span(put_span(&out), SPAN("EHLO HELO MAIL RCPT DATA BDAT "
	    "STARTTLS AUTH RSET NOOP VRFY HELP QUIT"));
	out = put_init(memory, sizeof memory);
	verb_put_list(true, &out);
	assert_span(put_span(&out), SPAN("LHLO MAIL RCPT DATA BDAT "
	    "STARTTLS AUTH RSET NOOP VRFY HELP QUIT"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding),
		cmocka_unit_test(personas),
		cmocka_unit_test(legality),
		cmocka_unit_test(guesses),
		cmocka_unit_test(help_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
