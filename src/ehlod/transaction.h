/* SPDX-License-Identifier: Apache-2.0 */
/* transaction: one mail on its way in, from MAIL to the durable write. It may
 * outlive its session: once it is handed to the store it will be delivered,
 * whether or not anybody is still there to be told. */
#ifndef EHLOD_TRANSACTION_H
#define EHLOD_TRANSACTION_H

#include "base/arena.h"
#include "ehlod/shard.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "policy/policy.h"
#include "spool/store.h"

struct transaction {
	struct shard *shard;
	struct session *session;	/* NULL: it has gone */
	struct snapshot *snapshot;
	struct arena arena;
	struct envelope envelope;
	struct policy_rcpts rcpts;
	struct store_msg *msg;		/* NULL before DATA and after commit */
	uint64_t id, session_number;
	bool is_committing;
	bool is_paused;			/* waits for the store to drain */
	/* Instead of the delivery: the store's word. If it is good the mail
	 * waits for transaction_deliver(). */
	void (*stored)(void *arg, int result);
	void *stored_arg;
	struct header_reader header;
	/* From begin_text on, to add what a submitted message lacks. */
	char date[64], message_id[320], from[ADDR_MAX + 16];
};

/* What the session knows and the envelope keeps. Spans are copied. */
struct transaction_facts {
	struct span listener, session, login, client, hello, tls;
	uint64_t session_number;	/* as `session` */
	bool is_extended, is_lmtp, is_utf8;
};

struct transaction *transaction_new(struct shard *shard,
    struct session *session, struct snapshot *snapshot,
    const struct smtp_event *mail);
/* The recipients are known, the text is about to come: opens the message and
 * writes its Received. False with the refusal in `*reply`. */
bool transaction_begin_text(struct transaction *t,
    const struct transaction_facts *facts, struct reply *reply);
/* What the store's -errno means to the peer. */
struct reply transaction_refusal(int error);
void transaction_write(struct transaction *t, struct span bytes);
/* The text is whole. True: it is on its way to disk and session_committed()
 * will be called; false with the refusal in `*reply`. */
bool transaction_commit(struct transaction *t, struct reply *reply);
/* Abandons what is not committed; a committing one only loses its session. */
void transaction_over(struct transaction *t);

/* After `stored` was told 0: it may be delivered; `t` is gone. */
void transaction_deliver(struct transaction *t);

/* session.c: the store's word on the commit. 0: durable. */
void session_committed(struct session *session, uint64_t id, int result);
/* session.c: the store has room again. */
void session_drained(struct session *session);

#endif
