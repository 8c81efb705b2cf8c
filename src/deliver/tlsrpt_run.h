/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt_run: what is done with the book of TLS: it is saved every minute, and
 * once a day is over, each of its domains is asked (TXT _smtp._tls, RFC 8460 3)
 * whether it wants to hear of it; the report goes into the queue as mail. One a
 * process, on the loop of one shard.
 *
 * 1. A day is reported once: a domain is struck out when its report is durable,
 *    or when it wants none. A crash in between means a second report.
 * 2. A report is sent without notices about what becomes of it, and whatever
 *    the domain's TLS is like: what is wrong with it is what is told.
 * 3. Reports begin up to four hours behind midnight (UTC), at a time of this
 *    host's own: not all servers of the world come at once. */
#ifndef DELIVER_TLSRPT_RUN_H
#define DELIVER_TLSRPT_RUN_H

#include "deliver/bounce.h"
#include "deliver/link.h"

struct tlsrpt_run;

struct tlsrpt_run_env {
	const struct link_env *link;	/* its book and resolver may come
					 * later */
	const struct bounce_env *notices;	/* the way into the queue */
	struct store *store;
	/* The configuration in force. */
	const struct conf *(*conf)(void *arg);
	/* It has come to rest behind tlsrpt_run_stop(). */
	void (*rests)(void *arg);
	void *arg;
};

struct tlsrpt_run *tlsrpt_run_new(const struct tlsrpt_run_env *env);
/* Nothing new is begun. */
void tlsrpt_run_stop(struct tlsrpt_run *run);
bool tlsrpt_run_is_idle(const struct tlsrpt_run *run);
/* Idle, or the loop and the pool are not run again. May be NULL. */
void tlsrpt_run_free(struct tlsrpt_run *run);

#endif
