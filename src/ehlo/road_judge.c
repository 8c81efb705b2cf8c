/* SPDX-License-Identifier: Apache-2.0 */
/* What the road to a domain is worth. */
#include "ehlo/road.h"

static void
add(const struct exam *exam, enum report_mark mark, const char *place,
    struct report_finding f)
{
	f.mark = mark;
	f.place = place;
	report_add(exam->report, &f);
}
#define FINDING(...) ((struct report_finding){ __VA_ARGS__ })

static const char *
quote(const struct exam *exam, const char *text)
{
	return report_quote(exam->report, span_str(text));
}

/* --- MX */

static void
judge_mx(const struct exam *exam, const struct road *road)
{
	const char *why = quote(exam, road->mx.why);

	if (road->mx.result == DNS_BOGUS)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "dnssec",
		    .title = "DNSSEC: the answers are forged or broken",
		    .detail = why, .remedy = "Resolvers that validate see "
		    "nothing of this domain: no mail comes. Sign the zone "
		    "again, and see that the DS record at the registrar is "
		    "the key's.", .reference = "RFC 4035 5"));
	else if (road->mx.result == DNS_FAILED)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "mx",
		    .title = "the name servers do not tell where mail goes",
		    .detail = why, .remedy = "Senders keep the mail and try "
		    "again for days. Look at the domain's name servers.",
		    .reference = "RFC 5321 5.1"));
	else if (road->mx.result == DNS_NO_NAME)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "mx",
		    .title = "there is no such domain",
		    .remedy = "Is it spelled right, and registered?",
		    .reference = "RFC 5321 5.1"));
	else if (road->is_null && road->host_n == 0)
		add(exam, REPORT_NOTE, road->domain, FINDING(.id = "null-mx",
		    .title = "the domain says that it takes no mail (null MX)",
		    .reference = "RFC 7505 3"));
	else if (road->is_null)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "null-mx",
		    .title = "a null MX beside others",
		    .remedy = "\"MX 0 .\" means no mail at all: it must be "
		    "the only one.", .reference = "RFC 7505 3"));
	else if (road->is_implicit)
		add(exam, REPORT_NOTE, road->domain, FINDING(.id = "mx",
		    .title = "no MX: mail goes to the domain's own address",
		    .remedy = "It works, but say it with an MX record.",
		    .reference = "RFC 5321 5.1"));
	else if (road->host_n == 0)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "mx",
		    .title = "mail has nowhere to go: no MX and no address",
		    .remedy = "Give the domain an MX record; or, if it takes "
		    "no mail, \"MX 0 .\".", .reference = "RFC 5321 5.1"));
	else
		add(exam, REPORT_GOOD, road->domain, FINDING(.id = "mx",
		    .title = "has MX records", .detail = report_text(
		    exam->report, "%zu", road->host_n)));
	if (road->mx.result <= DNS_NO_NAME)
		add(exam, road->mx.is_secure ? REPORT_GOOD : REPORT_NOTE,
		    road->domain, FINDING(.id = "dnssec",
		    .title = road->mx.is_secure ? "signed by DNSSEC" :
		    "not signed by DNSSEC",
		    .remedy = "Without it there is no DANE, and whoever can "
		    "forge DNS can take your mail. (Or the resolver here does "
		    "not pass it on.)", .reference = "RFC 4033, RFC 7672"));
}

/* --- hosts */

static void
judge_host(const struct exam *exam, const struct road_host *host)
{
	if (host->is_address)
		add(exam, REPORT_BAD, host->name, FINDING(.id = "mx-address",
		    .title = "an MX that is an address, not a name",
		    .remedy = "Give it a name with an A record, and name "
		    "that.", .reference = "RFC 1035 3.3.9"));
	if (host->is_twice)
		add(exam, REPORT_WARNING, host->name, FINDING(
		    .id = "mx-twice", .title = "an MX is named twice",
		    .remedy = "Remove one.", .reference = "RFC 5321 5.1"));
	if (host->is_alias)
		add(exam, REPORT_WARNING, host->name, FINDING(
		    .id = "mx-alias", .title = "an MX is an alias (CNAME)",
		    .remedy = "Some servers refuse to follow: name the host "
		    "itself.", .reference = "RFC 2181 10.3"));
	if (host->address_n == 0)
		add(exam, REPORT_BAD, host->name, FINDING(
		    .id = "mx-lost", .title = "an MX without an address",
		    .detail = host->lookup.result > DNS_NO_NAME ?
		    quote(exam, host->lookup.why) : host->lookup.result ==
		    DNS_NO_NAME ? "there is no such name" : "",
		    .remedy = "Give it an A record, or remove the MX.",
		    .reference = "RFC 5321 5.1"));
}

