/* SPDX-License-Identifier: Apache-2.0 */
/* socket: the control socket in the file system. Paths may be longer than the
 * 107 bytes that fit into a socket's address. */
#ifndef CTL_SOCKET_H
#define CTL_SOCKET_H

/* A listening, non-blocking socket at `path`, mode 0600, or 0660 with `group`
 * ("": none): descriptor, or -errno: -EADDRINUSE if somebody answers there,
 * -ESRCH if there is no such group. One that nobody listens at is replaced. */
int ctl_socket_listen(const char *path, const char *group);
/* A connected, blocking socket, or -errno. */
int ctl_socket_connect(const char *path);

#endif
