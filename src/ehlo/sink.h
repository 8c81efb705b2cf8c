/* SPDX-License-Identifier: Apache-2.0 */
/* sink: a server that takes everything and counts it: the engine of ehlod
 * (smtp/server.h) over one loop, without spool and policy. */
#ifndef EHLO_SINK_H
#define EHLO_SINK_H

#include <stdio.h>

#include "net/conn.h"
#include "net/listen.h"
#include "smtp/server.h"

/* What is refused on purpose: bits. */
enum sink_refuse {
	SINK_CONNECT = 1, SINK_HELLO = 2, SINK_AUTH = 4, SINK_MAIL = 8,
	SINK_RCPT = 16, SINK_DATA = 32, SINK_TEXT = 64
};

struct sink_options {
	struct smtp_server_conf smtp;
	struct tls_server *tls;		/* NULL: none */
	bool is_implicit_tls;
	unsigned refuse, defer;		/* enum sink_refuse; 5xx and 4xx */
	unsigned long every;		/* of those: only each n-th; 0: all */
	const char *save;		/* a folder for messages; NULL: none */
	unsigned long count;		/* ends after so many messages; 0: no */
	bool is_once;			/* ends with the first session */
	FILE *dialogue;			/* shown there; NULL: not */
	uint64_t idle_ms;		/* of a session */
};

struct sink_totals {
	uint64_t sessions, open, tls, logins, messages, recipients, octets,
	    refused, broken;
	uint64_t first_ms, last_ms;	/* of messages, by the loop's clock */
};

struct sink_session;
struct sink {
	struct loop *loop;
	struct conn_pool *pool;
	struct sink_options options;
	struct sink_totals totals;
	struct conn_limits limits;
	struct sink_session *session;	/* all of them */
	const struct sink_session *last;	/* brought the last message */
	struct smtp_event event;	/* one at a time: it is large */
	uint64_t refusals;		/* asked for, those let pass too */
	bool is_over;
	const char *error;		/* why it ended; NULL: as wished */
};

/* `loop` and what the options point to outlive it. */
void sink_init(struct sink *sink, struct loop *loop,
    const struct sink_options *options);
/* For listen_start(): `arg` is the sink. */
void sink_accept(void *sink, int fd);
/* Drops all sessions. */
void sink_free(struct sink *sink);

#endif
