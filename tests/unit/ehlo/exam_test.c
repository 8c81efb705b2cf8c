/* SPDX-License-Identifier: Apache-2.0 */
/* exam: each judgement over facts that were never seen on a wire: the good
 * ones make no alarm, and each thing that is wrong makes its own. */
#include "../test.h"

#include <stdlib.h>

#include <openssl/x509_vfy.h>

#include "base/buf.h"
#include "ehlo/exam.h"
#include "ehlo/relay.h"

struct bench {
	struct report report;
	struct exam exam;
	struct exam_place place;
	struct exam_facts *facts;
};

static void
answer(struct exam_answer *out, unsigned code, const char *text)
{
	*out = (struct exam_answer){ .is_tried = true, .code = code };
	snprintf(out->text, sizeof out->text, "%s", text);
}

static void
hello(struct exam_hello *out, uint32_t caps, const char *auth)
{
	*out = (struct exam_hello){ .is_tried = true, .is_extended = true,
		.code = 250, .caps = { caps, 30000000 } };
	snprintf(out->auth, sizeof out->auth, "%s", auth);
}

#define USUAL (1u << CAP_SIZE | 1u << CAP_PIPELINING | 1u << CAP_8BITMIME | \
	1u << CAP_ENHANCEDSTATUSCODES | 1u << CAP_SMTPUTF8)

static void
make_certificate(struct exam_facts *facts, int64_t now)
{
	struct tls_facts *cert = &facts->cert;

	facts->has_tls = true;
	cert->trust = TLS_TRUSTED;
	cert->cert_n = 1;
	snprintf(cert->asked, sizeof cert->asked, "mail.example.org");
	snprintf(cert->names, sizeof cert->names,
	    "example.org, *.example.org");
	snprintf(cert->cert[0].key, sizeof cert->cert[0].key, "RSA 2048");
	cert->cert[0].not_before = now - 86400;
	cert->cert[0].not_after = now + 86400L * 60;
}

/* What a good server for submission shows. */
static void
bench_init(struct bench *bench, uint16_t port)
{
	struct exam_facts *f = mem_new(sizeof *f);

	memset(bench, 0, sizeof *bench);
	bench->facts = f;
	report_init(&bench->report, "check", "mail.example.org");
	bench->exam.report = &bench->report;
	snprintf(bench->exam.inside, sizeof bench->exam.inside,
	    "example.org");
	snprintf(bench->exam.known, sizeof bench->exam.known,
	    "postmaster@example.org");
	snprintf(bench->exam.outside, sizeof bench->exam.outside,
	    "x@example.com");
	assert_true(exam_place_set(&bench->place, "mail.example.org",
	    "192.0.2.1", port));
	f->login_mech = "PLAIN";
	f->connect.is_tried = true;
	answer(&f->greeting, 220, "mail.example.org ESMTP");
	answer(&f->nonsense, 500, "what?");
	answer(&f->quit, 221, "bye");
	answer(&f->starttls, 220, "go");
	hello(&f->clear, USUAL | 1u << CAP_STARTTLS, "");
	hello(&f->tls, USUAL, "PLAIN LOGIN");
	answer(&f->clear_auth, 538, "TLS first");
	answer(&f->clear_mail, 530, "TLS first");
	answer(&f->injection, 221, "bye");
	answer(&f->login, 235, "in");
	answer(&f->wrong, 535, "no");
	answer(&f->wrong_known, 535, "no");
	answer(&f->vrfy, 252, "try");
	answer(&f->vrfy_none, 252, "try");
	answer(&f->bare_lf, 221, "bye");
	for (size_t i = 0; i < EXAM_FORMS; i++) {
		f->smuggled[i] = (struct exam_answer){ .is_tried = true,
			.result = SESSION_TIMEOUT };
		f->is_smuggled[i] = true;
	}
	for (size_t i = 0; i < EXAM_VERSIONS; i++)
		f->version[i].state = i < TLS_1_2 ? EXAM_REFUSED :
		    EXAM_ACCEPTED;
	f->weak.state = EXAM_REFUSED;
	make_certificate(f, (int64_t)(bench->report.begun_ms / 1000));
}

static void
bench_free(struct bench *bench)
{
	exam_facts_free(bench->facts);
	free(bench->facts);
	report_free(&bench->report);
}

