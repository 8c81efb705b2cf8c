/* SPDX-License-Identifier: Apache-2.0 */
/* talker: a small server on a loop in a thread of its own, which does what a
 * client's lines ask it to do with its conn. The test itself is the client,
 * with blocking sockets.
 *
 *   ECHO x      writes "x"            WORDS n     n writes of "word"
 *   BIG n       writes n bytes        HOLD        pauses until talker_release
 *   EAT n       takes n bytes raw, writes "eaten"; shows nothing meanwhile
 *   STARTTLS    "220 go", TLS         CLOSE       "221 bye", conn_close
 *   FREE        conn_free at once     CLOCK n     deadline in n ms
 *   DRAINED     want_drained, then writes "drained"
 *   LATER x     pauses, writes "x" from a message to the loop, resumes
 *   FREEON e    conn_free inside on_<e>: tls, time, drained
 */
#ifndef TEST_NET_TALKER_H
#define TEST_NET_TALKER_H

#include <pthread.h>

#include "net/conn.h"
#include "net/tls.h"

enum { TALKER_ENDS = 64 };

struct talker {
	struct loop *loop;
	struct conn_pool *pool;
	struct listener *listener;
	struct conn_limits limits;
	struct tls_server *tls;
	bool implicit_tls;
	uint16_t port;
	pthread_t thread;
	struct session *sessions;	/* all living ones */

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t changed;
	unsigned ends;			/* on_closed so far */
	enum conn_end end[TALKER_ENDS];
	char error[TALKER_ENDS][128];
	char tls_text[TALKER_ENDS][64];
	unsigned frees;			/* conn_free without on_closed */
	unsigned timeouts;
	unsigned held;			/* HOLDs begun */
	size_t injected;		/* of conn_start_tls */
	size_t largest_input;		/* ever shown */
	char peer[64];
	uint16_t peer_port;
};

/* `tls` may be NULL; the reference stays the caller's. `address` as for
 * listen_parse. */
void talker_start(struct talker *talker, const char *address,
    struct tls_server *tls, bool implicit_tls);
/* Ends the thread; conns that still live are freed silently. */
void talker_stop(struct talker *talker);
/* Wait until that many have come about. */
void talker_wait_ends(struct talker *talker, unsigned n);
void talker_wait_frees(struct talker *talker, unsigned n);
void talker_wait_held(struct talker *talker, unsigned n);
/* Lets all that HOLD go on. */
void talker_release(struct talker *talker);

#endif
