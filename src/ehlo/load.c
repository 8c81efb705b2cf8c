/* SPDX-License-Identifier: Apache-2.0 */
/* The herd: who may begin what when, and what has come of it. */
#include "ehlo/load_priv.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "mail/date.h"

#define PENDING_MAX 500		/* connections being opened at once */
#define PACE_MS     5
#define LINE_LEN    72		/* of the text, its end included */
#define AGAIN_MS    1000	/* behind an error */

uint64_t
load_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);	/* cannot fail */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- times */

/* 64 to a doubling: the six bits behind the first one. */
static size_t
bin_of(uint64_t us)
{
	unsigned shift = 0;
	size_t bin;

	while (us >> shift >= 128)
		shift++;
	bin = shift * 64 + (size_t)(us >> shift);
	return bin < LOAD_BINS ? bin : LOAD_BINS - 1;
}

static uint64_t
bin_top(size_t bin)
{
	unsigned shift = bin < 128 ? 0 : (unsigned)(bin / 64 - 1);

	return (((uint64_t)(bin - shift * 64) + 1) << shift) - 1;
}

void
load_times_add(struct load_times *times, uint64_t us)
{
	times->n++;
	times->bin[bin_of(us)]++;
	if (us > times->most)
		times->most = us;
}

uint64_t
load_times_at(const struct load_times *times, double part)
{
	uint64_t want = (uint64_t)((double)times->n * part), seen = 0;
	size_t i = 0;

	if (want >= times->n)
		return times->most;
	while (i < LOAD_BINS - 1 && (seen += times->bin[i]) <= want)
		i++;
	/* the last one has no top */
	return i < LOAD_BINS - 1 && bin_top(i) < times->most ? bin_top(i) :
	    times->most;
}

/* --- errors */

void
load_count_error(struct load *load, const char *what, struct span example)
{
	struct load_totals *t = &load->totals;
	size_t i = 0;

	t->errors++;
	while (i < t->kind_n && strcmp(t->kind[i].what, what) != 0)
		i++;
	if (i == LOAD_KINDS_MAX) {
		/* the last one stands for all that are left */
		t->kind[i - 1].n++;
		return;
	}
	if (i == t->kind_n) {
		struct put out = put_init(t->kind[i].example,
		    sizeof t->kind[i].example - 1);

		t->kind_n++;
		(void)snprintf(t->kind[i].what, sizeof t->kind[i].what, "%s",
		    i == LOAD_KINDS_MAX - 1 ? "other" : what);	/* or cut */
		text_quote(span_first(example, 190), &out);
		(void)put_cstr(&out);	/* terminated in its place */
	}
	t->kind[i].n++;
}

/* --- messages */

/* xorshift64*: sizes need no better. */
static uint64_t
random_of(struct load *load)
{
	load->random ^= load->random >> 12;
	load->random ^= load->random << 25;
	load->random ^= load->random >> 27;
	return load->random * 0x2545f4914f6cdd1du;
}

void
load_make_message(struct load_conn *conn)
{
	struct load *load = conn->load;
	const struct load_options *o = load->options;
	struct put head = put_init(conn->head, sizeof conn->head);
	size_t size = o->size_least, len;
	uint64_t now = clock_real_ms();

	if (o->message.len != 0) {
		conn->text_left[0] = o->message;
		conn->text_left[1] = SPAN("");
		conn->size = o->message.len;
		return;
	}
	if (o->size_most > o->size_least)
		size += random_of(load) % (o->size_most - o->size_least + 1);
	put_str(&head, "From: <");
	put_bytes(&head, span_first(span_str(o->from), 100));
	put_str(&head, ">\r\nTo: undisclosed-recipients:;\r\nSubject: load ");
	put_u64(&head, conn->number);
	put_str(&head, "\r\nDate: ");
	date_put(&head, now, 0);
	put_str(&head, "\r\nMessage-ID: <");
	put_u64(&head, conn->number);
	put_char(&head, '.');
	put_str(&head, load->run);
	put_str(&head, "@load.invalid>\r\n\r\n");
	conn->text_left[0] = put_span(&head);
	/* whole lines leave; the last one gets its end */
	len = size > head.len + 2 ? size - head.len - 2 : 0;
	len -= len % LINE_LEN > LINE_LEN - 2 ? 1 : 0;
	conn->text_left[1] = span_of(load->filler, len);
	conn->size = head.len + len + (len % LINE_LEN != 0 ? 2 : 0);
}

