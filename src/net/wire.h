/* SPDX-License-Identifier: Apache-2.0 */
/* wire: the socket below a conn, in clear or through TLS, with one kind of
 * answer for both. Once it answered TRUNCATED or ERROR, TLS is dead: it is
 * never called again, and nothing reads or writes the socket in its place;
 * whoever tries gets ERROR.
 * After END there is nothing more to read. */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "base/span.h"
#include "net/tls.h"

enum wire_result {
	WIRE_OK,
	WIRE_WANT_IN,		/* again when the socket is readable */
	WIRE_WANT_OUT,		/* again when it is writable */
	WIRE_END,		/* the peer's orderly end */
	WIRE_TRUNCATED,		/* end of a TLS stream without close_notify */
	WIRE_ERROR		/* `error` says why */
};

struct wire {
	struct ssl_st *ssl;	/* NULL: in clear */
	char *error;		/* in words, on the heap; NULL: none yet */
	int fd;
	bool dead;		/* no TLS call any more */
};

/* `fd` is not ours to close. */
void wire_init(struct wire *wire, int fd);
void wire_free(struct wire *wire);
/* Reads until `len` bytes or nothing more is there; `*got` may be > 0 with
 * any result. In clear: one system call, OK with 0 < *got. */
enum wire_result wire_read(struct wire *wire, char *p, size_t len,
    size_t *got);
/* Bytes that wire_read() would give although the socket may have none. */
bool wire_pending(const struct wire *wire);
/* Writes what the socket takes, `*sent` of it; OK: all. */
enum wire_result wire_write(struct wire *wire, struct span bytes,
    size_t *sent);
/* From here on this is TLS: 0 or -errno. */
int wire_start_tls(struct wire *wire, struct tls_server *tls);
/* The same with a session made for this fd, which is ours from now on; NULL
 * is a failure. */
int wire_start_session(struct wire *wire, struct ssl_st *session);
/* A session that was not started; may be NULL. */
void wire_forget_session(struct ssl_st *session);
enum wire_result wire_handshake(struct wire *wire);
/* Sends close_notify (nothing in clear or on a dead session). */
enum wire_result wire_notify(struct wire *wire);
/* Ends our half of the socket's stream. */
void wire_shut(struct wire *wire);
/* Takes raw bytes off the socket and forgets them; `*got` of them. WIRE_OK,
 * WIRE_WANT_IN or WIRE_END. For sessions that are over. */
enum wire_result wire_drain(struct wire *wire, char *scratch, size_t len,
    size_t *got);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" or "". */
void wire_tls_text(const struct wire *wire, char *out, size_t len);

#endif
