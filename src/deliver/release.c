/* SPDX-License-Identifier: Apache-2.0 */
/* release: see release.h. */
#include "deliver/release.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "conf/domain.h"

struct release {
	atomic_uint refs;
	enum release_kind kind;
	char name[260];		/* of a domain: compared form */
};

struct release *
release_new(struct span text)
{
	struct release one = { .kind = RELEASE_DOMAIN };
	struct release *release;

	if (text.len == 0)
		one.kind = RELEASE_ALL;
	else if (text.p[0] == '@')
		one.kind = RELEASE_BELOW;
	else if (text.p[0] == '#')
		one.kind = RELEASE_ROUTE;
	if (one.kind == RELEASE_BELOW || one.kind == RELEASE_ROUTE)
		text = span_skip(text, 1);
	if (text.len >= sizeof one.name)
		return NULL;
	if (one.kind == RELEASE_ROUTE)
		memcpy(one.name, text.p, text.len);
	else if (one.kind != RELEASE_ALL &&
	    !conf_domain_canon(text, one.name))
		return NULL;
	release = mem_new(sizeof *release);
	release->kind = one.kind;
	memcpy(release->name, one.name, sizeof one.name);
	atomic_init(&release->refs, 1);
	return release;
}

struct release *
release_ref(struct release *release)
{
	if (release != NULL)
		atomic_fetch_add(&release->refs, 1);
	return release;
}

void
release_unref(struct release *release)
{
	if (release != NULL && atomic_fetch_sub(&release->refs, 1) == 1)
		free(release);
}

/* `name` is below `domain`: a.example.org of example.org. */
static bool
is_below(struct span name, struct span domain)
{
	return name.len > domain.len &&
	    name.p[name.len - domain.len - 1] == '.' &&
	    span_eq(span_skip(name, name.len - domain.len), domain);
}

/* A route's name may stand for many: "*", "*.example.org". */
bool
release_is_known(const struct release *release, const struct conf *conf)
{
	struct span name = span_str(release->name);

	for (size_t i = 0; i < conf->route_n; i++) {
		const struct conf_route *route = &conf->route[i];
		struct span routed = span_str(route->name);

		if (route->via.way != CONF_VIA_HOLD)
			continue;
		if (release->kind == RELEASE_ALL ||
		    (release->kind == RELEASE_ROUTE ?
			span_caseeq(routed, name) :
			conf_route_fits(route, name)) ||
		    (release->kind == RELEASE_BELOW && is_below(routed, name)))
			return true;
	}
	return false;
}

bool
release_fits(const struct release *release, const struct route_target *target)
{
	struct span name = span_str(target->name);
	struct span wanted = span_str(release->name);

	if (target->kind != ROUTE_STAYS || target->route == NULL ||
	    target->route->via.way != CONF_VIA_HOLD)
		return false;
	switch (release->kind) {
	case RELEASE_ALL:
		return true;
	case RELEASE_DOMAIN:
		return span_eq(name, wanted);
	case RELEASE_BELOW:
		return span_eq(name, wanted) || is_below(name, wanted);
	case RELEASE_ROUTE:
		return span_caseeq(span_str(target->route->name), wanted);
	}
	return false;
}

void
release_apply(const struct release *release, struct route_target *target)
{
	if (release == NULL || !release_fits(release, target))
		return;
	target->via = &target->route->release_via;
	target->kind = target->via->way == CONF_VIA_DISCARD ? ROUTE_DISCARD :
	    ROUTE_REMOTE;
	target->why[0] = '\0';
}
