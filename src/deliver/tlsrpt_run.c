/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt_run: see tlsrpt_run.h.
 *
 *   timer ─► pool: save, next domain ─► TXT ─► pool: the mail ─► spool
 *              ▲ │                       │                         │
 *       none: rest │                     └──── wants none ─────────┤
 *              └───┴───────────────────────────────────────────────┘
 */
#include "deliver/tlsrpt_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/die.h"
#include "base/log.h"
#include "deliver/tlsrpt_mail.h"
#include "mail/trace.h"
#include "smtp/addr.h"
#include "smtp/param.h"
#include "trail/trail.h"

#define FIRST_MS  1000
#define TICK_MS   60000
#define SPREAD_S  14400		/* promise 3 */
#define TEXT_MAX  ((size_t)8 << 20)
#define ARENA_MAX ((size_t)1 << 20)
#define TO_MAX    10		/* addresses of one record */

struct tlsrpt_run {
	struct tlsrpt_run_env env;
	struct timer timer;
	struct pool_job job;
	struct dns_query *txt;
	bool is_busy, is_stopping;
	struct tlsrpt *book;	/* of this round */
	bool wants_due, has_due;
	uint64_t delay_ms;
	struct tlsrpt_due due;
	/* of the report at work */
	char *from, *hostname;
	char to[2048];
	struct buf text;
	struct arena arena;
	struct envelope envelope;
	uint64_t now_ms, id;
	int error;
};

static void next(struct tlsrpt_run *run);	/* it goes round */

/* --- the round */

/* Until the next tick; a day that could not be told is looked at again. */
static void
rest(struct tlsrpt_run *run)
{
	run->is_busy = false;
	run->due = (struct tlsrpt_due){ "", "" };
	if (run->is_stopping)
		run->env.rests(run->env.arg);
	else
		timer_set(run->env.link->loop, &run->timer, TICK_MS);
}

static void
give_to_pool(struct tlsrpt_run *run, void (*work)(struct pool_job *),
    void (*done)(struct pool_job *))
{
	run->job.work = work;
	run->job.done = done;
	if (run->is_stopping || pool_add(run->env.link->pool,
	    run->env.link->loop, &run->job) != 0)
		rest(run);	/* much to do: at the next tick */
}

static void
strike_out(struct tlsrpt_run *run)
{
	tlsrpt_done(run->book, &run->due);
	next(run);
}

static void
say_none(const struct tlsrpt_run *run, const char *why)
{
	log_debug("no-tls-report", LOG_Z("domain", run->due.domain),
	    LOG_Z("day", run->due.day), LOG_Z("why", why));
}

/* --- into the spool */

static void
forget_report(struct tlsrpt_run *run)
{
	buf_free(&run->text);
	arena_reset(&run->arena);
	free(run->from);
	free(run->hostname);
	run->from = run->hostname = NULL;
	run->envelope = (struct envelope){ .tls_need = ENVELOPE_TLS_RELAXED };
}

static void
tell(const struct tlsrpt_run *run)
{
	char id[TRACE_ID_LEN];
	struct put put = put_init(id, sizeof id);

	trace_put_id(&put, run->id);
	log_info("tls-report", LOG_S("id", put_span(&put)),
	    LOG_Z("domain", run->due.domain), LOG_Z("day", run->due.day),
	    LOG_Z("to", run->to));
	trail_event(&(struct trail_event){ .kind = TRAIL_ACCEPTED,
		.message = run->id, .from = run->envelope.sender,
		.to = span_str(run->to), .number = run->text.len });
}

static void
on_committed(void *arg, int result)
{
	struct tlsrpt_run *run = arg;
	const struct store_entry entry = { .id = run->id,
		.due_ms = run->now_ms, .state = STORE_READY };

	if (result == 0) {
		tell(run);
		run->env.notices->stored(run->env.notices->arg,
		    run->env.store, &entry, &run->envelope);
	} else {
		log_error("tls-report-failed", LOG_Z("domain",
		    run->due.domain), LOG_ERRNO(result));
	}
	forget_report(run);
	if (result == 0)
		strike_out(run);
	else
		next(run);
}

