/* SPDX-License-Identifier: Apache-2.0 */
/* conf: the finished value: its memory, its reference count, and the search for
 * a domain. Immutable once conf_finish() was called. */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "conf/domain.h"
#include "conf/load.h"
#include "conf/via.h"

/* Far above what a file of CONF_FILE_MAX can ask for. */
#define MEMORY_MAX ((size_t)1 << 30)

struct conf *
conf_new(const char *file)
{
	struct conf *conf = mem_new(sizeof *conf);
	struct conf_private *private = mem_new(sizeof *private);
	struct span name;

	atomic_init(&private->refs, 1);
	arena_init(&private->memory, MEMORY_MAX);
	map_init(&private->domains);
	conf->private = private;
	name = arena_copy(&private->memory, span_str(file));
	must(name.p != NULL);
	conf->file = name.p;
	conf->users_file = conf->aliases_file = conf->trail_file = "";
	conf->capture_folder = "";
	return conf;
}

void
conf_finish(struct conf *conf)
{
	struct conf_private *private = conf->private;

	for (size_t i = 0; i < conf->domain_n; i++)
		(void)map_put(&private->domains,
		    span_str(conf->domain[i].name), &conf->domain[i]);
}

struct conf *
conf_ref(struct conf *conf)
{
	struct conf_private *private = conf->private;
	unsigned before = atomic_fetch_add(&private->refs, 1);

	must(before != 0);
	return conf;
}

void
conf_unref(struct conf *conf)
{
	struct conf_private *private;
	unsigned before;

	if (conf == NULL)
		return;
	private = conf->private;
	before = atomic_fetch_sub(&private->refs, 1);
	must(before != 0);
	if (before != 1)
		return;
	map_free(&private->domains);
	arena_reset(&private->memory);
	free(private);
	free(conf->tls);
	free(conf->listener);
	free(conf->domain);
	free(conf->fault);
	free(conf->route);
	free(conf);
}

const struct conf_domain *
conf_find_domain(const struct conf *conf, const char *name, size_t len)
{
	const struct conf_private *private = conf->private;
	char canon[256];

	if (!conf_domain_canon(span_of(name, len), canon))
		return NULL;
	return map_find(&private->domains, span_str(canon));
}

bool
conf_route_fits(const struct conf_route *route, struct span domain)
{
	return via_fits(route->name, domain);
}

int
conf_option_line(const struct conf *conf, const char *block, size_t item,
    const char *option)
{
	const struct conf_private *private = conf->private;

	for (size_t i = 0; i < private->given_n; i++) {
		const struct given_option *given = &private->given[i];

		if (given->item == item &&
		    strcmp(option_blocks[given->block].name, block) == 0 &&
		    strcmp(given->option->name, option) == 0)
			return given->line;
	}
	return 0;
}
