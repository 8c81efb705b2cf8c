/* SPDX-License-Identifier: Apache-2.0 */
/* server and client together: a loop on a thread of its own, asked by way of a
 * real socket. Seen to catch: a handler that is not told that its client has
 * gone; input read where it no longer is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/server.h"
#include "ctl/socket.h"

#define MANY 20000

static struct loop *loop;
static struct ctl_server *server;
static pthread_t thread;
static char folder[] = "/tmp/ctl-test-XXXXXX", path[64];
static atomic_uint over_n;	/* streams and waits that have ended */

/* --- requests */

static void
run_echo(void *arg, struct ctl_call *call)
{
	assert_string_equal(arg, "arg");
	ctl_item_json(call, json_string(ctl_text(ctl_request_of(call),
	    "text").p));
	ctl_end(call, json_pack("{s:i}", "n", 1));
}

static void
run_no(void *arg, struct ctl_call *call)
{
	(void)arg;
	ctl_refuse(call, "not %s", "now");
}

/* As many items as there is room for, then on_room. */
struct stream {
	struct ctl_call *call;
	unsigned n;
};

static void
go_on(void *arg)
{
	struct stream *stream = arg;

	while (stream->n < MANY && !ctl_is_full(stream->call)) {
		char text[128];

		snprintf(text, sizeof text, "\"%0100u\"", stream->n++);
		ctl_item(stream->call, span_str(text));
	}
	if (stream->n < MANY)
		return;
	ctl_end(stream->call, NULL);
	/* what is said to a client that has gone goes nowhere, fast */
	atomic_fetch_add(&over_n, 1);
	free(stream);
}

static void
on_gone(void *arg)
{
	atomic_fetch_add(&over_n, 1);
	free(arg);
}

static void
run_stream(void *arg, struct ctl_call *call)
{
	struct stream *stream = mem_new(sizeof *stream);

	(void)arg;
	stream->call = call;
	ctl_later(call, on_gone, go_on, stream);
	go_on(stream);
}

/* Never answers. */
static void
run_wait(void *arg, struct ctl_call *call)
{
	struct stream *stream = mem_new(sizeof *stream);

	(void)arg;
	ctl_later(call, on_gone, NULL, stream);
	ctl_item(call, SPAN("1"));
}

/* Answers a turn later. */
struct later {
	struct loop_job job;
	struct ctl_call *call;
};

static void
answer_later(struct loop_job *job)
{
	struct later *later = (struct later *)job;

	ctl_end(later->call, NULL);
	free(later);
}

static void
run_later(void *arg, struct ctl_call *call)
{
	struct later *later = mem_new(sizeof *later);

	(void)arg;
	later->job.run = answer_later;
	later->call = call;
	ctl_later(call, NULL, NULL, NULL);
	loop_post(loop, &later->job);
}

static const struct ctl_field echo_fields[] = {
	{ "text", CTL_TEXT, true },
};
static const struct ctl_request rows[] = {
	{ .name = "echo", .field = echo_fields, .field_n = 1,
	    .run = run_echo },
	{ .name = "no", .run = run_no },
	{ .name = "later", .run = run_later },
	{ .name = "stream", .run = run_stream },
	{ .name = "wait", .run = run_wait },
};

/* --- the thread that serves */

static void
on_turn(void *arg)
{
	(void)arg;
	ctl_server_flush(server);
}

static void
stop_job(struct loop_job *job)
{
	(void)job;
	ctl_server_stop(server);
	loop_stop(loop);
}

static void *
run_loop(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)loop_run(loop);
}

static int
set_up(void **state)
{
	int error = 0;

	(void)state;
	atomic_store(&over_n, 0);
	loop = loop_new();
	server = ctl_server_new(loop, path, "", &error);
	assert_int_equal(error, 0);
	ctl_server_add(server, rows, countof(rows), (void *)(uintptr_t)"arg");
	loop_on_turn(loop, on_turn, NULL);
	return pthread_create(&thread, NULL, run_loop, NULL);
}

static int
tear_down(void **state)
{
	static struct loop_job job = { .run = stop_job };

	(void)state;
	loop_post(loop, &job);
	pthread_join(thread, NULL);
	ctl_server_free(server);
	loop_free(loop);
	return access(path, F_OK) == 0 ? -1 : 0;
}

