/* SPDX-License-Identifier: Apache-2.0 */
/* dns: see dns.h. One context of libunbound, and one thread of ours that alone
 * talks to it:
 *
 *   dns_ask ─→ waiting ─→ flying ─→ posted ─→ done, on the asker's loop
 *                 │          │         └ cancelled: freed there
 *                 │          └ cancelled: the thread takes it back
 *                 └ cancelled: freed at once
 *
 * Waiting and flying questions stand in the order of their deadlines, because
 * all have the same time. */
#include "net/dns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "net/dns_context.h"

#define FLYING_MAX 256
#define RECORDS_MAX 512
#define TIMEOUT_MS 10000

struct list {
	struct dns_query *first, **end;
};

struct dns_query {
	struct loop_job job;
	struct dns *dns;
	struct loop *loop;	/* NULL: somebody sleeps on dns->answered */
	dns_done *done;
	void *arg;
	enum dns_type type;
	enum { WAITING, FLYING, POSTED } state;
	bool is_cancelled;
	bool is_known;		/* libunbound has it, as number `id` */
	int id;
	uint64_t deadline_ms;
	struct dns_answer *answer;
	struct list *list;	/* the one it stands in */
	struct dns_query *next, **prev;
	char name[256];
};

struct dns {
	struct ub_ctx *ctx;	/* used by the thread only */
	pthread_t thread;
	unsigned timeout_ms;
	int wake_fd;

	pthread_mutex_t lock;	/* of all that follows */
	pthread_cond_t answered;
	bool is_stopping;
	struct list waiting, flying, cancelled, posted;
	unsigned flying_n;
};

/* --- lists */