/* Where the addresses lead; false: nowhere. */
static bool
find_rcpts(struct tlsrpt_run *run)
{
	struct envelope *envelope = &run->envelope;
	struct span to = span_str(run->to);

	envelope->rcpt = arena_alloc(&run->arena,
	    TO_MAX * sizeof *envelope->rcpt);
	while (to.len != 0 && envelope->rcpt != NULL) {
		struct span one = span_cut(&to, ' ');
		struct envelope_rcpt *rcpt;
		size_t n = 0;

		if (!run->env.notices->find(run->env.notices->arg, one,
		    &run->arena, &rcpt, &n))
			continue;
		/* one of our own may be an alias of many */
		for (size_t i = 0; i < n && envelope->rcpt_n < TO_MAX; i++)
			envelope->rcpt[envelope->rcpt_n++] = rcpt[i];
	}
	for (size_t i = 0; i < envelope->rcpt_n; i++)
		envelope->rcpt[i].notify = PARAM_NOTIFY_NEVER;
	return envelope->rcpt_n != 0;
}

static void
commit(struct tlsrpt_run *run)
{
	struct envelope *envelope = &run->envelope;
	struct store_msg *msg = store_begin(run->env.store, &run->error);
	struct buf bytes;

	if (msg == NULL) {
		on_committed(run, run->error);
		return;
	}
	run->id = store_msg_id(msg);
	store_write(msg, buf_span(&run->text));
	envelope->sender = span_str(run->from);
	envelope->received_at = run->now_ms;
	envelope->size = run->text.len;
	buf_init(&bytes, ARENA_MAX);
	must(envelope_encode(envelope, &bytes) == 0);
	store_commit(msg, buf_span(&bytes), on_committed, run);
	buf_free(&bytes);
}

/* --- the mail */

static void
write_mail(struct pool_job *job)
{
	struct tlsrpt_run *run = container_of(job, struct tlsrpt_run, job);
	struct tlsrpt_mail mail = { .hostname = run->hostname,
		.from = run->from, .to = span_str(run->to),
		.due = &run->due, .now_ms = run->now_ms,
		.policies = tlsrpt_policies(run->book, &run->due) };

	if (getrandom(&mail.random, sizeof mail.random, GRND_NONBLOCK) < 0)
		mail.random = run->now_ms;
	run->error = tlsrpt_mail_put(&mail, &run->text);
	json_decref(mail.policies);
}

static void
on_written(struct pool_job *job)
{
	struct tlsrpt_run *run = container_of(job, struct tlsrpt_run, job);

	if (run->error != 0 || run->is_stopping)
		on_committed(run, run->error != 0 ? run->error : -ECANCELED);
	else if (find_rcpts(run))
		commit(run);
	else
		on_committed(run, -EADDRNOTAVAIL);
}

/* --- who wants it */

/* The addresses of the one record there is; none: "". */
static void
read_record(struct tlsrpt_run *run, const struct dns_answer *answer)
{
	char text[1024], memory[512];
	struct put to = put_init(run->to, sizeof run->to);
	struct put one = put_init(memory, sizeof memory);
	struct span record = SPAN("");
	size_t n = 0, at = 0;

	for (size_t i = 0; i < answer->record_n && n < 2; i++) {
		char other[sizeof text];
		struct span seen = span_of(other, dns_get_text(
		    &answer->record[i], other, sizeof other));

		if (!tlsrpt_record_is_one(seen) || n++ != 0)
			continue;
		memcpy(text, other, seen.len);
		record = span_of(text, seen.len);
	}
	for (size_t i = 0; n == 1 && i < TO_MAX &&
	    tlsrpt_record_next(record, &at, &one); i++) {
		struct addr addr;

		if (addr_parse(put_span(&one), &addr) != ADDR_OK ||
		    addr.is_utf8 || span_find(put_span(&one), ' ') !=
		    one.len || to.len + one.len + 2 > to.cap)
			continue;
		if (to.len != 0)
			put_char(&to, ' ');
		put_bytes(&to, put_span(&one));
	}
	(void)put_cstr(&to);
}

