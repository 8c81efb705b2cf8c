/* SPDX-License-Identifier: Apache-2.0 */
/* link: one session with a server of a destination: finds the hosts, connects
 * to their addresses in turn, greets, starts TLS, logs in, and then carries one
 * transfer after another until there is none; then it waits a while for more,
 * and says QUIT.
 *
 *   RESOLVING → DIALING → GREETING → HELLO → (TLS → HELLO) → (AUTH) → READY
 *       ▲ next host, next address │ on any failure                │  ▲
 *       └─────────────────────────┘                             BUSY ┘
 *
 * It belongs to its destination, and tells it what happens by the hooks; any
 * hook may come from any event, none from inside a call of link_. */
#ifndef DELIVER_LINK_H
#define DELIVER_LINK_H

#include "deliver/resolve.h"
#include "deliver/route.h"
#include "deliver/sts.h"
#include "deliver/tlsrpt.h"
#include "deliver/transport.h"
#include "net/conn.h"
#include "net/pool.h"
#include "net/tls_client.h"

#define LINK_IDLE_MS 5000	/* a session without work is kept so long */

/* What links share; one a delivery. */
struct link;
struct link_env {
	struct resolve_env resolve;
	struct loop *loop;
	struct conn_pool *conns;
	struct pool *pool;		/* for reading texts */
	struct tls_client *tls;		/* judges, does not insist */
	struct sts *sts;		/* NULL: no MTA-STS */
	struct tlsrpt *book;		/* NULL: nothing is noted */
	bool shows_dialogue;
};

/* Why there is no session, or none any more. */
struct link_trouble {
	struct outcome outcome;		/* LATER, or FAILED for all of them */
	bool was_quiet;			/* a kept session that the server
					 * closed meanwhile: nobody's fault */
};

struct link;
struct link_hooks {
	/* The next transfer to carry, or NULL. Its recipients are open. */
	struct transfer *(*next)(void *arg);
	/* All recipients of `transfer` are decided. */
	void (*carried)(void *arg, struct transfer *transfer, bool is_good);
	/* It is over, for good; the link is freed behind this call. The
	 * transfer that it had, with recipients that are open, or NULL. */
	void (*over)(void *arg, struct link *link, struct transfer *transfer,
	    const struct link_trouble *trouble);
};

/* What a link is opened for; lives as long as it. */
struct link_order {
	struct conf *conf;
	struct route_target target;
	const char *password;		/* of target.route->login */
	const struct link_hooks *hooks;
	void *arg;
};
struct link *link_open(const struct link_env *env,
    const struct link_order *order);
/* There is work again. */
void link_wake(struct link *link);
bool link_is_idle(const struct link *link);
/* At once and silently; with its transfer's recipients open. Returns it. */
struct transfer *link_drop(struct link *link);
/* Ends it in peace: if it is idle now, else after what it carries. */
void link_retire(struct link *link);
/* Ends it now, whatever is under way; the hook `over` is called, as soon as the
 * pool has given back what it reads. */
void link_abort(struct link *link);

#endif
