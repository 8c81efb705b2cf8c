/* SPDX-License-Identifier: Apache-2.0 */
/* outside: see outside.h. */
#include "ehlod/outside.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* NULL: the system's. */
static const char *
given(const char *text)
{
	return strcmp(text, "system") == 0 ? NULL : text;
}

static bool
wants_any(const struct conf *conf)
{
	for (size_t i = 0; i < conf->domain_n; i++)
		if (conf->domain[i].lmtp.way != CONF_VIA_NONE)
			return true;
	return conf->route_n != 0;
}

/* Both keep what they know beside the mail. */
static bool
open_policies(struct outside *outside, const struct conf *conf)
{
	struct sts_options options = { .dns = outside->dns,
		.ca_file = given(conf->ca_file) };
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/tls-reports", conf->spool);
	outside->book = tlsrpt_new(path);
	snprintf(path, sizeof path, "%s/mta-sts", conf->spool);
	options.folder = path;
	outside->sts = sts_new(&options);
	return outside->sts != NULL;
}

bool
outside_open(struct outside *outside, const struct conf *conf)
{
	struct dns_options names = { .forward = conf->resolver,
		.forward_n = conf->resolver_n,
		.hosts = conf->hosts_file[0] != '\0' ? conf->hosts_file : NULL,
		.trust_anchor = given(conf->trust_anchor) };
	struct tls_client_options tls;
	char error[512] = "";

	if (outside->dns != NULL || !wants_any(conf))
		return true;
	tls_client_defaults(&tls);
	tls.ca_file = given(conf->ca_file);
	if (outside->tls == NULL)
		outside->tls = tls_client_new(&tls, error, sizeof error);
	if (outside->tls != NULL)
		outside->dns = dns_new(&names, error, sizeof error);
	if (outside->dns != NULL && open_policies(outside, conf))
		return true;
	log_error("no-way-outside", LOG_Z("why", error));
	return false;
}

void
outside_stop(struct outside *outside)
{
	sts_stop(outside->sts);
}

void
outside_close(struct outside *outside)
{
	sts_free(outside->sts);
	tlsrpt_free(outside->book);
	dns_free(outside->dns);
	tls_client_unref(outside->tls);
	*outside = (struct outside){ 0 };
}
