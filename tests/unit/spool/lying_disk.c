/* SPDX-License-Identifier: Apache-2.0 */
#include "lying_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"

#define FILES_MAX   64u
#define INODES_MAX  1024u
#define WRITES_MAX  4096u
#define NAME_LEN    64u

/* A write the medium need not have yet. */
struct unsynced {
	uint64_t at;
	size_t len;
	char *bytes;
};

struct inode {
	char *now, *safe;	/* as read back; as on the medium */
	size_t now_len, safe_len;
	struct unsynced *write;
	size_t write_n;
	uint64_t failed_at;	/* a write of records failed there */
	unsigned headers;	/* written since */
};

struct name {
	char path[NAME_LEN];	/* "": free */
	struct inode *inode;
};

/* The names at one moment between two sync_dir(). */
struct names {
	struct name name[FILES_MAX];
};

struct disk_file {
	struct inode *inode;
	bool is_lock;
};

struct lying_disk {
	struct disk table;
	struct names now;
	struct names *moment;	/* from the last sync_dir() on */
	size_t moment_n;
	struct inode *inode[INODES_MAX];
	size_t inode_n;
	struct disk_file *open[INODES_MAX];
	size_t open_n;
	uint64_t seed, op_n, space, bad_block;
	enum lying_fault fault;
	uint64_t fault_at, fault_n;
	bool is_dead, is_locked;
};

uint64_t
lying_random(uint64_t *seed)
{
	uint64_t x = *seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* --- the medium */

static void
widen(char **bytes, size_t *len, size_t to)
{
	if (to <= *len)
		return;
	*bytes = mem_grow_array(*bytes, to, 1);
	memset(*bytes + *len, 0, to - *len);
	*len = to;
}

static void
forget_writes(struct inode *inode)
{
	for (size_t i = 0; i < inode->write_n; i++)
		free(inode->write[i].bytes);
	inode->write_n = 0;
}

static void
add_unsynced(struct inode *inode, const void *p, size_t len, uint64_t at)
{
	struct unsynced *write;

	must(inode->write_n < WRITES_MAX);
	inode->write = mem_grow_array(inode->write, inode->write_n + 1,
	    sizeof *inode->write);
	write = &inode->write[inode->write_n++];
	*write = (struct unsynced){ at, len, mem_new(len) };
	memcpy(write->bytes, p, len);
}

static void
put_now(struct inode *inode, const void *p, size_t len, uint64_t at)
{
	widen(&inode->now, &inode->now_len, (size_t)at + len);
	if (len != 0)
		memcpy(inode->now + at, p, len);
}

static void
put_safe(struct inode *inode, const void *p, size_t len, uint64_t at)
{
	widen(&inode->safe, &inode->safe_len, (size_t)at + len);
	if (len != 0)
		memcpy(inode->safe + at, p, len);
}

/* What is durable now is newer than what may still land there. */
static void
supersede(struct inode *inode, const char *p, size_t len, uint64_t at)
{
	for (size_t i = 0; i < inode->write_n; i++) {
		struct unsynced *write = &inode->write[i];
		uint64_t from = at > write->at ? at : write->at;
		uint64_t until = at + len < write->at + write->len ?
		    at + len : write->at + write->len;

		if (from < until)
			memcpy(write->bytes + (from - write->at),
			    p + (from - at), (size_t)(until - from));
	}
}

/* Some sectors of a write reach the medium. */
static void
land(struct lying_disk *disk, struct inode *inode,
    const struct unsynced *write)
{
	static const size_t sectors[] = { 512, 4096 };
	size_t sector = sectors[lying_random(&disk->seed) % 2];
	unsigned mode = (unsigned)(lying_random(&disk->seed) % 4);

	if (mode == 0)
		return;		/* lost as a whole */
	for (size_t i = 0; i < write->len; i += sector) {
		size_t len = write->len - i < sector ? write->len - i :
		    sector;

		if (mode == 1 || lying_random(&disk->seed) % 2 == 0)
			put_safe(inode, write->bytes + i, len,
			    write->at + i);
	}
}

static struct inode *
new_inode(struct lying_disk *disk)
{
	must(disk->inode_n < INODES_MAX);
	return disk->inode[disk->inode_n++] = mem_new(sizeof(struct inode));
}

static struct name *
find(struct names *names, const char *path)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (strcmp(names->name[i].path, path) == 0)
			return &names->name[i];
	return NULL;
}

/* The names changed: one more moment a crash may go back to. */
static void
note_names(struct lying_disk *disk)
{
	disk->moment = mem_grow_array(disk->moment, disk->moment_n + 1,
	    sizeof *disk->moment);
	disk->moment[disk->moment_n++] = disk->now;
}

