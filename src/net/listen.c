/* SPDX-License-Identifier: Apache-2.0 */
/* listen: sockets that accept.
 *
 * 1. Running out of descriptors never spins and never stops us for good:
 *    accepting rests for 200 ms and tries again.
 * 2. One caller a rest is told so ("421") by means of a spare descriptor; the
 *    others wait in the kernel's queue.
 * 3. A turn accepts a bounded number, so that those already here are served.*/
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"

#define BACKLOG 4096
#define ACCEPTS_A_TURN 64
#define REST_MS 200
#define FIRST_INHERITED_FD 3	/* sd_listen_fds(3) */
#define INHERITED_MAX 1024

static const struct span too_many = { "421 4.3.2 Too many connections\r\n",
	sizeof "421 4.3.2 Too many connections\r\n" - 1 };

struct listener {
	struct watch watch;
	struct timer rest;
	struct loop *loop;
	void (*accepted)(void *arg, int fd);
	void *arg;
	int spare_fd;		/* -1: gone, too */
	bool short_of;		/* it was so at the last try; log once */
	bool *stopped;		/* set by listen_stop() inside `accepted` */
};

/* --- addresses and sockets --- */

static bool
parse_port(struct span text, uint16_t *port)
{
	uint64_t n;

	if (text.len > 5 || !text_u64(text, &n) || n > UINT16_MAX)
		return false;
	*port = htons((uint16_t)n);
	return true;
}

static bool
parse_ipv6(const char *host, uint16_t port, struct sockaddr_storage *out,
    socklen_t *len)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = port };

	if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
		return false;
	memcpy(out, &in6, sizeof in6);
	*len = sizeof in6;
	return true;
}

static bool
parse_ipv4(const char *host, uint16_t port, struct sockaddr_storage *out,
    socklen_t *len)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };

	if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
		return false;
	memcpy(out, &in, sizeof in);
	*len = sizeof in;
	return true;
}

bool
listen_parse(struct span text, struct sockaddr_storage *out, socklen_t *len)
{
	char host[INET6_ADDRSTRLEN];
	struct span name = text;
	bool brackets = text.len != 0 && text.p[0] == '[';
	uint16_t port;

	memset(out, 0, sizeof *out);
	if (brackets) {
		text = span_skip(text, 1);
		name = span_cut(&text, ']');
	} else {
		name.len = span_find(text, ':');
		text = span_skip(text, name.len);
	}
	if (text.len < 2 || text.p[0] != ':' ||
	    !parse_port(span_skip(text, 1), &port))
		return false;
	if (name.len == 0 || name.len >= sizeof host ||
	    span_find(name, '\0') != name.len)
		return false;
	memcpy(host, name.p, name.len);
	host[name.len] = '\0';
	return brackets ? parse_ipv6(host, port, out, len) :
	    parse_ipv4(host, port, out, len);
}

static int
set_up(int fd, const struct sockaddr_storage *address, socklen_t len)
{
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
		return -errno;
	/* So that 0.0.0.0 can stand beside [::], whatever the system's
	 * default is. */
	if (address->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, len) != 0 ||
	    listen(fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

int
listen_socket(const struct sockaddr_storage *address, socklen_t len)
{
	int fd = socket(address->ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	error = set_up(fd, address, len);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static uint16_t
port_of(const struct sockaddr_storage *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->ss_family == AF_INET6) {
		memcpy(&in6, address, sizeof in6);
		return ntohs(in6.sin6_port);
	}
	memcpy(&in, address, sizeof in);
	return ntohs(in.sin_port);
}

uint16_t
listen_port(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return 0;
	return port_of(&address);
}

/* --- sockets of the service manager --- */

static bool
same_address(const struct sockaddr_storage *a,
    const struct sockaddr_storage *b)
{
	struct sockaddr_in a4, b4;
	struct sockaddr_in6 a6, b6;

	if (a->ss_family != b->ss_family || port_of(a) != port_of(b))
		return false;
	if (a->ss_family == AF_INET) {
		memcpy(&a4, a, sizeof a4);
		memcpy(&b4, b, sizeof b4);
		return a4.sin_addr.s_addr == b4.sin_addr.s_addr;
	}
	memcpy(&a6, a, sizeof a6);
	memcpy(&b6, b, sizeof b6);
	return memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof a6.sin6_addr) == 0;
}

/* How many descriptors were given to this very process. */
static int
count_inherited(void)
{
	uint64_t pid, n;

	if (!text_u64(span_str(getenv("LISTEN_PID")), &pid) ||
	    !text_u64(span_str(getenv("LISTEN_FDS")), &n))
		return 0;
	if (pid != (uint64_t)getpid() || n > INHERITED_MAX)
		return 0;
	return (int)n;
}

static bool
is_listening_on(int fd, const struct sockaddr_storage *address)
{
	struct sockaddr_storage mine = { 0 };
	socklen_t len = sizeof mine;
	int accepts = 0, type = 0;
	socklen_t n = sizeof accepts;

	if (getsockname(fd, (struct sockaddr *)&mine, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) != 0)
		return false;
	n = sizeof type;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) != 0)
		return false;
	return accepts != 0 && type == SOCK_STREAM &&
	    (mine.ss_family == AF_INET || mine.ss_family == AF_INET6) &&
	    same_address(&mine, address);
}

