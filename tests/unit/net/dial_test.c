/* SPDX-License-Identifier: Apache-2.0 */
/* dial: to sockets of our own, and to where nobody is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include "net/dial.h"

static struct loop *loop;
static int result, told;

static void
on_done(void *arg, int fd)
{
	(void)arg;
	result = fd;
	told++;
	loop_stop(loop);
}

static int
setup(void **state)
{
	(void)state;
	alarm(30);
	loop = loop_new();
	told = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

/* A socket of 127.0.0.1 that listens, or only has a port. */
static int
own_port(bool listens, uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len),
	    0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void
test_connects(void **state)
{
	struct dial_address to, source;
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	uint16_t port;
	int fd = own_port(true, &port), peer;

	(void)state;
	assert_true(dial_parse(SPAN("127.0.0.1"), port, &to));
	assert_true(dial_parse(SPAN("127.0.0.5"), 99, &source));
	(void)dial_start(loop, &to, &source, 10000, on_done, NULL);
	assert_int_equal(told, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(told, 1);
	assert_true(result >= 0);
	assert_true((fcntl(result, F_GETFL) & O_NONBLOCK) != 0);
	peer = accept(fd, (struct sockaddr *)&from, &len);
	assert_true(peer >= 0);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000005);
	assert_int_not_equal(ntohs(from.sin_port), 99);
	close(peer);
	close(result);
	close(fd);
}

static void
test_refused(void **state)
{
	struct dial_address to;
	uint16_t port;
	int fd = own_port(false, &port);

	(void)state;
	assert_true(dial_parse(SPAN("127.0.0.1"), port, &to));
	(void)dial_start(loop, &to, NULL, 10000, on_done, NULL);
	assert_int_equal(told, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(result, -ECONNREFUSED);
	close(fd);
}

/* No such local socket: told as late as all else. */
static void
test_fails_at_once(void **state)
{
	struct dial_address to;

	(void)state;
	assert_true(dial_parse_unix(SPAN("/nowhere/at/all"), &to));
	(void)dial_start(loop, &to, NULL, 10000, on_done, NULL);
	assert_int_equal(told, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(result, -ENOENT);
}

static void
test_cancel(void **state)
{
	struct dial_address to;

	(void)state;
	assert_true(dial_parse_unix(SPAN("/nowhere/at/all"), &to));
	dial_cancel(dial_start(loop, &to, NULL, 10000, on_done, NULL));
	assert_true(dial_parse(SPAN("127.0.0.1"), 1, &to));
	dial_cancel(dial_start(loop, &to, NULL, 10000, on_done, NULL));
	dial_cancel(NULL);
	assert_int_equal(told, 0);
}

static void
test_parse(void **state)
{
	struct dial_address to;
	char text[128], path[200];

	(void)state;
	assert_true(dial_parse(SPAN("2001:db8::1"), 25, &to));
	dial_text(&to, text);
	assert_string_equal(text, "2001:db8::1");
	assert_false(dial_parse(SPAN("mx.example"), 25, &to));
	assert_false(dial_parse(SPAN(""), 25, &to));
	assert_false(dial_parse(SPAN("1.2.3.4.5"), 25, &to));
	memset(path, 'a', sizeof path);
	assert_false(dial_parse_unix(span_of(path, sizeof path), &to));
	assert_true(dial_parse_unix(SPAN("/run/lmtp"), &to));
	dial_text(&to, text);
	assert_string_equal(text, "/run/lmtp");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_connects, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_fails_at_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
