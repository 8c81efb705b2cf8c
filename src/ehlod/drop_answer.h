/* SPDX-License-Identifier: Apache-2.0 */
/* drop_answer: what `ehlo sendmail` hears while it waits: that we run, and
 * what became of its file. Pipes in a folder that everybody may write into:
 * each is made by who asks, and written to only if it is his who owns the
 * file. */
#ifndef EHLOD_DROP_ANSWER_H
#define EHLOD_DROP_ANSWER_H

#include <sys/types.h>

#include "mail/drop.h"
#include "smtp/reply.h"

/* What is refused, in words. */
struct drop_said {
	struct put put;
	char text[DROP_ANSWER_MAX - 64];
};

/* It does not move from here on. */
void drop_said_init(struct drop_said *said);
/* "<a@b>: 550 5.1.1 …", "; " between; what does not fit is left out. */
void drop_say(struct drop_said *said, struct span whom, struct span words);
void drop_say_reply(struct drop_said *said, struct span whom,
    const struct reply *reply);
/* Tells who asked what became of `name`, his file: did he hear it? On a thread
 * of the pool. */
bool drop_answer(int folder, const char *name, uid_t owner,
    enum drop_fate fate, const struct drop_said *said);
/* Makes the pipe that tells others that we run: descriptor or -errno. */
int drop_alive_open(int folder);
/* "unix:anna", as a login. */
void drop_name_owner(uid_t uid, char *out, size_t len);

#endif
