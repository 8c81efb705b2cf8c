/* SPDX-License-Identifier: Apache-2.0 */
/* maildir: final delivery, idempotent and batched. The file's name comes from
 * the spool id and the recipient's number, so a redelivery replaces itself;
 * many files are written, made durable together, and only then told done.
 *
 * 1. A file in new/ is whole, also after power loss.
 * 2. `result` 0 means durable.
 * 3. No name of a stranger is part of a path: the mailbox is an account. */
#ifndef DELIVER_MAILDIR_H
#define DELIVER_MAILDIR_H

#include <stdint.h>

#include "base/span.h"

/* The path of an account's Maildir: %d domain, %u the account up to its last
 * '@', %% percent. 0; -ENAMETOOLONG; -EINVAL if a part is empty, begins with a
 * dot or holds '/' or a control byte, or the pattern holds another %. */
int maildir_path(const char *pattern, struct span account,
    struct span domain, char *out, size_t len);

/* One batch; used by one thread at a time. It keeps the folders of mailboxes
 * open from one commit to the next. */
struct maildir_batch;
struct maildir_batch *maildir_batch_new(const char *hostname);
void maildir_batch_free(struct maildir_batch *batch);
/* Other file operations than the real ones (tests); before the first file. */
struct files;
void maildir_batch_use(struct maildir_batch *batch,
    const struct files *files);

struct maildir_target {
	const char *path;	/* of the Maildir */
	uint64_t id;
	uint32_t rcpt;
	bool is_again;		/* may have been delivered before: a copy that
				 * was moved to cur/ meanwhile will do */
};
/* Begins a file (makes cur new tmp, 0700, if missing, and what is above them).
 * Never fails: what went wrong is told by maildir_commit. Several may be open
 * at once. `tag` is the caller's. */
struct maildir_file;
struct maildir_file *maildir_begin(struct maildir_batch *batch,
    const struct maildir_target *target, void *tag);
/* Text with CRLF line ends; written with LF as local files are (the fields
 * before it, like Return-Path, go the same way). */
void maildir_write(struct maildir_file *file, struct span bytes);
void maildir_end(struct maildir_file *file);	/* whole */
/* Not whole: its tmp file goes, `each` does not hear of it. */
void maildir_drop(struct maildir_file *file);
/* Makes all ended files durable and visible; calls `each` for every one, with
 * 0 or -errno, in the order of maildir_begin, then empties the batch. None may
 * be open. */
void maildir_commit(struct maildir_batch *batch,
    void (*each)(void *arg, void *tag, int result), void *arg);

#endif
