/* SPDX-License-Identifier: Apache-2.0 */
/* wire: recv and send, or SSL_read and SSL_write.
 *
 * OpenSSL keeps errors in a queue of the thread, and SSL_get_error() looks at
 * it: every call here begins with an empty one, and leaves it empty. */
#include "net/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"

static void
set_error(struct wire *wire, const char *where, const char *why)
{
	char text[256];

	if (wire->error != NULL)
		return;		/* the first one is the cause */
	snprintf(text, sizeof text, "%s%s", where, why);
	wire->error = mem_copy(span_str(text));
}

static enum wire_result
system_failed(struct wire *wire, const char *where, enum wire_result again)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return again;
	set_error(wire, where, log_errno(errno));
	return WIRE_ERROR;
}

/* What SSL_get_error() said after a call that did not succeed. */
static enum wire_result
tls_failed(struct wire *wire, const char *where, int returned)
{
	int kind = SSL_get_error(wire->ssl, returned);
	int saved = errno;
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	if (kind == SSL_ERROR_WANT_READ)
		return WIRE_WANT_IN;
	if (kind == SSL_ERROR_WANT_WRITE)
		return WIRE_WANT_OUT;
	wire->dead = kind != SSL_ERROR_ZERO_RETURN;
	ERR_clear_error();
	if (kind == SSL_ERROR_ZERO_RETURN)
		return WIRE_END;
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		set_error(wire, where, "the peer hung up");
		return WIRE_TRUNCATED;
	}
	if (kind == SSL_ERROR_SYSCALL && saved != 0)
		reason = log_errno(saved);
	set_error(wire, where, reason != NULL ? reason : "unknown");
	return WIRE_ERROR;
}

void
wire_init(struct wire *wire, int fd)
{
	*wire = (struct wire){ .fd = fd };
}

void
wire_free(struct wire *wire)
{
	SSL_free(wire->ssl);
	free(wire->error);
	wire_init(wire, -1);
}

static enum wire_result
read_clear(struct wire *wire, char *p, size_t len, size_t *got)
{
	ssize_t n;

	do
		n = recv(wire->fd, p, len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return system_failed(wire, "", WIRE_WANT_IN);
	*got = (size_t)n;
	return n == 0 ? WIRE_END : WIRE_OK;
}

enum wire_result
wire_read(struct wire *wire, char *p, size_t len, size_t *got)
{
	*got = 0;
	must(len > 0);
	if (wire->dead)
		return WIRE_ERROR;
	if (wire->ssl == NULL)
		return read_clear(wire, p, len, got);
	ERR_clear_error();
	while (*got < len) {
		size_t n = 0;
		int ok;

		errno = 0;
		ok = SSL_read_ex(wire->ssl, p + *got, len - *got, &n);
		if (ok != 1)
			return tls_failed(wire, "TLS: ", ok);
		*got += n;
	}
	return WIRE_OK;
}

bool
wire_pending(const struct wire *wire)
{
	return wire->ssl != NULL && !wire->dead &&
	    SSL_has_pending(wire->ssl) == 1;
}

static enum wire_result
write_clear(struct wire *wire, struct span bytes, size_t *sent)
{
	ssize_t n;

	do
		n = send(wire->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return system_failed(wire, "", WIRE_WANT_OUT);
	*sent = (size_t)n;
	return *sent == bytes.len ? WIRE_OK : WIRE_WANT_OUT;
}

enum wire_result
wire_write(struct wire *wire, struct span bytes, size_t *sent)
{
	*sent = 0;
	if (wire->dead)
		return WIRE_ERROR;
	if (wire->ssl == NULL)
		return write_clear(wire, bytes, sent);
	ERR_clear_error();
	while (*sent < bytes.len) {
		struct span rest = span_skip(bytes, *sent);
		size_t n = 0;
		int ok;

		errno = 0;
		ok = SSL_write_ex(wire->ssl, rest.p, rest.len, &n);
		if (ok != 1)
			return tls_failed(wire, "TLS: ", ok);
		*sent += n;
	}
	return WIRE_OK;
}

int
wire_start_tls(struct wire *wire, struct tls_server *tls)
{
	struct ssl_st *session;

	ERR_clear_error();
	session = tls_server_session(tls, wire->fd);
	ERR_clear_error();
	return wire_start_session(wire, session);
}

void
wire_forget_session(struct ssl_st *session)
{
	SSL_free(session);
}

int
wire_start_session(struct wire *wire, struct ssl_st *session)
{
	must(wire->ssl == NULL);
	wire->ssl = session;
	if (wire->ssl == NULL) {
		set_error(wire, "TLS: ", "no memory for a session");
		return -ENOMEM;
	}
	return 0;
}

enum wire_result
wire_handshake(struct wire *wire)
{
	int ok;

	must(wire->ssl != NULL && !wire->dead);
	ERR_clear_error();
	errno = 0;
	ok = SSL_do_handshake(wire->ssl);
	return ok == 1 ? WIRE_OK :
	    tls_failed(wire, "TLS handshake: ", ok);
}

enum wire_result
wire_notify(struct wire *wire)
{
	int ok;

	if (wire->ssl == NULL || wire->dead || SSL_in_init(wire->ssl))
		return WIRE_OK;
	ERR_clear_error();
	errno = 0;
	ok = SSL_shutdown(wire->ssl);
	/* 0: ours is out; we do not wait for theirs. */
	return ok >= 0 ? WIRE_OK : tls_failed(wire, "TLS: ", ok);
}

void
wire_shut(struct wire *wire)
{
	wire->dead = true;
	/* Fails if the peer has reset the connection: the end all the same. */
	(void)shutdown(wire->fd, SHUT_WR);
}

enum wire_result
wire_drain(struct wire *wire, char *scratch, size_t len, size_t *got)
{
	ssize_t n = recv(wire->fd, scratch, len, 0);

	*got = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return WIRE_OK;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return WIRE_WANT_IN;
	return WIRE_END;
}

void
wire_tls_text(const struct wire *wire, char *out, size_t len)
{
	must(len > 0);
	out[0] = '\0';
	if (wire->ssl != NULL && SSL_is_init_finished(wire->ssl))
		snprintf(out, len, "%s %s", SSL_get_version(wire->ssl),
		    SSL_get_cipher_name(wire->ssl));
}
