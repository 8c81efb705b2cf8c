/* SPDX-License-Identifier: Apache-2.0 */
/* maildir: final delivery, idempotent and batched.
 *
 *   begin, write, end     tmp/ID.Rn.host    as many as there are
 *   commit                1 the bytes durable       fdatasync | syncfs
 *                         2 rename into new/
 *                         3 the names durable       fsync     | syncfs
 *                         4 told
 *
 * A single message is synced by its file, so that somebody else's dirty pages
 * do not delay it; more by two calls for the whole file system, each one
 * journal commit: twice as fast at four files, seven times at a hundred. A
 * sync that failed is never tried again on what is there (a second one may
 * answer "fine" for pages that are lost): the files of that file system are
 * told failed and come again, written anew, under the same names. */
#include "deliver/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/put.h"
#include "base/text.h"
#include "deliver/files.h"
#include "deliver/mailbox.h"
#include "mail/trace.h"

#define CHUNK        ((size_t)64 << 10)	/* a file up to here is one write */
#define EACH_MAX     2		/* so many files are synced one by one */
#define HOSTNAME_MAX 200	/* octets of a file's name */
#define FILE_NAME    256	/* octets of a file's name with its NUL */

/* A file system in this batch. */
struct volume {
	struct volume *next;
	dev_t device;
	int fd;		/* opened before anything is written, so that syncfs
			 * tells of every failed write since */
	unsigned files_n;
	bool is_whole;	/* synced by syncfs */
	int error;
};

struct maildir_file {
	struct maildir_file *next;
	struct maildir_batch *batch;
	struct mailbox *mailbox;
	struct volume *volume;	/* NULL: it was not created */
	uint64_t id;
	uint32_t rcpt;
	int fd;			/* -1: closed */
	int error;
	bool is_open;		/* between begin and end */
	bool is_dropped;
	bool is_there;		/* in cur/ since an earlier attempt */
	bool has_cr;		/* the last octet was a CR, not yet written */
	char *chunk;
	size_t chunk_len;
	void *tag;
};

struct maildir_batch {
	const struct files *files;
	struct mailbox_cache mailboxes;
	struct volume *volumes;
	struct maildir_file *first, **last;
	struct maildir_file *spare;	/* records to use again */
	char *spare_chunk;
	size_t open_n;
	char hostname[HOSTNAME_MAX + 1];
};

/* --- names */

static bool
is_part(struct span part)
{
	if (part.len == 0 || part.p[0] == '.')
		return false;
	for (size_t i = 0; i < part.len; i++)
		if (part.p[i] == '/' || ascii_is_cntrl(part.p[i]))
			return false;
	return true;
}

int
maildir_path(const char *pattern, struct span account, struct span domain,
    char *out, size_t len)
{
	struct put put = put_init(out, len);
	const char *at = account.len == 0 ? NULL :
	    memrchr(account.p, '@', account.len);
	struct span user = at == NULL ? account :
	    span_first(account, (size_t)(at - account.p));

	for (const char *p = pattern; *p != '\0'; p++) {
		struct span part = span_of(p, 1);

		if (*p == '%') {
			p++;
			if (*p != 'u' && *p != 'd' && *p != '%')
				return -EINVAL;
			part = *p == 'u' ? user : *p == 'd' ? domain :
			    span_of(p, 1);
			if (*p != '%' && !is_part(part))
				return -EINVAL;
		}
		put_bytes(&put, part);
	}
	(void)put_cstr(&put);
	return put.full ? -ENAMETOOLONG : 0;
}

/* "ID.R0." and the host's name: unique as Maildir wants it, and the same for
 * every attempt. The id names the file; the host is there for people. */
static void
put_name(const struct maildir_file *file, char out[FILE_NAME], bool has_host)
{
	struct put put = put_init(out, FILE_NAME);

	trace_put_id(&put, file->id);
	put_str(&put, ".R");
	put_u64(&put, file->rcpt);
	put_char(&put, '.');
	if (has_host)
		put_str(&put, file->batch->hostname);
	(void)put_cstr(&put);
	must(!put.full);
}