static void
judge_dane(const struct exam *exam, const struct road_host *host,
    const struct road_address *address)
{
	struct report_finding f = { .id = "dane", .reference = "RFC 7672" };

	if (host->tlsa_n == 0)
		return;
	if (!host->tlsa_lookup.is_secure || !host->lookup.is_secure) {
		f.title = "TLSA records that are not signed by DNSSEC";
		f.remedy = "Nobody believes them: sign the zone.";
		add(exam, REPORT_WARNING, host->name, f);
		return;
	}
	if (!address->dialogue.is_tried)
		return;
	switch (address->has_dane ? address->dane : TLS_BAD_DANE) {
	case TLS_TRUST_DANE:
		f.title = "the certificate is the one that DANE names";
		add(exam, REPORT_GOOD, host->name, f);
		return;
	case TLS_TRUST_NONE:
		f.title = "TLSA records that nobody can use";
		f.remedy = "Only usages 2 and 3 count for mail: \"3 1 1\" "
		    "with the SHA-256 of the key is the usual one.";
		add(exam, REPORT_WARNING, host->name, f);
		return;
	default:
		f.title = "DANE: no TLSA record is that of the certificate";
		f.detail = address->has_tls ? report_text(exam->report,
		    "at %s; its key is 3 1 1 %s", address->text,
		    address->tls.cert_n > 0 ?
		    address->tls.cert[0].spki_sha256 : "?") :
		    "there is no TLS at all";
		f.remedy = "Servers that look at DANE refuse to deliver. "
		    "Publish the new key's record first, wait for the TTL, "
		    "then change the certificate.";
		add(exam, REPORT_BAD, host->name, f);
	}
}

static void
judge_address(const struct exam *exam, const struct road *road,
    const struct road_host *host, const struct road_address *address)
{
	const char *place = report_text(exam->report, "%s, %s", host->name,
	    address->text);
	bool is_enforced = road->policy.is_got &&
	    road->policy.policy.mode == STS_MODE_ENFORCE;

	if (!address->dialogue.is_tried)
		return;
	if (address->dialogue.code != 250) {
		add(exam, REPORT_BAD, place, FINDING(.id = "mx-reach",
		    .title = "no mail server answers there",
		    .detail = exam_words(exam, &address->dialogue),
		    .remedy = "Senders go on to the next host, or wait.",
		    .reference = "RFC 5321 5.1"));
		return;
	}
	add(exam, REPORT_GOOD, place, FINDING(.id = "mx-reach",
	    .title = "a mail server answers there"));
	if (!address->has_tls)
		add(exam, is_enforced || host->tlsa_n > 0 ? REPORT_BAD :
		    REPORT_WARNING, place, FINDING(.id = "mx-tls",
		    .title = "mail to it goes in clear: no TLS",
		    .remedy = "Give the server a certificate and offer "
		    "STARTTLS.", .reference = "RFC 3207"));
	else
		add(exam, address->tls.trust == TLS_TRUSTED ? REPORT_GOOD :
		    is_enforced ? REPORT_BAD : REPORT_NOTE, place, FINDING(
		    .id = "mx-tls", .title = address->tls.trust ==
		    TLS_TRUSTED ? "TLS, with the right certificate" :
		    "TLS, but the certificate is not right",
		    .detail = quote(exam, address->tls.verdict),
		    .remedy = "Most senders go on all the same; those that "
		    "look at MTA-STS do not.", .reference = "RFC 8461 4.1"));
	if (!address->is_confirmed && address->reverse.result <= DNS_NO_NAME)
		add(exam, REPORT_NOTE, place, FINDING(.id = "reverse-name",
		    .title = address->name[0] != '\0' ? "the address's name "
		    "leads elsewhere" : "the address has no name",
		    .detail = address->name, .remedy = "It matters if this "
		    "host sends, too: get a PTR record that agrees.",
		    .reference = "RFC 1912 2.1"));
	judge_dane(exam, host, address);
}

/* --- MTA-STS */

static void
judge_policy(const struct exam *exam, const struct road *road)
{
	const struct sts_policy *policy = &road->policy.policy;

	if (road->sts.lookup.result > DNS_NO_NAME)
		return;
	if (road->sts.n == 0) {
		add(exam, REPORT_NOTE, road->domain, FINDING(
		    .id = "mta-sts", .title = "no MTA-STS",
		    .remedy = "With a small file on a web server you can "
		    "demand that mail to you comes over verified TLS. (DANE "
		    "does that as well.)", .reference = "RFC 8461"));
		return;
	}
	if (road->sts.n > 1)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "mta-sts",
		    .title = "more than one MTA-STS record: none counts",
		    .remedy = "Leave one.", .reference = "RFC 8461 3.1"));
	if (!road->policy.is_got) {
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "mta-sts",
		    .title = "the MTA-STS policy cannot be had",
		    .detail = quote(exam, road->policy.why),
		    .remedy = "https://mta-sts.DOMAIN/.well-known/mta-sts.txt "
		    "must be there, with a right certificate and without a "
		    "redirection; or remove the TXT record.",
		    .reference = "RFC 8461 3.3"));
		return;
	}
	add(exam, policy->mode == STS_MODE_ENFORCE ? REPORT_GOOD :
	    REPORT_NOTE, road->domain, FINDING(.id = "mta-sts",
	    .title = report_text(exam->report, "MTA-STS in mode %s",
	    sts_mode_name(policy->mode)), .remedy = "Once the reports "
	    "(TLS-RPT) are clean, go to mode enforce.",
	    .reference = "RFC 8461 5"));
	for (size_t i = 0; i < road->host_n; i++)
		if (policy->mode != STS_MODE_NONE &&
		    !sts_policy_allows(policy, span_str(road->host[i].name)))
			add(exam, policy->mode == STS_MODE_ENFORCE ?
			    REPORT_BAD : REPORT_WARNING, road->host[i].name,
			    FINDING(.id = "mta-sts-mx",
			    .title = "an MX that the MTA-STS policy does not "
			    "name", .remedy = "Add it to the policy and change "
			    "the record's id; until then mail does not go "
			    "there.", .reference = "RFC 8461 4.1"));
}