int
listen_inherited(const struct sockaddr_storage *address)
{
	int end = FIRST_INHERITED_FD + count_inherited();

	for (int fd = FIRST_INHERITED_FD; fd < end; fd++) {
		int copy, flags;

		if (!is_listening_on(fd, address))
			continue;
		copy = fcntl(fd, F_DUPFD_CLOEXEC, end);
		if (copy < 0)
			return -errno;
		flags = fcntl(copy, F_GETFL);
		if (flags < 0 || fcntl(copy, F_SETFL, flags | O_NONBLOCK) < 0) {
			int error = -errno;

			close(copy);
			return error;
		}
		return copy;
	}
	return -ENOENT;
}

/* --- accepting --- */

static void
open_spare(struct listener *listener)
{
	if (listener->spare_fd < 0)
		listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Promise 2. Another thread may snatch the descriptor: then nobody is told. */
static void
turn_one_away(struct listener *listener)
{
	int fd;

	if (listener->spare_fd < 0)
		return;
	close(listener->spare_fd);
	listener->spare_fd = -1;
	fd = accept4(listener->watch.fd, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		/* An empty socket takes so little, or its peer has gone. */
		(void)send(fd, too_many.p, too_many.len, MSG_NOSIGNAL);
		(void)shutdown(fd, SHUT_WR);
		close(fd);
	}
	open_spare(listener);
}

static void
rest(struct listener *listener, int error)
{
	if (!listener->short_of)
		log_warning("accept-paused",
		    LOG_U("port", listen_port(listener->watch.fd)),
		    LOG_ERRNO(error));
	listener->short_of = true;
	/* Parking a descriptor cannot fail. */
	must(watch_set(listener->loop, &listener->watch, 0) == 0);
	timer_set(listener->loop, &listener->rest, REST_MS);
}

/* What accept(2) may say about the one caller it would have returned: that
 * one has gone, the next is as good as any. */
static bool
is_of_one_caller(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		return true;
	}
	return false;
}

static void
note_accepted(struct listener *listener)
{
	if (listener->short_of)
		log_notice("accept-resumed",
		    LOG_U("port", listen_port(listener->watch.fd)));
	listener->short_of = false;
}

static void
accept_some(struct watch *watch, uint32_t events)
{
	struct listener *listener =
	    container_of(watch, struct listener, watch);
	bool stopped = false;

	(void)events;
	listener->stopped = &stopped;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(watch->fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		int error = errno;

		if (fd >= 0) {
			note_accepted(listener);
			listener->accepted(listener->arg, fd);
			if (stopped)
				return;
			continue;
		}
		if (error == EAGAIN)
			break;
		if (is_of_one_caller(error))
			continue;
		rest(listener, error);
		if (error == EMFILE || error == ENFILE)
			turn_one_away(listener);
		break;
	}
	listener->stopped = NULL;
}

static void
go_on(struct timer *timer)
{
	struct listener *listener =
	    container_of(timer, struct listener, rest);

	open_spare(listener);
	if (watch_set(listener->loop, &listener->watch, EPOLLIN) != 0)
		timer_set(listener->loop, &listener->rest, REST_MS);
}

struct listener *
listen_start(struct loop *loop, int fd, void (*accepted)(void *arg, int fd),
    void *arg)
{
	struct listener *listener = mem_new(sizeof *listener);
	int error;

	listener->watch.on_ready = accept_some;
	listener->rest.on_time = go_on;
	listener->loop = loop;
	listener->accepted = accepted;
	listener->arg = arg;
	listener->spare_fd = -1;
	open_spare(listener);
	error = watch_open(loop, &listener->watch, fd, EPOLLIN);
	if (error == 0)
		return listener;
	listen_stop(listener);
	errno = -error;
	return NULL;
}

void
listen_stop(struct listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->stopped != NULL)
		*listener->stopped = true;
	timer_stop(listener->loop, &listener->rest);
	watch_close(listener->loop, &listener->watch);
	close(listener->watch.fd);
	if (listener->spare_fd >= 0)
		close(listener->spare_fd);
	free(listener);
}
