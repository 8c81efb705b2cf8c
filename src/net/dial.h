/* SPDX-License-Identifier: Apache-2.0 */
/* dial: connects to one address without stopping the loop. Whoever has several
 * addresses takes them in turn: a server that answers and sends us away counts
 * as much as one that does not answer.
 *
 * 1. `done` is called exactly once, never from inside dial_start(), unless
 *    dial_cancel() came first.
 * 2. It comes at the latest after the time that was given. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/span.h"
#include "net/loop.h"

struct dial_address {
	struct sockaddr_storage address;	/* IPv4, IPv6, local */
	socklen_t len;
};

/* "192.0.2.1", "2001:db8::1". False if it is none. */
bool dial_parse(struct span text, uint16_t port, struct dial_address *out);
/* A local socket's path; false if it is too long. */
bool dial_parse_unix(struct span path, struct dial_address *out);
/* "192.0.2.1", "2001:db8::1", "/path"; for logs. */
void dial_text(const struct dial_address *address, char out[128]);

/* `fd` is connected, non-blocking, close-on-exec and the callee's; or -errno
 * (-ETIMEDOUT after the time). */
typedef void dial_done(void *arg, int fd);

struct dial;
/* `source` may be NULL; its port is not looked at. */
struct dial *dial_start(struct loop *loop, const struct dial_address *to,
    const struct dial_address *source, uint64_t timeout_ms, dial_done *done,
    void *arg);
/* Not after `done`. */
void dial_cancel(struct dial *dial);

#endif