static void
list_init(struct list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void
list_add(struct list *list, struct dns_query *query)
{
	query->list = list;
	query->next = NULL;
	query->prev = list->end;
	*list->end = query;
	list->end = &query->next;
}

static void
list_take(struct dns_query *query)
{
	*query->prev = query->next;
	if (query->next != NULL)
		query->next->prev = query->prev;
	else
		query->list->end = query->prev;
	query->list = NULL;
}

static void
query_free(struct dns_query *query)
{
	free(query->answer);
	free(query);
}

static void
list_free(struct list *list)
{
	struct dns_query *query;

	while ((query = list->first) != NULL) {
		list_take(query);
		query_free(query);
	}
}

/* --- answers: one block of memory each */

static struct dns_answer *
failed(const char *name, const char *why)
{
	struct dns_answer *answer = mem_new(sizeof *answer);
	struct put put = put_init(answer->why, sizeof answer->why);

	answer->result = DNS_FAILED;
	snprintf(answer->name, sizeof answer->name, "%s", name);
	text_quote(span_str(why), &put);
	(void)put_cstr(&put);
	return answer;
}

/* Copies the records behind the answer itself. */
static struct dns_answer *
copy_records(const struct ub_result *result)
{
	struct dns_answer *answer;
	struct dns_record *record;
	size_t n = 0, len = 0;
	char *at;

	while (n < RECORDS_MAX && result->data != NULL &&
	    result->data[n] != NULL)
		len += (size_t)result->len[n++];
	answer = mem_new(sizeof *answer + n * sizeof *record + len);
	record = (struct dns_record *)(void *)(answer + 1);
	at = (char *)(record + n);
	answer->record = record;
	answer->record_n = n;
	for (size_t i = 0; i < n; i++) {
		size_t octets = (size_t)result->len[i];

		record[i].data = span_of(at, octets);
		memcpy(at, result->data[i], octets);
		at += octets;
	}
	return answer;
}

/* The name as the library writes it: it has no odd bytes left in it. */
static void
copy_name(const char *from, char out[256])
{
	struct span name = span_str(from);
	struct put put = put_init(out, 256);

	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	text_lower(span_first(name, 255), &put);
	(void)put_cstr(&put);
}

static const char *
rcode_text(int rcode)
{
	switch (rcode) {
	case 1:
		return "a name server did not understand the question";
	case 2:
		return "the name servers failed (SERVFAIL)";
	case 4:
		return "a name server does not know this type (NOTIMP)";
	case 5:
		return "the name servers refused to answer (REFUSED)";
	}
	return "the name servers answered with an error";
}

static struct dns_answer *
make_answer(const char *name, int error, const struct ub_result *result)
{
	struct dns_answer *answer;

	if (error != 0)
		return failed(name, ub_strerror(error));
	if (result->bogus) {
		answer = failed(name, result->why_bogus != NULL ?
		    result->why_bogus : "DNSSEC: not validated");
		answer->result = DNS_BOGUS;
		return answer;
	}
	if (result->rcode != 0 && !result->nxdomain)
		return failed(name, rcode_text(result->rcode));
	answer = copy_records(result);
	answer->result = result->nxdomain ? DNS_NO_NAME :
	    answer->record_n > 0 ? DNS_OK : DNS_NO_DATA;
	answer->is_secure = result->secure;
	answer->ttl = result->ttl > 0 ? (uint32_t)result->ttl : 0;
	copy_name(result->canonname != NULL ? result->canonname : name,
	    answer->name);
	return answer;
}

/* --- handing over */

static void
on_job(struct loop_job *job)
{
	struct dns_query *query = container_of(job, struct dns_query, job);
	struct dns *dns = query->dns;

	pthread_mutex_lock(&dns->lock);
	list_take(query);
	pthread_mutex_unlock(&dns->lock);
	if (!query->is_cancelled)
		query->done(query->arg, query->answer);
	query_free(query);
}

/* With the lock held; the question stands in no list. The loop is told under
 * the lock: whoever cancels and then frees his loop must not be overtaken. */
static void
post(struct dns *dns, struct dns_query *query, struct dns_answer *answer)
{
	query->answer = answer;
	query->state = POSTED;
	list_add(&dns->posted, query);
	if (query->loop != NULL)
		loop_post(query->loop, &query->job);
	else
		pthread_cond_broadcast(&dns->answered);
}

/* --- the thread */

/* Called by ub_process() and so on our thread, without the lock. */
static void
on_result(void *arg, int error, struct ub_result *result)
{
	struct dns_query *query = arg;
	struct dns *dns = query->dns;
	struct dns_answer *answer = make_answer(query->name, error, result);

	ub_resolve_free(result);
	pthread_mutex_lock(&dns->lock);
	query->is_known = false;
	list_take(query);
	if (query->is_cancelled) {
		query->answer = answer;
		query_free(query);
	} else {
		dns->flying_n--;
		post(dns, query, answer);
	}
	pthread_mutex_unlock(&dns->lock);
}

/* From now on on_result is not called. */
static void
forget(struct dns *dns, struct dns_query *query)
{
	if (query->is_known)
		(void)ub_cancel(dns->ctx, query->id);	/* answered already */
	query->is_known = false;
}

static void
reap_cancelled(struct dns *dns)
{
	struct dns_query *query;

	for (;;) {
		pthread_mutex_lock(&dns->lock);
		query = dns->cancelled.first;
		if (query != NULL)
			list_take(query);
		pthread_mutex_unlock(&dns->lock);
		if (query == NULL)
			return;
		forget(dns, query);
		query_free(query);
	}
}

/* Answers those of `list` whose time is over. */
static void
expire(struct dns *dns, struct list *list, uint64_t now)
{
	struct dns_query *query;

	for (;;) {
		pthread_mutex_lock(&dns->lock);
		query = list->first;
		if (query == NULL || query->deadline_ms > now) {
			pthread_mutex_unlock(&dns->lock);
			return;
		}
		forget(dns, query);
		list_take(query);
		if (query->state == FLYING)
			dns->flying_n--;
		post(dns, query, failed(query->name, "no answer in time"));
		pthread_mutex_unlock(&dns->lock);
	}
}

/* The next that may fly, or NULL. */
static struct dns_query *
take_off(struct dns *dns)
{
	struct dns_query *query = NULL;

	pthread_mutex_lock(&dns->lock);
	if (dns->flying_n < FLYING_MAX)
		query = dns->waiting.first;
	if (query != NULL) {
		list_take(query);
		query->state = FLYING;
		list_add(&dns->flying, query);
		dns->flying_n++;
	}
	pthread_mutex_unlock(&dns->lock);
	return query;
}

/* It may be cancelled by now, but not gone: only this thread frees it. */
static void
start(struct dns *dns, struct dns_query *query)
{
	int error;

	query->is_known = true;
	error = ub_resolve_async(dns->ctx, query->name, (int)query->type, 1,
	    query, on_result, &query->id);
	if (error != 0)
		on_result(query, error, NULL);
}

/* How long nothing will happen by itself, in ms; -1: for ever. Whether to stop
 * at all comes back in `*stop`. */
static int
pause_ms(struct dns *dns, uint64_t now, bool *stop)
{
	uint64_t at = UINT64_MAX;

	pthread_mutex_lock(&dns->lock);
	*stop = dns->is_stopping;
	if (dns->flying.first != NULL)
		at = dns->flying.first->deadline_ms;
	if (dns->waiting.first != NULL && dns->waiting.first->deadline_ms < at)
		at = dns->waiting.first->deadline_ms;
	pthread_mutex_unlock(&dns->lock);
	if (*stop)
		return 0;
	if (at == UINT64_MAX)
		return -1;
	return at > now ? (int)(at - now) : 0;
}

static void *
run(void *arg)
{
	struct dns *dns = arg;
	struct dns_query *query;
	struct pollfd fds[] = {
		{ .fd = ub_fd(dns->ctx), .events = POLLIN },
		{ .fd = dns->wake_fd, .events = POLLIN },
	};
	uint64_t count, now;
	bool stop = false;

	while (!stop) {
		now = clock_mono_ms();
		if (poll(fds, countof(fds), pause_ms(dns, now, &stop)) > 0 &&
		    fds[1].revents != 0)
			(void)!read(dns->wake_fd, &count, sizeof count);
		/* an answer that came in time is one, so these come first */
		(void)ub_process(dns->ctx);
		reap_cancelled(dns);
		now = clock_mono_ms();
		expire(dns, &dns->flying, now);
		expire(dns, &dns->waiting, now);
		while ((query = take_off(dns)) != NULL)
			start(dns, query);
	}
	return NULL;
}

static void
wake(struct dns *dns)
{
	uint64_t one = 1;

	/* a full counter wakes, too */
	(void)!write(dns->wake_fd, &one, sizeof one);
}

/* --- beginning and end */

/* Signals belong to the main thread; the library's own thread is begun by ours
 * and so has them blocked, too. */
static int
start_thread(struct dns *dns)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	error = pthread_create(&dns->thread, NULL, run, dns);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	if (error == 0)	/* the name is for people only */
		(void)pthread_setname_np(dns->thread, "dns");
	return error;
}

