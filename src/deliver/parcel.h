/* SPDX-License-Identifier: Apache-2.0 */
/* parcel: a message while it is tried: what is known of it, and what became of
 * each of its recipients so far. Made on a thread of the pool, filled there and
 * on the loop, never by both at once. What waits is not kept: a message that
 * is not being tried costs its place in the schedule and nothing else. */
#ifndef DELIVER_PARCEL_H
#define DELIVER_PARCEL_H

#include "base/arena.h"
#include "conf/conf.h"
#include "deliver/release.h"
#include "deliver/route.h"
#include "mail/envelope.h"
#include "smtp/answer.h"
#include "smtp/param.h"
#include "spool/store.h"

#define PARCEL_WORDS_MAX 1024	/* octets of a reply that are kept */
#define PARCEL_TEXT_MAX  ((size_t)64 << 10)	/* texts up to here are kept in
						 * memory */

enum fate {
	FATE_OPEN,		/* not yet decided */
	FATE_SETTLED,		/* by an earlier attempt */
	FATE_DELIVERED,		/* into a mailbox */
	FATE_RELAYED,		/* taken by another server */
	FATE_DISCARDED,		/* as the configuration wants */
	FATE_FAILED,		/* for good */
	FATE_EXPIRED,		/* for good: too old */
	FATE_LATER,		/* to be tried again */
	FATE_WAITING,		/* there is no way for it as configured */
	FATE_PARKED		/* waits for its turn in a lane, which knows */
};

struct outcome {
	enum fate fate;
	unsigned char stage;	/* enum explain_stage */
	bool is_theirs;		/* `words` are another server's */
	bool has_dsn;		/* relayed to a server that tells by itself
				 * what becomes of it */
	bool has_by;		/* and that knows until when */
	bool is_told;		/* settled in the middle of the attempt */
	bool is_local;		/* about a mailbox of ours */
	unsigned code;		/* of the reply; 0: none */
	uint16_t status[3];	/* RFC 3463 */
	struct span words;	/* the reply's lines, or ours */
	struct span host;	/* "mx.example.net [192.0.2.1]:25"; "": us */
	struct span name;	/* "mx.example.net" */
	struct span tls;	/* "TLSv1.3 TLS_…, DANE"; "" in clear */
};

struct parcel {
	struct store_pin pin;
	struct store *store;
	struct conf *conf;	/* by which it is tried */
	unsigned era;		/* of the delivery, when it was begun */
	struct release *release;	/* by which it goes, or NULL; ours */
	struct arena arena;
	struct envelope envelope;
	struct outcome *outcome;	/* envelope.rcpt_n of them */
	struct route_target **target;	/* of those for other servers */
	char *text;		/* the whole of it if it is small, else NULL */
	bool has_8bit, has_8bit_header;	/* found in the text */
	bool is_again;		/* tried before */
	unsigned transfers_n;	/* under way */
	uint64_t due_ms;	/* when this attempt was due, as settled by
				 * the last one; 0: it is the first */
	uint64_t progress_at;	/* when something was settled last */
	bool is_wanted;		/* somebody asked for it meanwhile */
	void *owner;
};

/* 0, -EBADMSG, -ENOMEM; `*out` is then NULL. Takes a reference to `conf`. */
int parcel_new(const struct store_pin *pin, struct span envelope,
    const struct conf *conf, struct parcel **out);
/* The pin is its taker's. */
void parcel_free(struct parcel *parcel);
/* Reads what delivery to another server wants to know of the text: 0 or
 * -errno. On a thread of the pool. */
int parcel_read_text(struct parcel *parcel, struct store *store);

/* Decides; text is copied (and cut). */
void parcel_set(struct parcel *parcel, uint32_t rcpt,
    const struct outcome *outcome);
/* Is the time over that its sender gave it (BY, RFC 2852), and what did he
 * want then? PARAM_BY_NONE: it is not, or there is none. */
enum param_by parcel_overdue(const struct envelope *envelope, uint64_t now_ms);
/* Is this the attempt that tells him? */
bool parcel_is_by_news(const struct parcel *parcel, uint64_t now_ms);
/* What becomes of a recipient whose mail is to go back then. */
struct outcome parcel_too_late(void);
bool parcel_is_too_late(const struct outcome *outcome);
/* How many of this fate there are. */
size_t parcel_count(const struct parcel *parcel, enum fate fate);
/* An outcome of our own words: "4.4.1". */
struct outcome parcel_outcome(enum fate fate, unsigned class, unsigned subject,
    unsigned detail, const char *words);

#endif
