/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/road.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "conf/domain.h"

/* --- questions */

/* The answer, or NULL: `*out` says why. */
static struct dns_answer *
ask(const struct exam *exam, const char *name, enum dns_type type,
    struct road_answer *out)
{
	struct dns_answer *answer = NULL;

	*out = (struct road_answer){ .is_tried = true,
		.result = DNS_FAILED, .why = "no name" };
	if (exam->dns == NULL) {
		snprintf(out->why, sizeof out->why, "no resolver");
		return NULL;
	}
	exam_progress("DNS: %.60s", name);
	answer = dns_ask_wait(exam->dns, span_str(name), type);
	if (answer == NULL)
		return NULL;
	out->result = answer->result;
	out->is_secure = answer->is_secure;
	snprintf(out->why, sizeof out->why, "%s", answer->why);
	return answer;
}

static void
add_address(struct road_host *out, const char *text)
{
	struct road_address *address;

	if (out->address_n == ROAD_ADDRESSES_MAX)
		return;
	address = &out->address[out->address_n++];
	*address = (struct road_address){ .has_tls = false };
	snprintf(address->text, sizeof address->text, "%s", text);
}

static bool
is_address(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 ||
	    inet_pton(AF_INET6, name, bytes) == 1;
}

static bool
is_family_wanted(const struct exam *exam, enum dns_type type)
{
	int family = exam->session.family;

	return family == AF_UNSPEC ||
	    (family == AF_INET) == (type == DNS_A);
}

/* What the system knows besides DNS: mDNS, a directory, /etc/hosts. */
static void
ask_system(const struct exam *exam, const char *name, struct road_host *out)
{
	struct addrinfo hints = { .ai_family = exam->session.family,
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list;
	char text[64];

	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return;
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text,
		    NULL, 0, NI_NUMERICHOST) == 0)
			add_address(out, text);
	freeaddrinfo(list);
}

void
road_addresses(const struct exam *exam, const char *name,
    struct road_host *out)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };
	struct road_answer last = { .is_tried = false };
	char text[64];

	if (is_address(name)) {
		out->lookup = (struct road_answer){ .is_tried = true };
		add_address(out, name);
		return;
	}
	for (size_t t = 0; t < countof(types); t++) {
		struct dns_answer *answer = is_family_wanted(exam, types[t]) ?
		    ask(exam, name, types[t], &last) : NULL;

		if (answer == NULL)
			continue;
		if (strcasecmp(answer->name, name) != 0 &&
		    answer->result == DNS_OK)
			out->is_alias = true;
		for (size_t i = 0; i < answer->record_n; i++)
			if (dns_get_address(&answer->record[i], types[t],
			    text))
				add_address(out, text);
		/* the worse of the two, unless one is there */
		if (!out->lookup.is_tried || last.result == DNS_OK ||
		    (out->lookup.result != DNS_OK &&
		    last.result > out->lookup.result))
			out->lookup = last;
		dns_answer_free(answer);
	}
}

/* A stranger's host name is asked of DNS alone; one that was typed may be
 * known to the system only. */
void
road_typed_addresses(const struct exam *exam, const char *name,
    struct road_host *out)
{
	road_addresses(exam, name, out);
	if (out->address_n == 0 && !exam->is_own_resolver)
		ask_system(exam, name, out);
}

void
road_reverse(const struct exam *exam, struct road_address *address)
{
	struct road_host back = { .preference = 0 };
	struct dns_answer *answer;
	char name[256];

	if (!dns_reverse_name(address->text, name))
		return;
	answer = ask(exam, name, DNS_PTR, &address->reverse);
	if (answer == NULL)
		return;
	for (size_t i = 0; i < answer->record_n &&
	    i < EXAM_REVERSE_MAX && !address->is_confirmed; i++) {
		if (!dns_get_name(&answer->record[i], name))
			continue;
		back.address_n = 0;
		road_addresses(exam, name, &back);
		for (size_t k = 0; k < back.address_n; k++)
			if (strcmp(back.address[k].text, address->text) == 0)
				address->is_confirmed = true;
		/* one that leads back is the one to show */
		if (address->name[0] == '\0' || address->is_confirmed)
			snprintf(address->name, sizeof address->name, "%s",
			    name);
	}
	dns_answer_free(answer);
}

