/* SPDX-License-Identifier: Apache-2.0 */
/* drop_file: see drop_file.h. */
#include "ehlod/drop_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "ehlod/drop.h"
#include "mail/drop.h"
#include "mail/trace.h"

#define FOLDER_MODE 03733	/* the group is ours: so are its files' */
#define LEFTOVER_S  86400

int
drop_folder_open(const char *path)
{
	struct stat st;
	int fd;

	/* the umask would take bits away */
	if (mkdir(path, 0700) == 0)
		(void)chmod(path, FOLDER_MODE);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || st.st_uid != geteuid()) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* A handle of its own, because it is moved by reading. */
static DIR *
open_list(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (list == NULL && fd >= 0)
		close(fd);
	return list;
}

static bool
has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void
remove_leftover(int folder, const char *name)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime < time(NULL) - LEFTOVER_S)
		(void)unlinkat(folder, name, 0);
}

ssize_t
drop_folder_list(int folder, char name[][DROP_NAME_MAX], size_t max)
{
	DIR *list = open_list(folder);
	const struct dirent *entry;
	size_t n = 0;

	if (list == NULL)
		return -errno;
	while (n < max && (entry = readdir(list)) != NULL) {
		if (has_prefix(entry->d_name, DROP_TMP) ||
		    has_prefix(entry->d_name, DROP_ASK))
			remove_leftover(folder, entry->d_name);
		if (!has_prefix(entry->d_name, DROP_NEW) ||
		    strlen(entry->d_name) >= DROP_NAME_MAX)
			continue;
		memcpy(name[n++], entry->d_name, strlen(entry->d_name) + 1);
	}
	closedir(list);
	return (ssize_t)n;
}

static int
read_all(int fd, char *bytes, size_t len)
{
	while (len != 0) {
		ssize_t n = read(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EINVAL : -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int
drop_file_read(int folder, const char *name, char **bytes, size_t *len,
    uid_t *owner)
{
	struct stat st;
	int fd, error;

	*bytes = NULL;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	error = fstat(fd, &st) != 0 ? -errno : 0;
	/* a second name could be another's file, which he wants read */
	if (error == 0 && (!S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_size <= 0 || (uint64_t)st.st_size > DROP_FILE_MAX))
		error = -EINVAL;
	if (error == 0) {
		*len = (size_t)st.st_size;
		*owner = st.st_uid;
		*bytes = mem_new(*len);
		error = read_all(fd, *bytes, *len);
	}
	close(fd);
	if (error != 0) {
		free(*bytes);
		*bytes = NULL;
	}
	return error;
}

int
drop_file_move(int folder, const char *name, const char *to)
{
	int result = to == NULL ? unlinkat(folder, name, 0)
	    : renameat(folder, name, folder, to);

	if (result != 0 || fsync(folder) != 0)
		return -errno;
	return 0;
}

static void
recover(int folder, const char *name, const struct store *store,
    unsigned shard)
{
	struct store_look look;
	char again[DROP_NAME_MAX];
	uint64_t id;
	bool is_here;
	int error;

	if (!trace_parse_id(span_str(name + strlen(DROP_TAKEN)), &id) ||
	    store_id_shard(id) != shard)
		return;
	is_here = store_look(store, id, &look) == 0;
	snprintf(again, sizeof again, DROP_NEW "again-%s",
	    name + strlen(DROP_TAKEN));
	error = drop_file_move(folder, name, is_here ? NULL : again);
	log_notice("drop-recovered", LOG_Z("file", name),
	    LOG_Z("what", is_here ? "it was accepted" : "it waits again"),
	    LOG_Z("result", error == 0 ? "done" : log_errno(error)));
}

void
drop_folder_recover(int folder, const struct store *store, unsigned shard)
{
	DIR *list = open_list(folder);
	const struct dirent *entry;

	while (list != NULL && (entry = readdir(list)) != NULL)
		if (has_prefix(entry->d_name, DROP_TAKEN) &&
		    strlen(entry->d_name) < DROP_NAME_MAX)
			recover(folder, entry->d_name, store, shard);
	if (list != NULL)
		closedir(list);
}

void
drop_recover_shard(const struct shard *shard)
{
	int folder = drop_folder_open(shard->snapshot->conf->drop_folder);

	if (folder < 0)
		return;		/* drop_start() tells */
	for (size_t i = 0; i < shard->store_n; i++)
		drop_folder_recover(folder, shard->store[i].store,
		    shard->store[i].number);
	close(folder);
}
