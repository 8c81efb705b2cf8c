/* SPDX-License-Identifier: Apache-2.0 */
/* secret: a password on its way from a person or a file to a hash. Never an
 * argument (everybody sees those), never in a log, wiped at the end. */
#ifndef EHLO_SECRET_H
#define EHLO_SECRET_H

#include "base/span.h"

#define SECRET_MAX 12288	/* tokens of OAuth are long */

struct secret {
	char bytes[SECRET_MAX + 2];	/* room to see that it is too long */
	size_t len;
};

/* The first line, without its end (LF or CRLF): 0 or -errno. One that is
 * longer than SECRET_MAX comes out longer than that. */
int secret_read_fd(struct secret *secret, int fd);
/* The same from a file, "-" being the standard input. Warns if others may read
 * it, and says what went wrong. */
bool secret_read_file(struct secret *secret, const char *path);
/* From the descriptor whose number is `text`; from the environment variable
 * `name`, whose value is then overwritten, so that no child and nobody who
 * looks at /proc sees it any longer. They say what went wrong. */
bool secret_read_number(struct secret *secret, const char *text);
bool secret_read_env(struct secret *secret, const char *name);
/* Asks on the terminal, without echo; says what went wrong. */
bool secret_ask(struct secret *secret, const char *prompt);
/* The same, and once more: for a new password. */
bool secret_ask_twice(struct secret *secret, const char *prompt);
void secret_wipe(struct secret *secret);

#endif