/* --- MX */

static int
by_preference(const void *a, const void *b)
{
	const struct road_host *one = a, *other = b;

	if (one->preference != other->preference)
		return one->preference < other->preference ? -1 : 1;
	return strcmp(one->name, other->name);
}

static void
read_mx(const struct dns_answer *answer, struct road *road)
{
	uint16_t preference;
	char name[256];

	for (size_t i = 0; i < answer->record_n &&
	    road->host_n < ROAD_HOSTS_MAX; i++) {
		struct road_host *host = &road->host[road->host_n];

		if (!dns_get_mx(&answer->record[i], &preference, name))
			continue;
		if (name[0] == '\0') {
			road->is_null = true;
			continue;
		}
		snprintf(host->name, sizeof host->name, "%s", name);
		host->preference = preference;
		host->is_address = is_address(name);
		for (size_t k = 0; k < road->host_n; k++)
			host->is_twice |= strcmp(road->host[k].name, name) ==
			    0;
		road->host_n++;
	}
	qsort(road->host, road->host_n, sizeof road->host[0], by_preference);
}

static void
look_mx(const struct exam *exam, struct road *road)
{
	struct dns_answer *answer = ask(exam, road->domain, DNS_MX,
	    &road->mx);

	if (answer == NULL)
		return;
	if (answer->result == DNS_OK)
		read_mx(answer, road);
	dns_answer_free(answer);
	if (road->mx.result == DNS_NO_DATA) {	/* RFC 5321 5.1 */
		struct road_host *host = &road->host[0];

		snprintf(host->name, sizeof host->name, "%s", road->domain);
		road_addresses(exam, host->name, host);
		road->is_implicit = host->address_n > 0;
		road->host_n = road->is_implicit;
	}
}

/* Only where the address is secure, too, it counts (RFC 7672 2.2.2). */
static void
look_tlsa(const struct exam *exam, struct road_host *host)
{
	struct dns_answer *answer;
	char name[300];

	snprintf(name, sizeof name, "_25._tcp.%s", host->name);
	answer = ask(exam, name, DNS_TLSA, &host->tlsa_lookup);
	if (answer == NULL)
		return;
	for (size_t i = 0; i < answer->record_n &&
	    host->tlsa_n < ROAD_TLSA_MAX; i++) {
		struct tlsa *tlsa = &host->tlsa[host->tlsa_n];
		char *copy = host->tlsa_data[host->tlsa_n];

		if (!dns_get_tlsa(&answer->record[i], &tlsa->usage,
		    &tlsa->selector, &tlsa->matching, &tlsa->data) ||
		    tlsa->data.len > ROAD_TLSA_LEN)
			continue;
		memcpy(copy, tlsa->data.p, tlsa->data.len);
		tlsa->data.p = copy;
		host->tlsa_n++;
	}
	dns_answer_free(answer);
}

/* --- what the domain says in TXT records */

static void
look_text(const struct exam *exam, const char *name, const char *begin,
    struct road_text *out)
{
	struct dns_answer *answer;
	char text[1024];

	answer = ask(exam, name, DNS_TXT, &out->lookup);
	if (answer == NULL)
		return;
	snprintf(out->name, sizeof out->name, "%s", name);
	for (size_t i = 0; i < answer->record_n; i++) {
		size_t len = dns_get_text(&answer->record[i], text,
		    sizeof text - 1);

		text[len] = '\0';
		if (!span_casestarts(span_of(text, len), span_str(begin)))
			continue;
		if (out->n++ == 0)
			snprintf(out->text, sizeof out->text, "%s", text);
	}
	dns_answer_free(answer);
}

/* The domain's own, or that of one above it. */
static void
look_dmarc(const struct exam *exam, struct road *road)
{
	struct span rest = span_str(road->domain);
	char name[300];

	while (span_find(rest, '.') < rest.len) {
		snprintf(name, sizeof name, "_dmarc.%.*s", SPAN_ARG(rest));
		look_text(exam, name, "v=DMARC1", &road->dmarc);
		if (road->dmarc.n > 0 ||
		    road->dmarc.lookup.result > DNS_NO_NAME)
			return;
		(void)span_cut(&rest, '.');
	}
}

