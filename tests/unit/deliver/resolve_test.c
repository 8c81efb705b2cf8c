/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: the order of hosts, and answers of a name server that the test
 * plays: it stands in for dns_ask() and dns_cancel(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "deliver/resolve.h"

/* --- a name server */

struct dns_query {
	char name[256];
	enum dns_type type;
	dns_done *done;
	void *arg;
	bool is_cancelled;
};

static struct dns_query asked[8];
static size_t asked_n;

struct dns_query *
dns_ask(struct dns *dns, struct loop *loop, struct span name,
    enum dns_type type, dns_done *done, void *arg)
{
	struct dns_query *query = &asked[asked_n++];

	(void)dns;
	(void)loop;
	*query = (struct dns_query){ .type = type, .done = done, .arg = arg };
	snprintf(query->name, sizeof query->name, "%.*s", SPAN_ARG(name));
	return query;
}

void
dns_cancel(struct dns_query *query)
{
	query->is_cancelled = true;
}

static const char *canonical;	/* of the next answers; NULL: as asked */

static void
answer(enum dns_type type, enum dns_result result, bool is_secure,
    const struct dns_record *record, size_t n)
{
	struct dns_answer given = { .result = result, .is_secure = is_secure,
		.record = record, .record_n = n };

	if (canonical != NULL)
		snprintf(given.name, sizeof given.name, "%s", canonical);
	for (size_t i = 0; i < asked_n; i++)
		if (asked[i].type == type && asked[i].done != NULL) {
			dns_done *done = asked[i].done;

			asked[i].done = NULL;
			if (canonical == NULL)
				memcpy(given.name, asked[i].name,
				    sizeof given.name);
			done(asked[i].arg, &given);
			return;
		}
	fail_msg("type %d was not asked for", type);
}

/* --- what came of it */

static struct resolve_hosts hosts;
static struct resolve_addresses addresses;
static int told;

static void
on_hosts(void *arg, const struct resolve_hosts *got)
{
	(void)arg;
	hosts = *got;
	told++;
}

static void
on_addresses(void *arg, const struct resolve_addresses *got)
{
	(void)arg;
	addresses = *got;
	told++;
}

static struct resolve_env env;

static int
setup(void **state)
{
	(void)state;
	env = (struct resolve_env){ .loop = loop_new(),
		.dns = (struct dns *)(void *)&env,
		.hostname = "mail.example.org", .random = 7 };
	asked_n = 0;
	told = 0;
	canonical = NULL;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(env.loop);
	return 0;
}

static struct dns_record
mx(const char *wire, size_t len)
{
	return (struct dns_record){ span_of(wire, len) };
}
#define MX(wire) mx(wire, sizeof wire - 1)

/* --- cases */

static void
test_order(void **state)
{
	unsigned first[3] = { 0 };

	(void)state;
	for (uint64_t random = 0; random < 3000; random++) {
		struct resolve_mx host[5] = { { 20, "d" }, { 10, "a" },
			{ 10, "b" }, { 30, "e" }, { 10, "c" } };

		resolve_order(host, 5, random * 7919);
		assert_string_equal(host[3].name, "d");
		assert_string_equal(host[4].name, "e");
		first[host[0].name[0] - 'a']++;
	}
	/* equal ones: each about a third */
	for (size_t i = 0; i < 3; i++)
		assert_in_range(first[i], 800, 1200);
}

static void
test_cut(void **state)
{
	struct resolve_mx host[4] = { { 10, "a" }, { 20, "b" },
		{ 20, "MAIL.example.org" }, { 30, "c" } };

	(void)state;
	assert_int_equal(resolve_cut_ourselves(host, 4, "mail.example.org"),
	    1);
	assert_int_equal(resolve_cut_ourselves(host, 4, "other"), 4);
	assert_int_equal(resolve_cut_ourselves(host + 1, 3,
	    "mail.example.org"), 0);
}

static void
test_mx(void **state)
{
	struct dns_record record[] = { MX("\0\24\1b\0"), MX("\0\12\1a\0"),
		MX("\0") };

	(void)state;
	(void)resolve_domain(&env, SPAN("example.com"), on_hosts, NULL);
	assert_string_equal(asked[0].name, "example.com");
	answer(DNS_MX, DNS_OK, true, record, 3);
	assert_int_equal(told, 1);
	assert_int_equal(hosts.n, 2);
	assert_true(hosts.is_secure);
	assert_string_equal(hosts.host[0].name, "a");
}

static void
test_verdicts(void **state)
{
	static const struct {
		enum dns_result result;
		enum resolve_result expected;
		uint16_t status[3];
	} row[] = {
		{ DNS_NO_NAME, RESOLVE_NEVER, { 5, 1, 2 } },
		{ DNS_FAILED, RESOLVE_LATER, { 4, 4, 3 } },
		{ DNS_BOGUS, RESOLVE_LATER, { 4, 7, 24 } },
		{ DNS_NO_DATA, RESOLVE_GOOD, { 0, 0, 0 } },
	};
	struct dns_record null = MX("\0\0\0");

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		(void)resolve_domain(&env, SPAN("x"), on_hosts, NULL);
		answer(DNS_MX, row[i].result, false, NULL, 0);
		assert_int_equal(hosts.verdict.result, row[i].expected);
		assert_memory_equal(hosts.verdict.status, row[i].status, 6);
	}
	assert_true(hosts.is_implicit);
	assert_string_equal(hosts.host[0].name, "x");
	(void)resolve_domain(&env, SPAN("x"), on_hosts, NULL);
	answer(DNS_MX, DNS_OK, false, &null, 1);
	assert_int_equal(hosts.verdict.result, RESOLVE_NEVER);
	assert_int_equal(hosts.verdict.status[2], 10);
}

