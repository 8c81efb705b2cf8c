/* SPDX-License-Identifier: Apache-2.0 */
/* control_tls: "tls": what became of TLS towards other domains, from the book
 * that reports are made of: an item a policy, those with failures first, the
 * last day first, at most SHOWN of them, and no more than a client is sent
 * at once. */
#include "ehlod/control.h"

#include <stdlib.h>

#include "base/buf.h"
#include "deliver/tlsrpt.h"

#define SHOWN 200

struct line {
	const char *day, *domain;
	json_t *policy;
	json_int_t failures;
};

static json_int_t
failures_of(const json_t *policy)
{
	return json_integer_value(json_object_get(json_object_get(policy,
	    "summary"), "total-failure-session-count"));
}

static int
compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = (x->failures == 0) - (y->failures == 0);

	if (order == 0)
		order = strcmp(y->day, x->day);
	if (order == 0)
		order = (x->failures < y->failures) -
		    (x->failures > y->failures);
	return order != 0 ? order : strcmp(x->domain, y->domain);
}

/* The lines of the book, which stays whole; the caller's to free. */
static struct line *
lines_of(json_t *book, size_t *n)
{
	struct line *lines = NULL;
	size_t room = 0;
	const char *day, *domain, *key;
	json_t *domains, *policies, *policy;

	*n = 0;
	json_object_foreach(book, day, domains)
		json_object_foreach(domains, domain, policies)
			json_object_foreach(policies, key, policy) {
				if (*n == room) {
					room = 2 * room + 64;
					lines = mem_grow_array(lines, room,
					    sizeof *lines);
				}
				lines[(*n)++] = (struct line){ day, domain,
					policy, failures_of(policy) };
			}
	if (*n != 0)
		qsort(lines, *n, sizeof *lines, compare);
	return lines;
}

static void
run_tls(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct tlsrpt *of = control->shared->outside.book;
	json_t *book = of != NULL ? tlsrpt_show(of) : json_object();
	size_t n, shown;
	struct line *lines = lines_of(book, &n);

	for (shown = 0; shown < n && shown < SHOWN && !ctl_is_full(call);
	    shown++) {
		const struct line *line = &lines[shown];

		ctl_item_json(call, json_pack("{s:s,s:s,s:O}",
		    "day", line->day, "domain", line->domain,
		    "report", line->policy));
	}
	free(lines);
	json_decref(book);
	ctl_end(call, json_pack("{s:I}", "left",
	    (json_int_t)(n - shown)));
}

static const struct ctl_request rows[] = {
	{ .name = "tls", .run = run_tls },
};
const struct control_rows control_tls_rows = { rows, countof(rows) };
