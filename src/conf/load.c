/* SPDX-License-Identifier: Apache-2.0 */
/* load: a file, or text, to a struct conf: read, parse, cross-check.
 *
 * 1. With one mistake there is no conf: never start with a half-read file.
 * 2. A file has a maximum size, and with it all that is made of it. */
#include "conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "conf/domain.h"

#define CONF_FILE_MAX ((size_t)1 << 20)

static void
name_listeners(struct conf *conf)
{
	for (size_t i = 0; i < conf->listener_n; i++)
		if (conf->listener[i].greeting_name == NULL)
			conf->listener[i].greeting_name = conf->hostname;
}

/* The machine's name, for those who give none. */
static void
set_hostname(struct loader *loader)
{
	char name[256], canon[256];

	if (loader->conf->hostname != NULL) {
		name_listeners(loader->conf);
		return;
	}
	if (gethostname(name, sizeof name) != 0)
		name[0] = '\0';
	name[sizeof name - 1] = '\0';
	loader->conf->hostname = conf_domain_canon(span_str(name), canon)
	    ? arena_copy(loader->memory, span_str(canon)).p : "localhost";
	name_listeners(loader->conf);
}

/* Where everything stood, for those who ask why. */
static void
keep_given(struct loader *loader)
{
	struct conf_private *private = loader->conf->private;
	const struct option *option;
	size_t n = 0;

	for (size_t i = 0; i < loader->block_n; i++)
		for (size_t j = 0; j < OPTION_MAX; j++)
			n += loader->block[i].given[j].len != 0;
	private->given = arena_alloc(loader->memory,
	    (n + 1) * sizeof *private->given);
	must(private->given != NULL);	/* bounded by the file's size */
	for (size_t i = 0; i < loader->block_n; i++) {
		const struct block *block = &loader->block[i];

		for (size_t j = 0;
		    (option = option_at(block->kind, j)) != NULL; j++)
			if (block->given[j].len != 0)
				private->given[private->given_n++] =
				    (struct given_option){ block->kind,
				    block->item, option, mistake_line(
				    &loader->mistakes, block->given[j].at) };
	}
}

/* `folder` ends in a slash or is empty. */
static struct conf *
load(const char *name, struct span folder, struct span text, FILE *errors,
    bool is_fault_only)
{
	struct conf *conf = conf_new(name);
	struct conf_private *private = conf->private;
	struct loader loader = {
		.mistakes = { .file = name, .text = text, .out = errors },
		.conf = conf, .memory = &private->memory, .folder = folder,
		.is_fault_only = is_fault_only,
	};
	bool is_good;

	for (size_t i = 0; i < OPTION_BLOCKS; i++)
		map_init(&loader.names[i]);
	if (lexer_check_text(&loader.mistakes)) {
		conf_read(&loader);
		set_hostname(&loader);
		conf_check(&loader);
	}
	mistakes_end(&loader.mistakes);
	is_good = loader.mistakes.errors == 0;
	if (is_good)
		keep_given(&loader);
	for (size_t i = 0; i < OPTION_BLOCKS; i++)
		map_free(&loader.names[i]);
	free(loader.block);
	free(loader.value);
	free(loader.word);
	if (!is_good) {
		conf_unref(conf);
		return NULL;
	}
	conf_finish(conf);
	return conf;
}

/* The path up to its last slash. */
static struct span
folder_of(const char *path)
{
	struct span all = span_str(path);

	while (all.len != 0 && all.p[all.len - 1] != '/')
		all.len--;
	return all;
}

struct conf *
conf_parse(const char *name, const char *text, size_t len, FILE *errors)
{
	if (len > CONF_FILE_MAX) {
		fprintf(errors, "%s: error: longer than %zu bytes\n", name,
		    CONF_FILE_MAX);
		return NULL;
	}
	return load(name, folder_of(name), span_of(text, len), errors, false);
}

struct conf *
conf_parse_fault(const char *text, size_t len, FILE *errors)
{
	struct conf *conf = load("fault", SPAN("/"), span_of(text, len),
	    errors, true);

	if (conf == NULL || conf->fault_n == 1)
		return conf;
	fputs("fault: error: write one fault \"name\" { at ...; ...; }\n",
	    errors);
	conf_unref(conf);
	return NULL;
}

/* Appends what the file holds: 0, or -errno (-EFBIG past the buf's limit). */
static int
read_all(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	char part[16384];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (error == 0 && (n = read(fd, part, sizeof part)) != 0) {
		if (n > 0)
			error = buf_append(text, span_of(part, (size_t)n));
		else if (errno != EINTR)
			error = -errno;
	}
	(void)close(fd);	/* only read */
	return error == -ENOBUFS ? -EFBIG : error;
}

struct conf *
conf_load(const char *path, FILE *errors)
{
	char real[PATH_MAX];
	struct conf *conf = NULL;
	struct buf text;
	int error;

	buf_init(&text, CONF_FILE_MAX);
	error = read_all(path, &text);
	/* absolute, for the day somebody changes the working directory */
	if (error == 0 && realpath(path, real) == NULL)
		error = -errno;
	if (error != 0)
		fprintf(errors, "%s: error: cannot read it: %s\n", path,
		    strerror(-error));
	else
		conf = load(path, folder_of(real), buf_span(&text), errors,
		    false);
	buf_free(&text);
	return conf;
}