/* --- the batch */

struct maildir_batch *
maildir_batch_new(const char *hostname)
{
	struct maildir_batch *batch = mem_new(sizeof *batch);
	size_t n = 0;

	for (; hostname[n] != '\0' && n < HOSTNAME_MAX; n++) {
		char c = hostname[n];

		/* '/' and ':' mean something in a Maildir */
		batch->hostname[n] = ascii_is_alnum(c) || c == '.' ||
		    c == '-' || c == '_' ? c : '_';
	}
	if (n == 0)
		batch->hostname[0] = '_';
	batch->files = &files_real;
	batch->last = &batch->first;
	mailbox_cache_init(&batch->mailboxes, batch->files);
	return batch;
}

void
maildir_batch_use(struct maildir_batch *batch, const struct files *files)
{
	must(batch->first == NULL);
	batch->files = files;
	batch->mailboxes.files = files;
}

static void
free_volumes(struct maildir_batch *batch)
{
	struct volume *volume;

	while ((volume = batch->volumes) != NULL) {
		batch->volumes = volume->next;
		(void)batch->files->close(volume->fd);	/* a folder */
		free(volume);
	}
}

void
maildir_batch_free(struct maildir_batch *batch)
{
	struct maildir_file *file;

	if (batch == NULL)
		return;
	must(batch->first == NULL);	/* commit first */
	while ((file = batch->spare) != NULL) {
		batch->spare = file->next;
		free(file);
	}
	free(batch->spare_chunk);
	mailbox_cache_free(&batch->mailboxes);
	free(batch);
}

