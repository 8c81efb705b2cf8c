/* SPDX-License-Identifier: Apache-2.0 */
/* login: the AUTH exchange of one session: the mechanism's steps here, what
 * takes time (password hashes, Kerberos) in a pool. May outlive its session
 * while a piece of work runs. */
#ifndef EHLOD_LOGIN_H
#define EHLOD_LOGIN_H

#include "ehlod/shard.h"
#include "sasl/sasl.h"

struct login;

enum login_result {
	LOGIN_CHALLENGE,	/* say `challenge` */
	LOGIN_WAIT,		/* on_verdict comes */
	LOGIN_DONE,		/* say `reply` (it may be good) */
};

struct login_answer {
	enum login_result result;
	struct span challenge;
	struct reply reply;
	bool is_good;
	const char *why;	/* for the log if it is not good */
};

/* Called on the loop's thread when work is over, with CHALLENGE or DONE. */
typedef void login_verdict(void *arg, const struct login_answer *answer);

struct login_start {
	struct shard *shard;
	struct snapshot *snapshot;
	const struct snapshot_listener *listener;
	const struct conn *conn;	/* its channel bindings; looked at only
					 * by login_new() */
	login_verdict *verdict;
	void *arg;
};

/* NULL if there is no such mechanism. */
struct login *login_new(const struct login_start *start,
    struct span mechanism);
/* Every password is right, whoever it is: where mail is only captured. (Only
 * of mechanisms that show it; a proof cannot be of any.) */
void login_accept_any(struct login *login);
void login_step(struct login *login, const struct span *response,
    struct login_answer *answer);
/* Who tries, as far as it is known; for the log. */
struct span login_name(const struct login *login);
/* The identity to act as after a good answer. */
struct span login_identity(const struct login *login);
const char *login_mechanism(const struct login *login);
/* Ends it; running work goes on, nobody is told. */
void login_free(struct login *login);

#endif