static void
make_filler(struct load *load)
{
	size_t len = load->options->size_most;

	load->filler = mem_new(len + 1);
	for (size_t i = 0; i < len; i++)
		load->filler[i] = i % LINE_LEN == LINE_LEN - 2 ? '\r' :
		    i % LINE_LEN == LINE_LEN - 1 ? '\n' :
		    (char)('a' + (i / LINE_LEN + i) % 26);
}

/* --- who may begin */

bool
load_has_more(const struct load *load)
{
	const struct load_options *o = load->options;

	return !load->is_winding_down &&
	    (o->count == 0 || load->totals.begun < o->count);
}

bool
load_take(struct load *load)
{
	if (!load_has_more(load))
		return false;
	load->totals.begun++;
	return true;
}

void
load_ready(struct load_conn *conn)
{
	struct load *load = conn->load;
	const struct load_options *o = load->options;

	conn->phase = LOAD_READY;
	load->failed_n = 0;
	if (!load_has_more(load) || (o->per_connection != 0 &&
	    conn->sent_n == o->per_connection)) {
		load_conn_quit(conn);
		return;
	}
	if (o->rate == 0) {
		must(load_take(load));
		load_conn_send(conn);
		return;
	}
	timer_stop(load->loop, &conn->timer);
	conn->next = load->ready;
	load->ready = conn;
}

static struct load_conn *
take_ready(struct load *load)
{
	struct load_conn *conn = load->ready;

	if (conn != NULL) {
		load->ready = conn->next;
		conn->next = NULL;
	}
	return conn;
}

void
load_not_ready(struct load_conn *conn)
{
	struct load_conn **at = &conn->load->ready;

	while (*at != NULL && *at != conn)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = conn->next;
	conn->next = NULL;
}

static void
on_pace(struct watch *watch, uint32_t events)
{
	struct load *load = container_of(watch, struct load, pace);
	uint64_t ticks, us = load_now_us() - load->totals.begin_us;
	uint64_t due = (uint64_t)((double)us * load->options->rate / 1e6) + 1;

	(void)events;
	if (read(watch->fd, &ticks, sizeof ticks) != (ssize_t)sizeof ticks)
		return;
	while (load->totals.begun < due && load_has_more(load)) {
		struct load_conn *conn = take_ready(load);

		if (conn == NULL)
			return;
		must(load_take(load));
		load_conn_send(conn);
		load_conn_go(conn);
	}
}

static void
quit_ready(struct load *load)
{
	struct load_conn *conn;

	while ((conn = take_ready(load)) != NULL) {
		load_conn_quit(conn);
		load_conn_go(conn);
	}
}

/* --- opening and closing */

static void
be_over(struct load_conn *conn)
{
	struct load *load = conn->load;

	if (conn->phase == LOAD_OVER)
		return;
	conn->phase = LOAD_OVER;
	if (++load->over_n != load->options->connections)
		return;
	load->totals.end_us = load_now_us();
	loop_stop(load->loop);
}

/* Connection after connection ends before its first message: there is no sense
 * in going on. */
static bool
is_hopeless(const struct load *load)
{
	unsigned n = load->options->connections;

	return load->failed_n >= (load->totals.sent == 0 ? n : 5 * n + 10);
}

