/* SPDX-License-Identifier: Apache-2.0 */
#include "talker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/text.h"
#include "net/listen.h"

struct session {
	struct session *next, **prev;
	struct talker *talker;
	struct conn *conn;
	struct loop_job later;
	char word[64];		/* of LATER */
	bool later_posted, holding;
	size_t eat;
	char free_on[16];
};

static void
end_session(struct session *s)
{
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	conn_free(s->conn);
	s->conn = NULL;
	if (!s->later_posted)
		free(s);
}

static void
count(struct talker *talker, unsigned *counter)
{
	pthread_mutex_lock(&talker->lock);
	++*counter;
	pthread_cond_broadcast(&talker->changed);
	pthread_mutex_unlock(&talker->lock);
}

static void
free_session(struct session *s)
{
	struct talker *talker = s->talker;

	end_session(s);
	count(talker, &talker->frees);
}

static void
say(struct session *s, const char *text)
{
	conn_write(s->conn, span_str(text));
	conn_write(s->conn, SPAN("\n"));
}

static void
say_later(struct loop_job *job)
{
	struct session *s = container_of(job, struct session, later);

	s->later_posted = false;
	if (s->conn == NULL) {
		free(s);
		return;
	}
	say(s, s->word);
	conn_resume(s->conn);
}

static void
write_big(struct session *s, uint64_t n)
{
	char part[1000];

	for (uint64_t done = 0; done < n;) {
		size_t len = 0;

		while (len < sizeof part && done < n)
			part[len++] = (char)('a' + done++ % 26);
		conn_write(s->conn, span_of(part, len));
	}
}

static void
pause_for_later(struct session *s, struct span word)
{
	struct put out = put_init(s->word, sizeof s->word);

	put_bytes(&out, word);
	(void)put_cstr(&out);
	s->later.run = say_later;
	s->later_posted = true;
	conn_pause(s->conn);
	loop_post(s->talker->loop, &s->later);
}

static void
start_tls(struct session *s)
{
	struct talker *talker = s->talker;

	say(s, "220 go");
	talker->injected += conn_start_tls(s->conn, talker->tls);
}

/* False: look at no more input now (or ever). */
static bool
obey(struct session *s, struct span line)
{
	struct span verb = span_cut(&line, ' ');
	struct put out = put_init(s->free_on, sizeof s->free_on);
	uint64_t n = 0;

	(void)text_u64(line, &n);
	if (span_eq(verb, SPAN("ECHO"))) {
		conn_write(s->conn, line);
		conn_write(s->conn, SPAN("\n"));
	} else if (span_eq(verb, SPAN("WORDS"))) {
		while (n-- != 0)
			conn_write(s->conn, SPAN("word"));
	} else if (span_eq(verb, SPAN("BIG"))) {
		write_big(s, n);
	} else if (span_eq(verb, SPAN("EAT"))) {
		s->eat = n;
	} else if (span_eq(verb, SPAN("CLOCK"))) {
		conn_deadline(s->conn, n);
	} else if (span_eq(verb, SPAN("DRAINED"))) {
		conn_want_drained(s->conn);
	} else if (span_eq(verb, SPAN("FREEON"))) {
		put_bytes(&out, line);
		(void)put_cstr(&out);
	} else if (span_eq(verb, SPAN("HOLD"))) {
		s->holding = true;
		conn_pause(s->conn);
		count(s->talker, &s->talker->held);
		return false;
	} else if (span_eq(verb, SPAN("LATER"))) {
		pause_for_later(s, line);
		return false;
	} else if (span_eq(verb, SPAN("STARTTLS"))) {
		start_tls(s);
		return false;
	} else if (span_eq(verb, SPAN("CLOSE"))) {
		say(s, "221 bye");
		conn_close(s->conn);
		return false;
	} else if (span_eq(verb, SPAN("FREE"))) {
		free_session(s);
		return false;
	} else {
		say(s, "what?");
	}
	return true;
}

static void
on_input(struct conn *conn, void *owner)
{
	struct session *s = owner;
	struct span in;

	if (conn_input(conn).len > s->talker->largest_input)
		s->talker->largest_input = conn_input(conn).len;
	for (;;) {
		size_t n;

		in = conn_input(conn);
		if (s->eat != 0) {
			n = in.len < s->eat ? in.len : s->eat;
			conn_consume(conn, n);
			s->eat -= n;
			if (s->eat != 0)
				return;
			say(s, "eaten");
			continue;
		}
		n = span_find(in, '\n');
		if (n == in.len)
			return;
		/* Taken first: the line stays where it is until we return. */
		conn_consume(conn, n + 1);
		if (!obey(s, span_first(in, n)))
			return;
	}
}

static void
on_drained(struct conn *conn, void *owner)
{
	struct session *s = owner;

	must(conn_waiting(conn) == 0);
	if (strcmp(s->free_on, "drained") == 0)
		free_session(s);
	else
		say(s, "drained");
}

static void
on_tls(struct conn *conn, void *owner)
{
	struct session *s = owner;

	must(conn_is_tls(conn));
	if (strcmp(s->free_on, "tls") == 0)
		free_session(s);
	else
		say(s, "hello");
}

