/* SPDX-License-Identifier: Apache-2.0 */
/* dns_context: libunbound, set up. Whatever fails ends it (dns.h, promise 3):
 * the library would go on with what it has, and ask the world's servers. */
#include "net/dns_context.h"

#include <errno.h>
#include <stdio.h>
#include <unbound.h>
#include <unistd.h>

#include "base/log.h"

#define ROOT_KEY "/usr/share/dns/root.key"

struct setup {
	struct ub_ctx *ctx;
	char *error;
	size_t len;
};

static bool
is_done(struct setup *setup, int error, const char *what, const char *value)
{
	if (error != 0)
		snprintf(setup->error, setup->len, "%s \"%s\": %s", what,
		    value, ub_strerror(error));
	return error == 0;
}

static bool
set(struct setup *setup, const char *option, const char *value)
{
	return is_done(setup, ub_ctx_set_option(setup->ctx, option, value),
	    option, value);
}

/* The library's own defaults are for programs that ask one question: 16 ports,
 * caches of 1 MiB, and a server that was down is avoided for a quarter of an
 * hour. Addresses inside a company have names like others. */
static bool
set_limits(struct setup *setup)
{
	static const char *const row[][2] = {
		{ "outgoing-range:", "512" },
		{ "outgoing-num-tcp:", "32" },
		{ "rrset-cache-size:", "32m" },
		{ "msg-cache-size:", "16m" },
		{ "key-cache-size:", "4m" },
		{ "neg-cache-size:", "4m" },
		{ "infra-host-ttl:", "60" },
		{ "infra-keep-probing:", "yes" },
		{ "do-not-query-localhost:", "no" },
		{ "unblock-lan-zones:", "yes" },
		{ "insecure-lan-zones:", "yes" },
		{ "cache-max-negative-ttl:", "900" },
	};

	for (size_t i = 0; i < countof(row); i++)
		if (!set(setup, row[i][0], row[i][1]))
			return false;
	return true;
}

static bool
set_forward(struct setup *setup, const struct dns_options *options)
{
	const char *file = options->resolv_conf != NULL ?
	    options->resolv_conf : "/etc/resolv.conf";

	if (options->forward == NULL)
		return is_done(setup, ub_ctx_resolvconf(setup->ctx, file),
		    "the file of resolvers", file);
	if (options->forward_n == 0) {
		snprintf(setup->error, setup->len, "no resolver is named");
		return false;
	}
	for (size_t i = 0; i < options->forward_n; i++)
		if (!is_done(setup,
		    ub_ctx_set_fwd(setup->ctx, options->forward[i]),
		    "the resolver", options->forward[i]))
			return false;
	return true;
}

/* The library opens the file only later, and without a word. */
static bool
set_file(struct setup *setup, const char *what, const char *path,
    int (*add)(struct ub_ctx *, const char *))
{
	if (access(path, R_OK) != 0) {
		snprintf(setup->error, setup->len, "%s \"%s\": %s", what, path,
		    log_errno(errno));
		return false;
	}
	return is_done(setup, add(setup->ctx, path), what, path);
}

/* RFC 6762 G and RFC 6761: the root has none of these, and says so signed. */
static bool
set_root_key(struct setup *setup)
{
	static const char *const inside[] = { "test", "local", "lan", "home",
		"corp", "internal", "intranet", "private", "localdomain" };

	if (access(ROOT_KEY, R_OK) != 0)
		return true;
	for (size_t i = 0; i < countof(inside); i++)
		if (!set(setup, "domain-insecure:", inside[i]))
			return false;
	return set_file(setup, "the trust anchor", ROOT_KEY,
	    ub_ctx_add_ta_file);
}

static bool
set_trust(struct setup *setup, const struct dns_options *options)
{
	for (size_t i = 0; i < options->insecure_n; i++)
		if (!set(setup, "domain-insecure:", options->insecure[i]))
			return false;
	if (options->trust_anchor == NULL)
		return set_root_key(setup);
	return options->trust_anchor[0] == '\0' ||
	    set_file(setup, "the trust anchor", options->trust_anchor,
	    ub_ctx_add_ta_file);
}

/* Names that the library would answer itself are asked for like others: a
 * company may use them. zone_add makes the library read what was set, and
 * refuse what comes later: this must be the last. */
static bool
open_zones(struct setup *setup)
{
	static const char *const zone[] = { "test.", "127.in-addr.arpa." };

	for (size_t i = 0; i < countof(zone); i++)
		if (!is_done(setup, ub_ctx_zone_add(setup->ctx, zone[i],
		    "transparent"), "the set-up with its trust anchor",
		    zone[i]))
			return false;
	return true;
}

static bool
set_all(struct setup *setup, const struct dns_options *options)
{
	/* what the library says about strangers' data is no log of ours */
	return is_done(setup, ub_ctx_debugout(setup->ctx, NULL), "the log",
	    "none") &&
	    is_done(setup, ub_ctx_async(setup->ctx, 1), "threads", "yes") &&
	    set_limits(setup) && set_forward(setup, options) &&
	    (options->hosts == NULL || set_file(setup, "the file of hosts",
	    options->hosts, ub_ctx_hosts)) && set_trust(setup, options) &&
	    open_zones(setup);
}

struct ub_ctx *
dns_context_new(const struct dns_options *options, char *error,
    size_t error_len)
{
	struct setup setup = { ub_ctx_create(), error, error_len };

	if (setup.ctx == NULL) {
		snprintf(error, error_len, "the resolver's memory: %s",
		    log_errno(errno));
		return NULL;
	}
	if (set_all(&setup, options))
		return setup.ctx;
	ub_ctx_delete(setup.ctx);
	return NULL;
}
