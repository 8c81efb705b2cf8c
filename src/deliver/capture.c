/* SPDX-License-Identifier: Apache-2.0 */
/* capture: see capture.h. */
#include "deliver/capture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/put.h"
#include "base/text.h"

#define NAME_MAX_OCTETS 240	/* of a folder's name; Linux has 255 */
#define NAME_KEPT       200	/* of a longer one, and its sum behind "~" */
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* --- names */

static bool
is_plain(char c, bool is_first)
{
	if (c == '.')
		return !is_first;	/* no "..", nothing hidden */
	return ascii_is_alnum(c) || c == '@' || c == '_' || c == '+' ||
	    c == '-';
}

/* The name that begins there: any address may come, and its mail must not lie
 * in the queue because no folder can be called so. */
static void
shorten(struct put *put, size_t begin)
{
	uint32_t sum = crc32c(0, span_skip(put_span(put), begin));
	const char bytes[] = { (char)(sum >> 24), (char)(sum >> 16),
		(char)(sum >> 8), (char)sum };

	put->len = begin + NAME_KEPT;
	put_char(put, '~');
	put_hex(put, span_of(bytes, sizeof bytes));
}

int
capture_path(const struct conf *conf, struct span mailbox, char *out,
    size_t len)
{
	struct put put = put_init(out, len);
	size_t begin;

	if (*conf->capture_folder == '\0')
		return -ENOENT;
	put_str(&put, conf->capture_folder);
	put_char(&put, '/');
	begin = put.len;
	for (size_t i = 1; i < mailbox.len; i++) {
		char c = ascii_lower(mailbox.p[i]);

		if (is_plain(c, i == 1)) {
			put_char(&put, c);
		} else {
			put_char(&put, '%');
			put_hex(&put, span_of(&c, 1));
		}
	}
	if (!put.full && put.len - begin > NAME_MAX_OCTETS)
		shorten(&put, begin);
	(void)put_cstr(&put);
	return put.full || put.len == begin ? -ENAMETOOLONG : 0;
}

/* --- what there is */

struct found {
	char *mailbox, *name;
	bool is_cur;
	int64_t at_ms;
};

struct look {
	int dir;		/* of the capture folder */
	struct found *found;
	size_t n, cap;
};

static void
add(struct look *look, const char *mailbox, const char *name, bool is_cur,
    const struct stat *st)
{
	if (look->n == look->cap) {
		look->cap = look->cap != 0 ? look->cap * 2 : 64;
		look->found = mem_grow_array(look->found, look->cap,
		    sizeof *look->found);
	}
	look->found[look->n++] = (struct found){
		.mailbox = mem_copy(span_str(mailbox)),
		.name = mem_copy(span_str(name)), .is_cur = is_cur,
		.at_ms = (int64_t)st->st_mtim.tv_sec * 1000 +
		    st->st_mtim.tv_nsec / 1000000 };
}

static DIR *
open_folder(int dir, const char *name)
{
	int fd = openat(dir, name, FOLDER_FLAGS);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

	if (folder == NULL && fd >= 0)
		(void)close(fd);	/* only read */
	return folder;
}

static void
look_into(struct look *look, const char *mailbox, int box, bool is_cur)
{
	DIR *folder = open_folder(box, is_cur ? "cur" : "new");
	const struct dirent *entry;
	struct stat st;

	if (folder == NULL)
		return;		/* gone meanwhile */
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.' && fstatat(dirfd(folder),
		    entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			add(look, mailbox, entry->d_name, is_cur, &st);
	(void)closedir(folder);
}

/* Empty, and for long: whoever delivers right now made it anew. */
static void
remove_if_empty(int dir, const char *mailbox, int box, int64_t before_ms)
{
	struct stat st;

	if (fstatat(box, "new", &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (int64_t)st.st_mtim.tv_sec * 1000 >= before_ms)
		return;
	/* each fails where there is something */
	if (unlinkat(box, "new", AT_REMOVEDIR) == 0 &&
	    unlinkat(box, "cur", AT_REMOVEDIR) == 0 &&
	    unlinkat(box, "tmp", AT_REMOVEDIR) == 0)
		(void)unlinkat(dir, mailbox, AT_REMOVEDIR);
}

static void
look_around(struct look *look, int64_t before_ms)
{
	DIR *all = open_folder(look->dir, ".");
	const struct dirent *entry;

	if (all == NULL)
		return;
	while ((entry = readdir(all)) != NULL) {
		size_t before = look->n;
		int box;

		if (entry->d_name[0] == '.')
			continue;
		box = openat(look->dir, entry->d_name, FOLDER_FLAGS);
		if (box < 0)
			continue;
		look_into(look, entry->d_name, box, false);
		look_into(look, entry->d_name, box, true);
		if (look->n == before)
			remove_if_empty(look->dir, entry->d_name, box,
			    before_ms);
		(void)close(box);	/* only read */
	}
	(void)closedir(all);
}

/* --- what goes */

static int
older_first(const void *a, const void *b)
{
	const struct found *one = a, *other = b;

	if (one->at_ms != other->at_ms)
		return one->at_ms < other->at_ms ? -1 : 1;
	return strcmp(one->name, other->name);	/* ids ascend with time */
}

static bool
remove_one(int dir, const struct found *found)
{
	char path[1024];
	struct put put = put_init(path, sizeof path);

	put_str(&put, found->mailbox);
	put_str(&put, found->is_cur ? "/cur/" : "/new/");
	put_str(&put, found->name);
	(void)put_cstr(&put);
	if (put.full)
		return false;
	if (unlinkat(dir, path, 0) == 0)
		return true;
	if (errno != ENOENT)	/* somebody was faster */
		log_warning("capture-not-removed", LOG_Z("file", path),
		    LOG_ERRNO(errno));
	return false;
}

size_t
capture_trim(const struct conf *conf, uint64_t now_ms)
{
	int64_t before_ms = (int64_t)now_ms - (int64_t)conf->capture_age_ms;
	size_t removed = 0, left;
	struct look look = { .dir = -1 };

	if (*conf->capture_folder != '\0')
		look.dir = open(conf->capture_folder,
		    FOLDER_FLAGS & ~O_NOFOLLOW);
	if (look.dir < 0)
		return 0;	/* nothing captured yet */
	look_around(&look, before_ms);
	if (look.n != 0)
		qsort(look.found, look.n, sizeof *look.found, older_first);
	left = look.n;
	for (size_t i = 0; i < look.n; i++) {
		if (left > conf->capture_max ||
		    look.found[i].at_ms < before_ms)
			removed += remove_one(look.dir, &look.found[i]);
		left--;
		free(look.found[i].mailbox);
		free(look.found[i].name);
	}
	free(look.found);
	(void)close(look.dir);	/* only read */
	if (removed != 0)
		log_info("capture-trimmed", LOG_U("messages", removed),
		    LOG_U("left", look.n - removed));
	return removed;
}
