/* SPDX-License-Identifier: Apache-2.0 */
/* fake_conf: a configuration of one domain, without a file. */
#include "fake_conf.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"

struct fake {
	struct conf conf;
	struct conf_domain domain;
	_Atomic int references;
	char maildir[256];
};

int fake_conf_living;

struct conf *
fake_conf_new(const char *root, const char *domain)
{
	struct fake *fake = mem_new(sizeof *fake);

	snprintf(fake->maildir, sizeof fake->maildir, "%s/%%d/%%u", root);
	fake->domain.name = domain;
	fake->domain.maildir = fake->maildir;
	fake->conf.hostname = "mail.example.org";
	fake->conf.retry_first_ms = 1;
	fake->conf.retry_max_ms = 10;
	fake->conf.domain = &fake->domain;
	fake->conf.domain_n = 1;
	fake->conf.private = fake;
	fake->references = 1;
	fake_conf_living++;
	return &fake->conf;
}

struct conf *
conf_ref(struct conf *conf)
{
	struct fake *fake = conf->private;

	fake->references++;
	return conf;
}

void
conf_unref(struct conf *conf)
{
	struct fake *fake = conf->private;

	must(fake->references > 0);
	if (--fake->references == 0) {
		fake_conf_living--;
		free(fake);
	}
}

const struct conf_domain *
conf_find_domain(const struct conf *conf, const char *name, size_t len)
{
	return span_caseeq(span_str(conf->domain->name), span_of(name, len)) ?
	    conf->domain : NULL;
}

bool
conf_route_fits(const struct conf_route *route, struct span domain)
{
	return span_eq(span_str(route->name), SPAN("*")) ||
	    span_eq(span_str(route->name), domain);
}