/* TLSA is asked for only if all that leads to it is secure, and its failure is
 * not "none". Seen to catch: a TLSA that cannot be had taken for none. */
static void
test_dane(void **state)
{
	struct dns_record a = { SPAN("\x7f\0\0\2") };
	struct dns_record tlsa = { SPAN("\3\1\1abcd") };

	(void)state;
	(void)resolve_host(&env, SPAN("h"), 25, true, on_addresses, NULL);
	answer(DNS_A, DNS_OK, false, &a, 1);
	answer(DNS_AAAA, DNS_NO_DATA, true, NULL, 0);
	assert_int_equal(told, 1);
	assert_int_equal(addresses.tlsa_n, 0);
	asked_n = 0;
	(void)resolve_host(&env, SPAN("h"), 25, true, on_addresses, NULL);
	answer(DNS_A, DNS_OK, true, &a, 1);
	answer(DNS_AAAA, DNS_NO_DATA, true, NULL, 0);
	assert_int_equal(told, 1);
	assert_string_equal(asked[2].name, "_25._tcp.h");
	answer(DNS_TLSA, DNS_OK, true, &tlsa, 1);
	assert_int_equal(addresses.tlsa_n, 1);
	assert_int_equal(addresses.tlsa[0].usage, 3);
	asked_n = 0;
	(void)resolve_host(&env, SPAN("h"), 25, true, on_addresses, NULL);
	answer(DNS_A, DNS_OK, true, &a, 1);
	answer(DNS_AAAA, DNS_NO_DATA, true, NULL, 0);
	answer(DNS_TLSA, DNS_BOGUS, false, NULL, 0);
	assert_int_equal(addresses.verdict.result, RESOLVE_LATER);
}

/* A host that is an alias: records where it leads are asked for first, then
 * those at its own name (RFC 7672 2.2.2). Seen to catch: only its own. */
