/* SPDX-License-Identifier: Apache-2.0 */
/* dial: a non-blocking connect(2), its end and its time. What fails at once is
 * told by the timer, so that no caller is called back from inside its call. */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"

struct dial {
	struct loop *loop;
	struct watch watch;
	struct timer timer;
	int error;		/* it failed at once; the timer tells */
	dial_done *done;
	void *arg;
};

bool
dial_parse(struct span text, uint16_t port, struct dial_address *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->address;
	char host[INET6_ADDRSTRLEN];

	*out = (struct dial_address){ 0 };
	if (text.len == 0 || text.len >= sizeof host)
		return false;
	memcpy(host, text.p, text.len);
	host[text.len] = '\0';
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		out->len = sizeof *four;
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1)
		return false;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	out->len = sizeof *six;
	return true;
}

bool
dial_parse_unix(struct span path, struct dial_address *out)
{
	struct sockaddr_un *local = (struct sockaddr_un *)&out->address;

	*out = (struct dial_address){ 0 };
	if (path.len == 0 || path.len >= sizeof local->sun_path)
		return false;
	local->sun_family = AF_UNIX;
	memcpy(local->sun_path, path.p, path.len);
	out->len = sizeof *local;
	return true;
}

void
dial_text(const struct dial_address *address, char out[128])
{
	const void *p = &address->address;

	out[0] = '\0';
	if (address->address.ss_family == AF_INET)
		(void)inet_ntop(AF_INET,	/* there is room */
		    &((const struct sockaddr_in *)p)->sin_addr, out, 128);
	else if (address->address.ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6,
		    &((const struct sockaddr_in6 *)p)->sin6_addr, out, 128);
	else if (address->address.ss_family == AF_UNIX)
		snprintf(out, 128, "%s",
		    ((const struct sockaddr_un *)p)->sun_path);
}

/* Ends the dial; `fd` is the result. */
static void
finish(struct dial *dial, int fd)
{
	dial_done *done = dial->done;
	void *arg = dial->arg;

	timer_stop(dial->loop, &dial->timer);
	free(dial);
	done(arg, fd);
}

static void
on_ready(struct watch *watch, uint32_t events)
{
	struct dial *dial = container_of(watch, struct dial, watch);
	int fd = watch->fd, error = 0;
	socklen_t len = sizeof error;

	(void)events;
	watch_close(dial->loop, watch);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		close(fd);
		finish(dial, -error);
		return;
	}
	finish(dial, fd);
}

static void
on_time(struct timer *timer)
{
	struct dial *dial = container_of(timer, struct dial, timer);
	int fd = dial->watch.fd;

	if (dial->error < 0) {
		finish(dial, dial->error);
		return;
	}
	watch_close(dial->loop, &dial->watch);
	close(fd);
	finish(dial, -ETIMEDOUT);
}

static int
bind_source(int fd, const struct dial_address *source)
{
	struct dial_address from = *source;

	if (from.address.ss_family == AF_INET)
		((struct sockaddr_in *)&from.address)->sin_port = 0;
	else
		((struct sockaddr_in6 *)&from.address)->sin6_port = 0;
	return bind(fd, (const struct sockaddr *)&from.address, from.len) == 0
	    ? 0 : -errno;
}

/* The socket, its connection under way; or -errno. */
static int
begin(const struct dial_address *to, const struct dial_address *source)
{
	int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (source != NULL &&
	    source->address.ss_family == to->address.ss_family)
		error = bind_source(fd, source);
	if (error == 0 && connect(fd, (const struct sockaddr *)&to->address,
	    to->len) != 0 && errno != EINPROGRESS)
		error = -errno;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

struct dial *
dial_start(struct loop *loop, const struct dial_address *to,
    const struct dial_address *source, uint64_t timeout_ms, dial_done *done,
    void *arg)
{
	struct dial *dial = mem_new(sizeof *dial);
	int fd = begin(to, source);

	dial->loop = loop;
	dial->done = done;
	dial->arg = arg;
	dial->watch.on_ready = on_ready;
	dial->watch.fd = -1;
	dial->timer.on_time = on_time;
	dial->error = fd;
	if (fd >= 0)
		dial->error = watch_open(loop, &dial->watch, fd, EPOLLOUT);
	if (dial->error < 0) {
		if (fd >= 0)
			close(fd);
		timeout_ms = 1;
	}
	timer_set(loop, &dial->timer, timeout_ms);
	return dial;
}

void
dial_cancel(struct dial *dial)
{
	int fd;

	if (dial == NULL)
		return;
	fd = dial->watch.fd;
	if (dial->error >= 0) {
		watch_close(dial->loop, &dial->watch);
		close(fd);
	}
	timer_stop(dial->loop, &dial->timer);
	free(dial);
}