/* The mark of the finding, REPORT_PLAIN if there is none. */
static enum report_mark
mark_of(const struct bench *bench, const char *id)
{
	for (const struct report_finding *f = bench->report.finding;
	    f != NULL; f = f->next)
		if (strcmp(f->id, id) == 0)
			return f->mark;
	return REPORT_PLAIN;
}

static void
is_all_well(const struct bench *bench)
{
	for (const struct report_finding *f = bench->report.finding;
	    f != NULL; f = f->next)
		if (f->mark <= REPORT_WARNING)
			print_error("false alarm: %s: %s (%s)\n", f->id,
			    f->title, f->detail);
	assert_int_equal(bench->report.count[REPORT_BAD], 0);
	assert_int_equal(bench->report.count[REPORT_WARNING], 0);
}

static void
test_good(void **state)
{
	static const uint16_t ports[] = { 25, 587, 2525 };
	struct bench b;

	(void)state;
	for (size_t i = 0; i < countof(ports); i++) {
		bench_init(&b, ports[i]);
		exam_judge(&b.exam, &b.place, b.facts);
		is_all_well(&b);
		assert_int_equal(mark_of(&b, "smuggling"), REPORT_GOOD);
		assert_int_equal(mark_of(&b, "certificate-name"),
		    REPORT_GOOD);
		bench_free(&b);
	}
}

/* --- one thing wrong at a time */

static void
cut_greeting(struct exam_facts *f)
{
	answer(&f->greeting, 554, "no");
}

static void
take_anything(struct exam_facts *f)
{
	answer(&f->nonsense, 250, "yes");
}

static void
paint(struct exam_facts *f)
{
	f->flaws = ANSWER_CONTROL;
}

static void
hide_starttls(struct exam_facts *f)
{
	f->clear.caps.bits = USUAL;
}

static void
inject(struct exam_facts *f)
{
	answer(&f->injection, 250, "mail.example.org");
}

static void
ask_in_clear(struct exam_facts *f)
{
	answer(&f->clear_auth, 334, "VXNlcm5hbWU6");
}

static void
offer_in_clear(struct exam_facts *f)
{
	hello(&f->clear, USUAL | 1u << CAP_STARTTLS, "LOGIN");
}

static void
accept_old(struct exam_facts *f)
{
	f->version[TLS_1_1].state = EXAM_ACCEPTED;
}

static void
accept_weak(struct exam_facts *f)
{
	f->weak.state = EXAM_ACCEPTED;
}

static void
accept_anonymous(struct exam_facts *f)
{
	f->anonymous.state = EXAM_ACCEPTED;
}

static void
let_in(struct exam_facts *f)
{
	answer(&f->wrong, 235, "in");
}

static void
later(struct exam_facts *f)
{
	answer(&f->wrong, 454, "later");
	answer(&f->wrong_known, 454, "later");
}

static void
tell_users(struct exam_facts *f)
{
	answer(&f->wrong, 535, "no such user");
}

static void
tell_by_vrfy(struct exam_facts *f)
{
	answer(&f->vrfy, 250, "yes");
	answer(&f->vrfy_none, 550, "no");
}

static void
take_end(struct exam_facts *f)
{
	answer(&f->smuggled[3], 250, "queued");
}

static void
take_end_of_loop(struct exam_facts *f)
{
	answer(&f->smuggled[0], 554, "5.4.0 too many hops");
}

static void
other_name(struct exam_facts *f)
{
	snprintf(f->cert.names, sizeof f->cert.names, "mx.example.org, "
	    "*.mail.example.org");
}

static void
star_too_far(struct exam_facts *f)
{
	snprintf(f->cert.names, sizeof f->cert.names, "*.org");
}

static void
end_yesterday(struct exam_facts *f)
{
	f->cert.cert[0].not_after -= 86400L * 61;
}

static void
end_soon(struct exam_facts *f)
{
	f->cert.cert[0].not_after -= 86400L * 50;
}

static void
begin_tomorrow(struct exam_facts *f)
{
	f->cert.cert[0].not_before += 86400L * 2;
}

static void
lose_chain(struct exam_facts *f)
{
	f->cert.trust = TLS_BAD_CHAIN;
	f->cert.verify_code = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
}