/* --- tests */

static struct ctl_client *
connect_to(void)
{
	int error = 0;
	struct ctl_client *client = ctl_open(path, &error);

	assert_non_null(client);
	return client;
}

static bool
count(void *arg, const json_t *item)
{
	unsigned *n = arg;
	char text[128];

	snprintf(text, sizeof text, "%0100u", (*n)++);
	assert_string_equal(json_string_value(item), text);
	return true;
}

static bool
want_no_more(void *arg, const json_t *item)
{
	(void)arg;
	(void)item;
	return false;
}

static void
answers(void **state)
{
	struct ctl_client *client = connect_to();
	json_t *result;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ctl_ask(client, json_pack("{s:s,s:s}", "do",
		    "echo", "text", "hello"), NULL, NULL, &result),
		    CTL_DONE);
		assert_int_equal(json_integer_value(json_object_get(result,
		    "n")), 1);
		json_decref(result);
		assert_int_equal(ctl_ask(client, json_pack("{s:s}", "do",
		    "no"), NULL, NULL, &result), CTL_REFUSED);
		assert_string_equal(ctl_why(result), "not now");
		json_decref(result);
	}
	ctl_close(client);
}

static void
streams_to_a_slow_reader(void **state)
{
	struct ctl_client *client = connect_to();
	unsigned n = 0;

	(void)state;
	assert_int_equal(ctl_ask(client, json_pack("{s:s}", "do", "stream"),
	    count, &n, NULL), CTL_DONE);
	assert_int_equal(n, MANY);
	ctl_close(client);
}

/* In the middle of an answer, and of one that never comes. */
static void
clients_go(void **state)
{
	static const char *const requests[] = { "stream", "wait" };

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct ctl_client *client = connect_to();

		assert_int_equal(ctl_ask(client, json_pack("{s:s}", "do",
		    requests[i % 2]), want_no_more, NULL, NULL),
		    CTL_STOPPED);
		ctl_close(client);
	}
	while (atomic_load(&over_n) < 40)
		sched_yield();
}

/* Several requests in one packet, cut anywhere. */
static void
lines_may_come_in_any_pieces(void **state)
{
	static const char text[] = "{\"do\":\"no\"}\n\n \n"
	    "{\"do\":\"later\"}\nnonsense\n"
	    "{\"do\":\"echo\",\"text\":\"x\"}\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof text; cut++) {
		int fd = ctl_socket_connect(path);
		char in[1024];
		size_t len = 0;
		unsigned lines = 0;

		assert_true(fd >= 0);
		assert_int_equal(send(fd, text, cut, 0), cut);
		assert_int_equal(send(fd, text + cut, sizeof text - 1 - cut +
		    (cut == sizeof text), 0), sizeof text - 1 - cut);
		while (lines < 5) {
			ssize_t n = recv(fd, in + len, sizeof in - len, 0);

			assert_true(n > 0);
			for (ssize_t i = 0; i < n; i++)
				lines += in[len + (size_t)i] == '\n';
			len += (size_t)n;
		}
		assert_non_null(memmem(in, len, "this is no JSON", 15));
		assert_non_null(memmem(in, len, "{\"item\":\"x\"}", 12));
		close(fd);
		if (cut == sizeof text - 1)
			break;
	}
}

static void
the_name_is_guarded(void **state)
{
	char file[80];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ctl_socket_listen(path, ""), -EADDRINUSE);
	snprintf(file, sizeof file, "%s/file", folder);
	fd = creat(file, 0600);
	close(fd);
	assert_int_equal(ctl_socket_listen(file, ""), -EEXIST);
	assert_int_equal(access(file, F_OK), 0);
	unlink(file);
	assert_int_equal(ctl_socket_listen(file, "no-such-group"), -ESRCH);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(ctl_socket_connect(file), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(streams_to_a_slow_reader,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(clients_go, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(lines_may_come_in_any_pieces,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_name_is_guarded, set_up,
		    tear_down),
	};
	int result;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/control", folder);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return result;
}