static void
set_name(struct lying_disk *disk, const char *path, struct inode *inode)
{
	struct name *name = find(&disk->now, path);

	if (name == NULL)
		name = find(&disk->now, "");
	must(name != NULL && strlen(path) < NAME_LEN);
	memset(name->path, 0, sizeof name->path);
	memcpy(name->path, path, strlen(path));
	name->inode = inode;
}

/* --- faults */

/* Counts an operation; the fault that strikes it. */
static enum lying_fault
strike(struct lying_disk *disk)
{
	if (disk->is_dead)
		return LYING_CRASH;
	disk->op_n++;
	if (disk->fault == LYING_NONE || disk->op_n < disk->fault_at ||
	    disk->op_n - disk->fault_at >= disk->fault_n)
		return LYING_NONE;
	if (disk->fault == LYING_CRASH)
		disk->is_dead = true;
	return disk->fault;
}

static int
error_of(enum lying_fault fault)
{
	return fault == LYING_ENOSPC ? -ENOSPC : -EIO;
}

/* Operations without bytes: happen or not. */
static bool
fails(struct lying_disk *disk, int *error)
{
	bool was_dead = disk->is_dead;
	enum lying_fault fault = strike(disk);

	if (fault == LYING_NONE || fault == LYING_SHORT ||
	    fault == LYING_FULL)
		return false;
	*error = error_of(fault);
	/* a crash strikes before or after it was done */
	return was_dead || fault != LYING_CRASH ||
	    lying_random(&disk->seed) % 2 == 0;
}

/* --- the table */

static int
lying_make_dir(void *self, const char *path)
{
	(void)self;
	(void)path;
	return -EEXIST;
}

static int
lying_look_dir(void *self, const char *path, struct disk_dir *out)
{
	(void)self;
	(void)path;
	*out = (struct disk_dir){ .is_dir = true, .is_ours = true,
		.mode = 0700 };
	return 0;
}

static int
lying_list(void *self, const char *path,
    void (*name)(void *arg, const char *name), void *arg)
{
	struct lying_disk *disk = self;
	/* a copy: the callback may unlink */
	struct names *names = mem_new(sizeof *names);

	*names = disk->now;
	for (size_t i = 0; i < FILES_MAX; i++)
		if (strncmp(names->name[i].path, path, strlen(path)) == 0 &&
		    names->name[i].path[0] != '\0')
			name(arg, names->name[i].path + strlen(path) + 1);
	free(names);
	return 0;
}

static int
lying_sync_dir(void *self, const char *path)
{
	struct lying_disk *disk = self;
	int error = 0;

	(void)path;
	if (fails(disk, &error))
		return error;
	disk->moment[0] = disk->now;
	disk->moment_n = 1;
	return error;
}

static int
lying_space(void *self, const char *path, uint64_t *octets)
{
	struct lying_disk *disk = self;

	(void)path;
	*octets = disk->space;
	return 0;
}

static int
lying_rename(void *self, const char *from, const char *to)
{
	struct lying_disk *disk = self;
	struct name *name = find(&disk->now, from);
	int error = 0;

	if (fails(disk, &error))
		return error;
	if (name == NULL)
		return -ENOENT;
	set_name(disk, to, name->inode);
	name = find(&disk->now, from);
	memset(name, 0, sizeof *name);
	note_names(disk);
	return error;
}

static int
lying_unlink(void *self, const char *path)
{
	struct lying_disk *disk = self;
	struct name *name = find(&disk->now, path);
	int error = 0;

	if (fails(disk, &error))
		return error;
	if (name == NULL)
		return -ENOENT;
	memset(name, 0, sizeof *name);
	note_names(disk);
	return error;
}

static struct disk_file *
new_file(struct lying_disk *disk, struct inode *inode)
{
	struct disk_file *file = mem_new(sizeof *file);

	file->inode = inode;
	must(disk->open_n < countof(disk->open));
	disk->open[disk->open_n++] = file;
	return file;
}

static int
lying_lock(void *self, const char *path, struct disk_file **out, long *holder)
{
	struct lying_disk *disk = self;

	(void)path;
	*holder = 1;
	if (disk->is_locked)
		return -EWOULDBLOCK;
	disk->is_locked = true;
	*out = new_file(disk, NULL);
	(*out)->is_lock = true;
	return 0;
}

static int
lying_open(void *self, const char *path, enum disk_how how,
    struct disk_file **out)
{
	struct lying_disk *disk = self;
	struct name *name = find(&disk->now, path);
	int error = 0;

