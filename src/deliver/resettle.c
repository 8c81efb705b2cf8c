/* SPDX-License-Identifier: Apache-2.0 */
/* resettle: see resettle.h. */
#include "deliver/resettle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "mail/trace.h"

#define AGAIN_MS 1000

struct unwritten {
	struct delivery *delivery;
	struct store_settle settle;	/* its arrays are ours */
	store_done *done;
	void *arg;
	struct timer timer;
	bool is_waiting;		/* stands in the list */
	struct unwritten *next, **prev;
};

static void
join(struct unwritten *one)
{
	struct delivery *delivery = one->delivery;

	one->is_waiting = true;
	one->next = delivery->unwritten;
	one->prev = &delivery->unwritten;
	if (one->next != NULL)
		one->next->prev = &one->next;
	delivery->unwritten = one;
}

static void
leave(struct unwritten *one)
{
	one->is_waiting = false;
	*one->prev = one->next;
	if (one->next != NULL)
		one->next->prev = one->prev;
}

static void
end(struct unwritten *one, int result)
{
	struct delivery *delivery = one->delivery;

	timer_stop(delivery->loop, &one->timer);
	if (one->is_waiting)
		leave(one);
	one->done(one->arg, result);
	free((void *)(uintptr_t)one->settle.rcpt);
	free((void *)(uintptr_t)one->settle.outcome);
	free((void *)(uintptr_t)one->settle.reason.p);
	free(one);
	delivery_plan(delivery);
}

static void
tell(const struct unwritten *one, int result)
{
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, one->settle.id);
	log_error("settle-waits", LOG_S("id", put_span(&put)),
	    LOG_ERRNO(result));
}

static void
on_settled(void *arg, int result)
{
	struct unwritten *one = arg;

	if (result == 0 || one->settle.rcpt_n == 0 ||
	    one->delivery->is_stopped) {
		end(one, result);
		return;
	}
	if (!one->is_waiting) {
		tell(one, result);
		join(one);
	}
	timer_set(one->delivery->loop, &one->timer, AGAIN_MS);
}

static void
on_time(struct timer *timer)
{
	struct unwritten *one = container_of(timer, struct unwritten, timer);

	store_settle(one->delivery->store, &one->settle, on_settled, one);
}

static void *
copy(const void *from, size_t len)
{
	return len != 0 ? memcpy(mem_new(len), from, len) : NULL;
}

void
resettle(struct delivery *delivery, const struct store_settle *settle,
    store_done *done, void *arg)
{
	struct unwritten *one = mem_new(sizeof *one);

	one->delivery = delivery;
	one->done = done;
	one->arg = arg;
	one->timer.on_time = on_time;
	one->settle = *settle;
	one->settle.rcpt = copy(settle->rcpt,
	    settle->rcpt_n * sizeof *settle->rcpt);
	one->settle.outcome = copy(settle->outcome,
	    settle->rcpt_n * sizeof *settle->outcome);
	one->settle.reason = span_of(copy(settle->reason.p,
	    settle->reason.len), settle->reason.len);
	store_settle(delivery->store, &one->settle, on_settled, one);
}

void
resettle_stop(struct delivery *delivery)
{
	struct unwritten *one, *next;

	must(delivery->is_stopped);
	for (one = delivery->unwritten; one != NULL; one = next) {
		next = one->next;
		/* the store has the others, and hands them back */
		if (timer_is_set(&one->timer))
			end(one, -EIO);
	}
}