void
load_closed(struct load_conn *conn, bool has_failed)
{
	struct load *load = conn->load;

	if (has_failed && conn->sent_n == 0)
		load->failed_n++;
	if (is_hopeless(load))
		load_wind_down(load);
	if (conn->phase == LOAD_OVER)
		return;
	conn->phase = LOAD_CLOSED;
	if (!load_has_more(load)) {
		be_over(conn);
		return;
	}
	if (has_failed) {
		timer_set(load->loop, &conn->timer, AGAIN_MS);
		return;
	}
	conn->next = load->waiting;
	load->waiting = conn;
}

void
load_greeted(struct load *load)
{
	load->pending_n--;
}

/* At the end of each turn: outside of everybody's callbacks. */
static void
on_turn(void *arg)
{
	struct load *load = arg;

	while (load->waiting != NULL && load->pending_n < PENDING_MAX) {
		struct load_conn *conn = load->waiting;

		load->waiting = conn->next;
		conn->next = NULL;
		if (conn->phase != LOAD_CLOSED)
			continue;
		if (load_has_more(load))
			load_conn_open(conn);
		else
			be_over(conn);
	}
	if (!load_has_more(load))
		quit_ready(load);
}

static void
on_end(struct timer *timer)
{
	load_wind_down(container_of(timer, struct load, end));
}

void
load_wind_down(struct load *load)
{
	if (load->is_winding_down)
		return;
	load->is_winding_down = true;
	for (unsigned i = 0; i < load->options->connections; i++) {
		struct load_conn *conn = &load->conn[i];

		if (conn->phase != LOAD_CLOSED)
			continue;
		timer_stop(load->loop, &conn->timer);
		be_over(conn);
	}
}

/* --- birth and death */

static void
start_pace(struct load *load)
{
	const struct itimerspec every = {
		.it_interval.tv_nsec = PACE_MS * 1000000,
		.it_value.tv_nsec = PACE_MS * 1000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	must(fd >= 0 && timerfd_settime(fd, 0, &every, NULL) == 0);
	load->pace.on_ready = on_pace;
	must(watch_open(load->loop, &load->pace, fd, EPOLLIN) == 0);
}

struct load *
load_new(struct loop *loop, const struct load_options *options)
{
	struct load *load = mem_new(sizeof *load);
	unsigned char bytes[8];
	struct put run = put_init(load->run, sizeof load->run - 1);

	must(RAND_bytes(bytes, sizeof bytes) == 1);
	put_hex(&run, span_of(bytes, sizeof bytes));
	memcpy(&load->random, bytes, sizeof load->random);
	load->random |= 1;
	load->loop = loop;
	load->options = options;
	load->pace.fd = -1;
	load->conn = mem_new_array(options->connections, sizeof *load->conn);
	for (unsigned i = 0; i < options->connections; i++)
		load->conn[i] = (struct load_conn){ .load = load,
			.watch.fd = -1 };
	if (options->message.len == 0)
		make_filler(load);
	return load;
}

void
load_start(struct load *load)
{
	const struct load_options *o = load->options;

	load->totals.begin_us = load_now_us();
	loop_on_turn(load->loop, on_turn, load);
	if (o->rate > 0)
		start_pace(load);
	if (o->duration_ms != 0) {
		load->end.on_time = on_end;
		timer_set(load->loop, &load->end, o->duration_ms);
	}
	for (unsigned i = o->connections; i-- > 0;) {
		load->conn[i].next = load->waiting;
		load->waiting = &load->conn[i];
	}
	on_turn(load);
}

const struct load_totals *
load_totals(const struct load *load)
{
	return &load->totals;
}

void
load_free(struct load *load)
{
	for (unsigned i = 0; i < load->options->connections; i++)
		load_conn_free(&load->conn[i]);
	timer_stop(load->loop, &load->end);
	if (load->pace.fd >= 0) {
		watch_close(load->loop, &load->pace);
		(void)close(load->pace.fd);
	}
	free(load->filler);
	free(load->conn);
	free(load);
}
