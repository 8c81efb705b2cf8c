/* SPDX-License-Identifier: Apache-2.0 */
/* The socket does not block; poll(2) does the waiting, with what is left of
 * the time. */
#include "ehlo/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/log.h"

void
dial_init(struct dial *dial)
{
	*dial = (struct dial){ .fd = -1 };
}

__attribute__((format(printf, 3, 4)))
static enum dial_result
fail(struct dial *dial, enum dial_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(dial->why, sizeof dial->why, format, args);
	va_end(args);
	return result;
}

/* --- waiting */

static int
ms_left(uint64_t deadline)
{
	uint64_t now = clock_mono_ms();

	if (now >= deadline)
		return 0;
	return deadline - now > 3600000 ? 3600000 : (int)(deadline - now);
}

/* 1: ready, 0: time is over, -errno */
static int
wait_fd(int fd, short events, uint64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&poll_fd, 1, ms_left(deadline));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* --- connecting */

static void
write_address(const struct sockaddr_storage *address, char text[64],
    uint16_t *port)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	text[0] = '\0';
	*port = 0;
	if (address->ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &v4->sin_addr, text, 64);
		*port = ntohs(v4->sin_port);
	} else if (address->ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, 64);
		*port = ntohs(v6->sin6_port);
	}
}

static void
read_ends(struct dial *dial)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address;

	if (getpeername(dial->fd, (void *)&address, &len) == 0)
		write_address(&address, dial->peer, &dial->peer_port);
	len = sizeof address;
	if (getsockname(dial->fd, (void *)&address, &len) == 0)
		write_address(&address, dial->local, &dial->local_port);
}

/* Our own end, if it was chosen; 0 or -errno. */
static int
bind_source(int fd, int family, const struct dial_options *options)
{
	struct addrinfo hints = { .ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *found;
	char port[8];
	int on = 1, result = 0;

	if (options->source == NULL && options->source_port == 0)
		return 0;
	snprintf(port, sizeof port, "%u", options->source_port);
	if (getaddrinfo(options->source, port, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, found->ai_addr, found->ai_addrlen) != 0)
		result = -errno;
	freeaddrinfo(found);
	return result;
}

/* 0, -ETIMEDOUT or another -errno; a descriptor in dial->fd if 0. */
static int
try_address(struct dial *dial, const struct sockaddr *address,
    socklen_t len, const struct dial_options *options, uint64_t deadline)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	int on = 1, result = 0;
	socklen_t result_len = sizeof result;

	if (fd < 0)
		return -errno;
	if (address->sa_family != AF_UNIX) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		result = bind_source(fd, address->sa_family, options);
	}
	if (result == 0 && connect(fd, address, len) != 0) {
		result = -errno;
		if (errno == EINPROGRESS) {
			int ready = wait_fd(fd, POLLOUT, deadline);

			if (ready > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR,
			    &result, &result_len) == 0)
				result = -result;
			else
				result = ready == 0 ? -ETIMEDOUT : ready;
		}
	}
	if (result != 0) {
		close(fd);
		return result;
	}
	dial->fd = fd;
	read_ends(dial);
	return 0;
}

static enum dial_result
open_unix(struct dial *dial, const struct dial_options *options,
    uint64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(options->unix_path);
	int result;

	if (len >= sizeof address.sun_path)
		return fail(dial, DIAL_UNREACHED, "%s: the path is too long "
		    "for a socket", options->unix_path);
	memcpy(address.sun_path, options->unix_path, len);
	result = try_address(dial, (void *)&address, sizeof address, options,
	    deadline);
	if (result != 0)
		return fail(dial, DIAL_UNREACHED, "%s: %s",
		    options->unix_path, log_errno(-result));
	return DIAL_OK;
}

static void
note_trying(const struct dial_options *options, const struct addrinfo *at)
{
	struct sockaddr_storage address = { 0 };
	char text[64], line[128];
	uint16_t port;

	if (options->note == NULL)
		return;
	memcpy(&address, at->ai_addr, at->ai_addrlen);
	write_address(&address, text, &port);
	snprintf(line, sizeof line, "trying %s port %u", text, port);
	options->note(options->note_arg, line);
}

/* Each address gets a fair share of the time that is left, but the last one
 * all of it. */
static enum dial_result
try_all(struct dial *dial, struct addrinfo *found,
    const struct dial_options *options, uint64_t deadline)
{
	unsigned left = 0;
	int result = -EADDRNOTAVAIL;

	for (struct addrinfo *a = found; a != NULL; a = a->ai_next)
		left++;
	for (struct addrinfo *a = found; a != NULL; a = a->ai_next, left--) {
		uint64_t until = clock_mono_ms() +
		    (uint64_t)ms_left(deadline) / left;

		note_trying(options, a);
		result = try_address(dial, a->ai_addr, a->ai_addrlen, options,
		    until);
		if (result == 0)
			return DIAL_OK;
	}
	return fail(dial, DIAL_UNREACHED, "%s port %u: %s", options->host,
	    options->port, log_errno(-result));
}