static void
shrink_key(struct exam_facts *f)
{
	snprintf(f->cert.cert[0].key, sizeof f->cert.cert[0].key,
	    "RSA 1024");
}

static void
hang(struct exam_facts *f)
{
	f->hangs = 2;
}

static void
test_wrong(void **state)
{
	static const struct {
		void (*spoil)(struct exam_facts *facts);
		const char *id;
		enum report_mark at_587, at_25;
	} row[] = {
		{ cut_greeting, "greeting", REPORT_BAD, REPORT_BAD },
		{ take_anything, "unknown-command", REPORT_WARNING,
		    REPORT_WARNING },
		{ paint, "flaws", REPORT_WARNING, REPORT_WARNING },
		{ hide_starttls, "starttls", REPORT_BAD, REPORT_BAD },
		{ inject, "injection", REPORT_BAD, REPORT_BAD },
		{ ask_in_clear, "clear-auth", REPORT_BAD, REPORT_BAD },
		{ offer_in_clear, "clear-auth", REPORT_WARNING,
		    REPORT_WARNING },
		{ accept_old, "tls-old", REPORT_WARNING, REPORT_NOTE },
		{ accept_weak, "tls-weak", REPORT_BAD, REPORT_BAD },
		{ accept_anonymous, "tls-anonymous", REPORT_WARNING,
		    REPORT_NOTE },
		{ let_in, "wrong-password", REPORT_BAD, REPORT_BAD },
		{ later, "wrong-password", REPORT_WARNING, REPORT_WARNING },
		{ tell_users, "user-names", REPORT_WARNING, REPORT_WARNING },
		{ tell_by_vrfy, "vrfy", REPORT_WARNING, REPORT_WARNING },
		{ take_end, "smuggling", REPORT_BAD, REPORT_BAD },
		{ take_end_of_loop, "smuggling", REPORT_BAD, REPORT_BAD },
		{ other_name, "certificate-name", REPORT_BAD,
		    REPORT_WARNING },
		{ star_too_far, "certificate-name", REPORT_BAD,
		    REPORT_WARNING },
		{ end_yesterday, "certificate-date", REPORT_BAD,
		    REPORT_WARNING },
		{ end_soon, "certificate-date", REPORT_WARNING,
		    REPORT_WARNING },
		{ begin_tomorrow, "certificate-date", REPORT_BAD,
		    REPORT_WARNING },
		{ lose_chain, "certificate-chain", REPORT_BAD,
		    REPORT_WARNING },
		{ shrink_key, "certificate-key", REPORT_WARNING,
		    REPORT_WARNING },
		{ hang, "hangs", REPORT_BAD, REPORT_BAD },
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < 2 * countof(row); i++) {
		bool is_mx = i % 2 != 0;
		enum report_mark want = is_mx ? row[i / 2].at_25 :
		    row[i / 2].at_587;

		bench_init(&b, is_mx ? 25 : 587);
		row[i / 2].spoil(b.facts);
		exam_judge(&b.exam, &b.place, b.facts);
		if (mark_of(&b, row[i / 2].id) != want)
			print_error("row %zu: %s is %d, not %d\n", i / 2,
			    row[i / 2].id, (int)mark_of(&b, row[i / 2].id),
			    (int)want);
		assert_int_equal(mark_of(&b, row[i / 2].id), want);
		/* and nothing else */
		assert_true(b.report.count[REPORT_BAD] +
		    b.report.count[REPORT_WARNING] <= 1);
		bench_free(&b);
	}
}

static void
test_no_facts(void **state)
{
	struct bench b;

	(void)state;
	/* nobody was there: one finding, and nothing made up */
	bench_init(&b, 25);
	*b.facts = (struct exam_facts){ .login_mech = "" };
	b.facts->connect = (struct exam_answer){ .is_tried = true,
		.result = SESSION_UNREACHED };
	exam_judge(&b.exam, &b.place, b.facts);
	assert_int_equal(mark_of(&b, "connect"), REPORT_BAD);
	assert_int_equal(b.report.count[REPORT_BAD], 1);
	assert_int_equal(b.report.count[REPORT_GOOD], 0);
	bench_free(&b);
}

/* --- relaying */

