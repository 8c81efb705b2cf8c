/* SPDX-License-Identifier: Apache-2.0 */
/* dns: every kind of answer of a name server of ours, in a network of our own;
 * loops, threads, deadlines and cancelling. The server is a Python script
 * (tests/e2e/nameserver.py), whose path stands in the environment. */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/span.h"
#include "net/dns.h"

#define HOSTS 300

static const char zones[] =
	"zone good.test signed\n"
	"zone bad.test bogus\n"
	"zone plain.test plain\n"
	"good.test MX 10 mx1.good.test\n"
	"good.test MX 20 mx2.good.test\n"
	"good.test TXT v=spf1 mx -all\n"
	"mx1.good.test A 127.0.0.2\n"
	"mx1.good.test AAAA ::1\n"
	"_25._tcp.mx1.good.test TLSA 3 1 1 00112233\n"
	"alias.good.test CNAME mx1.good.test\n"
	"away.good.test CNAME mx.plain.test\n"
	"broken.good.test MX \\# 000a\n"
	"mx1.bad.test A 127.0.0.66\n"
	"plain.test MX 0 .\n"
	"mx.plain.test A 127.0.0.3\n"
	"2.0.0.127.in-addr.arpa PTR MX1.good.test\n"
	"zone in-addr.arpa plain\n"
	"silent.plain.test ! silent\n"
	"failing.plain.test ! servfail\n"
	"refused.plain.test ! refused\n"
	"cut.plain.test ! truncated\n"
	"cut.plain.test A 127.0.0.4\n"
	"odd.plain.test ! odd\n"
	"odd.plain.test A 127.0.0.5\n";

static struct {
	char folder[64], anchors[96], forward[32];
	pid_t pid;
	int input;		/* it ends when this is closed */
	struct dns *dns;
} world;

/* --- a network that has nothing but the loopback device, and the server */

