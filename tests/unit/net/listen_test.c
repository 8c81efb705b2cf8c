/* SPDX-License-Identifier: Apache-2.0 */
/* listen: addresses, sockets side by side, sockets handed down, and what
 * happens when descriptors run out. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"
#include "base/log.h"
#include "net/listen.h"

static int
listen_at(const char *text)
{
	struct sockaddr_storage address;
	socklen_t len;

	must(listen_parse(span_str(text), &address, &len));
	return listen_socket(&address, len);
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		int family;	/* 0: refused */
		uint16_t port;
		const char *host;
	} row[] = {
		{ "0.0.0.0:587", AF_INET, 587, "0.0.0.0" },
		{ "127.0.0.1:0", AF_INET, 0, "127.0.0.1" },
		{ "192.0.2.7:65535", AF_INET, 65535, "192.0.2.7" },
		{ "[::]:25", AF_INET6, 25, "::" },
		{ "[2001:db8::1]:465", AF_INET6, 465, "2001:db8::1" },
		{ "", 0 }, { ":25", 0 }, { "[]:25", 0 }, { "::1:25", 0 },
		{ "[::1]", 0 }, { "[::1]25", 0 }, { "[::1]:", 0 },
		{ "[::1", 0 }, { "[127.0.0.1]:25", 0 }, { "127.0.0.1", 0 },
		{ "127.0.0.1:", 0 }, { "127.0.0.1:65536", 0 },
		{ "127.0.0.1:+25", 0 }, { "127.0.0.1: 25", 0 },
		{ "127.0.0.1:25 ", 0 }, { "127.0.0.1:000025", 0 },
		{ "127.1:25", 0 }, { "localhost:25", 0 },
		{ "127.0.0.1:2a", 0 }, { "1.2.3.4.5:25", 0 },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]"
		  ":25", 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct sockaddr_storage a;
		socklen_t len;
		char host[64];
		bool ok = listen_parse(span_str(row[i].text), &a, &len);

		if (ok != (row[i].family != 0))
			fail_msg("\"%s\": %d", row[i].text, ok);
		if (!ok)
			continue;
		assert_int_equal(a.ss_family, row[i].family);
		if (a.ss_family == AF_INET) {
			struct sockaddr_in in;

			memcpy(&in, &a, sizeof in);
			assert_int_equal(len, sizeof in);
			assert_int_equal(ntohs(in.sin_port), row[i].port);
			inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
		} else {
			struct sockaddr_in6 in;

			memcpy(&in, &a, sizeof in);
			assert_int_equal(len, sizeof in);
			assert_int_equal(ntohs(in.sin6_port), row[i].port);
			inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
		}
		assert_string_equal(host, row[i].host);
	}
}