/* The file system of this mailbox, which is open. NULL with `*error`. */
static struct volume *
find_volume(struct maildir_batch *batch, const struct mailbox *mailbox,
    int *error)
{
	struct volume *volume = batch->volumes;
	int fd;

	while (volume != NULL && volume->device != mailbox->device)
		volume = volume->next;
	if (volume == NULL) {
		fd = batch->files->openat(mailbox->tmp_fd, ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (fd < 0) {
			*error = fd;
			return NULL;
		}
		volume = mem_new(sizeof *volume);
		volume->device = mailbox->device;
		volume->fd = fd;
		volume->next = batch->volumes;
		batch->volumes = volume;
	}
	volume->files_n++;
	if (volume->files_n > EACH_MAX || mailbox->is_made)
		volume->is_whole = true;
	return volume;
}

/* --- one file */

static struct maildir_file *
new_file(struct maildir_batch *batch, const struct maildir_target *target,
    void *tag)
{
	struct maildir_file *file = batch->spare;

	if (file != NULL)
		batch->spare = file->next;
	else
		file = mem_new(sizeof *file);
	*file = (struct maildir_file){ .batch = batch, .id = target->id,
		.rcpt = target->rcpt, .fd = -1, .is_open = true, .tag = tag };
	*batch->last = file;
	batch->last = &file->next;
	batch->open_n++;
	return file;
}

/* 1 if an earlier attempt came so far that a reader has seen it. */
static int
is_in_cur(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;
	char prefix[FILE_NAME];
	int fd = mailbox_open_cur(&batch->mailboxes, file->mailbox);
	int found;

	if (fd < 0)
		return fd;
	put_name(file, prefix, false);
	found = batch->files->has_prefix(fd, prefix);
	(void)batch->files->close(fd);	/* a folder */
	return found;
}

static int
create(struct maildir_file *file)
{
	const struct files *files = file->batch->files;
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int dir = file->mailbox->tmp_fd;
	char name[FILE_NAME];
	int fd;

	put_name(file, name, true);
	fd = files->openat(dir, name, flags, 0600);
	if (fd == -EEXIST) {	/* of an attempt that a crash ended */
		fd = files->unlinkat(dir, name);
		if (fd == 0)
			fd = files->openat(dir, name, flags, 0600);
	}
	if (fd == -ENOENT)	/* the folder was deleted under our feet */
		mailbox_close(&file->batch->mailboxes, file->mailbox);
	return fd;
}

static int
start_file(struct maildir_file *file, const struct maildir_target *target)
{
	struct maildir_batch *batch = file->batch;
	int result;

	file->mailbox = mailbox_find(&batch->mailboxes, target->path);
	result = mailbox_open(&batch->mailboxes, file->mailbox);
	if (result != 0)
		return result;
	if (target->is_again) {
		result = is_in_cur(file);
		if (result < 0)
			return result;
		file->is_there = result != 0;
	}
	file->volume = find_volume(batch, file->mailbox, &result);
	if (file->volume == NULL || file->is_there)
		return result < 0 ? result : 0;
	file->fd = create(file);
	return file->fd < 0 ? file->fd : 0;
}

struct maildir_file *
maildir_begin(struct maildir_batch *batch,
    const struct maildir_target *target, void *tag)
{
	struct maildir_file *file = new_file(batch, target, tag);

	file->error = start_file(file, target);
	return file;
}

static void
write_chunk(struct maildir_file *file)
{
	const struct files *files = file->batch->files;
	struct span left = span_of(file->chunk, file->chunk_len);

	while (left.len != 0 && file->error == 0) {
		ssize_t n = files->write(file->fd, left.p, left.len);

		if (n > 0)
			left = span_skip(left, (size_t)n);
		else if (n == 0)
			file->error = -EIO;
		else if (n != -EINTR)
			file->error = (int)n;
	}
	file->chunk_len = 0;
}

static void
put_chunk(struct maildir_file *file, struct span bytes)
{
	while (bytes.len != 0) {
		size_t n = CHUNK - file->chunk_len;

		if (n > bytes.len)
			n = bytes.len;
		memcpy(file->chunk + file->chunk_len, bytes.p, n);
		file->chunk_len += n;
		bytes = span_skip(bytes, n);
		if (file->chunk_len == CHUNK)
			write_chunk(file);
	}
}

static void
take_chunk(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;

	if (file->chunk != NULL)
		return;
	file->chunk = batch->spare_chunk != NULL ? batch->spare_chunk :
	    mem_new(CHUNK);
	batch->spare_chunk = NULL;
}

static void
give_chunk(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;

	if (batch->spare_chunk == NULL)
		batch->spare_chunk = file->chunk;
	else
		free(file->chunk);
	file->chunk = NULL;
}

void
maildir_write(struct maildir_file *file, struct span bytes)
{
	must(file->is_open);
	if (file->error != 0 || file->is_there || bytes.len == 0)
		return;
	take_chunk(file);
	if (file->has_cr && bytes.p[0] != '\n')
		put_chunk(file, SPAN("\r"));
	file->has_cr = false;
	for (;;) {
		size_t n = span_find(bytes, '\r');

		put_chunk(file, span_first(bytes, n));
		bytes = span_skip(bytes, n);
		if (bytes.len == 0)
			return;
		if (bytes.len == 1) {
			file->has_cr = true;
			return;
		}
		if (bytes.p[1] != '\n')
			put_chunk(file, SPAN("\r"));
		bytes = span_skip(bytes, 1);
	}
}

static void
close_file(struct maildir_file *file)
{
	int error;

	if (file->fd < 0)
		return;
	error = file->batch->files->close(file->fd);
	file->fd = -1;
	if (file->error == 0)
		file->error = error;
}

static void
unlink_tmp(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;
	char name[FILE_NAME];

	/* what cannot be removed now is replaced by the next attempt */
	if (mailbox_open(&batch->mailboxes, file->mailbox) != 0)
		return;
	put_name(file, name, true);
	(void)batch->files->unlinkat(file->mailbox->tmp_fd, name);
}

void
maildir_end(struct maildir_file *file)
{
	bool was_created = file->fd >= 0;

	must(file->is_open);
	file->is_open = false;
	file->batch->open_n--;
	if (file->has_cr && file->error == 0)
		put_chunk(file, SPAN("\r"));
	if (file->chunk != NULL) {
		write_chunk(file);
		give_chunk(file);
	}
	/* kept open only to be synced by itself */
	if (was_created && (file->error != 0 || file->volume->is_whole))
		close_file(file);
	if (was_created && file->error != 0)
		unlink_tmp(file);
}

void
maildir_drop(struct maildir_file *file)
{
	must(file->is_open);
	file->is_dropped = true;
	if (file->error == 0)
		file->error = -ECANCELED;
	maildir_end(file);
}

/* --- commit */

/* Step 1. */
static void
sync_bytes(struct maildir_batch *batch)
{
	for (struct volume *v = batch->volumes; v != NULL; v = v->next)
		if (v->is_whole)
			v->error = batch->files->syncfs(v->fd);
	for (struct maildir_file *f = batch->first; f != NULL; f = f->next) {
		bool was_good = f->error == 0 && f->volume != NULL;

		if (was_good)
			f->error = f->volume->error;
		if (was_good && f->error == 0 && f->fd >= 0 &&
		    !f->volume->is_whole)
			f->error = batch->files->fdatasync(f->fd);
		close_file(f);
		if (was_good && f->error != 0 && !f->is_there)
			unlink_tmp(f);
	}
}

/* Step 2, of one file. */
static int
show(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;
	struct mailbox *mailbox = file->mailbox;
	int error = mailbox_open(&batch->mailboxes, mailbox);
	char name[FILE_NAME];

	if (error != 0)
		return error;
	put_name(file, name, true);
	error = batch->files->renameat(mailbox->tmp_fd, name,
	    mailbox->new_fd, name);
	if (error != 0) {
		(void)batch->files->unlinkat(mailbox->tmp_fd, name);
		mailbox_close(&batch->mailboxes, mailbox);
		return error;
	}
	mailbox->is_dirty = true;
	return 0;
}

/* cur/ of a file that is there; its rename was a reader's. */
static int
sync_cur(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;
	int fd = mailbox_open_cur(&batch->mailboxes, file->mailbox);
	int error;

	if (fd < 0)
		return fd;
	error = batch->files->fsync(fd);
	(void)batch->files->close(fd);	/* a folder */
	return error;
}

static int
sync_new(struct maildir_file *file)
{
	struct maildir_batch *batch = file->batch;
	struct mailbox *mailbox = file->mailbox;
	int error = mailbox_open(&batch->mailboxes, mailbox);

	return error != 0 ? error : batch->files->fsync(mailbox->new_fd);
}

/* Step 3 where files are synced one by one: 0 or -errno. A folder is synced
 * once; its first failure counts for all files that follow. */
static int
sync_folder(struct maildir_file *file)
{
	struct mailbox *mailbox = file->mailbox;

	if (mailbox->sync_error != 0)
		return mailbox->sync_error;
	if (file->is_there)
		mailbox->sync_error = sync_cur(file);
	else if (mailbox->is_dirty)
		mailbox->sync_error = sync_new(file);
	if (!file->is_there)
		mailbox->is_dirty = false;
	return mailbox->sync_error;
}

static void
sync_names(struct maildir_batch *batch)
{
	for (struct volume *v = batch->volumes; v != NULL; v = v->next)
		if (v->is_whole && v->error == 0)
			v->error = batch->files->syncfs(v->fd);
	for (struct maildir_file *f = batch->first; f != NULL; f = f->next) {
		if (f->error != 0)
			continue;
		f->error = f->volume->is_whole ? f->volume->error :
		    sync_folder(f);
	}
}

void
maildir_commit(struct maildir_batch *batch,
    void (*each)(void *arg, void *tag, int result), void *arg)
{
	struct maildir_file *file;

	must(batch->open_n == 0);
	sync_bytes(batch);
	for (file = batch->first; file != NULL; file = file->next)
		if (file->error == 0 && !file->is_there)
			file->error = show(file);
	sync_names(batch);
	while ((file = batch->first) != NULL) {
		if (!file->is_dropped)
			each(arg, file->tag, file->error);
		batch->first = file->next;
		file->next = batch->spare;
		batch->spare = file;
	}
	batch->last = &batch->first;
	free_volumes(batch);
	mailbox_end_turn(&batch->mailboxes);
}
