/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox: the folders of Maildirs, found by path and kept open while they are
 * used, because opening them costs as much as writing a message.
 *
 * 1. At most MAILBOX_OPEN_MAX are open; the one not used for longest is closed.
 * 2. A Maildir that was moved away and made anew is noticed at the next turn
 *    (a batch), before anything is written into the old one. */
#ifndef DELIVER_MAILBOX_H
#define DELIVER_MAILBOX_H

#include <stdint.h>

#include "base/map.h"
#include "deliver/files.h"

#define MAILBOX_OPEN_MAX 64

struct mailbox {
	struct mailbox *next;
	char *path;
	dev_t device;
	ino_t inode;		/* of tmp/ */
	int tmp_fd, new_fd;	/* -1: closed */
	bool is_made;		/* by us, in this turn */
	/* the user's, of this turn: */
	bool is_dirty;		/* new/ was changed */
	int sync_error;		/* one of its folders could not be synced */
	uint64_t used_at;	/* a count of uses, for the oldest */
	uint64_t checked_turn;
};

struct mailbox_cache {
	const struct files *files;
	struct map by_path;
	struct mailbox *all;
	struct mailbox *open[MAILBOX_OPEN_MAX];
	size_t open_n;
	uint64_t uses;
	uint64_t turn;
};

void mailbox_cache_init(struct mailbox_cache *cache,
    const struct files *files);
void mailbox_cache_free(struct mailbox_cache *cache);
/* The record of this path, made if it is not known; lives until the turn ends.
 * Opens nothing. */
struct mailbox *mailbox_find(struct mailbox_cache *cache, const char *path);
/* Makes sure that its folders exist and are open: 0 or -errno. The descriptors
 * are good until the next mailbox_open() of another. */
int mailbox_open(struct mailbox_cache *cache, struct mailbox *mailbox);
/* A descriptor of its cur/, to be closed by the caller, or -errno. */
int mailbox_open_cur(struct mailbox_cache *cache, struct mailbox *mailbox);
/* Something was not as it should be: open it anew next time. */
void mailbox_close(struct mailbox_cache *cache, struct mailbox *mailbox);
/* The batch is over: forgets what is not open. */
void mailbox_end_turn(struct mailbox_cache *cache);

#endif
