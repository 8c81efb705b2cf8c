/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/span.h"

#define BACKLOG 128
#define TRIES   3	/* to replace a socket while others do the same */

/* The address of `path` by way of its folder's descriptor, which is returned
 * (to be closed after use), or -errno. */
static int
make_address(const char *path, struct sockaddr_un *address)
{
	struct span folder = span_str(path), name = folder;
	char text[4096];
	int fd, n;

	while (folder.len != 0 && folder.p[folder.len - 1] != '/')
		folder.len--;
	name = span_skip(name, folder.len);
	if (name.len == 0 || folder.len >= sizeof text)
		return -EINVAL;
	n = snprintf(text, sizeof text, "%.*s", SPAN_ARG(folder));
	fd = open(n > 0 ? text : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(address->sun_path, sizeof address->sun_path,
	    "/proc/self/fd/%d/%.*s", fd, SPAN_ARG(name));
	if ((size_t)n >= sizeof address->sun_path) {
		close(fd);
		return -ENAMETOOLONG;
	}
	return fd;
}

int
ctl_socket_connect(const char *path)
{
	struct sockaddr_un address;
	int folder = make_address(path, &address);
	int fd, error = 0;

	if (folder < 0)
		return folder;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const void *)&address,
	    sizeof address) != 0)
		error = -errno;
	close(folder);
	if (error == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return error;
}

/* Takes away a socket that nobody listens at; nothing else. */
static int
remove_dead(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = ctl_socket_connect(path);
	if (fd >= 0) {
		close(fd);
		return -EADDRINUSE;
	}
	if (fd != -ECONNREFUSED && fd != -ENOENT)
		return fd;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int
bind_at(int fd, const char *path)
{
	int error = -EADDRINUSE;

	for (int i = 0; i < TRIES && error == -EADDRINUSE; i++) {
		struct sockaddr_un address;
		int folder = make_address(path, &address);

		if (folder < 0)
			return folder;
		error = remove_dead(path);
		if (error == 0 && bind(fd, (const void *)&address,
		    sizeof address) != 0)
			error = -errno;
		close(folder);
	}
	return error;
}

/* Nobody else has seen it: it does not listen yet. */
static int
give_to(const char *path, const char *group)
{
	struct group memory, *found = NULL;
	char names[16384];

	if (*group == '\0')
		return chmod(path, 0600) == 0 ? 0 : -errno;
	if (getgrnam_r(group, &memory, names, sizeof names,
	    &found) != 0 || found == NULL)
		return -ESRCH;
	if (chown(path, (uid_t)-1, found->gr_gid) != 0 ||
	    chmod(path, 0660) != 0)
		return -errno;
	return 0;
}

int
ctl_socket_listen(const char *path, const char *group)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	int error;

	if (fd < 0)
		return -errno;
	error = bind_at(fd, path);
	if (error == 0) {
		error = give_to(path, group);
		if (error == 0 && listen(fd, BACKLOG) != 0)
			error = -errno;
		if (error != 0)
			(void)unlink(path);	/* there is nothing behind it */
	}
	if (error == 0)
		return fd;
	close(fd);
	return error;
}
