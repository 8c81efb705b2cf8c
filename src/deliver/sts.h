/* SPDX-License-Identifier: Apache-2.0 */
/* sts: the policies of MTA-STS (RFC 8461) that are known to this process, and
 * how they get here. One for all shards.
 *
 *   sts_ask ─► TXT _mta-sts ─► known, same id ──────────────► answer
 *                  │                                            ▲
 *                  └─► new id ─► a thread of ours: HTTPS ─► kept, on disk
 *
 * 1. No loop waits for the web: threads of our own do, a bounded number; who
 *    asks gets his answer later, and those that ask for the same domain share
 *    one request.
 * 2. A policy holds until its max_age, whatever happens to the name system and
 *    the web server meanwhile (RFC 8461 2, 3.3), and over a restart.
 * 3. Half-way to its end, or after a day, it is got again, beside the mail.
 * 4. What failed is not tried again for STS_SULK_MS.
 * 5. Memory is bounded: STS_DOMAINS of them, STS_OCTETS of text; the ones that
 *    were not asked for the longest go first. */
#ifndef DELIVER_STS_H
#define DELIVER_STS_H

#include "net/dns.h"
#include "smtp/sts.h"
#include "smtp/tlsrpt.h"

#define STS_SULK_MS 300000
#define STS_DOMAINS 4096
#define STS_OCTETS  ((size_t)16 << 20)

struct sts;

struct sts_options {
	struct dns *dns;		/* lives as long */
	const char *folder;		/* of files; copied */
	const char *ca_file;		/* NULL: the system's; copied */
};

/* NULL if there cannot be threads. Reads the folder. */
struct sts *sts_new(const struct sts_options *options);
/* Ends the threads; who asks from now on is told that there is no policy known
 * and none to be had (`is_later`). While the loops that asked still are. */
void sts_stop(struct sts *sts);
/* After sts_stop(), and all loops that asked. Both may get NULL. */
void sts_free(struct sts *sts);

/* A policy, shared and never changed. */
struct sts_copy {
	struct sts_policy policy;
	char id[STS_ID_MAX + 1];
	uint64_t fetched_at, expires_at;	/* ms since 1970 */
	/* private */
	_Atomic unsigned refs;
	char *text;
};
struct sts_copy *sts_copy_ref(struct sts_copy *copy);
void sts_copy_unref(struct sts_copy *copy);	/* may be NULL */

struct sts_answer {
	struct sts_copy *copy;		/* NULL: none is in force. Keep it by
					 * sts_copy_ref() */
	bool is_later;			/* we are going down */
	enum tlsrpt_result trouble;	/* with the policy that should be had */
	const char *why;		/* of that, in words, or "" */
};
typedef void sts_done(void *arg, const struct sts_answer *answer);

struct sts_query;
/* `domain` is in compared form. `done` is called once, never from inside, with
 * a value that lives as long as the call. */
struct sts_query *sts_ask(struct sts *sts, struct loop *loop,
    const char *domain, sts_done *done, void *arg);
/* Not after `done`; may be NULL. */
void sts_cancel(struct sts_query *query);

#endif
