/* SPDX-License-Identifier: Apache-2.0 */
/* link: the text of a message on its way out. A small one lies in memory with
 * its parcel; a large one is read piece by piece on a thread of the pool, the
 * next piece when the connection has taken the last. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/link_state.h"

#define PIECE     ((size_t)128 << 10)
#define PART      ((size_t)16 << 10)
#define AHEAD_MAX ((size_t)256 << 10)	/* octets the connection may hold */
#define BUSY_MS   200			/* the pool is full: ask again */

struct text_job {
	struct pool_job pool_job;
	struct timer nap;
	struct link *link;
	struct store *store;
	struct store_pin pin;
	uint64_t at;
	ssize_t n;
	char piece[PIECE];
};

/* What is written counts as progress, however slow the peer takes it. */
static void
write_text(struct link *link, struct span text)
{
	char part[PART];

	while (text.len != 0) {
		size_t n = smtp_client_text(&link->client, &text, part,
		    sizeof part);

		conn_write(link->conn, span_of(part, n));
	}
}

static void
end_text(struct link *link)
{
	char end[8];
	size_t n = smtp_client_text_end(&link->client, end);

	smtp_out_text_ended(&link->out);
	conn_write(link->conn, span_of(end, n));
	link_talk_say(link);
}

static void
work(struct pool_job *pool_job)
{
	struct text_job *job = container_of(pool_job, struct text_job,
	    pool_job);

	job->n = store_read_text(job->store, &job->pin, job->at, job->piece,
	    sizeof job->piece);
}

static void
on_read(struct pool_job *pool_job)
{
	struct text_job *job = container_of(pool_job, struct text_job,
	    pool_job);
	struct link *link = job->link;
	ssize_t n = job->n;

	link->job = NULL;
	if (link->state == LINK_ENDED) {
		free(job);
		link_text_given_back(link);
		return;
	}
	if (n <= 0) {
		/* without its end: the server throws away what it has */
		free(job);
		link_fail_words(link, 4, 3, 0, log_errno(n == 0 ? -EBADMSG :
		    (int)n));
		return;
	}
	write_text(link, span_of(job->piece, (size_t)n));
	link->text_at += (uint64_t)n;
	free(job);
	link_text_feed(link);
}

static void
add_job(struct text_job *job)
{
	if (pool_add(job->link->env->pool, job->link->env->loop,
	    &job->pool_job) != 0)
		timer_set(job->link->env->loop, &job->nap, BUSY_MS);
}

static void
on_nap_over(struct timer *timer)
{
	struct text_job *job = container_of(timer, struct text_job, nap);
	struct link *link = job->link;

	if (link->state != LINK_ENDED) {
		add_job(job);
		return;
	}
	link->job = NULL;
	free(job);
	link_text_given_back(link);
}

static void
read_piece(struct link *link)
{
	struct parcel *parcel = link->transfer->parcel;
	struct text_job *job = mem_new(sizeof *job);

	job->pool_job.work = work;
	job->pool_job.done = on_read;
	job->nap.on_time = on_nap_over;
	job->link = link;
	job->store = parcel->store;
	job->pin = parcel->pin;
	job->at = link->text_at;
	link->job = job;
	add_job(job);
}

void
link_text_feed(struct link *link)
{
	struct parcel *parcel = link->transfer->parcel;
	uint64_t len = parcel->pin.text_len;

	if (link->job != NULL)
		return;
	while (link->text_at < len) {
		struct span rest;

		if (conn_waiting(link->conn) > AHEAD_MAX) {
			conn_want_drained(link->conn);
			return;
		}
		if (parcel->text == NULL) {
			read_piece(link);
			return;
		}
		rest = span_of(parcel->text, (size_t)len);
		write_text(link, rest);
		link->text_at = len;
	}
	end_text(link);
}

void
link_text_forget(struct link *link)
{
	if (link->job == NULL)
		return;
	timer_stop(link->env->loop, &link->job->nap);
	free(link->job);	/* the pool is gone */
	link->job = NULL;
}
