/* SPDX-License-Identifier: Apache-2.0 */
/* explain: what real servers say is understood. */
#include "../test.h"

#include "smtp/explain.h"
#include "smtp/reply.h"

struct said {
	enum explain_stage stage;
	const char *reply, *name;
	enum explain_fault fault;
	enum explain_remedy remedy;
};

static const struct said said[] = {
#define SAID(stage, reply, name, fault, remedy) \
	{ EXPLAIN_##stage, reply, name, EXPLAIN_##fault, EXPLAIN_##remedy },
#include "explain_replies.def"
#undef SAID
};

static struct explain
explain(enum explain_stage stage, struct span reply)
{
	struct explain_query query = { .stage = stage };
	struct explain out;

	if (reply.len >= 3 && ascii_is_digit(reply.p[0]) &&
	    ascii_is_digit(reply.p[1])) {
		query.code = (unsigned)(100 * (reply.p[0] - '0') +
		    10 * (reply.p[1] - '0') + (reply.p[2] - '0'));
		reply = span_skip(reply, 4);
	}
	query.text = reply;
	explain_reply(&query, &out);
	return out;
}

/* Seen to catch: rows in the wrong order (smtp-explain-order), addresses taken
 * for reasons (smtp-explain-addresses), enhanced codes that are not looked at
 * (smtp-explain-status). */
static void
real_replies(void **state)
{
	unsigned wrong = 0;

	(void)state;
	assert_true(countof(said) >= 180);
	for (size_t i = 0; i < countof(said); i++) {
		struct explain got = explain(said[i].stage,
		    span_str(said[i].reply));

		if (strcmp(got.name, said[i].name) == 0 &&
		    got.fault == said[i].fault &&
		    got.remedy == said[i].remedy)
			continue;
		wrong++;
		print_error("%s\n  expected %s %s %s\n  got      %s %s %s\n",
		    said[i].reply, said[i].name,
		    explain_fault_name(said[i].fault),
		    explain_remedy_name(said[i].remedy), got.name,
		    explain_fault_name(got.fault),
		    explain_remedy_name(got.remedy));
	}
	assert_int_equal(wrong, 0);
}

static void
whether_it_passes(void **state)
{
	(void)state;
	assert_true(explain(EXPLAIN_RCPT,
	    SPAN("450 4.2.0 Greylisted")).is_temporary);
	assert_true(explain(EXPLAIN_RCPT,
	    SPAN("451 4.3.0 Xyzzy")).is_temporary);
	assert_false(explain(EXPLAIN_RCPT,
	    SPAN("550 5.1.1 User unknown")).is_temporary);
	/* a refused relay does not pass, whatever the code says */
	assert_false(explain(EXPLAIN_RCPT,
	    SPAN("454 4.7.1 <a@b>: Relay access denied")).is_temporary);
	/* a full mailbox does */
	assert_true(explain(EXPLAIN_RCPT,
	    SPAN("552 5.2.2 Mailbox full")).is_temporary);
	assert_false(explain(EXPLAIN_RCPT, SPAN("250 2.1.5 Ok")).is_temporary);
	assert_true(explain(EXPLAIN_RCPT, SPAN("250 2.1.5 Ok")).is_good);
	assert_false(explain(EXPLAIN_RCPT, SPAN("550 No")).is_good);
}

static void
contradictions(void **state)
{
	(void)state;
	assert_true(explain(EXPLAIN_MAIL, SPAN("451 5.7.3 Must issue a "
	    "STARTTLS command first")).is_odd);
	assert_true(explain(EXPLAIN_RCPT, SPAN("550 2.1.5 Ok")).is_odd);
	assert_false(explain(EXPLAIN_RCPT, SPAN("550 5.1.1 No")).is_odd);
	assert_false(explain(EXPLAIN_RCPT, SPAN("550 No")).is_odd);
	assert_string_equal(explain(EXPLAIN_RCPT, SPAN("550 5.2.2 Xyzzy"))
	    .status, "mailbox full");
	assert_string_equal(explain(EXPLAIN_RCPT, SPAN("550 5.99.99 Xyzzy"))
	    .status, "");
}

/* Words without a code, as a person remembers them. */
static void
words_alone(void **state)
{
	(void)state;
	assert_string_equal(explain(EXPLAIN_ANY, SPAN("Relay access denied"))
	    .name, "relay-denied");
	assert_string_equal(explain(EXPLAIN_ANY, SPAN("5.7.57")).name,
	    "anonymous-refused");
	assert_string_equal(explain(EXPLAIN_ANY, SPAN("Connection refused"))
	    .name, "connection-refused");
	assert_string_equal(explain(EXPLAIN_ANY, SPAN("")).name, "nonsense");
}

static void
whose_words(void **state)
{
	(void)state;
	assert_string_equal(explain(EXPLAIN_RCPT,
	    SPAN("554 5.7.1 <a@b>: Relay access denied")).whose, "Postfix");
	assert_string_equal(explain(EXPLAIN_RCPT,
	    SPAN("550 5.7.1 Unable to relay")).whose, "Exchange");
	assert_string_equal(explain(EXPLAIN_RCPT,
	    SPAN("550 relay not permitted")).whose, "Exim");
	assert_string_equal(explain(EXPLAIN_RCPT, SPAN("550 5.1.1 Xyzzy"))
	    .whose, "");
}

/* Every refusal of our own, in the words of every persona, is known by more
 * than its first digit. */
static void
our_own(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned id = 0; id < REPLY_COUNT; id++) {
		for (unsigned persona = 0; persona < PERSONA_COUNT;
		    persona++) {
			char memory[2048];
			struct put out = put_init(memory, sizeof memory);
			struct reply reply = { .id = (enum reply_id)id,
				.arg = { SPAN("x"), SPAN("y"), SPAN("z") } };
			struct explain got;

			reply_format(&reply, (enum persona)persona, &out);
			got = explain(EXPLAIN_ANY, put_span(&out));
			if (got.basis == EXPLAIN_BY_DIGIT ||
			    (!got.is_good && got.name ==
			    explain(EXPLAIN_ANY, SPAN("599 x")).name))
				print_error("%.*s", SPAN_ARG(put_span(&out)));
			assert_true(got.basis != EXPLAIN_BY_DIGIT);
			n++;
		}
	}
	assert_true(n > 200);
}