static void
fill(struct relay *relay, enum relay_column column, unsigned code)
{
	for (size_t i = 0; i < relay_rows(); i++) {
		relay->cell[i][column].is_tried = true;
		answer(&relay->cell[i][column].answer, code, "");
	}
}

static void
test_relay(void **state)
{
	static const struct {
		unsigned code;
		bool is_mail, is_catch_all;
		enum relay_column column;
		enum report_mark open, trick;
	} row[] = {
		{ 250, false, false, RELAY_CLEAR, REPORT_BAD, REPORT_PLAIN },
		{ 250, false, false, RELAY_TLS, REPORT_BAD, REPORT_PLAIN },
		{ 251, false, false, RELAY_TLS, REPORT_BAD, REPORT_PLAIN },
		{ 250, false, true, RELAY_TLS, REPORT_BAD, REPORT_NOTE },
		{ 550, false, false, RELAY_TLS, REPORT_GOOD, REPORT_GOOD },
		{ 454, false, false, RELAY_TLS, REPORT_GOOD, REPORT_GOOD },
		/* nobody knows what it will say later */
		{ 450, false, false, RELAY_TLS, REPORT_UNTRIED,
		    REPORT_PLAIN },
		{ 451, true, false, RELAY_TLS, REPORT_UNTRIED, REPORT_PLAIN },
		{ 530, true, false, RELAY_TLS, REPORT_GOOD, REPORT_GOOD },
		/* a login may */
		{ 250, false, false, RELAY_TLS_LOGIN, REPORT_UNTRIED,
		    REPORT_PLAIN },
	};
	struct relay *relay;
	struct bench b;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		bench_init(&b, 587);
		relay = mem_new(sizeof *relay);
		fill(relay, row[i].column, row[i].code);
		relay->is_catch_all[row[i].column] = row[i].is_catch_all;
		for (size_t k = 0; k < relay_rows(); k++)
			relay->cell[k][row[i].column].is_mail =
			    row[i].is_mail;
		relay_judge(&b.exam, &b.place, relay);
		if (mark_of(&b, "relay-open") != row[i].open ||
		    mark_of(&b, "relay-trick") != row[i].trick)
			print_error("row %zu\n", i);
		assert_int_equal(mark_of(&b, "relay-open"), row[i].open);
		assert_int_equal(mark_of(&b, "relay-trick"), row[i].trick);
		free(relay);
		bench_free(&b);
	}
}

/* One disguise that gets through, all else being refused. */
static void
test_tricks(void **state)
{
	char sender[400], recipient[400];
	struct relay *relay;
	struct bench b;
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < relay_rows(); i++) {
		bench_init(&b, 25);
		relay = mem_new(sizeof *relay);
		fill(relay, RELAY_CLEAR, 550);
		answer(&relay->cell[i][RELAY_CLEAR].answer, 250, "ok");
		relay_judge(&b.exam, &b.place, relay);
		if (relay_row(&b.exam, &b.place, i, sender, recipient))
			found += mark_of(&b, "relay-trick") == REPORT_BAD ||
			    mark_of(&b, "relay-open") == REPORT_BAD;
		free(relay);
		bench_free(&b);
	}
	/* all but mail to inside, and what is asked behind a login only */
	assert_int_equal(found, relay_rows() - 4);
}

static void
test_addresses(void **state)
{
	char sender[400], recipient[400];
	struct bench b;
	bool has_route = false, has_literal = false;

	(void)state;
	bench_init(&b, 25);
	for (size_t i = 0; i < relay_rows(); i++) {
		if (!relay_row(&b.exam, &b.place, i, sender, recipient))
			continue;
		has_route |= strcmp(recipient,
		    "@example.org:x@example.com") == 0;
		has_literal |= strcmp(recipient,
		    "\"x@example.com\"@[192.0.2.1]") == 0;
		assert_null(strpbrk(recipient, "\r\n<>"));
	}
	assert_true(has_route && has_literal);
	/* without an inside domain those rows are left out */
	b.exam.inside[0] = b.exam.known[0] = '\0';
	for (size_t i = 0; i < relay_rows(); i++)
		if (relay_row(&b.exam, &b.place, i, sender, recipient))
			assert_null(strstr(recipient, "example.org"));
	bench_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_no_facts),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_tricks),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
