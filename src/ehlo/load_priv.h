/* SPDX-License-Identifier: Apache-2.0 */
/* load_priv: what load.c (the herd) and load_conn.c (one connection) share. */
#ifndef EHLO_LOAD_PRIV_H
#define EHLO_LOAD_PRIV_H

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/load.h"
#include "net/wire.h"
#include "sasl/client.h"
#include "smtp/client.h"

#define LOAD_RCPT_MAX 1000

enum load_phase {
	LOAD_CLOSED,		/* waits to be opened */
	LOAD_CONNECTING,
	LOAD_HANDSHAKE,
	LOAD_TALKING,
	LOAD_READY,		/* logged in, waits for its next message */
	LOAD_QUITTING,
	LOAD_OVER		/* not to be opened again */
};

struct load_login {
	struct sasl_client sasl;
	struct span kept;		/* a response that waits */
	bool has_kept;
	char line[BASE64_LEN(SASL_CLIENT_OUT_MAX) + 64];
};

struct load_conn {
	struct load *load;
	struct watch watch;
	struct timer timer;
	struct wire wire;
	struct smtp_client engine;
	struct load_login *login;	/* while it lasts: it is large */
	enum load_phase phase;
	struct load_conn *next;		/* in the list of those READY or
					 * to be opened */
	struct smtp_step hello, tls, auth, mail, data, text, end;
	struct smtp_step *rcpt;		/* load->options.rcpt_n of them */
	char *rcpt_line;		/* 300 octets each */
	char line[320], mail_line[400];
	char head[512];			/* of the message under way */
	struct span text_left[2];	/* what of it is still to be sent */
	struct buf in, out;
	size_t size;
	uint64_t number;		/* of the message */
	uint64_t opened_us, begun_us;
	unsigned long sent_n;		/* messages of this connection */
	unsigned rcpt_bad, text_good;
	bool in_message, is_refused;
};

struct load {
	struct loop *loop;
	const struct load_options *options;
	struct load_totals totals;
	struct load_conn *conn;
	struct load_conn *ready;	/* wait for their turn (--rate) */
	struct load_conn *waiting;	/* to be opened */
	struct watch pace;		/* a timerfd */
	struct timer end;
	char *filler;			/* size_most octets of text */
	char run[32];			/* tells this run's messages apart */
	uint64_t random;
	uint64_t next_number;		/* of a message */
	unsigned over_n, pending_n;	/* connections; not yet greeted */
	unsigned failed_n;		/* in a row, nothing between them */
	bool is_winding_down;
	char scratch[16384];
};

/* --- load.c */
/* A message may begin now: takes a ticket. */
bool load_take(struct load *load);
/* May one begin at all, now or later? */
bool load_has_more(const struct load *load);
/* READY: begins as soon as the rate allows. */
void load_ready(struct load_conn *conn);
/* It is gone: nobody's turn. */
void load_not_ready(struct load_conn *conn);
void load_count_error(struct load *load, const char *what,
    struct span example);
/* It is closed: opened again later, or over. */
void load_closed(struct load_conn *conn, bool has_failed);
/* A connection is up: others may be opened. */
void load_greeted(struct load *load);
/* What the message under way is made of. */
void load_make_message(struct load_conn *conn);

/* --- load_conn.c */
void load_conn_open(struct load_conn *conn);
/* Adds the steps of a message (a ticket was taken), or of the end; what can be
 * said is said by load_conn_go(). */
void load_conn_send(struct load_conn *conn);
void load_conn_quit(struct load_conn *conn);
void load_conn_go(struct load_conn *conn);
void load_conn_free(struct load_conn *conn);

/* Closes it; opened again as load_closed() says. */
void load_conn_close(struct load_conn *conn, bool has_failed);
/* Counts the error, too. */
void load_conn_fail(struct load_conn *conn, const char *what,
    struct span example);
void load_conn_add(struct load_conn *conn, struct smtp_step *step,
    enum smtp_step_type type, struct span line);

/* --- load_answer.c */
/* Tells what came in; true if there was anything, which may let more be said.
 */
bool load_conn_digest(struct load_conn *conn);

/* --- load_auth.c */
/* Adds the AUTH step; false: no mechanism fits (counted). */
bool load_auth_begin(struct load_conn *conn);
/* The answer to AUTH or to a response: true if it goes on by itself. */
bool load_auth_answer(struct load_conn *conn, const struct answer *answer);
void load_auth_end(struct load_conn *conn);

#endif
