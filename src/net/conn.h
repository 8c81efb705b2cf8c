/* SPDX-License-Identifier: Apache-2.0 */
/* conn: a byte stream on a loop, plain or TLS, with one deadline.
 *
 * 1. Reading goes through one buffer of the loop's thread; only what the owner
 *    leaves unconsumed is kept with the conn. An idle conn holds no buffer.
 * 2. Output is gathered and leaves at conn_flush() or at the end of the turn,
 *    in one write; what the peer does not take waits, bounded by `out_max`:
 *    past it the conn is closed.
 * 3. After close_notify or any TLS error the socket is only closed: nothing
 *    turns a TLS stream back into clear text.
 * 4. on_closed comes exactly once, unless the owner called conn_free first. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/span.h"
#include "net/binding.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/tls_client.h"

struct conn;

enum conn_end {
	CONN_BY_PEER,		/* orderly end of its stream */
	CONN_BY_US,		/* conn_close and all output gone */
	CONN_TRUNCATED,		/* TLS ended without close_notify */
	CONN_ERROR,		/* see conn_error() */
	CONN_TOO_SLOW		/* out_max passed, or output stuck */
};

struct conn_ops {
	/* Input is there: look at it with conn_input, take with
	 * conn_consume. Also called again after conn_resume. */
	void (*on_input)(struct conn *conn, void *owner);
	/* All output has gone (only after conn_want_drained). May be NULL. */
	void (*on_drained)(struct conn *conn, void *owner);
	/* The handshake is over. May be NULL if TLS is never started. */
	void (*on_tls)(struct conn *conn, void *owner);
	/* The deadline of conn_deadline passed. */
	void (*on_time)(struct conn *conn, void *owner);
	/* It is closed; conn_free is the owner's. */
	void (*on_closed)(struct conn *conn, void *owner, enum conn_end end);
};

struct conn_limits {
	size_t in_max;		/* unconsumed input kept; 32768 suits SMTP */
	size_t out_max;		/* output waiting */
};

/* One a loop: the shared read buffer and the conns that have output to flush
 * at the end of this turn. */
struct conn_pool;
struct conn_pool *conn_pool_new(struct loop *loop);	/* ignores SIGPIPE */
/* After its conns, and when the loop runs no more. */
void conn_pool_free(struct conn_pool *pool);
/* Flushes what is gathered, tells of ends and resumes; call it from the loop's
 * turn (only there): no callback comes from inside a call of the owner. */
void conn_pool_flush(struct conn_pool *pool);

/* Takes over a connected, non-blocking socket (sets TCP_NODELAY). `ops` and
 * `limits` outlive it; in_max is at most 65536. NULL with errno if the loop
 * cannot watch it or the peer has gone already (the fd is then closed). */
struct conn *conn_new(struct conn_pool *pool, int fd,
    const struct conn_ops *ops, const struct conn_limits *limits,
    void *owner);
/* At once, silently; inside any callback, too. */
void conn_free(struct conn *conn);

/* Unconsumed input. Inside on_input it stays where it is until on_input
 * returns, even what was consumed; elsewhere it is valid until conn_consume.
 * on_input is repeated while it takes something and leaves something. */
struct span conn_input(const struct conn *conn);
void conn_consume(struct conn *conn, size_t n);
/* Bytes ever received (after TLS). */
uint64_t conn_received(const struct conn *conn);

void conn_write(struct conn *conn, struct span bytes);
void conn_flush(struct conn *conn);
size_t conn_waiting(const struct conn *conn);	/* output not yet gone */
void conn_want_drained(struct conn *conn);

/* Stops and starts reading; on_input is called soon after resume if input is
 * left. Pause inside on_input also stops its repetition. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);

/* One deadline, counted from now; 0: none. It holds for the handshake, too. */
void conn_deadline(struct conn *conn, uint64_t in_ms);

/* Server side of TLS. Unconsumed input is thrown away first; returns how many
 * bytes that were. Output gathered before leaves in clear first. on_tls when
 * it stands, on_closed when it failed. Keeps a reference to `tls`. What is
 * written meanwhile is dropped. */
size_t conn_start_tls(struct conn *conn, struct tls_server *tls);
/* Our side of TLS towards a server, in the same way; `target` is copied. What
 * the server sent behind its word that TLS may begin must have been looked at
 * by the owner: here it is thrown away, too. */
size_t conn_start_tls_client(struct conn *conn, struct tls_client *tls,
    const struct tls_target *target);
/* For tls_facts_read(): NULL without TLS. */
struct ssl_st *conn_tls(const struct conn *conn);
bool conn_is_tls(const struct conn *conn);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty without TLS. */
void conn_tls_text(const struct conn *conn, char *out, size_t len);
/* Its channel binding (net/binding.h); 0: none, or none of that type. */
size_t conn_tls_binding(const struct conn *conn, const char *type,
    unsigned char out[TLS_BINDING_MAX]);

/* Sends what waits (at most 10 s), close_notify, the end of our stream; takes
 * in what the peer still sends (at most 1 s, 256 KiB), closes, tells
 * on_closed. Input is dropped at once, and so is what is written from now on.
 */
void conn_close(struct conn *conn);
/* Ends it with a TCP reset, at once; what waits is lost. Tells on_closed. */
void conn_reset(struct conn *conn);
/* For logs: why CONN_ERROR, in words. */
const char *conn_error(const struct conn *conn);

/* The peer's and our own address, "192.0.2.1" or "2001:db8::1", without
 * brackets; IPv4-mapped ones as IPv4. */
void conn_peer(const struct conn *conn, char out[64], uint16_t *port);
void conn_local(const struct conn *conn, char out[64], uint16_t *port);
/* The peer's bytes for limits: 4 or 16, returned length; 0 if it is no IP
 * address. */
size_t conn_peer_bytes(const struct conn *conn, unsigned char out[16]);

#endif