static void
enter_network(void)
{
	int flags = CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
	struct ifreq request = { .ifr_name = "lo" };
	int fd;

	if (unshare(flags) != 0) {
		perror("unshare");
		exit(1);
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* To its end: whoever says it may do so in pieces. */
static void
read_line(int fd, char *line, size_t len)
{
	size_t n = 0;

	do
		assert_int_equal(read(fd, &line[n], 1), 1);
	while (line[n++] != '\n' && n < len - 1);
}

static void
spawn(const char *table)
{
	const char *script = getenv("NAMESERVER");
	int in[2], out[2];
	char port[16] = "";

	assert_non_null(script);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	world.pid = fork();
	if (world.pid == 0) {
		if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1)
			execlp("python3", "python3", "-B", script, table,
			    world.anchors, (char *)NULL);
		_exit(127);
	}
	assert_true(world.pid > 0);
	close(in[0]);
	close(out[1]);
	world.input = in[1];
	read_line(out[0], port, sizeof port);
	close(out[0]);
	port[strcspn(port, "\n")] = '\0';
	snprintf(world.forward, sizeof world.forward, "127.0.0.1@%s", port);
}

static struct dns *
make_dns(unsigned timeout_ms)
{
	const char *forward[] = { world.forward };
	struct dns_options options = { .forward = forward, .forward_n = 1,
		.trust_anchor = world.anchors, .timeout_ms = timeout_ms };
	char error[256] = "";
	struct dns *dns = dns_new(&options, error, sizeof error);

	if (dns == NULL)
		print_error("%s\n", error);
	assert_non_null(dns);
	return dns;
}

static int
setup(void **state)
{
	char table[96], text[sizeof zones + HOSTS * 40];
	size_t len = strlen(zones);

	(void)state;
	memcpy(text, zones, sizeof zones);
	for (int i = 0; i < HOSTS; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "h%d.plain.test A 127.0.1.%d\n", i, i % 250);
	snprintf(world.folder, sizeof world.folder, "/tmp/ehlo-dns-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	snprintf(table, sizeof table, "%s/table", world.folder);
	snprintf(world.anchors, sizeof world.anchors, "%s/anchors",
	    world.folder);
	write_file(table, text);
	spawn(table);
	assert_int_equal(unlink(table), 0);
	world.dns = make_dns(20000);
	return 0;
}

static int
teardown(void **state)
{
	int status;

	(void)state;
	dns_free(world.dns);
	close(world.input);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	assert_int_equal(status, 0);
	unlink(world.anchors);
	assert_int_equal(rmdir(world.folder), 0);
	return 0;
}

/* --- answers */

static const struct {
	const char *name;
	enum dns_type type;
	enum dns_result result;
	bool is_secure;
	size_t n;
	const char *canonical;
} cases[] = {
	{ "good.test", DNS_MX, DNS_OK, true, 2, "good.test" },
	{ "GOOD.test.", DNS_TXT, DNS_OK, true, 1, "good.test" },
	{ "mx1.good.test", DNS_A, DNS_OK, true, 1, "mx1.good.test" },
	{ "mx1.good.test", DNS_AAAA, DNS_OK, true, 1, "mx1.good.test" },
	{ "_25._tcp.mx1.good.test", DNS_TLSA, DNS_OK, true, 1,
	    "_25._tcp.mx1.good.test" },
	{ "alias.good.test", DNS_A, DNS_OK, true, 1, "mx1.good.test" },
	{ "alias.good.test", DNS_CNAME, DNS_OK, true, 1, "alias.good.test" },
	{ "away.good.test", DNS_A, DNS_OK, false, 1, "mx.plain.test" },
	{ "mx1.good.test", DNS_MX, DNS_NO_DATA, true, 0, NULL },
	{ "none.good.test", DNS_A, DNS_NO_NAME, true, 0, NULL },
	{ "mx1.bad.test", DNS_A, DNS_BOGUS, false, 0, NULL },
	{ "none.bad.test", DNS_A, DNS_BOGUS, false, 0, NULL },
	{ "plain.test", DNS_MX, DNS_OK, false, 1, "plain.test" },
	{ "none.plain.test", DNS_MX, DNS_NO_NAME, false, 0, NULL },
	{ "mx.plain.test", DNS_TLSA, DNS_NO_DATA, false, 0, NULL },
	{ "2.0.0.127.in-addr.arpa", DNS_PTR, DNS_OK, false, 1,
	    "2.0.0.127.in-addr.arpa" },
	{ "cut.plain.test", DNS_A, DNS_OK, false, 1, "cut.plain.test" },
	{ "failing.plain.test", DNS_A, DNS_FAILED, false, 0, NULL },
	{ "refused.plain.test", DNS_A, DNS_FAILED, false, 0, NULL },
	{ "odd.plain.test", DNS_A, DNS_FAILED, false, 0, NULL },
};

static void
test_answers(void **state)
{
	struct dns_answer *answer;
	bool same;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		answer = dns_ask_wait(world.dns, span_str(cases[i].name),
		    cases[i].type);
		assert_non_null(answer);
		same = answer->result == cases[i].result &&
		    answer->is_secure == cases[i].is_secure &&
		    answer->record_n == cases[i].n &&
		    (answer->why[0] != '\0') ==
		    (cases[i].result >= DNS_FAILED) &&
		    (cases[i].canonical == NULL ||
		    strcmp(answer->name, cases[i].canonical) == 0);
		if (!same)
			print_error("%s %d: got %d secure %d n %zu \"%s\" "
			    "(%s)\n", cases[i].name, (int)cases[i].type,
			    (int)answer->result, answer->is_secure,
			    answer->record_n, answer->name, answer->why);
		assert_true(same);
		if (answer->result == DNS_OK)
			assert_true(answer->ttl > 0 && answer->ttl <= 300);
		dns_answer_free(answer);
	}
}

static void
test_no_names(void **state)
{
	static const char *const names[] = { "", "..", "a..b", ".a", "a b",
		"a\n.test", "a\\046b.test", "a\".test", "\303\251.test",
		"a.test..",
		/* a label of 64 */
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaa.test" };
	char longest[256];

	(void)state;
	for (size_t i = 0; i < countof(names); i++)
		assert_null(dns_ask_wait(world.dns, span_str(names[i]),
		    DNS_A));
	assert_null(dns_ask_wait(world.dns, span_of("a\0b", 3), DNS_A));
	for (size_t i = 0; i < 254; i++)
		longest[i] = i % 2 != 0 ? '.' : 'a';
	assert_null(dns_ask_wait(world.dns, span_of(longest, 254 + 1),
	    DNS_A));
	assert_null(dns_ask_wait(world.dns, span_of("a", 0), DNS_A));
}

/* --- loops */

struct asker {
	struct loop *loop;
	pthread_t home;
	unsigned wanted, got;
	bool inside;
	enum dns_result last;
};

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	struct asker *asker = arg;

	assert_true(pthread_equal(pthread_self(), asker->home));
	assert_false(asker->inside);
	asker->last = answer->result;
	if (++asker->got == asker->wanted)
		loop_stop(asker->loop);
}

static void
asker_init(struct asker *asker)
{
	*asker = (struct asker){ .loop = loop_new(),
		.home = pthread_self() };
	assert_non_null(asker->loop);
}

static struct dns_query *
ask(struct asker *asker, struct dns *dns, const char *name)
{
	struct dns_query *query;

	asker->inside = true;
	query = dns_ask(dns, asker->loop, span_str(name), DNS_A, on_answer,
	    asker);
	asker->inside = false;
	assert_non_null(query);
	return query;
}

static void *
ask_many(void *arg)
{
	struct asker asker;
	char name[32];

	(void)arg;
	asker_init(&asker);
	asker.wanted = HOSTS;
	for (int i = 0; i < HOSTS; i++) {
		snprintf(name, sizeof name, "h%d.plain.test", i);
		(void)ask(&asker, world.dns, name);
	}
	assert_int_equal(loop_run(asker.loop), 0);
	assert_int_equal(asker.got, HOSTS);
	assert_int_equal(asker.last, DNS_OK);
	loop_free(asker.loop);
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t thread[3];

	(void)state;
	for (size_t i = 0; i < countof(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask_many,
		    NULL), 0);
	for (size_t i = 0; i < countof(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

/* --- time and cancelling */

static void
test_deadline(void **state)
{
	struct dns *dns = make_dns(300);
	struct dns_answer *answer;

	(void)state;
	answer = dns_ask_wait(dns, SPAN("silent.plain.test"), DNS_A);
	assert_int_equal(answer->result, DNS_FAILED);
	assert_string_equal(answer->why, "no answer in time");
	dns_answer_free(answer);
	/* and the others are none the worse */
	answer = dns_ask_wait(dns, SPAN("mx.plain.test"), DNS_A);
	assert_int_equal(answer->result, DNS_OK);
	dns_answer_free(answer);
	dns_free(dns);
}

/* 255 questions fly and are never answered, and one is; all at once may fly
 * again when they were taken back. Questions take off in their order, so that
 * an answer to the last one says that all are in the air. */
static void
test_window(void **state)
{
	struct dns *dns = make_dns(20000);
	struct dns_query *query[255];
	struct asker asker;

	(void)state;
	asker_init(&asker);
	for (unsigned turn = 1; turn <= 3; turn++) {
		for (size_t i = 0; i < countof(query); i++)
			query[i] = ask(&asker, dns, "silent.plain.test");
		(void)ask(&asker, dns, "h0.plain.test");
		asker.wanted = turn;
		assert_int_equal(loop_run(asker.loop), 0);
		assert_int_equal(asker.last, DNS_OK);
		dns_cancel(ask(&asker, dns, "silent.plain.test"));
		for (size_t i = 0; i < countof(query); i++)
			dns_cancel(query[i]);
	}
	loop_free(asker.loop);
	dns_free(dns);
}

struct stop {
	struct loop_job job;
	struct loop *loop;
};

static void
on_stop(struct loop_job *job)
{
	loop_stop(container_of(job, struct stop, job)->loop);
}

/* The answer lies in the loop's mailbox already when it is cancelled: it is
 * known to, because one that was asked later has come. */
static void
test_cancel_posted(void **state)
{
	struct asker first, second;
	struct dns_query *query;
	struct stop stop;

	(void)state;
	asker_init(&first);
	asker_init(&second);
	second.wanted = 1;
	(void)ask(&second, world.dns, "h2.plain.test");
	assert_int_equal(loop_run(second.loop), 0);
	/* both from the cache now, in their order */
	query = ask(&first, world.dns, "h2.plain.test");
	second.got = 0;
	(void)ask(&second, world.dns, "h2.plain.test");
	assert_int_equal(loop_run(second.loop), 0);
	dns_cancel(query);
	stop = (struct stop){ .job.run = on_stop, .loop = first.loop };
	loop_post(first.loop, &stop.job);
	assert_int_equal(loop_run(first.loop), 0);
	assert_int_equal(first.got, 0);
	/* one that is never run is not lost either */
	query = ask(&first, world.dns, "h2.plain.test");
	second.got = 0;
	(void)ask(&second, world.dns, "h2.plain.test");
	assert_int_equal(loop_run(second.loop), 0);
	dns_cancel(query);
	loop_free(first.loop);
	loop_free(second.loop);
}

/* --- setting up */

static void
refuses(const struct dns_options *options, const char *words)
{
	char error[256] = "";

	assert_null(dns_new(options, error, sizeof error));
	if (strstr(error, words) == NULL)
		print_error("\"%s\" without \"%s\"\n", error, words);
	assert_non_null(strstr(error, words));
}

static void
test_set_up(void **state)
{
	const char *forward[] = { world.forward }, *odd[] = { "nonsense" };
	struct dns_options options = { .forward = forward, .forward_n = 1,
		.trust_anchor = "" };
	struct dns_options wrong = options;
	struct dns_answer *answer;
	struct dns *dns;
	char path[96], error[256];

	(void)state;
	snprintf(path, sizeof path, "%s/file", world.folder);
	write_file(path, "this is no key\n");
	wrong.trust_anchor = path;
	refuses(&wrong, "trust anchor");
	wrong.trust_anchor = "/nowhere/key";
	refuses(&wrong, "/nowhere/key");
	wrong = options;
	wrong.forward = odd;
	refuses(&wrong, "nonsense");
	wrong.forward_n = 0;
	refuses(&wrong, "no resolver");
	wrong.forward = NULL;
	wrong.resolv_conf = "/nowhere/resolv.conf";
	refuses(&wrong, "/nowhere/resolv.conf");
	wrong = options;
	wrong.hosts = "/nowhere/hosts";
	refuses(&wrong, "/nowhere/hosts");

	write_file(path, "127.0.0.77 of-a-file.test\n");
	options.hosts = path;
	dns = dns_new(&options, error, sizeof error);
	assert_non_null(dns);
	answer = dns_ask_wait(dns, SPAN("of-a-file.test"), DNS_A);
	assert_int_equal(answer->result, DNS_OK);
	dns_answer_free(answer);
	/* without a trust anchor nothing is secure, and nothing bogus */
	answer = dns_ask_wait(dns, SPAN("mx1.bad.test"), DNS_A);
	assert_int_equal(answer->result, DNS_OK);
	assert_false(answer->is_secure);
	dns_answer_free(answer);
	dns_free(dns);
	assert_int_equal(unlink(path), 0);
}

/* --- records */

static struct dns_record
record(const char *bytes, size_t len)
{
	return (struct dns_record){ .data = span_of(bytes, len) };
}
#define BYTES(literal) (literal), sizeof(literal) - 1
#define RECORD(literal) record(BYTES(literal))

static void
test_names(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *name;	/* NULL: malformed */
	} row[] = {
		{ BYTES("\2MX\4Test\0"), "mx.test" },
		{ BYTES("\0"), "" },
		{ BYTES("\3_25\4_tcp\0"), "_25._tcp" },
		{ BYTES(""), NULL },
		{ BYTES("\2mx"), NULL },
		{ BYTES("\2mx\4tes"), NULL },
		{ BYTES("\2mx\0x"), NULL },
		{ BYTES("\3a.b\0"), NULL },
		{ BYTES("\3a\33b\0"), NULL },
		{ BYTES("\2a<\0"), NULL },
		{ BYTES("\300\0"), NULL },
	};
	char name[256];
	struct dns_record r;
	bool is_ok;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		/* exactly these bytes: one more would be noticed */
		char *exact = malloc(row[i].len);

		memcpy(exact, row[i].bytes, row[i].len);
		r = record(exact, row[i].len);
		is_ok = dns_get_name(&r, name);
		if (is_ok != (row[i].name != NULL))
			test_print("name", r.data);
		assert_int_equal(is_ok, row[i].name != NULL);
		if (is_ok)
			assert_string_equal(name, row[i].name);
		free(exact);
	}
}

static void
test_records(void **state)
{
	struct dns_record r = RECORD("\0\12\2mx\0");
	uint16_t preference;
	uint8_t usage, selector, matching;
	struct span data;
	char out[256];

	(void)state;
	assert_true(dns_get_mx(&r, &preference, out));
	assert_int_equal(preference, 10);
	assert_string_equal(out, "mx");
	r = RECORD("\0\12");
	assert_false(dns_get_mx(&r, &preference, out));
	r = RECORD("\300\0\2\1");
	assert_true(dns_get_address(&r, DNS_A, out));
	assert_string_equal(out, "192.0.2.1");
	assert_false(dns_get_address(&r, DNS_AAAA, out));
	assert_false(dns_get_address(&r, DNS_MX, out));
	r = RECORD("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1");
	assert_true(dns_get_address(&r, DNS_AAAA, out));
	assert_string_equal(out, "2001:db8::1");
	r = RECORD("\3abc\0\2de");
	assert_int_equal(dns_get_text(&r, out, sizeof out), 5);
	assert_memory_equal(out, "abcde", 5);
	assert_int_equal(dns_get_text(&r, out, 4), 4);
	r = RECORD("\7abc");	/* one that says more than there is */
	assert_int_equal(dns_get_text(&r, out, sizeof out), 3);
	r = RECORD("\3\1\1\1\2");
	assert_true(dns_get_tlsa(&r, &usage, &selector, &matching, &data));
	assert_int_equal(usage, 3);
	assert_int_equal(data.len, 2);
	r = RECORD("\3\1\1");
	assert_false(dns_get_tlsa(&r, &usage, &selector, &matching, &data));
}

static void
test_reverse(void **state)
{
	char out[256];

	(void)state;
	assert_true(dns_reverse_name("192.0.2.1", out));
	assert_string_equal(out, "1.2.0.192.in-addr.arpa");
	assert_true(dns_reverse_name("2001:db8::567:89ab", out));
	assert_string_equal(out, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	    ".0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	assert_false(dns_reverse_name("mail.example.org", out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_cancel_posted),
		cmocka_unit_test(test_set_up),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_reverse),
	};

	enter_network();
	return cmocka_run_group_tests(tests, setup, teardown);
}
