/* SPDX-License-Identifier: Apache-2.0 */
/* bounce: notices to the sender about what became of a parcel's recipients
 * (mail/dsn.h): who wants one is asked by NOTIFY (RFC 3461), and by default
 * failures and one delay are told.
 *
 * 1. A notice is a message of its own, durable in the spool before anything of
 *    the parcel is settled: a crash in between means a second notice, never
 *    none.
 * 2. Mail of the null sender is never answered: its failure stands in the log
 *    (and the trail), and the mail is dropped. Notices are such mail.
 * 3. The message comes back whole up to `bounce-size`, else its header only. */
#ifndef DELIVER_BOUNCE_H
#define DELIVER_BOUNCE_H

#include "deliver/parcel.h"
#include "net/pool.h"

/* The rest of the daemon, as far as notices need it. */
struct bounce_env {
	struct loop *loop;
	struct pool *pool;
	/* Where mail to this address goes: aliases and mailboxes of ours
	 * followed; in `arena`. False: nowhere. */
	bool (*find)(void *arg, struct span address, struct arena *arena,
	    struct envelope_rcpt **rcpt, size_t *n);
	/* A notice is in the spool. */
	void (*stored)(void *arg, struct store *store,
	    const struct store_entry *entry, const struct envelope *envelope);
	void *arg;
};

/* Is there somebody to be told of something? */
bool bounce_is_due(const struct parcel *parcel, uint64_t now_ms);
/* Makes the notice; `done` is called on the loop: 0 (durable, or nobody can be
 * told), or -errno. Not from inside. */
void bounce_begin(const struct bounce_env *env, struct parcel *parcel,
    void (*done)(void *arg, struct parcel *parcel, int result), void *arg);

#endif
