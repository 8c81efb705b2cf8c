/* SPDX-License-Identifier: Apache-2.0 */
/* listen: accepting sockets. Each shard has its own (SO_REUSEPORT). When
 * descriptors run out, accepting pauses (no spin) and goes on by itself; a
 * spare descriptor lets us tell at least one caller "421". */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/span.h"
#include "net/loop.h"

struct listener;

/* Parses "0.0.0.0:587", "[::]:587", "127.0.0.1:0". False if it is none. */
bool listen_parse(struct span text, struct sockaddr_storage *out,
    socklen_t *len);
/* Makes a bound, listening, non-blocking socket with a large backlog (4096,
 * cut by the kernel's somaxconn) and SO_REUSEPORT: fd or -errno. */
int listen_socket(const struct sockaddr_storage *address, socklen_t len);
/* The port it got. */
uint16_t listen_port(int fd);
/* A socket given by the service manager (LISTEN_FDS) for the same address, or
 * -ENOENT. A dup: may be called once a shard. */
int listen_inherited(const struct sockaddr_storage *address);

/* Owns `fd` (closed on failure: NULL with errno). `accepted` gets a
 * non-blocking, close-on-exec descriptor, which is then its own; it may call
 * listen_stop(). */
struct listener *listen_start(struct loop *loop, int fd,
    void (*accepted)(void *arg, int fd), void *arg);
/* Stops accepting and closes. */
void listen_stop(struct listener *listener);

#endif
