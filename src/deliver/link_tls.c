/* SPDX-License-Identifier: Apache-2.0 */
/* link: what is asked of TLS, and whether it was got. Four have a say, the
 * stronger counts:
 *
 *   the operator   `tls` of the route
 *   DANE           TLSA records that were got securely (RFC 7672)
 *   MTA-STS        the domain's policy in mode enforce, for hosts without
 *                  TLSA records that can be used (RFC 8461 2)
 *   the sender     REQUIRETLS; or TLS-Required: No, which silences the two in
 *                  the middle (RFC 8689)
 *
 * What came of it is noted for the reports (RFC 8460), where it is a mail host
 * of a domain that we deal with, and unless the sender does not care. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/x509_vfy.h>

#include "base/buf.h"
#include "base/put.h"
#include "deliver/link_state.h"

/* --- what is asked */

static enum conf_route_tls
level(const struct link *link)
{
	return link->target.route != NULL ? link->target.route->tls :
	    CONF_ROUTE_TLS_MAY;
}

static bool
is_relaxed(const struct link *link)
{
	return link->target.tls_need == ENVELOPE_TLS_RELAXED;
}

/* Final delivery by LMTP is no relaying (RFC 8689 3). */
bool
link_tls_is_required(const struct link *link)
{
	enum conf_way way = link->target.via->way;

	return link->target.tls_need == ENVELOPE_TLS_REQUIRED &&
	    (way == CONF_VIA_MX || way == CONF_VIA_SMARTHOST);
}

bool
link_tls_is_wanted(const struct link *link)
{
	return level(link) != CONF_ROUTE_TLS_NONE ||
	    link_tls_is_required(link);
}

bool
link_tls_wants_dane(const struct link *link)
{
	bool is_mx = link->target.via->way == CONF_VIA_MX;

	return (!is_mx || link->hosts.is_secure) && !is_relaxed(link) &&
	    link_tls_is_wanted(link);
}

static bool
is_of_domain(const struct link *link)
{
	return link->target.via->way == CONF_VIA_MX &&
	    !link->target.is_literal;
}

bool
link_tls_wants_policy(const struct link *link)
{
	return link->env->sts != NULL && link->conf->mta_sts &&
	    is_of_domain(link) && !is_relaxed(link) &&
	    link_tls_is_wanted(link);
}

/* RFC 7672 2.1.1, 3.1.3: those that we know what to do with. */
static bool
is_usable(const struct resolve_tlsa *tlsa)
{
	static const size_t digest_len[] = { 0, 32, 64 };

	return (tlsa->usage == 2 || tlsa->usage == 3) && tlsa->selector <= 1 &&
	    tlsa->matching < countof(digest_len) && (tlsa->matching == 0 ||
	    tlsa->len == digest_len[tlsa->matching]);
}

static size_t
count_dane(const struct link *link)
{
	size_t n = 0;

	for (size_t i = 0; i < link->addresses.tlsa_n; i++)
		n += is_usable(&link->addresses.tlsa[i]);
	return n;
}

static bool
has_policy(const struct link *link)
{
	return link->policy != NULL && count_dane(link) == 0 &&
	    link->policy->policy.mode != STS_MODE_NONE;
}

bool
link_tls_is_enforced(const struct link *link)
{
	return has_policy(link) &&
	    link->policy->policy.mode == STS_MODE_ENFORCE;
}

/* Records of which none can be used demand TLS all the same (RFC 7672 2.2). */
bool
link_tls_is_must(const struct link *link)
{
	return level(link) >= CONF_ROUTE_TLS_MUST ||
	    link_tls_is_required(link) || (link_tls_is_wanted(link) &&
		(link->addresses.tlsa_n != 0 || link_tls_is_enforced(link)));
}

static bool
is_named(const struct link *link)
{
	return sts_policy_allows(&link->policy->policy,
	    span_str(link->hosts.host[link->host_at].name));
}

/* --- the book */

/* The records as RFC 8460 4.4 shows them, "3 1 1 ab12…". */
static void
put_tlsa(const struct link *link, struct put *out)
{
	for (size_t i = 0; i < link->addresses.tlsa_n; i++) {
		const struct resolve_tlsa *tlsa = &link->addresses.tlsa[i];

		put_u64(out, tlsa->usage);
		put_char(out, ' ');
		put_u64(out, tlsa->selector);
		put_char(out, ' ');
		put_u64(out, tlsa->matching);
		put_char(out, ' ');
		put_hex(out, span_of(tlsa->data, tlsa->len));
		put_char(out, '\n');
	}
}

static void
note(struct link *link, const struct tlsrpt_session *what)
{
	char local[64] = "", peer[64] = "";
	struct tlsrpt_session session = *what;
	uint16_t port;

	if (link->env->book == NULL || !is_of_domain(link) ||
	    is_relaxed(link))
		return;
	if (link->conn != NULL) {
		conn_local(link->conn, local, &port);
		conn_peer(link->conn, peer, &port);
	}
	session.domain = link->target.name;
	session.local = local;
	session.address = peer;
	if (session.host == NULL)
		session.host = link->hosts.host[link->host_at].name;
	tlsrpt_note(link->env->book, &session);
}

