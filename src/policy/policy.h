/* SPDX-License-Identifier: Apache-2.0 */
/* policy: one function per question of the dialogue; the answer is a reply.
 * No I/O of its own beyond the tables it is given. */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/arena.h"
#include "conf/conf.h"
#include "mail/envelope.h"
#include "policy/alias.h"
#include "policy/limit.h"
#include "smtp/server.h"
#include "user/user.h"

/* What the answers depend on; one a session, the session keeps it filled. */
struct policy {
	const struct conf *conf;
	const struct conf_listener *listener;
	struct user_db *users;			/* NULL: none */
	const struct alias_table *aliases;	/* NULL: none */
	struct span client;			/* address, as bytes (4, 16) */
	struct span login;			/* empty: not logged in */
	char text[ADDR_MAX + 1];		/* the address in the reply */
};

/* Each fills `*reply` (its spans point into `policy`) and returns whether the
 * answer is good. */
bool policy_mail(struct policy *policy, const struct smtp_event *event,
    struct reply *reply);

/* Follows aliases, plus-addressing and catch-all; appends the final recipients
 * to `*list` (in `arena`; grown by copying). Duplicates of what is in the list
 * are not added twice. */
struct policy_rcpts {
	struct envelope_rcpt *rcpt;
	size_t n, cap;
};
bool policy_rcpt(struct policy *policy, const struct smtp_event *event,
    struct arena *arena, struct policy_rcpts *list, struct reply *reply);

/* The same for mail of our own (notices): the final recipients of an address
 * of whosever; listener, login and client are not looked at. False: nobody. */
bool policy_expand(const struct policy *policy, struct span address,
    struct arena *arena, struct policy_rcpts *list);

/* May this session send to the outside? */
bool policy_may_relay(const struct policy *policy);
/* The same for ETRN. */
bool policy_may_etrn(const struct policy *policy);

#endif
