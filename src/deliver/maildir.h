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

/* The path of an account's Maildir: %d domain, %u local part, %% percent.
 * -EINVAL if a part is empty, "." or "..", begins with a dot or holds '/' or a
 * control byte. */
int maildir_path(const char *pattern, struct span account,
    struct span domain, char *out, size_t len);

/* One batch; used by one thread at a time. */
struct maildir_batch;
struct maildir_batch *maildir_batch_new(const char *hostname);
void maildir_batch_free(struct maildir_batch *batch);
/* Begins a file (makes cur new tmp, 0700, if missing). */
struct maildir_file;
struct maildir_file *maildir_begin(struct maildir_batch *batch,
    const char *path, uint64_t id, uint32_t rcpt, void *tag);
/* Text with CRLF line ends; written with LF as local files are (the fields
 * before it, like Return-Path, go the same way). */
void maildir_write(struct maildir_file *file, struct span bytes);
void maildir_end(struct maildir_file *file);	/* whole */
void maildir_drop(struct maildir_file *file);	/* not: its tmp file goes */
/* Makes all ended files durable and visible; calls `each` for every file, with
 * 0 or -errno, then empties the batch. */
void maildir_commit(struct maildir_batch *batch,
    void (*each)(void *arg, void *tag, int result), void *arg);

#endif
