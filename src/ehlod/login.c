/* SPDX-License-Identifier: Apache-2.0 */
/* login: see login.h. */
#include "ehlod/login.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"

#define FILETIME_1970 UINT64_C(116444736000000000)	/* MS-DTYP 2.3.3 */

/* RFC 9266 and 5929, the best first. */
static const char *const binding_types[] = { "tls-exporter", "tls-unique",
	"tls-server-end-point" };
_Static_assert(countof(binding_types) <= SASL_BINDINGS_MAX, "they fit");

struct login {
	struct pool_job job;	/* first: the pool gives it back */
	struct shard *shard;
	struct snapshot *snapshot;
	login_verdict *verdict;
	void *arg;
	bool is_working, is_orphan;
	bool accepts_any;
	enum user_verdict checked;	/* of the password */
	enum user_verdict known;	/* of the name; OK until it is asked */
	struct gss *gss;
	/* a step in the pool */
	char *response;
	struct span response_span, out;
	bool has_response;
	enum sasl_result stepped;
	unsigned char binding[countof(binding_types)][TLS_BINDING_MAX];
	struct sasl_server sasl;
};

static void
forget_response(struct login *login)
{
	if (login->response != NULL)
		mem_wipe(login->response, login->response_span.len);
	free(login->response);
	login->response = NULL;
}

static void
destroy(struct login *login)
{
	forget_response(login);
	gss_free(login->gss);
	sasl_server_wipe(&login->sasl);
	snapshot_unref(login->snapshot);
	free(login);
}

/* --- answers */

static void
answer_done(struct login_answer *answer, enum reply_id id, const char *why)
{
	*answer = (struct login_answer){ .result = LOGIN_DONE,
		.reply = { .id = id }, .is_good = why == NULL, .why = why };
}

/* Whom the log blames: who is not there cannot have a wrong password. */
static const char *
why_refused(const struct login *login)
{
	return login->known == USER_OK ? login->sasl.why
				       : user_verdict_text(login->known);
}

static void
start_work(struct login *login, void (*work)(struct pool_job *job),
    struct login_answer *answer)
{
	login->job.work = work;
	if (pool_add(login->shard->shared->login_pool, login->shard->loop,
	    &login->job) != 0) {
		answer_done(answer, REPLY_AUTH_BUSY, "too many logins at once");
		return;
	}
	login->is_working = true;
	login->shard->logins_running++;
	*answer = (struct login_answer){ .result = LOGIN_WAIT };
}

/* On a thread of the pool. */
static void
check_password(struct pool_job *job)
{
	struct login *login = (struct login *)job;
	const struct sasl_server *sasl = &login->sasl;

	login->checked = user_verify(login->snapshot->users,
	    span_str(sasl->authcid),
	    span_of(sasl->password, sasl->password_len));
}

/* What is stored about the name, or made up; then on. */
static enum sasl_result
look_up(struct login *login, struct span *out)
{
	struct sasl_credentials known;
	enum sasl_result result;

	login->known = user_credentials(login->snapshot->users,
	    span_str(login->sasl.authcid), &known);
	result = sasl_server_known(&login->sasl, &known, out);
	mem_wipe(&known, sizeof known);
	return result;
}

/* What a step's result means for the session. */
static void
conclude(struct login *login, enum sasl_result result, struct span out,
    struct login_answer *answer)
{
	if (result == SASL_CHECK_PASSWORD && login->accepts_any)
		result = sasl_server_checked(&login->sasl, true, true);
	if (login->snapshot->users == NULL && (result == SASL_CHECK_PASSWORD ||
	    result == SASL_NEED_CREDENTIALS)) {
		answer_done(answer, REPLY_AUTH_TEMP, "no accounts");
		return;
	}
	if (result == SASL_NEED_CREDENTIALS)
		result = look_up(login, &out);
	switch (result) {
	case SASL_CHALLENGE:
		*answer = (struct login_answer){ .result = LOGIN_CHALLENGE,
			.challenge = out };
		return;
	case SASL_CHECK_PASSWORD:
		start_work(login, check_password, answer);
		return;
	case SASL_DONE:
		answer_done(answer, REPLY_AUTH_OK, NULL);
		return;
	case SASL_REFUSED:
		answer_done(answer, REPLY_AUTH_FAILED, why_refused(login));
		return;
	case SASL_NEED_CREDENTIALS:	/* once is enough */
	case SASL_MALFORMED:
		answer_done(answer, REPLY_AUTH_MALFORMED,
		    "not what the mechanism sends");
		return;
	}
}

