/* SPDX-License-Identifier: Apache-2.0 */
/* sts_file: see sts_file.h. */
#include "deliver/sts_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/domain.h"

#define HEAD_MAX 256
#define FILE_MAX (STS_TEXT_MAX + HEAD_MAX)

static void
path_of(const char *folder, const char *domain, const char *ending,
    char path[PATH_MAX])
{
	must(domain[0] != '.' && strchr(domain, '/') == NULL);
	snprintf(path, PATH_MAX, "%s/%s%s", folder, domain, ending);
}

/* --- writing */

static int
write_file(int fd, const struct sts_file *file)
{
	char memory[HEAD_MAX];
	struct put head = put_init(memory, sizeof memory);
	int error;

	put_str(&head, "id ");
	put_str(&head, file->id);
	put_str(&head, "\nfetched ");
	put_u64(&head, file->fetched_at);
	put_str(&head, "\n\n");
	must(!head.full);
	error = fd_write_all(fd, put_span(&head));
	if (error == 0)
		error = fd_write_all(fd, file->text);
	if (error == 0 && fdatasync(fd) != 0)
		error = -errno;
	return error;
}

int
sts_file_write(const char *folder, const struct sts_file *file)
{
	char path[PATH_MAX], part[PATH_MAX];
	int fd, error;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return -errno;
	path_of(folder, file->domain, "", path);
	/* no domain has an underscore in its last label */
	path_of(folder, file->domain, "._new", part);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = write_file(fd, file);
	if (close(fd) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(part, path) != 0)
		error = -errno;
	if (error != 0)
		(void)unlink(part);	/* the old one is still whole */
	return error;
}

void
sts_file_remove(const char *folder, const char *domain)
{
	char path[PATH_MAX];

	path_of(folder, domain, "", path);
	(void)unlink(path);	/* one that stays has run out all the same */
}

/* --- reading */

static struct span
take_value(struct span *bytes, struct span key)
{
	struct span line = span_cut(bytes, '\n');

	if (!span_starts(line, key))
		return SPAN("");
	return span_skip(line, key.len);
}

bool
sts_file_parse(struct span bytes, struct sts_file *out)
{
	struct span id = take_value(&bytes, SPAN("id "));
	struct span fetched = take_value(&bytes, SPAN("fetched "));

	if (id.len == 0 || id.len > STS_ID_MAX ||
	    !text_u64(fetched, &out->fetched_at) ||
	    span_cut(&bytes, '\n').len != 0)
		return false;
	memcpy(out->id, id.p, id.len);
	out->id[id.len] = '\0';
	out->text = bytes;
	return true;
}

/* 0 or -errno; `memory` has FILE_MAX octets. */
static int
read_file(const char *path, char *memory, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), error = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	*len = 0;
	while (n > 0 && *len < FILE_MAX) {
		n = read(fd, memory + *len, FILE_MAX - *len);
		if (n < 0)
			error = -errno;
		else
			*len += (size_t)n;
	}
	close(fd);
	return error;
}

static void
read_one(const char *folder, const char *name, char *memory,
    void (*each)(void *arg, const struct sts_file *file), void *arg)
{
	struct sts_file file = { .domain = name };
	char path[PATH_MAX], canon[256];
	size_t len = 0;
	int error;

	path_of(folder, name, "", path);
	error = read_file(path, memory, &len);
	if (error == 0 && conf_domain_canon(span_str(name), canon) &&
	    strcmp(name, canon) == 0 &&
	    sts_file_parse(span_of(memory, len), &file)) {
		each(arg, &file);
		return;
	}
	log_warning("sts-file-removed", LOG_Z("file", path),
	    LOG_Z("why", error != 0 ? log_errno(error) : "it is damaged"));
	(void)unlink(path);
}

void
sts_file_read_all(const char *folder,
    void (*each)(void *arg, const struct sts_file *file), void *arg)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char *memory;

	if (dir == NULL)
		return;
	memory = mem_new(FILE_MAX);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			read_one(folder, entry->d_name, memory, each, arg);
	free(memory);
	closedir(dir);
}