static void
on_time(struct conn *conn, void *owner)
{
	struct session *s = owner;

	count(s->talker, &s->talker->timeouts);
	if (strcmp(s->free_on, "time") == 0) {
		free_session(s);
		return;
	}
	say(s, "421 too slow");
	conn_close(conn);
}

static void
on_closed(struct conn *conn, void *owner, enum conn_end end)
{
	struct session *s = owner;
	struct talker *talker = s->talker;
	unsigned i;

	pthread_mutex_lock(&talker->lock);
	i = talker->ends % TALKER_ENDS;
	talker->end[i] = end;
	snprintf(talker->error[i], sizeof talker->error[i], "%s",
	    conn_error(conn));
	conn_tls_text(conn, talker->tls_text[i], sizeof talker->tls_text[i]);
	conn_peer(conn, talker->peer, &talker->peer_port);
	pthread_mutex_unlock(&talker->lock);
	end_session(s);
	count(talker, &talker->ends);
}

static const struct conn_ops ops = {
	.on_input = on_input,
	.on_drained = on_drained,
	.on_tls = on_tls,
	.on_time = on_time,
	.on_closed = on_closed,
};

static void
accepted(void *arg, int fd)
{
	struct talker *talker = arg;
	struct session *s = mem_new(sizeof *s);

	s->talker = talker;
	s->conn = conn_new(talker->pool, fd, &ops, &talker->limits, s);
	if (s->conn == NULL) {	/* reset before we came to it */
		free(s);
		count(talker, &talker->ends);
		return;
	}
	s->next = talker->sessions;
	s->prev = &talker->sessions;
	if (s->next != NULL)
		s->next->prev = &s->next;
	talker->sessions = s;
	if (talker->implicit_tls)
		(void)conn_start_tls(s->conn, talker->tls);
	else
		say(s, "220 hello");
}

static void
turn(void *arg)
{
	conn_pool_flush(arg);
}

static void *
run(void *arg)
{
	struct talker *talker = arg;

	must(loop_run(talker->loop) == 0);
	return NULL;
}

void
talker_start(struct talker *talker, const char *address,
    struct tls_server *tls, bool implicit_tls)
{
	struct sockaddr_storage where;
	socklen_t len;
	int fd;

	*talker = (struct talker){ .tls = tls, .implicit_tls = implicit_tls,
		.limits = { .in_max = 32768, .out_max = 1 << 20 } };
	pthread_mutex_init(&talker->lock, NULL);
	pthread_cond_init(&talker->changed, NULL);
	talker->loop = loop_new();
	must(talker->loop != NULL);
	talker->pool = conn_pool_new(talker->loop);
	loop_on_turn(talker->loop, turn, talker->pool);
	must(listen_parse(span_str(address), &where, &len));
	fd = listen_socket(&where, len);
	must(fd >= 0);
	talker->port = listen_port(fd);
	talker->listener = listen_start(talker->loop, fd, accepted, talker);
	must(talker->listener != NULL);
	must(pthread_create(&talker->thread, NULL, run, talker) == 0);
}

struct order {
	struct loop_job job;
	struct talker *talker;
};

static void
post_order(struct talker *talker, void (*run_order)(struct loop_job *))
{
	struct order *order = mem_new(sizeof *order);

	order->talker = talker;
	order->job.run = run_order;
	loop_post(talker->loop, &order->job);
}

static void
stop(struct loop_job *job)
{
	struct order *order = container_of(job, struct order, job);

	loop_stop(order->talker->loop);
	free(order);
}

void
talker_stop(struct talker *talker)
{
	post_order(talker, stop);
	pthread_join(talker->thread, NULL);
	while (talker->sessions != NULL) {
		talker->sessions->later_posted = false;
		end_session(talker->sessions);
	}
	listen_stop(talker->listener);
	conn_pool_free(talker->pool);
	loop_free(talker->loop);
	pthread_mutex_destroy(&talker->lock);
	pthread_cond_destroy(&talker->changed);
}

static void
wait_for(struct talker *talker, const unsigned *counter, unsigned n)
{
	pthread_mutex_lock(&talker->lock);
	while (*counter < n)
		pthread_cond_wait(&talker->changed, &talker->lock);
	pthread_mutex_unlock(&talker->lock);
}

void
talker_wait_ends(struct talker *talker, unsigned n)
{
	wait_for(talker, &talker->ends, n);
}

void
talker_wait_frees(struct talker *talker, unsigned n)
{
	wait_for(talker, &talker->frees, n);
}

void
talker_wait_held(struct talker *talker, unsigned n)
{
	wait_for(talker, &talker->held, n);
}

static void
release(struct loop_job *job)
{
	struct order *order = container_of(job, struct order, job);

	for (struct session *s = order->talker->sessions; s; s = s->next) {
		if (!s->holding)
			continue;
		s->holding = false;
		conn_resume(s->conn);
	}
	free(order);
}

void
talker_release(struct talker *talker)
{
	post_order(talker, release);
}
