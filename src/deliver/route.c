/* SPDX-License-Identifier: Apache-2.0 */
/* route: see route.h. */
#include "deliver/route.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/domain.h"
#include "deliver/capture.h"

static struct span
domain_of(struct span address)
{
	const char *at = address.len == 0 ? NULL :
	    memrchr(address.p, '@', address.len);

	if (at == NULL)
		return SPAN("");
	return span_skip(address, (size_t)(at + 1 - address.p));
}

static bool
is_from(const struct conf_route *route, const struct envelope *envelope)
{
	struct span sender = envelope->sender;

	for (size_t i = 0; i < route->from_n; i++) {
		struct span one = span_str(route->from[i]);

		if (span_eq(one, SPAN("<>")) ? sender.len == 0 :
		    span_find(one, '@') != one.len && one.p[0] != '@' ?
		    span_caseeq(one, sender) :
		    span_caseeq(one.p[0] == '@' ? span_skip(one, 1) : one,
			domain_of(sender)))
			return true;
	}
	return route->from_n == 0;
}

static bool
is_by(const struct conf_route *route, const struct envelope *envelope)
{
	for (size_t i = 0; i < route->listener_n; i++)
		if (span_eq(span_str(route->listener[i]),
		    envelope->listener))
			return true;
	return route->listener_n == 0;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": without what stands around. */
static bool
read_literal(struct span domain, char name[256])
{
	if (domain.len < 3 || domain.len > 250 || domain.p[0] != '[' ||
	    domain.p[domain.len - 1] != ']')
		return false;
	domain = span_first(span_skip(domain, 1), domain.len - 2);
	if (span_casestarts(domain, SPAN("IPv6:")))
		domain = span_skip(domain, 5);
	memcpy(name, domain.p, domain.len);
	name[domain.len] = '\0';
	return true;
}

void
route_stay(struct route_target *out, const char *why, const char *what)
{
	out->kind = ROUTE_STAYS;
	snprintf(out->why, sizeof out->why, "%s%s", why, what);
}

/* The first of that name. */
static const struct conf_route *
find_named(const struct conf *conf, struct span name)
{
	for (size_t i = 0; i < conf->route_n; i++)
		if (span_eq(span_str(conf->route[i].name), name))
			return &conf->route[i];
	return NULL;
}

static void
find_outside(const struct conf *conf, const struct envelope *envelope,
    struct span wanted, struct route_target *out)
{
	if (wanted.len != 0)
		out->route = find_named(conf, wanted);
	if (wanted.len != 0 && out->route == NULL) {
		route_stay(out, "the route that an operator gave it is not "
		    "configured any more", "");
		return;
	}
	for (size_t i = 0; i < conf->route_n && out->route == NULL; i++) {
		const struct conf_route *route = &conf->route[i];

		if (conf_route_fits(route, out->is_literal ? SPAN("") :
		    span_str(out->name)) && is_from(route, envelope) &&
		    is_by(route, envelope))
			out->route = route;
	}
	if (out->route == NULL) {
		route_stay(out, "no route to the outside is configured", "");
		return;
	}
	out->via = &out->route->via;
	out->kind = out->via->way == CONF_VIA_DISCARD ? ROUTE_DISCARD :
	    ROUTE_REMOTE;
	if (out->via->way == CONF_VIA_HOLD)
		route_stay(out, "held by the route ", out->route->name);
}

void
route_find(const struct conf *conf, const struct envelope *envelope,
    uint32_t rcpt, struct route_target *out)
{
	const struct envelope_rcpt *to = &envelope->rcpt[rcpt];
	struct span domain = domain_of(to->address);

	*out = (struct route_target){ .tls_need =
	    (enum envelope_tls_need)envelope->tls_need };
	out->is_literal = read_literal(domain, out->name);
	if (!out->is_literal && !conf_domain_canon(domain, out->name))
		out->name[0] = '\0';
	/* captured: kept here, whatever its domain would have */
	if (capture_is_one(to->mailbox))
		return;
	if (to->mailbox.len == 0) {
		find_outside(conf, envelope, to->route, out);
		return;
	}
	out->domain = conf_find_domain(conf, domain.p, domain.len);
	if (out->domain == NULL) {
		route_stay(out, "its domain is not configured any more", "");
	} else if (out->domain->lmtp.way == CONF_VIA_LMTP) {
		out->kind = ROUTE_REMOTE;
		out->via = &out->domain->lmtp;
	} else if (out->domain->maildir == NULL ||
	    out->domain->maildir[0] == '\0') {
		route_stay(out, "its domain has no \"deliver maildir\"", "");
	}
}

void
route_key(const struct conf *conf, const struct route_target *target,
    char out[512])
{
	bool is_mx = target->via->way == CONF_VIA_MX;
	size_t n = target->route != NULL ?
	    (size_t)(target->route - conf->route) :
	    (size_t)(target->domain - conf->domain);

	snprintf(out, 512, "%p %c%zu %u %s", (const void *)conf,
	    target->route != NULL ? 'r' : 'd', n, (unsigned)target->tls_need,
	    is_mx ? target->name : "");
}

/* The first line of `text`. */
static int
take_line(struct span text, const char *path, char *out, size_t len,
    char *error, size_t error_len)
{
	struct span line = span_first(text, span_find(text, '\n'));

	if (line.len != 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0 || line.len >= len) {
		snprintf(error, error_len, "%s: its first line should be the "
		    "password", path);
		return -1;
	}
	memcpy(out, line.p, line.len);
	out[line.len] = '\0';
	return 0;
}

int
route_read_password(const struct conf_route *route, char *out, size_t len,
    char *error, size_t error_len)
{
	const char *path = route->password_file;
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = -1;
	char text[1024];
	struct stat st;
	ssize_t n;

	if (fd < 0) {
		snprintf(error, error_len, "%s: %s", path, log_errno(errno));
		return -1;
	}
	n = read(fd, text, sizeof text);
	if (n < 0 || fstat(fd, &st) != 0)
		snprintf(error, error_len, "%s: %s", path, log_errno(errno));
	else if ((st.st_mode & 077) != 0 && !(st.st_uid == 0 &&
	    (st.st_mode & 027) == 0))
		snprintf(error, error_len, "%s: others may read it: chmod "
		    "600", path);
	else
		result = take_line(span_of(text, (size_t)n), path, out, len,
		    error, error_len);
	close(fd);
	explicit_bzero(text, sizeof text);
	return result;
}