static void
on_txt(void *arg, const struct dns_answer *answer)
{
	struct tlsrpt_run *run = arg;
	const struct conf *conf = run->env.conf(run->env.arg);

	run->txt = NULL;
	if (answer->result == DNS_FAILED || answer->result == DNS_BOGUS) {
		say_none(run, answer->why);
		next(run);	/* the others; this one at the next tick */
		return;
	}
	read_record(run, answer);
	if (run->to[0] == '\0')
		say_none(run, "it does not ask for one");
	if (run->to[0] == '\0' || conf->tls_report_from[0] == '\0') {
		strike_out(run);
		return;
	}
	run->from = mem_copy(span_str(conf->tls_report_from));
	run->hostname = mem_copy(span_str(conf->hostname));
	run->now_ms = clock_real_ms();
	give_to_pool(run, write_mail, on_written);
	if (!run->is_busy)
		forget_report(run);
}

static void
ask(struct tlsrpt_run *run)
{
	char name[300];

	snprintf(name, sizeof name, "_smtp._tls.%s", run->due.domain);
	run->txt = dns_ask(run->env.link->resolve.dns, run->env.link->loop,
	    span_str(name), DNS_TXT, on_txt, run);
	if (run->txt == NULL)	/* too long to have one */
		strike_out(run);
}

/* --- the book */

static void
look(struct pool_job *job)
{
	struct tlsrpt_run *run = container_of(job, struct tlsrpt_run, job);

	if (run->due.day[0] == '\0')
		tlsrpt_save(run->book);
	run->has_due = run->wants_due && tlsrpt_next_due(run->book,
	    clock_real_ms() - run->delay_ms, &run->due);
}

static void
on_looked(struct pool_job *job)
{
	struct tlsrpt_run *run = container_of(job, struct tlsrpt_run, job);

	if (run->has_due && !run->is_stopping)
		ask(run);
	else
		rest(run);
}

static void
next(struct tlsrpt_run *run)
{
	give_to_pool(run, look, on_looked);
}

static void
on_time(struct timer *timer)
{
	struct tlsrpt_run *run = container_of(timer, struct tlsrpt_run,
	    timer);
	const struct conf *conf = run->env.conf(run->env.arg);

	run->book = run->env.link->book;
	run->wants_due = conf->tls_report_from[0] != '\0' &&
	    run->env.link->resolve.dns != NULL;
	run->delay_ms = crc32c(0, span_str(conf->hostname)) % SPREAD_S *
	    UINT64_C(1000);
	if (run->book == NULL) {
		rest(run);
		return;
	}
	run->is_busy = true;
	next(run);
}

/* --- public */

struct tlsrpt_run *
tlsrpt_run_new(const struct tlsrpt_run_env *env)
{
	struct tlsrpt_run *run = mem_new(sizeof *run);

	run->env = *env;
	run->timer.on_time = on_time;
	buf_init(&run->text, TEXT_MAX);
	arena_init(&run->arena, ARENA_MAX);
	forget_report(run);
	timer_set(env->link->loop, &run->timer, FIRST_MS);
	return run;
}

void
tlsrpt_run_stop(struct tlsrpt_run *run)
{
	run->is_stopping = true;
	timer_stop(run->env.link->loop, &run->timer);
	if (run->txt == NULL)
		return;
	dns_cancel(run->txt);
	run->txt = NULL;
	run->is_busy = false;
}

bool
tlsrpt_run_is_idle(const struct tlsrpt_run *run)
{
	return !run->is_busy;
}

void
tlsrpt_run_free(struct tlsrpt_run *run)
{
	if (run == NULL)
		return;
	forget_report(run);
	free(run);
}
