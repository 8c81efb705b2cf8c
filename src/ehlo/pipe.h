/* SPDX-License-Identifier: Apache-2.0 */
/* pipe: a program that speaks SMTP on its standard input and output (exim -bh,
 * sendmail -bs) as if it were a server: it is started by the first connection
 * to a local socket that only we can reach. */
#ifndef EHLO_PIPE_H
#define EHLO_PIPE_H

#include <stdbool.h>
#include <sys/types.h>

struct pipe_server {
	char folder[64];	/* made by us, 0700 */
	char path[80];		/* of the socket in it */
	pid_t child;
};

/* `command` is a line for the shell. Says what is wrong and returns false. */
bool pipe_start(struct pipe_server *server, const char *command);
/* Ends and waits for the program, removes socket and folder. */
void pipe_stop(struct pipe_server *server);

#endif