enum dial_result
dial_open(struct dial *dial, const struct dial_options *options)
{
	struct addrinfo hints = { .ai_family = options->family,
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	uint64_t deadline = clock_mono_ms() + options->wait_ms;
	struct addrinfo *found;
	enum dial_result result;
	char port[8];
	int error;

	if (options->unix_path != NULL)
		return open_unix(dial, options, deadline);
	snprintf(port, sizeof port, "%u", options->port);
	error = getaddrinfo(options->host, port, &hints, &found);
	if (error != 0)
		return fail(dial, DIAL_UNREACHED, "%s: %s", options->host,
		    error == EAI_SYSTEM ? log_errno(errno) :
		    gai_strerror(error));
	result = try_all(dial, found, options, deadline);
	freeaddrinfo(found);
	return result;
}

/* --- bytes */

/* What OpenSSL waits for; 0 if it does not wait. */
static short
tls_wants(const SSL *ssl, int result)
{
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	default:
		return 0;
	}
}

enum dial_result
dial_start_tls(struct dial *dial, struct tls_client *tls,
    const struct tls_target *target, unsigned wait_ms)
{
	uint64_t deadline = clock_mono_ms() + wait_ms;
	int result;

	dial->ssl = tls_client_session(tls, dial->fd, target);
	if (dial->ssl == NULL)
		return fail(dial, DIAL_TLS_FAILED,
		    "TLS: no session could be made (is the name right?)");
	for (;;) {
		short events;

		ERR_clear_error();
		result = SSL_do_handshake(dial->ssl);
		if (result == 1)
			return DIAL_OK;
		events = tls_wants(dial->ssl, result);
		if (events == 0) {
			tls_client_why(dial->ssl, result, dial->why,
			    sizeof dial->why);
			return DIAL_TLS_FAILED;
		}
		if (wait_fd(dial->fd, events, deadline) <= 0)
			return fail(dial, DIAL_TIMEOUT, "no answer to the TLS "
			    "handshake within %u s", wait_ms / 1000);
	}
}

/* > 0: count; 0: wait for `*events`; -1: the end, said in dial->why. */
static ssize_t
write_some(struct dial *dial, struct span bytes, short *events)
{
	ssize_t n;

	*events = POLLOUT;
	if (dial->ssl == NULL) {
		n = send(dial->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
		if (n >= 0)
			return n;
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		(void)fail(dial, DIAL_CLOSED, "the connection is lost: %s",
		    log_errno(errno));
		return -1;
	}
	ERR_clear_error();
	n = SSL_write(dial->ssl, bytes.p, bytes.len > INT32_MAX ? INT32_MAX :
	    (int)bytes.len);
	if (n > 0)
		return n;
	*events = tls_wants(dial->ssl, (int)n);
	if (*events != 0)
		return 0;
	tls_client_why(dial->ssl, (int)n, dial->why, sizeof dial->why);
	return -1;
}

enum dial_result
dial_write(struct dial *dial, struct span bytes, unsigned wait_ms)
{
	uint64_t deadline = clock_mono_ms() + wait_ms;

	if (dial->fd < 0)
		return fail(dial, DIAL_CLOSED, "the connection is closed");
	while (bytes.len != 0) {
		short events;
		ssize_t n = write_some(dial, bytes, &events);

		if (n < 0)
			return DIAL_CLOSED;
		bytes = span_skip(bytes, (size_t)n);
		if (n == 0 && wait_fd(dial->fd, events, deadline) <= 0)
			return fail(dial, DIAL_TIMEOUT,
			    "the server takes nothing more since %u s",
			    wait_ms / 1000);
	}
	return DIAL_OK;
}

/* As write_some(). */
static ssize_t
read_some(struct dial *dial, char *out, size_t len, short *events)
{
	ssize_t n;

	*events = POLLIN;
	if (dial->ssl == NULL) {
		n = recv(dial->fd, out, len, 0);
		if (n > 0)
			return n;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		(void)fail(dial, DIAL_CLOSED, "%s", n == 0 ?
		    "the server closed the connection" : log_errno(errno));
		return -1;
	}
	ERR_clear_error();
	n = SSL_read(dial->ssl, out, len > INT32_MAX ? INT32_MAX : (int)len);
	if (n > 0)
		return n;
	*events = tls_wants(dial->ssl, (int)n);
	if (*events != 0)
		return 0;
	tls_client_why(dial->ssl, (int)n, dial->why, sizeof dial->why);
	return -1;
}

enum dial_result
dial_read(struct dial *dial, char *out, size_t len, unsigned wait_ms,
    size_t *got)
{
	uint64_t deadline = clock_mono_ms() + wait_ms;

	*got = 0;
	if (dial->fd < 0)
		return fail(dial, DIAL_CLOSED, "the connection is closed");
	for (;;) {
		short events;
		ssize_t n = read_some(dial, out, len, &events);

		if (n < 0)
			return DIAL_CLOSED;
		*got = (size_t)n;
		if (n > 0)
			return DIAL_OK;
		if (wait_fd(dial->fd, events, deadline) <= 0)
			return fail(dial, DIAL_TIMEOUT,
			    "no answer within %u s", wait_ms / 1000);
	}
}

bool
dial_has_input(const struct dial *dial)
{
	return dial->ssl != NULL && SSL_has_pending(dial->ssl);
}

/* --- the end */

void
dial_close(struct dial *dial)
{
	if (dial->ssl != NULL) {
		ERR_clear_error();
		if (dial->fd >= 0 && SSL_is_init_finished(dial->ssl))
			(void)SSL_shutdown(dial->ssl);	/* it may be gone */
		ERR_clear_error();
		SSL_free(dial->ssl);
		dial->ssl = NULL;
	}
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
}

void
dial_reset(struct dial *dial)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (dial->fd >= 0)
		(void)setsockopt(dial->fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof linger);
	SSL_free(dial->ssl);
	dial->ssl = NULL;
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
}