static void
look_texts(const struct exam *exam, struct road *road)
{
	char name[300];

	look_text(exam, road->domain, "v=spf1", &road->spf);
	look_dmarc(exam, road);
	snprintf(name, sizeof name, "_smtp._tls.%s", road->domain);
	look_text(exam, name, "v=TLSRPTv1", &road->rpt);
}

static void
look_sts(const struct exam *exam, struct road *road)
{
	char name[300];

	snprintf(name, sizeof name, "_mta-sts.%s", road->domain);
	look_text(exam, name, "v=STSv1", &road->sts);
	if (road->sts.n > 0)
		road_policy_get(exam, road->domain, &road->policy);
}

bool
road_has_mx(const struct exam *exam, const char *domain)
{
	struct road_answer end;

	dns_answer_free(ask(exam, domain, DNS_MX, &end));
	return end.result == DNS_OK || end.result == DNS_BOGUS;
}

bool
road_look(const struct exam *exam, const char *domain, bool with_texts,
    struct road *road)
{
	*road = (struct road){ .host = NULL };
	if (!conf_domain_canon(span_str(domain), road->domain))
		return false;
	road->host = mem_new_array(ROAD_HOSTS_MAX, sizeof road->host[0]);
	look_mx(exam, road);
	for (size_t i = 0; i < road->host_n; i++) {
		if (!road->is_implicit)
			road_addresses(exam, road->host[i].name,
			    &road->host[i]);
		look_tlsa(exam, &road->host[i]);
		for (size_t k = 0; k < road->host[i].address_n; k++)
			road_reverse(exam, &road->host[i].address[k]);
	}
	if (with_texts)
		look_texts(exam, road);
	look_sts(exam, road);
	exam_progress(NULL);
	return true;
}

void
road_free(struct road *road)
{
	free(road->host);
	free(road->policy.text);
	road->host = NULL;
	road->policy.text = NULL;
}

/* --- going there */

/* The verdict of DANE is another than that of name and chain: one connection
 * each. */
static void
walk_dane(const struct exam *exam, struct exam_place *place,
    const struct road_host *host, struct road_address *address)
{
	struct exam_answer answer;
	struct session *session;

	if (host->tlsa_n == 0 || !host->tlsa_lookup.is_secure ||
	    !host->lookup.is_secure)
		return;
	place->tlsa = host->tlsa;
	place->tlsa_n = host->tlsa_n;
	session = exam_dial(exam, place, EXAM_TLS, NULL, &answer);
	if (session != NULL && session_tls(session) != NULL) {
		address->has_dane = true;
		address->dane = session_tls(session)->trust;
	}
	exam_hang_up(session);
}

static void
walk_to(const struct exam *exam, uint16_t port, const struct road_host *host,
    struct road_address *address)
{
	struct exam_place place;
	struct session *session;

	if (!exam_place_set(&place, host->name, address->text, port))
		return;
	exam_progress("%.50s, %s", host->name, address->text);
	session = exam_dial(exam, &place, EXAM_HELLO, NULL,
	    &address->dialogue);
	if (session == NULL)
		return;
	address->connect_ms = session_connect_took(session);
	if ((session_engine(session)->caps.bits & 1u << CAP_STARTTLS) != 0 &&
	    session_starttls(session) == SESSION_OK &&
	    session_tls(session) != NULL) {
		address->has_tls = true;
		address->tls = *session_tls(session);
	}
	exam_hang_up(session);
	if (address->has_tls)
		walk_dane(exam, &place, host, address);
}

void
road_walk(const struct exam *exam, uint16_t port, struct road *road)
{
	for (size_t i = 0; i < road->host_n; i++)
		for (size_t k = 0; k < road->host[i].address_n; k++)
			walk_to(exam, port, &road->host[i],
			    &road->host[i].address[k]);
	exam_progress(NULL);
}