	if (how == DISK_CREATE) {
		if (fails(disk, &error))
			return error;
		set_name(disk, path, new_inode(disk));
		note_names(disk);
		name = find(&disk->now, path);
	}
	if (error != 0 || disk->is_dead)
		return -EIO;
	if (name == NULL)
		return -ENOENT;
	*out = new_file(disk, name->inode);
	return 0;
}

static void
lying_close(void *self, struct disk_file *file)
{
	struct lying_disk *disk = self;

	if (file == NULL)
		return;
	for (size_t i = 0; i < disk->open_n; i++)
		if (disk->open[i] == file)
			disk->open[i] = disk->open[--disk->open_n];
	if (file->is_lock)
		disk->is_locked = false;
	free(file);
}

static int
lying_size(void *self, struct disk_file *file, uint64_t *octets)
{
	struct lying_disk *disk = self;

	if (disk->is_dead)
		return -EIO;
	*octets = file->inode->now_len;
	return 0;
}

static int
lying_allocate(void *self, struct disk_file *file, uint64_t octets)
{
	const struct lying_disk *disk = self;
	int error = 0;

	if (fails(self, &error))
		return error;
	if (disk->fault == LYING_FULL && disk->op_n >= disk->fault_at)
		return -ENOSPC;
	widen(&file->inode->now, &file->inode->now_len, (size_t)octets);
	return error;
}

static ssize_t
lying_read(void *self, struct disk_file *file, void *p, size_t len,
    uint64_t at)
{
	struct lying_disk *disk = self;
	const struct inode *inode = file->inode;

	if (disk->is_dead)
		return -EIO;
	if (disk->bad_block != 0 && at < disk->bad_block + DISK_BLOCK &&
	    at + len > disk->bad_block)
		return -EIO;
	if (at >= inode->now_len)
		return 0;
	if (len > inode->now_len - at)
		len = (size_t)(inode->now_len - at);
	memcpy(p, inode->now + at, len);
	return (ssize_t)len;
}

/* Where writing records failed nothing may be written before the file has got
 * a new life: its header says sealed, then free, then open again. */
static void
check_order(struct inode *inode, uint64_t at)
{
	if (at == 0)
		inode->headers++;
	must(inode->failed_at == 0 || at < inode->failed_at ||
	    inode->headers >= 3);
}

static ssize_t
write_some(struct lying_disk *disk, struct disk_file *file, const void *p,
    size_t len, uint64_t at, bool is_sync)
{
	bool was_dead = disk->is_dead;
	enum lying_fault fault = strike(disk);
	struct inode *inode = file->inode;

	must(at % DISK_BLOCK == 0 && len % DISK_BLOCK == 0);
	if (was_dead)
		return -EIO;
	check_order(inode, at);
	if (fault == LYING_SHORT && len > DISK_BLOCK) {
		len = DISK_BLOCK;
	} else if (fault != LYING_NONE && fault != LYING_SHORT &&
	    fault != LYING_FULL) {
		/* it may be on the medium or not, now or later */
		add_unsynced(inode, p, len, at);
		if (lying_random(&disk->seed) % 2 == 0)
			put_now(inode, p, len, at);
		if (at != 0) {
			inode->failed_at = at;
			inode->headers = 0;
		}
		return error_of(fault);
	}
	put_now(inode, p, len, at);
	if (is_sync) {
		put_safe(inode, p, len, at);
		supersede(inode, p, len, at);
	} else {
		add_unsynced(inode, p, len, at);
	}
	return (ssize_t)len;
}

static ssize_t
lying_write(void *self, struct disk_file *file, const void *p, size_t len,
    uint64_t at)
{
	return write_some(self, file, p, len, at, false);
}

static ssize_t
lying_write_sync(void *self, struct disk_file *file, const void *p,
    size_t len, uint64_t at)
{
	return write_some(self, file, p, len, at, true);
}

static int
lying_sync(void *self, struct disk_file *file)
{
	struct inode *inode = file->inode;
	int error = 0;

	if (fails(self, &error))
		return error;
	for (size_t i = 0; i < inode->write_n; i++)
		put_safe(inode, inode->write[i].bytes, inode->write[i].len,
		    inode->write[i].at);
	widen(&inode->safe, &inode->safe_len, inode->now_len);
	forget_writes(inode);
	return error;
}

/* --- for tests */

