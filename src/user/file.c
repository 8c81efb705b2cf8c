/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of the users file. The promise: whoever reads it, at any moment and
 * after any crash, finds the old file or the new one, whole.
 *
 *   lock the file → read, edit → write beside it, sync → rename → sync folder
 *
 * The lock is on the file itself; as a rename puts another file under the
 * name, whoever got a lock looks whether it still is the file of that name.
 * What a crash may leave behind is "FILE.new", which the next edit replaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/put.h"
#include "base/text.h"
#include "user/db.h"
#include "user/edit.h"
#include "user/keys.h"
#include "user/line.h"
#include "user/table.h"
#include "user/user.h"

/* A locked users file. */
struct editing {
	char *path;	/* without symbolic links */
	char *beside;	/* path.new */
	int fd;
	struct stat st;
	struct buf text;
	struct buf out;
	char *error;
	size_t error_len;
};

__attribute__((format(printf, 3, 4)))
static int
fail(struct editing *e, int result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(e->error, e->error_len, format, args);	/* cut */
	va_end(args);
	return result;
}

static int
fail_errno(struct editing *e, const char *path, int result)
{
	return fail(e, result, "%s: %s", path,
	    result == -EINVAL ? "not a regular file" : log_errno(result));
}

static int
make_empty(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd);	/* nothing was written */
	return 0;
}

/* `path.new` must be beside the file itself, not beside a link to it. */
static int
resolve(struct editing *e, const char *path)
{
	size_t len;

	e->path = realpath(path, NULL);
	if (e->path == NULL)
		return fail_errno(e, path, -errno);
	len = strlen(e->path) + sizeof ".new";
	e->beside = mem_new(len);
	(void)snprintf(e->beside, len, "%s.new", e->path);	/* fits */
	return 0;
}

/* Is the file we hold open still the one of that name? */
static bool
is_current(const struct editing *e)
{
	struct stat named;

	return stat(e->path, &named) == 0 && named.st_ino == e->st.st_ino &&
	    named.st_dev == e->st.st_dev;
}

static int
lock(struct editing *e)
{
	do {
		if (e->fd >= 0)
			(void)close(e->fd);	/* only read */
		e->fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (e->fd < 0)
			return fail_errno(e, e->path, -errno);
		while (flock(e->fd, LOCK_EX) != 0)
			if (errno != EINTR)
				return fail_errno(e, e->path, -errno);
		if (fstat(e->fd, &e->st) != 0)
			return fail_errno(e, e->path, -errno);
	} while (!is_current(e));
	return 0;
}

/* The file as text without mistakes. */
static int
read_text(struct editing *e)
{
	struct user_table *table;
	int result = user_read_file(e->fd, &e->st, &e->text);

	if (result != 0)
		return fail_errno(e, e->path, result);
	table = user_table_parse(e->path, buf_span(&e->text), e->error,
	    e->error_len);
	if (table == NULL)
		return -EINVAL;
	user_table_unref(table);
	return 0;
}

static void
init(struct editing *e, char *error, size_t error_len)
{
	*e = (struct editing){ .fd = -1, .error = error,
		.error_len = error_len };
	buf_init(&e->text, USER_FILE_MAX);
	buf_init(&e->out, USER_FILE_MAX);
}

static int
begin(struct editing *e, const char *path)
{
	int result = resolve(e, path);

	if (result == 0)
		result = lock(e);
	return result == 0 ? read_text(e) : result;
}

static void
free_text(struct buf *text)
{
	if (text->p != NULL)
		mem_wipe(text->p, text->cap);
	buf_free(text);
}

static void
end(struct editing *e)
{
	if (e->fd >= 0)
		(void)close(e->fd);	/* only read; the lock goes with it */
	free_text(&e->text);
	free_text(&e->out);
	free(e->path);
	free(e->beside);
}

static int
keep_owner_and_mode(int fd, const struct stat *old)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if ((st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) != 0)
		return -errno;
	return fchmod(fd, old->st_mode & 07777) == 0 ? 0 : -errno;
}