static void
release(struct dns *dns)
{
	if (dns->ctx != NULL)
		ub_ctx_delete(dns->ctx);
	if (dns->wake_fd >= 0)
		(void)close(dns->wake_fd);	/* holds nothing */
	list_free(&dns->waiting);
	list_free(&dns->flying);
	list_free(&dns->cancelled);
	list_free(&dns->posted);
	pthread_cond_destroy(&dns->answered);
	pthread_mutex_destroy(&dns->lock);
	free(dns);
}

struct dns *
dns_new(const struct dns_options *options, char *error, size_t error_len)
{
	struct dns *dns = mem_new(sizeof *dns);
	int failure;

	must(pthread_mutex_init(&dns->lock, NULL) == 0);
	must(pthread_cond_init(&dns->answered, NULL) == 0);
	list_init(&dns->waiting);
	list_init(&dns->flying);
	list_init(&dns->cancelled);
	list_init(&dns->posted);
	dns->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms :
	    TIMEOUT_MS;
	dns->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dns->wake_fd < 0) {
		snprintf(error, error_len, "the resolver's eventfd: %s",
		    log_errno(errno));
		goto fail;
	}
	dns->ctx = dns_context_new(options, error, error_len);
	if (dns->ctx == NULL)
		goto fail;
	failure = start_thread(dns);
	if (failure == 0)
		return dns;
	snprintf(error, error_len, "the resolver's thread: %s",
	    log_errno(failure));