static const struct disk lying_table = {
	.make_dir = lying_make_dir,
	.look_dir = lying_look_dir,
	.list = lying_list,
	.sync_dir = lying_sync_dir,
	.space = lying_space,
	.rename = lying_rename,
	.unlink = lying_unlink,
	.lock = lying_lock,
	.open = lying_open,
	.close = lying_close,
	.size = lying_size,
	.allocate = lying_allocate,
	.read = lying_read,
	.write = lying_write,
	.write_sync = lying_write_sync,
	.sync = lying_sync,
};

struct lying_disk *
lying_disk_new(uint64_t seed)
{
	struct lying_disk *disk = mem_new(sizeof *disk);

	disk->table = lying_table;
	disk->table.self = disk;
	disk->seed = seed;
	disk->space = UINT64_MAX;
	note_names(disk);
	return disk;
}

static void
free_inode(struct inode *inode)
{
	forget_writes(inode);
	free(inode->write);
	free(inode->now);
	free(inode->safe);
	free(inode);
}

void
lying_disk_free(struct lying_disk *disk)
{
	while (disk->open_n != 0)
		free(disk->open[--disk->open_n]);
	for (size_t i = 0; i < disk->inode_n; i++)
		free_inode(disk->inode[i]);
	free(disk->moment);
	free(disk);
}

const struct disk *
lying_disk_table(const struct lying_disk *disk)
{
	return &disk->table;
}

void
lying_disk_fault(struct lying_disk *disk, enum lying_fault fault, uint64_t at,
    uint64_t n)
{
	disk->fault = fault;
	disk->fault_at = at;
	disk->fault_n = n;
}

uint64_t
lying_disk_ops(const struct lying_disk *disk)
{
	return disk->op_n;
}

bool
lying_disk_is_dead(const struct lying_disk *disk)
{
	return disk->is_dead;
}

static bool
is_named(const struct lying_disk *disk, const struct inode *inode)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (disk->now.name[i].inode == inode)
			return true;
	return false;
}

void
lying_disk_restart(struct lying_disk *disk)
{
	size_t kept = 0;

	while (disk->open_n != 0)
		free(disk->open[--disk->open_n]);
	disk->is_locked = disk->is_dead = false;
	disk->fault = LYING_NONE;
	disk->now = disk->moment[lying_random(&disk->seed) %
	    disk->moment_n];
	disk->moment[0] = disk->now;
	disk->moment_n = 1;
	for (size_t i = 0; i < disk->inode_n; i++) {
		struct inode *inode = disk->inode[i];

		if (!is_named(disk, inode)) {
			free_inode(inode);
			continue;
		}
		for (size_t k = 0; k < inode->write_n; k++)
			land(disk, inode, &inode->write[k]);
		forget_writes(inode);
		inode->failed_at = 0;
		inode->now = mem_grow_array(inode->now, inode->safe_len, 1);
		if (inode->safe_len != 0)
			memcpy(inode->now, inode->safe, inode->safe_len);
		inode->now_len = inode->safe_len;
		disk->inode[kept++] = inode;
	}
	disk->inode_n = kept;
}

void
lying_disk_bad_block(struct lying_disk *disk, uint64_t at)
{
	disk->bad_block = at;
}

void
lying_disk_set_space(struct lying_disk *disk, uint64_t octets)
{
	disk->space = octets;
}

const char *
lying_disk_file(struct lying_disk *disk, size_t number, char **bytes,
    size_t *len)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct name *name = &disk->now.name[i];

		if (name->path[0] == '\0' || number-- != 0)
			continue;
		*bytes = name->inode->now;
		*len = name->inode->now_len;
		return name->path;
	}
	return NULL;
}

void
lying_disk_put(struct lying_disk *disk, const char *path, const void *bytes,
    size_t len)
{
	struct inode *inode = new_inode(disk);

	put_now(inode, bytes, len, 0);
	put_safe(inode, bytes, len, 0);
	set_name(disk, path, inode);
	disk->moment[0] = disk->now;
	disk->moment_n = 1;
}

struct lying_disk *
lying_disk_copy(const struct lying_disk *disk)
{
	struct lying_disk *copy = lying_disk_new(disk->seed);

	for (size_t i = 0; i < FILES_MAX; i++) {
		const struct name *name = &disk->now.name[i];

		if (name->path[0] != '\0')
			lying_disk_put(copy, name->path, name->inode->now,
			    name->inode->now_len);
	}
	return copy;
}

uint64_t
lying_disk_used(const struct lying_disk *disk)
{
	uint64_t octets = 0;

	for (size_t i = 0; i < FILES_MAX; i++)
		if (disk->now.name[i].path[0] != '\0')
			octets += disk->now.name[i].inode->now_len;
	return octets;
}
