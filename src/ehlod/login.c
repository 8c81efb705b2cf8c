/* SPDX-License-Identifier: Apache-2.0 */
/* login: see login.h. */
#include "ehlod/login.h"

#include <stdlib.h>

#include "base/buf.h"

struct login {
	struct pool_job job;	/* first: the pool gives it back */
	struct shard *shard;
	struct snapshot *snapshot;
	login_verdict *verdict;
	void *arg;
	bool is_checking, is_orphan;
	bool accepts_any;
	enum user_verdict result;
	struct sasl_server sasl;
};

static void
destroy(struct login *login)
{
	sasl_server_wipe(&login->sasl);
	snapshot_unref(login->snapshot);
	free(login);
}

/* On a thread of the pool. */
static void
check_password(struct pool_job *job)
{
	struct login *login = (struct login *)job;
	const struct sasl_server *sasl = &login->sasl;

	login->result = user_verify(login->snapshot->users,
	    span_str(sasl->authcid),
	    span_of(sasl->password, sasl->password_len));
}

static struct login_answer
refusal(enum reply_id id, const char *why)
{
	return (struct login_answer){ .reply = { .id = id }, .why = why };
}

static struct login_answer
good(void)
{
	return (struct login_answer){ .reply = { .id = REPLY_AUTH_OK },
		.is_good = true };
}

static void
checked(struct pool_job *job)
{
	struct login *login = (struct login *)job;
	struct shard *shard = login->shard;
	struct login_answer answer;

	shard->logins_running--;
	login->is_checking = false;
	if (login->is_orphan) {
		destroy(login);
		shard_work_gone(shard);
		return;
	}
	if (login->result == USER_BROKEN)
		answer = refusal(REPLY_AUTH_TEMP,
		    user_verdict_text(login->result));
	else if (sasl_server_checked(&login->sasl,
	    login->result == USER_OK, false) == SASL_DONE)
		answer = good();
	else
		answer = refusal(REPLY_AUTH_FAILED,
		    login->result == USER_OK ? login->sasl.why
		    : user_verdict_text(login->result));
	login->verdict(login->arg, &answer);
}

struct login *
login_new(struct shard *shard, struct snapshot *snapshot,
    struct span mechanism, login_verdict *verdict, void *arg)
{
	const struct sasl_mech *mech = sasl_mech_find(mechanism);
	struct login *login;

	if (mech == NULL)
		return NULL;
	login = mem_new(sizeof *login);
	login->job.work = check_password;
	login->job.done = checked;
	login->shard = shard;
	login->snapshot = snapshot_ref(snapshot);
	login->verdict = verdict;
	login->arg = arg;
	sasl_server_init(&login->sasl, mech);
	return login;
}

void
login_accept_any(struct login *login)
{
	login->accepts_any = true;
}

enum login_result
login_step(struct login *login, const struct span *response,
    struct login_answer *answer)
{
	*answer = (struct login_answer){ .why = NULL };
	switch (sasl_server_step(&login->sasl, response,
	    &answer->challenge)) {
	case SASL_CHALLENGE:
		return LOGIN_CHALLENGE;
	case SASL_CHECK_PASSWORD:
		if (login->accepts_any) {
			(void)sasl_server_checked(&login->sasl, true, true);
			*answer = good();
			return LOGIN_DONE;
		}
		if (login->snapshot->users == NULL) {
			*answer = refusal(REPLY_AUTH_TEMP, "no accounts");
			return LOGIN_DONE;
		}
		if (pool_add(login->shard->shared->login_pool,
		    login->shard->loop, &login->job) != 0) {
			*answer = refusal(REPLY_AUTH_BUSY,
			    "too many logins at once");
			return LOGIN_DONE;
		}
		login->is_checking = true;
		login->shard->logins_running++;
		return LOGIN_WAIT;
	case SASL_DONE:
		*answer = good();
		return LOGIN_DONE;
	case SASL_NEED_CREDENTIALS:	/* nobody has any yet */
	case SASL_REFUSED:
		*answer = refusal(REPLY_AUTH_FAILED, login->sasl.why);
		return LOGIN_DONE;
	case SASL_MALFORMED:
		*answer = refusal(REPLY_AUTH_MALFORMED,
		    "not what the mechanism sends");
		return LOGIN_DONE;
	}
	return LOGIN_DONE;
}

struct span
login_name(const struct login *login)
{
	return span_str(login->sasl.authcid);
}

struct span
login_identity(const struct login *login)
{
	return span_str(login->sasl.authzid[0] != '\0'
	    ? login->sasl.authzid : login->sasl.authcid);
}

const char *
login_mechanism(const struct login *login)
{
	return login->sasl.mech->name;
}

void
login_free(struct login *login)
{
	if (login == NULL)
		return;
	if (login->is_checking)
		login->is_orphan = true;
	else
		destroy(login);
}