static void
rows(void **state)
{
	struct explain row, other;
	size_t n = 0;

	(void)state;
	for (; explain_row(n, &row); n++) {
		assert_true(row.meaning[0] != '\0' && row.name[0] != '\0');
		/* what went wrong can be mended */
		if (row.fault != EXPLAIN_NOBODY)
			assert_true(row.advice[0] != '\0');
		if (row.fault != EXPLAIN_NOBODY)
			assert_true(row.remedy != EXPLAIN_NOTHING);
		assert_true(strncmp(row.section, "RFC ", 4) == 0);
		assert_true(text_is_utf8(span_str(row.meaning)) &&
		    text_is_utf8(span_str(row.advice)));
		for (size_t i = 0; i < n; i++) {
			assert_true(explain_row(i, &other));
			assert_string_not_equal(other.name, row.name);
		}
	}
	assert_true(n > 90);
	for (unsigned i = 0; i < EXPLAIN_FAULTS; i++)
		assert_true(explain_fault_name((enum explain_fault)i)[0] &&
		    explain_fault_words((enum explain_fault)i)[0]);
	for (unsigned i = 0; i < EXPLAIN_REMEDIES; i++)
		assert_true(explain_remedy_name((enum explain_remedy)i)[0]);
}

/* --- EHLO lists */

