/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/pipe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"
#include "base/log.h"
#include "ehlo/tell.h"

/* In the child: waits for each connection and is the program for it. */
_Noreturn static void
serve(int listener, const char *command)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pid_t program;

		if (fd < 0)
			_exit(1);
		program = fork();
		if (program == 0) {
			(void)signal(SIGPIPE, SIG_DFL);
			(void)signal(SIGTERM, SIG_DFL);
			if (dup2(fd, 0) == 0 && dup2(fd, 1) == 1) {
				(void)close(fd);
				(void)close(listener);
				execl("/bin/sh", "sh", "-c", command,
				    (char *)NULL);
			}
			_exit(127);
		}
		(void)close(fd);
		if (program > 0)
			(void)waitpid(program, NULL, 0);
	}
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = strlen(path);

	if (fd < 0)
		return -errno;
	must(len < sizeof address.sun_path);
	memcpy(address.sun_path, path, len + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(fd, 4) != 0) {
		int error = errno;

		(void)close(fd);
		return -error;
	}
	return fd;
}

bool
pipe_start(struct pipe_server *server, const char *command)
{
	int listener;

	*server = (struct pipe_server){ .child = -1 };
	(void)snprintf(server->folder, sizeof server->folder,
	    "/tmp/ehlo-pipe-XXXXXX");	/* fits */
	if (mkdtemp(server->folder) == NULL) {
		tell_error("%s: %s", server->folder, log_errno(errno));
		server->folder[0] = '\0';
		return false;
	}
	(void)snprintf(server->path, sizeof server->path, "%s/socket",
	    server->folder);		/* fits */
	listener = listen_at(server->path);
	if (listener < 0) {
		tell_error("%s: %s", server->path, log_errno(listener));
		pipe_stop(server);
		return false;
	}
	server->child = fork();
	if (server->child == 0) {
		/* its own group, so that nothing of it stays behind */
		(void)setpgid(0, 0);
		serve(listener, command);
	}
	(void)close(listener);
	if (server->child < 0)
		tell_error("no new process: %s", log_errno(errno));
	else
		(void)setpgid(server->child, server->child);	/* or it did */
	return server->child > 0;
}

void
pipe_stop(struct pipe_server *server)
{
	if (server->child > 0) {
		(void)kill(-server->child, SIGTERM);
		(void)waitpid(server->child, NULL, 0);
	}
	server->child = -1;
	if (server->folder[0] == '\0')
		return;
	(void)unlink(server->path);	/* all ours, and nobody else's */
	(void)rmdir(server->folder);
	server->folder[0] = '\0';
}
