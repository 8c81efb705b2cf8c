/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: see resolve.h.
 *
 *   domain:  MX ──► list, or the domain itself
 *   host:    AAAA ─┐
 *            A ────┴─► addresses ──► TLSA, if all of them were secure
 */
#include "deliver/resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"

enum { ASK_MX, ASK_A, ASK_AAAA, ASK_TLSA, ASKS };

struct resolve {
	struct resolve_env env;
	struct dns_query *query[ASKS];
	struct timer late;	/* tells what was known at once */
	char name[256];
	char alias_of[256];	/* the end of CNAMEs at a host; "": none */
	uint16_t port;
	bool wants_dane;
	unsigned open_n;	/* questions */
	enum dns_result a, aaaa;
	bool is_secure;
	char four[RESOLVE_ADDRESSES][64], six[RESOLVE_ADDRESSES][64];
	size_t four_n, six_n;
	resolve_hosts_done *hosts_done;
	resolve_addresses_done *addresses_done;
	void *arg;
	struct resolve_hosts hosts;
	struct resolve_addresses addresses;
};

/* --- the order of hosts */

static uint64_t
mix(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

/* A list of at most 512: insertion is fine. Equal ones are put at a place of
 * chance among their like. */
void
resolve_order(struct resolve_mx *host, size_t n, uint64_t random)
{
	for (size_t i = 1; i < n; i++) {
		size_t j = i - (size_t)(mix(random + i) % (i + 1));
		struct resolve_mx one = host[i];

		host[i] = host[j];
		host[j] = one;
	}
	for (size_t i = 1; i < n; i++) {
		struct resolve_mx one = host[i];
		size_t j = i;

		for (; j > 0 && host[j - 1].preference > one.preference; j--)
			host[j] = host[j - 1];
		host[j] = one;
	}
}

size_t
resolve_cut_ourselves(const struct resolve_mx *host, size_t n,
    const char *hostname)
{
	size_t i = 0, left;

	while (i < n && !span_caseeq(span_str(host[i].name),
	    span_str(hostname)))
		i++;
	if (i == n)
		return n;
	for (left = 0; left < n && host[left].preference <
	    host[i].preference; left++)
		;
	return left;
}

/* --- small parts */

__attribute__((format(printf, 6, 7)))
static void
judge(struct resolve_verdict *verdict, enum resolve_result result,
    unsigned class, unsigned subject, unsigned detail, const char *format, ...)
{
	va_list args;

	verdict->result = result;
	verdict->status[0] = (uint16_t)class;
	verdict->status[1] = (uint16_t)subject;
	verdict->status[2] = (uint16_t)detail;
	va_start(args, format);
	vsnprintf(verdict->why, sizeof verdict->why, format, args);
	va_end(args);
}

static void
tell(struct resolve *resolve)
{
	if (resolve->hosts_done != NULL)
		resolve->hosts_done(resolve->arg, &resolve->hosts);
	else
		resolve->addresses_done(resolve->arg, &resolve->addresses);
	free(resolve);
}

static void
on_late(struct timer *timer)
{
	tell(container_of(timer, struct resolve, late));
}

static void
tell_later(struct resolve *resolve)
{
	resolve->late.on_time = on_late;
	timer_set(resolve->env.loop, &resolve->late, 1);
}

static bool
ask(struct resolve *resolve, int which, const char *name, enum dns_type type,
    dns_done *done)
{
	if (resolve->env.dns != NULL)
		resolve->query[which] = dns_ask(resolve->env.dns,
		    resolve->env.loop, span_str(name), type, done, resolve);
	resolve->open_n += resolve->query[which] != NULL;
	return resolve->query[which] != NULL;
}

/* --- a domain's hosts */

static void
take_one(struct resolve *resolve, struct resolve_mx *all, size_t n)
{
	struct resolve_hosts *hosts = &resolve->hosts;
	size_t left;

	resolve_order(all, n, resolve->env.random);
	left = resolve_cut_ourselves(all, n, resolve->env.hostname);
	if (left == 0) {
		judge(&hosts->verdict, RESOLVE_NEVER, 5, 4, 6, "the best mail "
		    "host of %s is this server, which does not deliver its "
		    "mail: it would go in circles", resolve->name);
		return;
	}
	hosts->n = left < RESOLVE_HOSTS ? left : RESOLVE_HOSTS;
	memcpy(hosts->host, all, hosts->n * sizeof *all);
}

/* RFC 7505: one MX of preference 0 (any, we say) that is the root. */
static void
take_mx(struct resolve *resolve, const struct dns_answer *answer)
{
	struct resolve_mx *all = mem_new_array(answer->record_n + 1,
	    sizeof *all);
	size_t n = 0, nulls = 0;

	for (size_t i = 0; i < answer->record_n; i++) {
		if (!dns_get_mx(&answer->record[i], &all[n].preference,
		    all[n].name))
			continue;
		if (all[n].name[0] == '\0')
			nulls++;
		else
			n++;
	}
	resolve->hosts.is_secure = answer->is_secure;
	if (n != 0)
		take_one(resolve, all, n);
	else if (nulls != 0)
		judge(&resolve->hosts.verdict, RESOLVE_NEVER, 5, 1, 10,
		    "%s takes no mail (null MX)", resolve->name);
	else
		judge(&resolve->hosts.verdict, RESOLVE_LATER, 4, 4, 3,
		    "the MX records of %s are damaged", resolve->name);
	free(all);
}

/* No MX: the domain is its own host (RFC 5321 5.1). */
static void
take_implicit(struct resolve *resolve, const struct dns_answer *answer)
{
	struct resolve_hosts *hosts = &resolve->hosts;

	hosts->is_implicit = true;
	hosts->is_secure = answer->is_secure;
	hosts->n = 1;
	memcpy(hosts->host[0].name, resolve->name, sizeof resolve->name);
	if (resolve_cut_ourselves(hosts->host, 1, resolve->env.hostname) != 0)
		return;
	hosts->n = 0;
	judge(&hosts->verdict, RESOLVE_NEVER, 5, 4, 6, "%s is this server, "
	    "which does not deliver its mail", resolve->name);
}

static void
on_mx(void *arg, const struct dns_answer *answer)
{
	struct resolve *resolve = arg;
	struct resolve_verdict *verdict = &resolve->hosts.verdict;

	switch (answer->result) {
	case DNS_OK:
		take_mx(resolve, answer);
		break;
	case DNS_NO_DATA:
		take_implicit(resolve, answer);
		break;
	case DNS_NO_NAME:
		judge(verdict, RESOLVE_NEVER, 5, 1, 2,
		    "there is no domain %s", resolve->name);
		break;
	case DNS_FAILED:
		judge(verdict, RESOLVE_LATER, 4, 4, 3,
		    "the name servers do not tell the mail hosts of %s: %s",
		    resolve->name, answer->why);
		break;
	case DNS_BOGUS:
		judge(verdict, RESOLVE_LATER, 4, 7, 24,
		    "the mail hosts of %s were tampered with (DNSSEC): %s",
		    resolve->name, answer->why);
		break;
	}
	tell(resolve);
}

static struct resolve *
resolve_new(const struct resolve_env *env, struct span name, void *arg)
{
	struct resolve *resolve = mem_new(sizeof *resolve);

	resolve->env = *env;
	resolve->arg = arg;
	name = span_first(name, sizeof resolve->name - 1);
	memcpy(resolve->name, name.p, name.len);
	return resolve;
}

struct resolve *
resolve_domain(const struct resolve_env *env, struct span domain,
    resolve_hosts_done *done, void *arg)
{
	struct resolve *resolve = resolve_new(env, domain, arg);

	resolve->hosts_done = done;
	if (ask(resolve, ASK_MX, resolve->name, DNS_MX, on_mx))
		return resolve;
	judge(&resolve->hosts.verdict, env->dns != NULL ? RESOLVE_NEVER :
	    RESOLVE_LATER, env->dns != NULL ? 5 : 4, 1, 2,
	    "%s cannot be looked up", resolve->name);
	tell_later(resolve);
	return resolve;
}

/* --- a host's addresses */

static void
add_address(struct resolve *resolve, const char *text)
{
	struct resolve_addresses *all = &resolve->addresses;

	if (all->n < RESOLVE_ADDRESSES && dial_parse(span_str(text),
	    resolve->port, &all->address[all->n]))
		all->n++;
}

/* IPv6 and IPv4 in turn: if one of them is broken, the other is near. */
static void
join_addresses(struct resolve *resolve)
{
	for (size_t i = 0; i < RESOLVE_ADDRESSES; i++) {
		if (i < resolve->six_n)
			add_address(resolve, resolve->six[i]);
		if (i < resolve->four_n)
			add_address(resolve, resolve->four[i]);
	}
}

static void
judge_host(struct resolve *resolve)
{
	struct resolve_verdict *verdict = &resolve->addresses.verdict;
	bool is_bogus = resolve->a == DNS_BOGUS || resolve->aaaa == DNS_BOGUS;
	bool has_failed = is_bogus || resolve->a == DNS_FAILED ||
	    resolve->aaaa == DNS_FAILED;

	if (resolve->addresses.n != 0)
		return;
	if (has_failed)
		judge(verdict, RESOLVE_LATER, 4, is_bogus ? 7 : 4,
		    is_bogus ? 24 : 3, "%s of %s", is_bogus ?
		    "somebody tampered with the address (DNSSEC)" :
		    "the name servers do not tell the address",
		    resolve->name);
	else
		judge(verdict, RESOLVE_NEVER, 5, 4, 4,
		    "the host %s has no address", resolve->name);
}

/* One that we cannot read, or keep, stays as one of no use: there is TLS, says
 * whoever wrote it (RFC 7672 2.2). */
static void
take_tlsa(struct resolve_tlsa *tlsa, const struct dns_record *record)
{
	struct span data;

	*tlsa = (struct resolve_tlsa){ .usage = UINT8_MAX };
	if (!dns_get_tlsa(record, &tlsa->usage, &tlsa->selector,
	    &tlsa->matching, &data) || data.len > sizeof tlsa->data) {
		tlsa->usage = UINT8_MAX;
		return;
	}
	tlsa->len = (uint16_t)data.len;
	memcpy(tlsa->data, data.p, data.len);
}

static void on_tlsa(void *arg, const struct dns_answer *answer);

/* Those of `host`; false: they cannot be asked for. */
static bool
ask_tlsa(struct resolve *resolve, const char *host)
{
	char name[300];

	snprintf(name, sizeof name, "_%u._tcp.%s", resolve->port, host);
	snprintf(resolve->addresses.tlsa_host,
	    sizeof resolve->addresses.tlsa_host, "%s", host);
	return ask(resolve, ASK_TLSA, name, DNS_TLSA, on_tlsa);
}

static void
on_tlsa(void *arg, const struct dns_answer *answer)
{
	struct resolve *resolve = arg;
	struct resolve_addresses *all = &resolve->addresses;

	resolve->query[ASK_TLSA] = NULL;
	/* none at the end of the CNAMEs: then at their beginning (RFC 7672
	 * 2.2.2) */
	if ((answer->result == DNS_NO_DATA || answer->result == DNS_NO_NAME) &&
	    resolve->alias_of[0] != '\0') {
		resolve->alias_of[0] = '\0';
		if (ask_tlsa(resolve, resolve->name))
			return;
	}
	if (answer->result == DNS_FAILED || answer->result == DNS_BOGUS)
		/* RFC 7672 2.1.2: not to be taken for "there is none" */
		judge(&all->verdict, RESOLVE_LATER, 4, 7, 5, "the TLSA "
		    "records of %s cannot be had: %s", resolve->name,
		    answer->why);
	for (size_t i = 0; answer->result == DNS_OK && answer->is_secure &&
	    i < answer->record_n && all->tlsa_n < RESOLVE_TLSA; i++)
		take_tlsa(&all->tlsa[all->tlsa_n++], &answer->record[i]);
	tell(resolve);
}

static void
on_all_addresses(struct resolve *resolve)
{
	join_addresses(resolve);
	judge_host(resolve);
	if (resolve->wants_dane && resolve->is_secure &&
	    resolve->addresses.n != 0 && ask_tlsa(resolve,
	    resolve->alias_of[0] != '\0' ? resolve->alias_of : resolve->name))
		return;
	tell(resolve);
}

static void
take_addresses(struct resolve *resolve, const struct dns_answer *answer,
    enum dns_type type)
{
	bool is_four = type == DNS_A;
	char (*list)[64] = is_four ? resolve->four : resolve->six;
	size_t *n = is_four ? &resolve->four_n : &resolve->six_n;

	for (size_t i = 0; answer->result == DNS_OK && i < answer->record_n &&
	    *n < RESOLVE_ADDRESSES; i++)
		if (dns_get_address(&answer->record[i], type, list[*n]))
			++*n;
	if (answer->result == DNS_OK && !span_caseeq(span_str(answer->name),
	    span_str(resolve->name)))
		memcpy(resolve->alias_of, answer->name,
		    sizeof resolve->alias_of);
	/* What failed says nothing: else who keeps one family's answer from us
	 * takes DANE away from the other's (RFC 7672 2.1). */
	if (answer->result != DNS_FAILED && answer->result != DNS_BOGUS)
		resolve->is_secure = resolve->is_secure && answer->is_secure;
	if (--resolve->open_n == 0)
		on_all_addresses(resolve);
}

static void
on_a(void *arg, const struct dns_answer *answer)
{
	struct resolve *resolve = arg;

	resolve->query[ASK_A] = NULL;
	resolve->a = answer->result;
	take_addresses(resolve, answer, DNS_A);
}

static void
on_aaaa(void *arg, const struct dns_answer *answer)
{
	struct resolve *resolve = arg;

	resolve->query[ASK_AAAA] = NULL;
	resolve->aaaa = answer->result;
	take_addresses(resolve, answer, DNS_AAAA);
}

struct resolve *
resolve_host(const struct resolve_env *env, struct span name, uint16_t port,
    bool wants_dane, resolve_addresses_done *done, void *arg)
{
	struct resolve *resolve = resolve_new(env, name, arg);
	struct resolve_addresses *all = &resolve->addresses;

	resolve->addresses_done = done;
	resolve->port = port;
	resolve->wants_dane = wants_dane;
	resolve->is_secure = true;
	if (dial_parse(name, port, &all->address[0])) {
		all->n = 1;
		tell_later(resolve);
		return resolve;
	}
	(void)ask(resolve, ASK_AAAA, resolve->name, DNS_AAAA, on_aaaa);
	(void)ask(resolve, ASK_A, resolve->name, DNS_A, on_a);
	if (resolve->open_n == 0) {
		judge(&all->verdict, env->dns != NULL ? RESOLVE_NEVER :
		    RESOLVE_LATER, env->dns != NULL ? 5 : 4, 4, 4,
		    "the host %s cannot be looked up", resolve->name);
		tell_later(resolve);
	}
	return resolve;
}

void
resolve_cancel(struct resolve *resolve)
{
	if (resolve == NULL)
		return;
	timer_stop(resolve->env.loop, &resolve->late);
	for (size_t i = 0; i < ASKS; i++)
		if (resolve->query[i] != NULL)
			dns_cancel(resolve->query[i]);
	free(resolve);
}
