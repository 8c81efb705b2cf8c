/* SPDX-License-Identifier: Apache-2.0 */
/* drop_file: the files of the drop folder, as a thread of the pool handles
 * them. The folder is everybody's to write into and ours to read (mode 3733,
 * like /tmp but unlisted): nothing in it is believed. */
#ifndef EHLOD_DROP_FILE_H
#define EHLOD_DROP_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"
#include "spool/store.h"

#define DROP_NAME_MAX 64
#define DROP_FILE_MAX ((size_t)64 << 20)

/* Opens the folder, makes it if it can: descriptor or -errno; -EPERM if it is
 * somebody else's, -ENOTDIR. */
int drop_folder_open(const char *path);
/* The names of up to `max` files that wait; -errno or how many. Leftovers of
 * writers that died a day ago are removed. */
ssize_t drop_folder_list(int folder, char name[][DROP_NAME_MAX], size_t max);
/* Reads a file whole: its bytes (to be freed) and whose it is. 0, -errno, or
 * -EINVAL if it is nothing that we would take: a link, a device, too large. */
int drop_file_read(int folder, const char *name, char **bytes, size_t *len,
    uid_t *owner);
/* Renames and makes that durable; `to` NULL: removes. 0 or -errno. */
int drop_file_move(int folder, const char *name, const char *to);
/* Before anything is delivered after a start: what was being taken when the
 * last process ended is removed if the store has it, else it waits again. Only
 * ids of `store`, whose number is `shard`. */
void drop_folder_recover(int folder, const struct store *store,
    unsigned shard);

#endif
