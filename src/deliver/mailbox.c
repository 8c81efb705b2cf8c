/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox: the folders of Maildirs, kept open while they are used. */
#include "deliver/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/put.h"

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

void
mailbox_cache_init(struct mailbox_cache *cache, const struct files *files)
{
	*cache = (struct mailbox_cache){ .files = files, .turn = 1 };
	map_init(&cache->by_path);
}

struct mailbox *
mailbox_find(struct mailbox_cache *cache, const char *path)
{
	struct mailbox *mailbox = map_find(&cache->by_path, span_str(path));

	if (mailbox != NULL)
		return mailbox;
	mailbox = mem_new(sizeof *mailbox);
	mailbox->path = mem_copy(span_str(path));
	mailbox->tmp_fd = mailbox->new_fd = -1;
	mailbox->next = cache->all;
	cache->all = mailbox;
	(void)map_put(&cache->by_path, span_str(mailbox->path), mailbox);
	return mailbox;
}

/* path/name: 0 or -ENAMETOOLONG. */
static int
join(char out[PATH_MAX], const struct mailbox *mailbox, const char *name)
{
	struct put put = put_init(out, PATH_MAX);

	put_str(&put, mailbox->path);
	put_char(&put, '/');
	put_str(&put, name);
	(void)put_cstr(&put);
	return put.full ? -ENAMETOOLONG : 0;
}

/* --- closing */

/* Folders are only read: a failing close cannot lose anything. */
static void
close_folders(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	if (mailbox->tmp_fd >= 0)
		(void)cache->files->close(mailbox->tmp_fd);
	if (mailbox->new_fd >= 0)
		(void)cache->files->close(mailbox->new_fd);
	mailbox->tmp_fd = mailbox->new_fd = -1;
}

void
mailbox_close(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	for (size_t i = 0; i < cache->open_n; i++) {
		if (cache->open[i] != mailbox)
			continue;
		cache->open[i] = cache->open[--cache->open_n];
		close_folders(cache, mailbox);
		return;
	}
}

static void
close_oldest(struct mailbox_cache *cache)
{
	struct mailbox *oldest = cache->open[0];

	for (size_t i = 1; i < cache->open_n; i++)
		if (cache->open[i]->used_at < oldest->used_at)
			oldest = cache->open[i];
	mailbox_close(cache, oldest);
}

void
mailbox_end_turn(struct mailbox_cache *cache)
{
	struct mailbox **link = &cache->all;

	cache->turn++;
	while (*link != NULL) {
		struct mailbox *mailbox = *link;

		mailbox->is_made = mailbox->is_dirty = false;
		mailbox->sync_error = 0;
		if (mailbox->tmp_fd >= 0) {
			link = &mailbox->next;
			continue;
		}
		*link = mailbox->next;
		(void)map_take(&cache->by_path, span_str(mailbox->path));
		free(mailbox->path);
		free(mailbox);
	}
}

void
mailbox_cache_free(struct mailbox_cache *cache)
{
	while (cache->open_n != 0)
		mailbox_close(cache, cache->open[0]);
	mailbox_end_turn(cache);
	map_free(&cache->by_path);
}

/* --- making */

/* As mkdir -p, for ourselves only. `path` is restored. */
static int
make_path(const struct files *files, char *path)
{
	int error = files->mkdir(path, 0700);
	char *slash;

	if (error != -ENOENT)
		return error == -EEXIST ? 0 : error;
	slash = memrchr(path, '/', strlen(path));
	if (slash == NULL || slash == path)
		return error;
	*slash = '\0';
	error = make_path(files, path);
	*slash = '/';
	if (error != 0)
		return error;
	error = files->mkdir(path, 0700);
	return error == -EEXIST ? 0 : error;
}

static int
make_folders(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	/* tmp last: where it is, the others are */
	static const char *const name[] = { "cur", "new", "tmp" };
	char path[PATH_MAX];
	int error = 0;

	mailbox->is_made = true;
	for (size_t i = 0; i < countof(name) && error == 0; i++) {
		error = join(path, mailbox, name[i]);
		if (error == 0)
			error = make_path(cache->files, path);
	}
	return error;
}

/* --- opening */

static int
open_folder(struct mailbox_cache *cache, struct mailbox *mailbox,
    const char *name)
{
	char path[PATH_MAX];
	int error = join(path, mailbox, name);

	if (error != 0)
		return error;
	error = cache->files->openat(AT_FDCWD, path, OPEN_FLAGS, 0);
	if (error != -ENOENT)
		return error;
	error = make_folders(cache, mailbox);
	if (error != 0)
		return error;
	return cache->files->openat(AT_FDCWD, path, OPEN_FLAGS, 0);
}

int
mailbox_open_cur(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	return open_folder(cache, mailbox, "cur");
}

/* Does the path still lead to what we have open? */
static bool
is_current(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	char path[PATH_MAX];
	struct stat st;

	if (mailbox->checked_turn == cache->turn)
		return true;
	mailbox->checked_turn = cache->turn;
	return join(path, mailbox, "tmp") == 0 &&
	    cache->files->stat(path, &st) == 0 &&
	    st.st_dev == mailbox->device && st.st_ino == mailbox->inode;
}

static int
open_folders(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	struct stat st;
	int error;

	mailbox->tmp_fd = open_folder(cache, mailbox, "tmp");
	if (mailbox->tmp_fd < 0)
		return mailbox->tmp_fd;
	mailbox->new_fd = open_folder(cache, mailbox, "new");
	error = mailbox->new_fd < 0 ? mailbox->new_fd :
	    cache->files->fstat(mailbox->tmp_fd, &st);
	if (error != 0) {
		close_folders(cache, mailbox);
		return error;
	}
	mailbox->device = st.st_dev;
	mailbox->inode = st.st_ino;
	mailbox->checked_turn = cache->turn;
	return 0;
}

int
mailbox_open(struct mailbox_cache *cache, struct mailbox *mailbox)
{
	int error;

	mailbox->used_at = ++cache->uses;
	if (mailbox->tmp_fd >= 0 && is_current(cache, mailbox))
		return 0;
	mailbox_close(cache, mailbox);
	if (cache->open_n == MAILBOX_OPEN_MAX)
		close_oldest(cache);
	error = open_folders(cache, mailbox);
	if (error == 0)
		cache->open[cache->open_n++] = mailbox;
	return error;
}
