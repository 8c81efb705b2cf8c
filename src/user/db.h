/* SPDX-License-Identifier: Apache-2.0 */
/* db: the inside of user.h's user_db that its tests may turn: the clock, the
 * hash and the look at the file, so that time and work can be counted instead
 * of measured. */
#ifndef USER_DB_H
#define USER_DB_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "user/hash.h"
#include "user/user.h"

struct user_hooks {
	uint64_t (*mono_ms)(void);
	uint64_t (*real_ms)(void);
	int (*look)(const char *path, struct stat *st);
	enum user_hash_result (*check)(const char *hash, struct span password);
};

/* Before anybody uses `db`; NULL members stay as they are. */
void user_db_hook(struct user_db *db, const struct user_hooks *hooks);

/* Reads a regular file whole into `text`: 0 or -errno; -EFBIG past its limit,
 * -EINVAL if it is not a regular file. */
int user_read_file(int fd, struct stat *st, struct buf *text);
#define USER_FILE_MAX ((size_t)64 << 20)

#endif