/* A shard more on the same port, and IPv6 beside IPv4. */
static void
test_sockets_stand_side_by_side(void **state)
{
	int first = listen_at("0.0.0.0:0"), second, six;
	char text[32];

	(void)state;
	assert_true(first >= 0);
	assert_int_not_equal(listen_port(first), 0);
	snprintf(text, sizeof text, "0.0.0.0:%u", listen_port(first));
	second = listen_at(text);
	assert_true(second >= 0);
	assert_int_equal(listen_port(second), listen_port(first));
	snprintf(text, sizeof text, "[::]:%u", listen_port(first));
	six = listen_at(text);
	if (six == -EAFNOSUPPORT || six == -EADDRNOTAVAIL)
		six = dup(first);	/* a machine without IPv6 */
	assert_true(six >= 0);
	assert_true((fcntl(first, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
	close(first);
	close(second);
	close(six);
}

static void
test_errors_are_told(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int taken = socket(AF_INET, SOCK_STREAM, 0);	/* no REUSEPORT */
	char text[32];

	(void)state;
	assert_int_equal(bind(taken, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(taken, 1), 0);
	snprintf(text, sizeof text, "127.0.0.1:%u", listen_port(taken));
	assert_int_equal(listen_at(text), -EADDRINUSE);
	close(taken);
	assert_int_equal(listen_at("192.0.2.1:0"), -EADDRNOTAVAIL);
}

/* --- sockets handed down --- */

static void
move_to(int fd, int to)
{
	must(dup2(fd, to) == to);
}

/* In a child, which may rearrange its descriptors: 0 if all is well, else
 * the number of what was not. */
static int
inherit(uint16_t port, int mine, int other)
{
	struct sockaddr_storage wanted, stranger, six;
	socklen_t len;
	char text[32];
	int fd, again;

	snprintf(text, sizeof text, "127.0.0.1:%u", port);
	must(listen_parse(span_str(text), &wanted, &len));
	must(listen_parse(SPAN("127.0.0.2:1"), &stranger, &len));
	snprintf(text, sizeof text, "[::1]:%u", port);
	must(listen_parse(span_str(text), &six, &len));
	mine = fcntl(mine, F_DUPFD, 50);	/* out of the way */
	other = fcntl(other, F_DUPFD, 50);
	move_to(other, 3);
	move_to(0, 4);		/* no socket at all */
	move_to(mine, 5);
	close(mine);
	unsetenv("LISTEN_PID");
	setenv("LISTEN_FDS", "3", 1);
	if (listen_inherited(&wanted) != -ENOENT)
		return 1;	/* not said to be for us */
	setenv("LISTEN_PID", "1", 1);
	if (listen_inherited(&wanted) != -ENOENT)
		return 2;	/* for another process */
	snprintf(text, sizeof text, "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	if (listen_inherited(&stranger) != -ENOENT ||
	    listen_inherited(&six) != -ENOENT)
		return 3;
	fd = listen_inherited(&wanted);
	again = listen_inherited(&wanted);
	if (fd < 6 || again < 6 || fd == again || listen_port(fd) != port)
		return 4;
	if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 ||
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
		return 5;
	setenv("LISTEN_FDS", "2", 1);
	if (listen_inherited(&wanted) != -ENOENT)
		return 6;	/* it was not counted in */
	setenv("LISTEN_FDS", "99999999999", 1);
	return listen_inherited(&wanted) == -ENOENT ? 0 : 7;
}

static void
test_inherited(void **state)
{
	int mine = listen_at("127.0.0.1:0"), other = listen_at("127.0.0.1:0");
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(inherit(listen_port(mine), mine, other));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(mine);
	close(other);
}

/* --- accepting --- */

struct hall {
	struct loop *loop;
	struct listener *listener;
	int guest[256];
	int guests, wanted;
	unsigned turns;
	bool stop_at_first;
};

static void
welcome(void *arg, int fd)
{
	struct hall *hall = arg;

	must((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	must((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	hall->guest[hall->guests++] = fd;
	if (hall->stop_at_first) {
		listen_stop(hall->listener);
		hall->listener = NULL;
	}
	if (hall->guests == hall->wanted || hall->stop_at_first)
		loop_stop(hall->loop);
}

static int
call(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	must(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void
test_accepts_all(void **state)
{
	struct hall hall = { .loop = loop_new(), .wanted = 200 };
	int fd = listen_at("127.0.0.1:0"), caller[200];

	(void)state;
	hall.listener = listen_start(hall.loop, fd, welcome, &hall);
	assert_non_null(hall.listener);
	for (size_t i = 0; i < countof(caller); i++)
		caller[i] = call(listen_port(fd));
	assert_int_equal(loop_run(hall.loop), 0);
	assert_int_equal(hall.guests, 200);
	listen_stop(hall.listener);
	loop_free(hall.loop);
	for (size_t i = 0; i < countof(caller); i++) {
		close(caller[i]);
		close(hall.guest[i]);
	}
}

/* Stopped by its own callback, with more callers at the door. Seen to catch:
 * going on in the accept loop (use after free). */
static void
test_stop_while_accepting(void **state)
{
	struct hall hall = { .loop = loop_new(), .stop_at_first = true };
	int fd = listen_at("127.0.0.1:0"), caller[2];

	(void)state;
	hall.listener = listen_start(hall.loop, fd, welcome, &hall);
	for (size_t i = 0; i < countof(caller); i++)
		caller[i] = call(listen_port(fd));
	assert_int_equal(loop_run(hall.loop), 0);
	assert_int_equal(hall.guests, 1);
	loop_free(hall.loop);
	close(caller[0]);
	close(caller[1]);
	close(hall.guest[0]);
}

static void
count_turn(void *arg)
{
	struct hall *hall = arg;

	hall->turns++;
}

/* Reads until the end; the length. */
static size_t
read_all(int fd, char *text, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len && (n = read(fd, text + got, len - got)) > 0)
		got += (size_t)n;
	return got;
}

enum { CALLERS = 100 };

struct relief {
	struct timer timer;
	struct hall *hall;
	int step;
	unsigned turns;		/* during the first step */
};

/* 1 s of hardship; then the guests go, and somebody else comes in. */
static void
relieve(struct timer *timer)
{
	struct relief *relief = container_of(timer, struct relief, timer);
	struct hall *hall = relief->hall;

	if (relief->step++ != 0) {	/* much later: nobody came */
		loop_stop(hall->loop);
		return;
	}
	timer_set(hall->loop, timer, 20000);
	relief->turns = hall->turns;
	while (hall->guests > 0)
		close(hall->guest[--hall->guests]);
	/* Those who could not come in before do so now. */
	hall->wanted = 1;
}

/* In a child with few descriptors: 0 if all is well. */
static int
run_short(void)
{
	struct hall hall = { .wanted = -1 };
	struct relief relief = { .timer.on_time = relieve, .hall = &hall };
	struct rlimit few = { .rlim_cur = 40, .rlim_max = 40 };
	char text[100] = "";
	int fd, caller[CALLERS], told = 0, port;

	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	hall.loop = loop_new();
	fd = listen_at("127.0.0.1:0");
	port = listen_port(fd);
	for (size_t i = 0; i < countof(caller); i++)
		caller[i] = call((uint16_t)port);
	hall.listener = listen_start(hall.loop, fd, welcome, &hall);
	/* Room for three guests. */
	few.rlim_cur = few.rlim_max = (rlim_t)dup(0) + 3;
	close((int)few.rlim_cur - 3);
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		return 1;
	loop_on_turn(hall.loop, count_turn, &hall);
	timer_set(hall.loop, &relief.timer, 1000);
	if (loop_run(hall.loop) != 0)
		return 2;
	timer_stop(hall.loop, &relief.timer);
	/* The wait was no spin: about a turn for each rest and each guest. */
	if (relief.turns > CALLERS)
		return 3;
	if (hall.guests < 1)
		return 4;
	for (size_t i = 0; i < countof(caller); i++) {
		struct pollfd ready = { .fd = caller[i], .events = POLLIN };
		size_t n;

		if (poll(&ready, 1, 0) != 1)
			continue;	/* a guest, or still waiting */
		n = read_all(caller[i], text, sizeof text - 1);
		text[n] = '\0';
		if (strcmp(text, "421 4.3.2 Too many connections\r\n") == 0)
			told++;
	}
	/* One for each rest of 200 ms; without rests it would be all. */
	return told > 0 && told < CALLERS / 4 ? 0 : 5;
}

/* Promises 1 and 2. Seen to catch: going on at EMFILE without a rest. */
static void
test_descriptors_run_out(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(run_short());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_sockets_stand_side_by_side),
		cmocka_unit_test(test_errors_are_told),
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_accepts_all),
		cmocka_unit_test(test_stop_while_accepting),
		cmocka_unit_test(test_descriptors_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
