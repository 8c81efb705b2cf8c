/* SPDX-License-Identifier: Apache-2.0 */
/* conf: the value itself: its memory, its references, its look-ups. */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "conf/domain.h"
#include "conf/load.h"

/* Everything of a conf comes from a file of at most 1 MiB; arrays that grow by
 * copying take the square of a thousand blocks at the very worst. */
#define MEMORY_MAX ((size_t)512 << 20)

struct owner {
	unsigned refs;
	struct arena memory;
};

struct conf *
load_new(void)
{
	struct conf *conf = mem_new(sizeof *conf);
	struct owner *owner = mem_new(sizeof *owner);

	owner->refs = 1;
	arena_init(&owner->memory, MEMORY_MAX);
	conf->private = owner;
	return conf;
}

struct arena *
load_memory(struct conf *conf)
{
	return &((struct owner *)conf->private)->memory;
}

struct conf *
conf_ref(struct conf *conf)
{
	struct owner *owner = conf->private;

	__atomic_add_fetch(&owner->refs, 1, __ATOMIC_RELAXED);
	return conf;
}

void
conf_unref(struct conf *conf)
{
	struct owner *owner;

	if (conf == NULL)
		return;
	owner = conf->private;
	if (__atomic_sub_fetch(&owner->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	arena_reset(&owner->memory);
	free(owner);
	free(conf);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct conf_domain *)a)->name,
	    ((const struct conf_domain *)b)->name);
}

void
load_sort(struct conf *conf)
{
	if (conf->domain_n > 1)
		qsort(conf->domain, conf->domain_n, sizeof *conf->domain,
		    by_name);
}

const struct conf_domain *
conf_find_domain(const struct conf *conf, const char *name, size_t len)
{
	char canon[256];
	const struct conf_domain key = { .name = canon };

	if (conf->domain_n == 0 ||
	    !conf_domain_canon(span_of(name, len), canon))
		return NULL;
	return bsearch(&key, conf->domain, conf->domain_n,
	    sizeof *conf->domain, by_name);
}