static void
conclude_password(struct login *login, struct login_answer *answer)
{
	login->known = login->checked;
	if (login->checked == USER_BROKEN)
		answer_done(answer, REPLY_AUTH_TEMP,
		    user_verdict_text(login->checked));
	else
		conclude(login, sasl_server_checked(&login->sasl,
		    login->checked == USER_OK, false), SPAN(""), answer);
}

/* On a thread of the pool: Kerberos reads files. */
static void
run_step(struct pool_job *job)
{
	struct login *login = (struct login *)job;

	login->stepped = sasl_server_step(&login->sasl,
	    login->has_response ? &login->response_span : NULL, &login->out);
}

/* On the loop's thread again. */
static void
worked(struct pool_job *job)
{
	struct login *login = (struct login *)job;
	struct shard *shard = login->shard;
	struct login_answer answer;

	shard->logins_running--;
	login->is_working = false;
	if (login->is_orphan) {
		destroy(login);
		shard_work_gone(shard);
		return;
	}
	if (job->work == check_password)
		conclude_password(login, &answer);
	else
		conclude(login, login->stepped, login->out, &answer);
	forget_response(login);
	must(answer.result != LOGIN_WAIT);
	login->verdict(login->arg, &answer);
}

/* --- life */

static bool
offers_binding(struct span offered)
{
	while (offered.len != 0) {
		const struct sasl_mech *mech =
		    sasl_mech_find(span_cut(&offered, ' '));

		if (mech != NULL && (mech->flags & SASL_BINDS) != 0)
			return true;
	}
	return false;
}

static void
bind_channel(struct login *login, const struct conn *conn)
{
	struct sasl_server_options *options = &login->sasl.options;

	for (size_t i = 0; i < countof(binding_types); i++) {
		size_t n = conn_tls_binding(conn, binding_types[i],
		    login->binding[i]);

		if (n != 0)
			options->binding[options->binding_n++] =
			    (struct sasl_binding){ binding_types[i],
				span_of(login->binding[i], n) };
	}
}

struct login *
login_new(const struct login_start *start, struct span mechanism)
{
	const struct sasl_mech *mech = sasl_mech_find(mechanism);
	const struct smtp_server_conf *smtp = &start->listener->smtp;
	struct sasl_server_options *options;
	struct login *login;

	if (mech == NULL)
		return NULL;
	login = mem_new(sizeof *login);
	login->job.done = worked;
	login->shard = start->shard;
	login->snapshot = snapshot_ref(start->snapshot);
	login->verdict = start->verdict;
	login->arg = start->arg;
	login->known = USER_OK;
	sasl_server_init(&login->sasl, mech);
	options = &login->sasl.options;
	must(getrandom(options->random, sizeof options->random, 0) ==
	    (ssize_t)sizeof options->random);
	options->now_filetime = FILETIME_1970 + clock_real_ms() * 10000;
	options->host = smtp->hostname;
	options->offers_binding = conn_is_tls(start->conn) &&
	    offers_binding(smtp->auth_tls);
	if ((mech->flags & SASL_BINDS) != 0)
		bind_channel(login, start->conn);
	if ((mech->flags & SASL_BLOCKS) != 0 &&
	    start->snapshot->gss_keys != NULL) {
		login->gss = gss_server_new(start->snapshot->gss_keys);
		options->gss = gss_calls(login->gss);
	}
	return login;
}

void
login_accept_any(struct login *login)
{
	login->accepts_any = true;
}

void
login_step(struct login *login, const struct span *response,
    struct login_answer *answer)
{
	struct span out;
	enum sasl_result result;

	if ((login->sasl.mech->flags & SASL_BLOCKS) != 0) {
		login->has_response = response != NULL;
		login->response_span = response != NULL ? *response : SPAN("");
		login->response = mem_copy(login->response_span);
		login->response_span.p = login->response;
		start_work(login, run_step, answer);
		return;
	}
	result = sasl_server_step(&login->sasl, response, &out);
	conclude(login, result, out, answer);
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
	if (login->is_working)
		login->is_orphan = true;
	else
		destroy(login);
}
