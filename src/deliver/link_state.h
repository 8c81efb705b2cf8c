/* SPDX-License-Identifier: Apache-2.0 */
/* link_state: what link.c (hosts, connection), link_talk.c (dialogue) and
 * link_text.c (the text) share about a link. Nobody else includes this. */
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

static inline enum conf_route_tls
link_tls_level(const struct link *link)
{
	return link->target.route != NULL ? link->target.route->tls :
	    CONF_ROUTE_TLS_MAY;
}

/* link.c */
/* The session is of no use: keeps `why`, and goes to the next address, or
 * ends. The link may be gone afterwards. */
void link_fail(struct link *link, const struct outcome *why);
void link_fail_words(struct link *link, unsigned class, unsigned subject,
    unsigned detail, const char *words);
/* All is said: the end, in peace. The link is gone afterwards. */
void link_end(struct link *link);
/* The pool is done; the link may be gone afterwards. */
void link_text_given_back(struct link *link);
/* The same address again, in clear. */
void link_again_plain(struct link *link);

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