static int
write_beside(struct editing *e)
{
	int fd, result;

	if (unlink(e->beside) != 0 && errno != ENOENT)
		return fail_errno(e, e->beside, -errno);
	fd = open(e->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(e, e->beside, -errno);
	result = keep_owner_and_mode(fd, &e->st);
	if (result == 0)
		result = fd_write_all(fd, buf_span(&e->out));
	if (result == 0 && fsync(fd) != 0)
		result = -errno;
	if (close(fd) != 0 && result == 0)
		result = -errno;
	if (result == 0)
		return 0;
	(void)unlink(e->beside);	/* the reason is what counts */
	return fail_errno(e, e->beside, result);
}

static int
sync_folder(struct editing *e)
{
	size_t n = strlen(e->path);
	char *folder;
	int fd, result = 0;

	while (n > 1 && e->path[n - 1] != '/')
		n--;
	folder = mem_copy(span_of(e->path, n));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		result = fail_errno(e, folder, -errno);
	if (fd >= 0)
		(void)close(fd);	/* only read */
	free(folder);
	return result;
}

static int
commit(struct editing *e)
{
	int result = write_beside(e);

	if (result != 0)
		return result;
	if (rename(e->beside, e->path) != 0) {
		result = -errno;
		(void)unlink(e->beside);	/* the reason is what counts */
		return fail_errno(e, e->path, result);
	}
	return sync_folder(e);
}

static int
check_password(struct editing *e, struct span password)
{
	if (password.len == 0)
		return fail(e, -EINVAL, "the password is empty");
	if (password.len > USER_PASSWORD_MAX)
		return fail(e, -EINVAL, "the password is longer than %d bytes",
		    USER_PASSWORD_MAX);
	if (!text_is_utf8(password))
		return fail(e, -EINVAL, "the password is not UTF-8");
	for (size_t i = 0; i < password.len; i++)
		if (strchr("\r\n", password.p[i]) != NULL)	/* or NUL */
			return fail(e, -EINVAL,
			    "the password holds a line end or NUL");
	return 0;
}

static int
check_name(struct editing *e, struct span name)
{
	char memory[512];
	struct put why = put_init(memory, sizeof memory);

	if (user_name_check(name, &why))
		return 0;
	return fail(e, -EINVAL, "%s", put_cstr(&why));
}

/* All that can be wrong with a change, before anything is touched. */
static int
check_change(struct editing *e, const struct user_change *change,
    bool is_new)
{
	struct user_attributes ignored;
	char memory[512];
	struct put why = put_init(memory, sizeof memory);

	int result = check_name(e, change->name);

	if (result != 0)
		return result;
	if (!user_attributes_parse(change->attributes, &ignored, &why))
		return fail(e, -EINVAL, "%s", put_cstr(&why));
	if (change->password.len == 0 && !is_new)
		return 0;
	return check_password(e, change->password);
}

/* What a password becomes: the text that an edit points to. */
struct made {
	char hash[USER_HASH_MAX + 1];
	char scram[USER_KEYS_MAX], nt[64], seed[128];
};

static int
make_keys(const struct user_change *change, struct user_edit *edit,
    struct made *made)
{
	struct put scram = put_init(made->scram, sizeof made->scram);
	struct put nt = put_init(made->nt, sizeof made->nt);
	struct put seed = put_init(made->seed, sizeof made->seed);
	int result = user_keys_put_scram(change->password, &scram);

	if (result == 0 && change->ntlm != USER_NTLM_OFF)
		result = user_keys_put_nt(change->password, &nt);
	if (result == 0)
		result = user_seed_new(&seed);
	edit->scram = put_span(&scram);
	edit->nt = put_span(&nt);
	edit->seed = put_span(&seed);
	edit->is_nt_kept = change->ntlm == USER_NTLM_KEEP;
	return result;
}

/* The slow part, while nothing is locked. */
static int
make_edit(struct editing *e, const struct user_change *change,
    struct user_edit *edit, struct made *made)
{
	int result;

	*edit = (struct user_edit){ .name = change->name,
		.attributes = change->attributes };
	if (change->password.len == 0)
		return 0;
	result = user_hash_new(change->password, made->hash);
	if (result == 0)
		result = make_keys(change, edit, made);
	if (result != 0)
		return fail(e, result, "cannot hash the password: %s",
		    log_errno(result));
	edit->hash = span_str(made->hash);
	return 0;
}

static int
explain(struct editing *e, int result, struct span name)
{
	if (result == -EEXIST)
		return fail(e, result, "%s: there is a user \"%.*s\" already",
		    e->path, SPAN_ARG(name));
	if (result == -ENOENT)
		return fail(e, result, "%s: there is no user \"%.*s\"",
		    e->path, SPAN_ARG(name));
	if (result == -ENOBUFS)
		return fail(e, result, "%s: would be too large", e->path);
	return result;
}

int
user_file_add(const char *path, const struct user_change *change, char *error,
    size_t error_len)
{
	struct made made;
	struct user_edit edit;
	struct editing e;
	int result;

	init(&e, error, error_len);
	result = check_change(&e, change, true);
	if (result == 0)
		result = make_edit(&e, change, &edit, &made);
	if (result != 0)
		goto out;
	result = make_empty(path);
	if (result != 0) {
		result = fail_errno(&e, path, result);
		goto out;
	}
	result = begin(&e, path);
	if (result != 0)
		goto out;
	result = explain(&e, user_edit_add(buf_span(&e.text), &edit, &e.out),
	    change->name);
	if (result == 0)
		result = commit(&e);
out:
	end(&e);
	mem_wipe(&made, sizeof made);
	return result;
}

int
user_file_change(const char *path, const struct user_change *change,
    char *error, size_t error_len)
{
	struct made made;
	struct user_edit edit;
	struct editing e;
	int result;

	init(&e, error, error_len);
	result = check_change(&e, change, false);
	if (result == 0)
		result = make_edit(&e, change, &edit, &made);
	if (result == 0)
		result = begin(&e, path);
	if (result != 0)
		goto out;
	result = explain(&e, user_edit_change(buf_span(&e.text), &edit,
	    &e.out), change->name);
	if (result == 0)
		result = commit(&e);
out:
	end(&e);
	mem_wipe(&made, sizeof made);
	return result;
}

int
user_file_remove(const char *path, struct span name, char *error,
    size_t error_len)
{
	struct editing e;
	int result;

	init(&e, error, error_len);
	result = check_name(&e, name);
	if (result == 0)
		result = begin(&e, path);
	if (result != 0)
		goto out;
	result = explain(&e, user_edit_remove(buf_span(&e.text), name,
	    &e.out), name);
	if (result == 0)
		result = commit(&e);
out:
	end(&e);
	return result;
}

static void
list_one(const struct user_line *line,
    void (*each)(void *arg, const struct user_listed *listed), void *arg)
{
	char *memory = mem_new(line->attributes.len + 1);
	struct put out = put_init(memory, line->attributes.len + 1);
	struct sasl_credentials keys = { .may_log_in = false };
	struct user_attributes attributes;
	char why[256];
	struct put ignored = put_init(why, sizeof why);

	if (user_attributes_parse(line->attributes, &attributes, &ignored))
		user_keys_read(&attributes, &keys);
	user_keys_leave_out(line->attributes, &out);
	each(arg, &(struct user_listed){ line->name,
		user_hash_scheme(line->hash), put_span(&out),
		keys.has_scram_sha_1, keys.has_scram_sha_256,
		keys.has_nt_hash });
	mem_wipe(&keys, sizeof keys);
	free(memory);
}

static void
list_text(struct span text,
    void (*each)(void *arg, const struct user_listed *listed), void *arg)
{
	struct user_line line;
	char memory[256];

	while (text.len != 0) {
		struct put ignored = put_init(memory, sizeof memory);
		struct span one = user_text_content(user_text_line(&text));

		if (user_line_parse(one, &line, &ignored) == USER_LINE_ACCOUNT)
			list_one(&line, each, arg);
	}
}

int
user_file_list(const char *path,
    void (*each)(void *arg, const struct user_listed *listed),
    void *arg, char *error, size_t error_len)
{
	struct editing e;
	int result;

	init(&e, error, error_len);
	result = resolve(&e, path);
	if (result != 0)
		goto out;
	e.fd = open(e.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (e.fd < 0) {
		result = fail_errno(&e, e.path, -errno);
		goto out;
	}
	result = read_text(&e);
	if (result == 0)
		list_text(buf_span(&e.text), each, arg);
out:
	end(&e);
	return result;
}
