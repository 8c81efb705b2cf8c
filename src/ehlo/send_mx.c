/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/send_mx.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "conf/domain.h"
#include "ehlo/tell.h"
#include "net/dns.h"

struct host {
	uint16_t preference;
	char name[256];
};

static int
by_preference(const void *a, const void *b)
{
	const struct host *x = a, *y = b;

	if (x->preference != y->preference)
		return (int)x->preference - (int)y->preference;
	return strcmp(x->name, y->name);	/* the same each time */
}

struct search {
	struct send_mx *mx;
	struct dns *dns;
	const char *domain;
	int family;
};

static void
add_addresses(struct search *s, const char *name, enum dns_type type)
{
	struct dns_answer *answer = dns_ask_wait(s->dns, span_str(name), type);
	size_t n = answer != NULL && answer->result == DNS_OK ?
	    answer->record_n : 0;

	for (size_t i = 0; i < n && s->mx->n < SEND_MX_MAX; i++) {
		if (!dns_get_address(&answer->record[i], type,
		    s->mx->host[s->mx->n].address))
			continue;
		(void)snprintf(s->mx->host[s->mx->n].name,
		    sizeof s->mx->host[0].name, "%s", name);	/* fits */
		s->mx->n++;
	}
	dns_answer_free(answer);
}

static void
add_host(struct search *s, const char *name)
{
	if (s->family != AF_INET)
		add_addresses(s, name, DNS_AAAA);
	if (s->family != AF_INET6)
		add_addresses(s, name, DNS_A);
}

static bool
take_records(struct search *s, const struct dns_answer *answer)
{
	struct host host[SEND_MX_MAX];
	size_t n = 0;

	for (size_t i = 0; i < answer->record_n && n < SEND_MX_MAX; i++)
		n += dns_get_mx(&answer->record[i], &host[n].preference,
		    host[n].name);
	if (n == 1 && host[0].name[0] == '\0') {
		tell_error("%s takes no mail: it has a null MX", s->domain);
		return false;
	}
	qsort(host, n, sizeof host[0], by_preference);
	for (size_t i = 0; i < n; i++)
		if (host[i].name[0] != '\0')
			add_host(s, host[i].name);
	if (s->mx->n == 0)
		tell_error("no server of %s has an address", s->domain);
	return s->mx->n != 0;
}

static bool
judge(struct search *s, const struct dns_answer *answer)
{
	switch (answer->result) {
	case DNS_OK:
		return take_records(s, answer);
	case DNS_NO_DATA:
		add_host(s, s->domain);
		if (s->mx->n == 0)
			tell_error("%s has neither MX nor address", s->domain);
		return s->mx->n != 0;
	case DNS_NO_NAME:
		tell_error("there is no domain %s", s->domain);
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		tell_error("the MX of %s cannot be found: %s", s->domain,
		    answer->why);
		break;
	}
	return false;
}

bool
send_mx_find(struct send_mx *mx, const char *domain, const char *resolver,
    int family)
{
	const char *const forward[] = { resolver };
	const struct dns_options options = {
		.forward = resolver != NULL ? forward : NULL,
		.forward_n = resolver != NULL };
	struct search search = { .mx = mx, .family = family };
	char name[256], error[256];
	struct dns_answer *answer;
	bool is_found;

	*mx = (struct send_mx){ .n = 0 };
	if (!conf_domain_canon(span_str(domain), name)) {
		tell_error("\"%s\" is no domain to ask for", domain);
		return false;
	}
	search.domain = name;
	search.dns = dns_new(&options, error, sizeof error);
	if (search.dns == NULL) {
		tell_error("%s", error);
		return false;
	}
	answer = dns_ask_wait(search.dns, span_str(name), DNS_MX);
	is_found = answer != NULL && judge(&search, answer);
	dns_answer_free(answer);
	dns_free(search.dns);
	return is_found;
}