fail:
	release(dns);
	return NULL;
}

void
dns_free(struct dns *dns)
{
	if (dns == NULL)
		return;
	pthread_mutex_lock(&dns->lock);
	dns->is_stopping = true;
	pthread_mutex_unlock(&dns->lock);
	wake(dns);
	must(pthread_join(dns->thread, NULL) == 0);
	release(dns);
}

/* --- asking */

static bool
is_name(struct span name)
{
	struct span label;

	if (span_eq(name, SPAN(".")))
		return true;
	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > 253 || name.p[name.len - 1] == '.')
		return false;
	while (name.len > 0) {
		label = span_cut(&name, '.');
		if (label.len == 0 || label.len > 63)
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!ascii_is_alnum(label.p[i]) &&
			    memchr("-_/", label.p[i], 3) == NULL)
				return false;
	}
	return true;
}

static struct dns_query *
add_query(struct dns *dns, struct loop *loop, struct span name,
    enum dns_type type, dns_done *done, void *arg)
{
	struct dns_query *query;
	struct put put;

	if (!is_name(name))
		return NULL;
	query = mem_new(sizeof *query);
	query->dns = dns;
	query->loop = loop;
	query->done = done;
	query->arg = arg;
	query->type = type;
	query->state = WAITING;
	query->job.run = on_job;
	put = put_init(query->name, sizeof query->name);
	put_bytes(&put, name);
	(void)put_cstr(&put);
	query->deadline_ms = clock_mono_ms() + dns->timeout_ms;
	pthread_mutex_lock(&dns->lock);
	list_add(&dns->waiting, query);
	pthread_mutex_unlock(&dns->lock);
	wake(dns);
	return query;
}

struct dns_query *
dns_ask(struct dns *dns, struct loop *loop, struct span name,
    enum dns_type type, dns_done *done, void *arg)
{
	must(loop != NULL && done != NULL);
	return add_query(dns, loop, name, type, done, arg);
}

void
dns_cancel(struct dns_query *query)
{
	struct dns *dns = query->dns;

	pthread_mutex_lock(&dns->lock);
	must(!query->is_cancelled);
	query->is_cancelled = true;
	switch (query->state) {
	case WAITING:
		list_take(query);
		query_free(query);
		break;
	case FLYING:
		list_take(query);
		dns->flying_n--;
		list_add(&dns->cancelled, query);
		wake(dns);
		break;
	case POSTED:
		break;	/* its job frees it */
	}
	pthread_mutex_unlock(&dns->lock);
}

struct dns_answer *
dns_ask_wait(struct dns *dns, struct span name, enum dns_type type)
{
	struct dns_query *query = add_query(dns, NULL, name, type, NULL, NULL);
	struct dns_answer *answer;

	if (query == NULL)
		return NULL;
	pthread_mutex_lock(&dns->lock);
	while (query->state != POSTED)
		must(pthread_cond_wait(&dns->answered, &dns->lock) == 0);
	list_take(query);
	pthread_mutex_unlock(&dns->lock);
	answer = query->answer;
	query->answer = NULL;
	query_free(query);
	return answer;
}

void
dns_answer_free(struct dns_answer *answer)
{
	free(answer);
}