static bool
remarked(const char *clear, const char *tls, const char *name)
{
	const struct explain_remark *out[EXPLAIN_REMARKS_MAX];
	size_t n = explain_hello(span_str(clear), span_str(tls), out);

	for (size_t i = 0; i < n; i++)
		if (strcmp(out[i]->name, name) == 0)
			return true;
	return false;
}

static const char exchange[] = "mail Hello [192.0.2.1]\nSIZE\nPIPELINING\nDSN\n"
    "STARTTLS\nX-ANONYMOUSTLS\nAUTH NTLM\nX-EXPS GSSAPI NTLM\n8BITMIME\nXRDST";
static const char exchange_tls[] = "mail Hello [192.0.2.1]\nSIZE 100\n"
    "PIPELINING\nDSN\nAUTH NTLM LOGIN\n8BITMIME";
static const char iis[] = "C34495-51701 Hello [192.0.2.1]\n"
    "AUTH GSSAPI NTLM LOGIN\nAUTH=LOGIN\nTURN\nSIZE\nETRN\n8bitmime\nOK";

/* Seen to catch: the two lists not compared (smtp-explain-lists). */
static void
lists(void **state)
{
	(void)state;
	assert_true(remarked(exchange, exchange_tls, "login-after-tls"));
	assert_false(remarked(exchange, exchange_tls, "login-in-clear"));
	assert_false(remarked(exchange, exchange_tls, "only-windows"));
	assert_false(remarked(exchange, exchange_tls, "no-starttls"));
	assert_true(remarked(exchange, NULL, "maybe-after-tls"));
	assert_true(remarked(exchange, NULL, "only-windows"));
	assert_true(remarked(iis, NULL, "login-in-clear"));
	assert_true(remarked(iis, NULL, "no-starttls"));
	assert_true(remarked(iis, NULL, "old-auth"));
	assert_true(remarked(iis, NULL, "ok"));
	assert_true(remarked(iis, NULL, "risky"));
	assert_true(remarked(iis, NULL, "size-without-number"));
	assert_true(remarked("h\nSTARTTLS\nSIZE 1\nAUTH LOGIN", "h\nSIZE 1",
	    "login-gone-in-tls"));
	assert_true(remarked("h\nSIZE 1\nXXXXXXXA", NULL, "firewall"));
	assert_false(remarked("h\nSIZE 1\nXXXXXXXA", NULL, "no-starttls"));
	assert_true(remarked("h\nSIZE 1\nSTARTTLS", "h\nSIZE 1",
	    "no-login"));
	assert_true(remarked(NULL, "h\nSTARTTLS\nSIZE 1", "starttls-twice"));
	assert_true(remarked("h", NULL, "no-list"));
	assert_false(remarked("h\nPIPELINING\nSIZE 1\nSTARTTLS",
	    "h\nPIPELINING\nSIZE 1\nAUTH PLAIN", "no-pipelining"));
	assert_int_equal(explain_hello(SPAN("h\nPIPELINING\nSTARTTLS\nSIZE 1"
	    "\nAUTH PLAIN"), (struct span){ NULL, 0 },
	    (const struct explain_remark *[EXPLAIN_REMARKS_MAX]){ 0 }), 1);
}

static void
keywords(void **state)
{
	const char *section;

	(void)state;
	assert_string_not_equal(explain_keyword(SPAN("size 1000"), &section),
	    "");
	assert_string_equal(section, "RFC 1870");
	assert_string_not_equal(explain_keyword(SPAN("AUTH=LOGIN"), NULL), "");
	assert_string_equal(explain_keyword(SPAN("OK"), &section), "");
	assert_string_equal(section, "");
	assert_string_equal(explain_keyword(SPAN("SIZES"), NULL), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_replies),
		cmocka_unit_test(whether_it_passes),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(words_alone),
		cmocka_unit_test(whose_words),
		cmocka_unit_test(our_own),
		cmocka_unit_test(rows),
		cmocka_unit_test(lists),
		cmocka_unit_test(keywords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
