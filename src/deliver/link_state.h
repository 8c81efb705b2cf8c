/* SPDX-License-Identifier: Apache-2.0 */
/* link_state: what link.c (hosts, connection), link_tls.c (what is asked of
 * TLS), link_talk.c (dialogue) and link_text.c (the text) share about a link.
 * Nobody else includes this. */
#ifndef DELIVER_LINK_STATE_H
#define DELIVER_LINK_STATE_H

#include "deliver/link.h"
#include "deliver/smtp_out.h"

enum link_state {
	LINK_BEGINNING,		/* looks for hosts, connects */
	LINK_GREETING,
	LINK_HELLO,
	LINK_TLS,
	LINK_AUTH,
	LINK_IDLE,
	LINK_BUSY,
	LINK_QUITTING,
	LINK_ENDED		/* waits for the pool to give a text back */
};

struct text_job;
struct link_auth;

struct link {
	const struct link_env *env;
	struct conf *conf;
	struct route_target target;
	const char *password;
	const struct link_hooks *hooks;
	void *arg;
	enum link_state state;
	/* where to */
	struct resolve *resolve;
	struct resolve_hosts hosts;
	size_t host_at;
	struct resolve_addresses addresses;
	size_t address_at;
	struct sts_query *sts;
	struct sts_copy *policy;	/* of the domain's; NULL: none */
	unsigned tried_n;	/* addresses */
	struct dial *dial;
	bool is_plain;		/* this address without TLS: it failed */
	/* the session */
	struct conn *conn;
	bool *is_gone;		/* set when the session is dropped while its
				 * input is looked at */
	struct smtp_client client;
	struct peer peer;
	struct smtp_step greeting, hello, starttls, quit;
	char hello_line[300];
	struct link_auth *auth;
	bool is_retiring;
	/* the work */
	struct smtp_out out;
	struct transfer *transfer;
	unsigned carried_n;
	uint64_t text_at;
	struct text_job *job;		/* NULL: none is running */
	/* what went wrong last */
	struct link_trouble trouble;
	char words[PARCEL_WORDS_MAX], host[320], name[256];
};

/* link.c */
/* The session is of no use: keeps `why`, and goes to the next address, or
 * ends. The link may be gone afterwards. */
void link_fail(struct link *link, const struct outcome *why);
void link_fail_words(struct link *link, unsigned class, unsigned subject,
    unsigned detail, const char *words);
/* The host cannot carry what the sender demands: for good, if no other can. */
void link_fail_required(struct link *link, const char *why);
/* All is said: the end, in peace. The link is gone afterwards. */
void link_end(struct link *link);
/* The pool is done; the link may be gone afterwards. */
void link_text_given_back(struct link *link);
/* The same address again, in clear. */
void link_again_plain(struct link *link);

/* link_tls.c */
/* Is TLS begun if it is offered? Is there nothing without it? */
bool link_tls_is_wanted(const struct link *link);
bool link_tls_is_must(const struct link *link);
/* Must the next server pass the sender's demand on (REQUIRETLS)? */
bool link_tls_is_required(const struct link *link);
/* Are TLSA records, a policy of MTA-STS, looked for? */
bool link_tls_wants_dane(const struct link *link);
bool link_tls_wants_policy(const struct link *link);
/* Does the policy decide over the present host? */
bool link_tls_is_enforced(const struct link *link);
/* May mail go there? If not, why. */
bool link_tls_allows_host(struct link *link, struct resolve_verdict *verdict);
/* The handshake begins. */
void link_tls_start(struct link *link);
/* It is over: NULL, or why the server is not to be trusted; writes what is
 * told of it to link->peer.tls, and in the book. */
const char *link_tls_judge(struct link *link, struct tls_facts *facts);
/* For the book: there was no TLS with the present host. */
void link_tls_note(struct link *link, enum tlsrpt_result result,
    const char *why);
/* For the book: what the look-up of its records, or of the policy, said. */
void link_tls_note_lookup(struct link *link,
    const struct resolve_verdict *verdict);
void link_tls_note_policy(struct link *link, const struct sts_answer *answer);

/* link_talk.c */
extern const struct conn_ops link_conn_ops;
/* The connection stands. */
void link_talk_begin(struct link *link);
/* Looks for work; may begin a transaction. The link may be gone afterwards. */
void link_talk_go(struct link *link);
/* Says what may be said. */
void link_talk_say(struct link *link);
/* Logged in, or nothing of the kind was wanted. */
void link_talk_ready(struct link *link);

/* link_text.c */
/* Sends what the connection takes of the text that is due. */
void link_text_feed(struct link *link);
/* The link is gone, and with it the loop: frees what the pool had. */
void link_text_forget(struct link *link);

/* link_auth.c */
/* Begins to log in. */
void link_auth_begin(struct link *link);
/* The session may be over afterwards, and the link gone. */
void link_auth_take(struct link *link, const struct smtp_client_event *event);
void link_auth_free(struct link *link);

#endif