/* Under the policy that holds for the present host. */
void
link_tls_note(struct link *link, enum tlsrpt_result result, const char *why)
{
	char memory[RESOLVE_TLSA * (2 * RESOLVE_TLSA_LEN + 16)];
	struct put tlsa = put_init(memory, sizeof memory);
	struct tlsrpt_session session = { .kind = TLSRPT_NO_POLICY,
		.result = result, .policy = SPAN(""), .why = why };

	if (link->addresses.tlsa_n != 0) {
		put_tlsa(link, &tlsa);
		session.kind = TLSRPT_TLSA;
		session.policy = put_span(&tlsa);
	} else if (has_policy(link)) {
		session.kind = TLSRPT_STS;
		session.policy = link->policy->policy.text;
		/* in mode testing it gets so far */
		if (!is_named(link) && result == TLSRPT_GOOD) {
			session.result = TLSRPT_VALIDATION;
			session.why = "the policy does not name this host";
		}
	}
	note(link, &session);
}

void
link_tls_note_lookup(struct link *link, const struct resolve_verdict *verdict)
{
	struct tlsrpt_session session = { .kind = TLSRPT_TLSA,
		.result = TLSRPT_DNSSEC_INVALID, .policy = SPAN(""),
		.why = verdict->why };

	/* 4.7.24 and 4.7.5 are what resolve says of such answers */
	if (verdict->result == RESOLVE_LATER && verdict->status[1] == 7)
		note(link, &session);
}

void
link_tls_note_policy(struct link *link, const struct sts_answer *answer)
{
	struct tlsrpt_session session = { .kind = TLSRPT_STS, .host = "",
		.result = answer->trouble, .policy = SPAN(""),
		.why = answer->why };

	if (answer->trouble != TLSRPT_GOOD)
		note(link, &session);
}

/* --- hosts */

bool
link_tls_allows_host(struct link *link, struct resolve_verdict *verdict)
{
	*verdict = (struct resolve_verdict){ .result = RESOLVE_LATER,
		.status = { 4, 7, 0 } };
	if (!link_tls_is_enforced(link) || is_named(link))
		return true;
	snprintf(verdict->why, sizeof verdict->why, "the host %.100s is not "
	    "named by the policy of %.80s (MTA-STS): mail may not go there",
	    link->hosts.host[link->host_at].name, link->target.name);
	link_tls_note(link, TLSRPT_VALIDATION,
	    "the policy does not name this host");
	return false;
}

/* --- sessions */

void
link_tls_start(struct link *link)
{
	const struct conf_route *route = link->target.route;
	struct tlsa tlsa[RESOLVE_TLSA];
	struct tls_target target = {
		.name = route != NULL && route->tls_name[0] != '\0' ?
		    route->tls_name : count_dane(link) != 0 ?
		    link->addresses.tlsa_host : link->peer.name,
		.tlsa = tlsa };

	for (size_t i = 0; i < link->addresses.tlsa_n; i++) {
		const struct resolve_tlsa *from = &link->addresses.tlsa[i];

		if (is_usable(from))
			tlsa[target.tlsa_n++] = (struct tlsa){ from->usage,
				from->selector, from->matching,
				span_of(from->data, from->len) };
	}
	(void)conn_start_tls_client(link->conn, link->env->tls, &target);
}

static enum tlsrpt_result
result_of(const struct link *link, const struct tls_facts *facts)
{
	bool has_dane = count_dane(link) != 0;

	if (link->addresses.tlsa_n != 0 && !has_dane)
		return TLSRPT_TLSA_INVALID;
	if (!has_dane && !has_policy(link))
		return TLSRPT_GOOD;	/* nothing more was promised */
	switch (facts->trust) {
	case TLS_TRUST_DANE:
	case TLS_TRUSTED:
		return TLSRPT_GOOD;
	case TLS_BAD_DATE:
		return facts->verify_code == X509_V_ERR_CERT_HAS_EXPIRED ?
		    TLSRPT_EXPIRED : TLSRPT_NOT_TRUSTED;
	case TLS_BAD_NAME:
		return TLSRPT_WRONG_HOST;
	case TLS_BAD_DANE:
		return TLSRPT_VALIDATION;
	case TLS_BAD_CHAIN:
	case TLS_TRUST_NONE:
		break;
	}
	return TLSRPT_NOT_TRUSTED;
}

static const char *
find_flaw(const struct link *link, const struct tls_facts *facts)
{
	bool is_right = facts->trust == TLS_TRUSTED ||
	    facts->trust == TLS_TRUST_DANE;

	if (count_dane(link) != 0 && facts->trust != TLS_TRUST_DANE)
		return facts->trust == TLS_BAD_DANE ?
		    "its TLSA records do not vouch for it (DANE)" :
		    facts->verdict;
	if (!is_right && (level(link) == CONF_ROUTE_TLS_VERIFIED ||
	    link_tls_is_required(link) || link_tls_is_enforced(link)))
		return facts->verdict;
	return NULL;
}

const char *
link_tls_judge(struct link *link, struct tls_facts *facts)
{
	struct tls_target target = { .name = link->peer.name,
		.tlsa_n = count_dane(link) };
	const char *flaw;

	tls_facts_read(conn_tls(link->conn), &target, facts);
	flaw = find_flaw(link, facts);
	snprintf(link->peer.tls, sizeof link->peer.tls, "%s %s%s",
	    facts->protocol, facts->cipher,
	    facts->trust == TLS_TRUST_DANE ? ", DANE" :
	    facts->trust != TLS_TRUSTED ? "" :
	    link_tls_is_enforced(link) ? ", MTA-STS" : ", verified");
	link_tls_note(link, result_of(link, facts), facts->verdict);
	return flaw;
}