void
road_judge(const struct exam *exam, const struct road *road)
{
	bool is_reached = false;

	judge_mx(exam, road);
	for (size_t i = 0; i < road->host_n; i++) {
		const struct road_host *host = &road->host[i];

		judge_host(exam, host);
		for (size_t k = 0; k < host->address_n; k++) {
			judge_address(exam, road, host, &host->address[k]);
			is_reached |= host->address[k].dialogue.code == 250;
		}
	}
	if (road->host_n > 0 && !is_reached)
		add(exam, REPORT_BAD, road->domain, FINDING(.id = "road",
		    .title = "no host of this domain takes mail",
		    .remedy = "From here, at this moment. Many networks let "
		    "nobody out to port 25: try from elsewhere.",
		    .reference = "RFC 5321 5.1"));
	judge_policy(exam, road);
}

/* --- the table */

static const char *
tls_word(const struct road_address *address, enum report_mark *mark)
{
	if (address->dialogue.code != 250)
		return "-";
	*mark = !address->has_tls ? REPORT_WARNING : address->tls.trust ==
	    TLS_TRUSTED ? REPORT_GOOD : REPORT_NOTE;
	if (!address->has_tls)
		return "none";
	switch (address->tls.trust) {
	case TLS_TRUSTED:
	case TLS_TRUST_DANE:
		return "verified";
	case TLS_BAD_NAME:
		return "other name";
	case TLS_BAD_DATE:
		return "out of date";
	default:
		return "not trusted";
	}
}

static const char *
dane_word(const struct road_host *host, const struct road_address *address,
    enum report_mark *mark)
{
	if (host->tlsa_n == 0)
		return "-";
	*mark = REPORT_WARNING;
	if (!host->tlsa_lookup.is_secure || !host->lookup.is_secure)
		return "not signed";
	if (!address->has_dane)
		return "not tried";
	if (address->dane == TLS_TRUST_DANE) {
		*mark = REPORT_GOOD;
		return "matches";
	}
	*mark = address->dane == TLS_TRUST_NONE ? REPORT_WARNING : REPORT_BAD;
	return address->dane == TLS_TRUST_NONE ? "of no use" :
	    "does not match";
}

static void
show_address(const struct exam *exam, struct report_table *table,
    const struct road *road, const struct road_host *host,
    const struct road_address *address)
{
	struct report_row *row = report_add_row(exam->report, table);
	struct report_cell *cell = row->cell;
	bool is_named = road->policy.is_got && sts_policy_allows(
	    &road->policy.policy, span_str(host->name));

	cell[0].text = report_text(exam->report, "%u", host->preference);
	cell[1].text = host->name;
	cell[2].text = address->text;
	cell[3] = (struct report_cell){ address->name[0] != '\0' ?
	    address->name : "-", address->is_confirmed ? REPORT_GOOD :
	    REPORT_NOTE };
	cell[4] = address->dialogue.code == 250 ?
	    (struct report_cell){ report_text(exam->report, "%u ms",
	    address->connect_ms), REPORT_GOOD } :
	    (struct report_cell){ address->dialogue.is_tried ?
	    "not reached" : "not tried", address->dialogue.is_tried ?
	    REPORT_BAD : REPORT_PLAIN };
	cell[5].text = tls_word(address, &cell[5].mark);
	cell[6].text = dane_word(host, address, &cell[6].mark);
	cell[7] = (struct report_cell){ !road->policy.is_got ? "-" :
	    is_named ? "named" : "not named", !road->policy.is_got ?
	    REPORT_PLAIN : is_named ? REPORT_GOOD : REPORT_WARNING };
}

void
road_show(const struct exam *exam, const struct road *road)
{
	struct report_table *table = report_add_table(exam->report, "road",
	    "The road", "MX|Host|Address|Its name|Reached|TLS|DANE|MTA-STS");

	for (size_t i = 0; i < road->host_n; i++) {
		const struct road_host *host = &road->host[i];
		struct report_row *row;

		for (size_t k = 0; k < host->address_n; k++)
			show_address(exam, table, road, host,
			    &host->address[k]);
		if (host->address_n > 0)
			continue;
		row = report_add_row(exam->report, table);
		row->cell[0].text = report_text(exam->report, "%u",
		    host->preference);
		row->cell[1].text = host->name;
		row->cell[2] = (struct report_cell){ "none", REPORT_BAD };
	}
}