static void
test_dane_of_an_alias(void **state)
{
	struct dns_record a = { SPAN("\x7f\0\0\2") };
	struct dns_record tlsa = { SPAN("\3\1\1abcd") };

	(void)state;
	for (int is_there = 0; is_there < 2; is_there++) {
		asked_n = 0;
		told = 0;
		(void)resolve_host(&env, SPAN("h"), 25, true, on_addresses,
		    NULL);
		canonical = "real.example";
		answer(DNS_A, DNS_OK, true, &a, 1);
		answer(DNS_AAAA, DNS_NO_DATA, true, NULL, 0);
		canonical = NULL;
		assert_string_equal(asked[2].name, "_25._tcp.real.example");
		if (!is_there) {
			answer(DNS_TLSA, DNS_NO_NAME, true, NULL, 0);
			assert_int_equal(told, 0);
			assert_string_equal(asked[3].name, "_25._tcp.h");
		}
		answer(DNS_TLSA, DNS_OK, true, &tlsa, 1);
		assert_int_equal(told, 1);
		assert_int_equal(addresses.tlsa_n, 1);
		assert_string_equal(addresses.tlsa_host, is_there ?
		    "real.example" : "h");
	}
}

/* Who keeps one family's addresses from us makes us no less careful: those
 * that we have are secure. Seen to catch: a failed AAAA taken for insecure. */
static void
test_dane_half_answered(void **state)
{
	static const enum dns_result results[] = { DNS_FAILED, DNS_BOGUS };
	struct dns_record a = { SPAN("\x7f\0\0\2") };
	struct dns_record tlsa = { SPAN("\3\1\1abcd") };

	(void)state;
	for (size_t i = 0; i < countof(results); i++) {
		asked_n = 0;
		(void)resolve_host(&env, SPAN("h"), 25, true, on_addresses,
		    NULL);
		answer(DNS_AAAA, results[i], false, NULL, 0);
		answer(DNS_A, DNS_OK, true, &a, 1);
		answer(DNS_TLSA, DNS_OK, true, &tlsa, 1);
		assert_int_equal(addresses.tlsa_n, 1);
		assert_int_equal(addresses.n, 1);
	}
}

/* Records that we cannot use still say that there is TLS (RFC 7672 2.2). Seen
 * to catch: a whole certificate in the record taken for no record. */
static void
test_dane_of_no_use(void **state)
{
	struct dns_record a = { SPAN("\x7f\0\0\2") };
	char whole[3 + RESOLVE_TLSA_LEN + 1] = { 3, 0, 0 };
	char key[3 + 550] = { 3, 1, 0 };
	struct dns_record tlsa[] = { { SPAN("\3\1") },
		{ span_of(whole, sizeof whole) },
		{ span_of(key, sizeof key) } };

	(void)state;
	(void)resolve_host(&env, SPAN("h"), 25, true, on_addresses, NULL);
	answer(DNS_A, DNS_OK, true, &a, 1);
	answer(DNS_AAAA, DNS_NO_DATA, true, NULL, 0);
	answer(DNS_TLSA, DNS_OK, true, tlsa, countof(tlsa));
	assert_int_equal(addresses.tlsa_n, 3);
	assert_int_equal(addresses.tlsa[0].len, 0);
	assert_int_equal(addresses.tlsa[1].len, 0);
	assert_int_equal(addresses.tlsa[2].len, sizeof key - 3);
	assert_int_equal(addresses.verdict.result, RESOLVE_GOOD);
}

static void
test_cancel(void **state)
{
	(void)state;
	resolve_cancel(resolve_host(&env, SPAN("h"), 25, false, on_addresses,
	    NULL));
	assert_true(asked[0].is_cancelled && asked[1].is_cancelled);
	resolve_cancel(resolve_host(&env, SPAN("192.0.2.1"), 25, false,
	    on_addresses, NULL));
	resolve_cancel(NULL);
	assert_int_equal(told, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_cut),
		cmocka_unit_test_setup_teardown(test_mx, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verdicts, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_dane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dane_half_answered,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_dane_of_an_alias, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_dane_of_no_use, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
