/* SPDX-License-Identifier: Apache-2.0 */
/* trail: what happened to every message and session, kept for people who ask
 * later. Any thread tells an event; one thread of its own writes them into a
 * database, in batches.
 *
 * 1. trail_event() never waits: it copies the event into a bounded ring. What
 *    does not fit is dropped and counted, and the count becomes an event.
 * 2. Secrets are never handed to it; texts of strangers may be, as they are.
 * 3. Without trail_start() every call is free and does nothing.
 * 4. A database that fails stops nothing: what could not be written is
 *    counted, logged, and tried no more until the next batch. */
#ifndef TRAIL_TRAIL_H
#define TRAIL_TRAIL_H

#include <stdint.h>

#include "base/span.h"

/* The numbers are on disk: never give one a new meaning. */
enum trail_kind {
	/* of a session */
	TRAIL_CONNECT = 1,	/* peer; name: the listener */
	TRAIL_TLS = 2,		/* facts: version and cipher */
	TRAIL_LOGIN = 3,	/* name: who; facts: mechanism */
	TRAIL_LOGIN_FAILED = 4,	/* the same; words: why */
	TRAIL_REFUSED = 5,	/* name: the address; facts: "mail", "rcpt",
				 * "message", "session"; words: our reply */
	TRAIL_END = 6,		/* words: how; number: mails */
	/* of a message */
	TRAIL_ACCEPTED = 16,	/* peer; name: the login; from, to; number:
				 * octets; facts: TLS; words: Message-ID */
	TRAIL_NOT_STORED = 17,	/* words: why */
	TRAIL_DELIVERED = 18,	/* to, peer: the mailbox */
	TRAIL_RELAYED = 19,	/* to; peer: the host; facts: TLS, DANE …;
				 * words: its reply */
	TRAIL_LATER = 20,	/* the same; words: reply or reason; number:
				 * when next, ms since 1970, or 0 */
	TRAIL_FAILED = 21,	/* the same, for good */
	TRAIL_EXPIRED = 22,	/* to; words */
	TRAIL_BOUNCED = 23,	/* other: the notice's id; to: who gets it */
	TRAIL_DELAY_TOLD = 24,	/* the same for a warning of delay */
	TRAIL_WAITING = 25,	/* words: for what */
	TRAIL_OPERATOR = 26,	/* facts: "hold", "release" …; name: who */
	TRAIL_GONE = 27,	/* nothing is left to do */
	/* of us */
	TRAIL_LOST = 64,	/* number: events that were dropped */
	TRAIL_STARTED = 65,	/* words: version */
	TRAIL_STOPPED = 66
};

/* What is empty or 0 is not told. Spans are copied, and cut at 1024 octets
 * each (`to` at 4096). */
struct trail_event {
	enum trail_kind kind;
	uint64_t at_ms;		/* 0: now */
	uint64_t session;	/* its id, as it stands in the log */
	uint64_t message;	/* spool id */
	uint64_t other;		/* a second message */
	uint64_t number;
	struct span peer;	/* "192.0.2.1", "mx.example.net [192.0.2.1]" */
	struct span name;
	struct span from;
	struct span to;		/* addresses with a space between */
	struct span facts;
	struct span words;	/* what the other side said, or why */
};

/* Any thread. */
void trail_event(const struct trail_event *event);
/* False: nobody listens, there is no need to make up an event. */
bool trail_is_on(void);

struct trail_options {
	const char *file;	/* made if missing, mode 0640 */
	uint64_t keep_ms;	/* older events go */
	uint64_t size_max;	/* above, the oldest go */
	size_t ring_len;	/* octets of the rings; 0: 8 MiB */
};

/* Opens the database and starts the writer: 0, or -1 with a sentence in
 * `error`. One trail a process. */
int trail_start(const struct trail_options *options, char *error,
    size_t error_len);
/* Writes what is in the rings and ends. Nobody tells events any more. */
void trail_stop(void);
/* Waits until what was told before this call is in the database (tests, and
 * whoever is asked for a story that is a moment old). */
void trail_flush(void);
/* Events told, dropped since the start. */
void trail_counts(uint64_t *told, uint64_t *dropped);

#endif
