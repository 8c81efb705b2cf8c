/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt: the book of what became of TLS towards other domains, day by day (of
 * UTC), from which the reports of RFC 8460 are made. One for all shards.
 *
 * 1. tlsrpt_note() counts in memory, under a lock that nobody holds for long.
 *    What it counted is on disk at the latest one tlsrpt_save() later; a crash
 *    loses what came since.
 * 2. Bounded: TLSRPT_DOMAINS a day, TLSRPT_POLICIES a domain, TLSRPT_DETAILS
 *    and TLSRPT_OCTETS a policy; what is more is counted in the sums only, or
 *    not at all. A day is kept for TLSRPT_DAYS.
 * 3. Texts of strangers are made printable before they are kept. */
#ifndef DELIVER_TLSRPT_H
#define DELIVER_TLSRPT_H

#include <stdint.h>

#include <jansson.h>

#include "base/span.h"
#include "smtp/tlsrpt.h"

#define TLSRPT_DOMAINS  4096
#define TLSRPT_POLICIES 4
#define TLSRPT_DETAILS  32
#define TLSRPT_OCTETS   4096	/* of a policy's own text */
#define TLSRPT_DAYS     3

struct tlsrpt;

/* Reads what is in `folder`, which is made when it is needed. */
struct tlsrpt *tlsrpt_new(const char *folder);
/* Saves first. May be NULL. */
void tlsrpt_free(struct tlsrpt *book);

/* A session's attempt at TLS, or why there was none. */
struct tlsrpt_session {
	const char *domain;		/* of the recipients */
	enum tlsrpt_kind kind;		/* of the policy it was judged by */
	struct span policy;		/* its lines */
	enum tlsrpt_result result;
	const char *host;		/* the MX; "": none was chosen */
	const char *address;		/* its; "" */
	const char *local;		/* ours; "" */
	const char *why;		/* in words; "" */
};
/* Any thread. */
void tlsrpt_note(struct tlsrpt *book, const struct tlsrpt_session *session);

/* Writes what is new, and forgets days that are too old. It stops its thread;
 * one at a time. */
void tlsrpt_save(struct tlsrpt *book);
/* All there is: { day: { domain: { name: policy } } }, the policies as they
 * stand in a report. The caller's. */
json_t *tlsrpt_show(struct tlsrpt *book);

struct tlsrpt_due {
	char day[16];			/* "2026-11-21" */
	char domain[256];
};
/* The next domain of a day before `now_ms`'s that was not reported, behind
 * `*due` (empty: the first); false at the end. */
bool tlsrpt_next_due(struct tlsrpt *book, uint64_t now_ms,
    struct tlsrpt_due *due);
/* What is to be reported of it, an array of policies; the caller's. */
json_t *tlsrpt_policies(struct tlsrpt *book, const struct tlsrpt_due *due);
/* It was reported, or nobody wants to hear of it. */
void tlsrpt_done(struct tlsrpt *book, const struct tlsrpt_due *due);

#endif
