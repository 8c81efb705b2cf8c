/* SPDX-License-Identifier: Apache-2.0 */
/* pause: see pause.h. */
#include "deliver/pause.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

#define FILE_MAX ((size_t)PAUSE_MAX * 270)

struct pause {
	atomic_uint refs;
	size_t n;
	struct pause_item item[];
};

static struct pause *
make(size_t n)
{
	struct pause *pause = mem_new(sizeof *pause + n *
	    sizeof *pause->item);

	atomic_init(&pause->refs, 1);
	pause->n = n;
	return pause;
}

struct pause *
pause_new(void)
{
	return make(0);
}

struct pause *
pause_ref(struct pause *pause)
{
	atomic_fetch_add(&pause->refs, 1);
	return pause;
}

void
pause_unref(struct pause *pause)
{
	if (pause != NULL && atomic_fetch_sub(&pause->refs, 1) == 1)
		free(pause);
}

static bool
is_same(const struct pause_item *a, const struct pause_item *b)
{
	return a->is_domain == b->is_domain && strcmp(a->name, b->name) == 0;
}

bool
pause_has(const struct pause *pause, const struct pause_item *item)
{
	for (size_t i = 0; i < pause->n; i++)
		if (is_same(&pause->item[i], item))
			return true;
	return false;
}

const struct pause_item *
pause_at(const struct pause *pause, size_t i)
{
	return i < pause->n ? &pause->item[i] : NULL;
}

struct pause *
pause_with(const struct pause *pause, const struct pause_item *item,
    bool is_paused)
{
	struct pause *with = make(pause->n + 1);

	with->n = 0;
	for (size_t i = 0; i < pause->n; i++)
		if (!is_same(&pause->item[i], item))
			with->item[with->n++] = pause->item[i];
	if (is_paused)
		with->item[with->n++] = *item;
	if (with->n <= PAUSE_MAX)
		return with;
	pause_unref(with);
	return NULL;
}

void
pause_apply(const struct pause *pause, struct route_target *target)
{
	if (pause == NULL || target->kind == ROUTE_STAYS)
		return;
	for (size_t i = 0; i < pause->n; i++) {
		const struct pause_item *item = &pause->item[i];

		if (item->is_domain ? strcmp(item->name, target->name) != 0 :
		    target->route == NULL ||
		    strcmp(item->name, target->route->name) != 0)
			continue;
		route_stay(target, item->is_domain ?
		    "an operator has paused the domain " :
		    "an operator has paused the route ", item->name);
		return;
	}
}

/* --- the file */

static bool
read_line(struct span line, struct pause_item *item)
{
	struct span kind = span_cut(&line, ' ');

	*item = (struct pause_item){ .is_domain = span_eq(kind,
	    SPAN("domain")) };
	if ((!item->is_domain && !span_eq(kind, SPAN("route"))) ||
	    line.len == 0 || line.len >= sizeof item->name)
		return false;
	memcpy(item->name, line.p, line.len);
	return true;
}

struct pause *
pause_load(const char *path)
{
	struct pause *pause = pause_new(), *with;
	FILE *in = fopen(path, "re");
	struct pause_item item;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (in == NULL && errno != ENOENT)
		log_error("pauses-unread", LOG_Z("file", path),
		    LOG_ERRNO(errno));
	while (in != NULL && (n = getline(&line, &cap, in)) > 0) {
		if (!read_line(span_of(line, (size_t)n - (line[n - 1] ==
		    '\n')), &item) ||
		    (with = pause_with(pause, &item, true)) == NULL) {
			log_error("pause-not-understood", LOG_Z("file", path),
			    LOG_S("line", span_of(line, (size_t)n)));
			continue;
		}
		pause_unref(pause);
		pause = with;
	}
	free(line);
	if (in != NULL)
		fclose(in);
	return pause;
}

static int
write_file(const char *path, struct span text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error = 0;

	if (fd < 0)
		return -errno;
	while (text.len != 0 && error == 0) {
		ssize_t n = write(fd, text.p, text.len);

		if (n >= 0)
			text = span_skip(text, (size_t)n);
		else if (errno != EINTR)
			error = -errno;
	}
	if (error == 0 && fsync(fd) != 0)
		error = -errno;
	close(fd);
	return error;
}

/* The new name survives a crash. */
static int
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	int fd, error;

	snprintf(folder, sizeof folder, "%.*s", slash != NULL ?
	    (int)(slash - path) + 1 : 1, slash != NULL ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return error;
}

int
pause_save(const struct pause *pause, const char *path)
{
	char next[4096];
	struct buf text;
	int error = 0;

	if ((size_t)snprintf(next, sizeof next, "%s.new", path) >=
	    sizeof next)
		return -ENAMETOOLONG;
	buf_init(&text, FILE_MAX);
	for (size_t i = 0; i < pause->n && error == 0; i++)
		error = buf_printf(&text, "%s %s\n", pause->item[i].is_domain ?
		    "domain" : "route", pause->item[i].name);
	if (error == 0)
		error = write_file(next, buf_span(&text));
	buf_free(&text);
	if (error == 0 && rename(next, path) != 0)
		error = -errno;
	return error != 0 ? error : sync_folder(path);
}
