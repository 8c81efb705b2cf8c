/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate: name, chain, dates, key; each judged by itself, whatever
 * was wrong first. */
#include <stdlib.h>

#include <openssl/x509_vfy.h>

#include "base/text.h"
#include "ehlo/exam_judge.h"

#define SOON_DAYS 14

/* To the world a wrong certificate is as good as none, and most senders do not
 * look (RFC 7435); who logs in must look (RFC 8314). */
static enum report_mark
worst(const struct judge *j)
{
	return j->place->role == EXAM_MX ? REPORT_WARNING : REPORT_BAD;
}

/* Does a name of a certificate cover `host`? One star, as the whole first
 * label (RFC 6125 6.4.3). */
static bool
covers(struct span name, struct span host)
{
	if (span_starts(name, SPAN("*."))) {
		struct span rest = host;

		(void)span_cut(&rest, '.');
		return rest.len > 0 && span_caseeq(span_skip(name, 2), rest);
	}
	return span_caseeq(name, host);
}

static bool
has_name(const struct tls_facts *cert, struct span host)
{
	struct span rest = span_str(cert->names);

	while (rest.len > 0)
		if (covers(span_trim(span_cut(&rest, ',')), host))
			return true;
	return false;
}

/* A name that would be right: the first that is none of a pattern. */
static struct span
better_name(const struct judge *j)
{
	struct span rest = span_str(j->facts->cert.names), name;

	/* the name that the address has in DNS, best of all */
	for (size_t i = 0; i < j->facts->reverse_n; i++)
		if (has_name(&j->facts->cert,
		    span_str(j->facts->reverse[i])))
			return span_str(j->facts->reverse[i]);
	while (rest.len > 0) {
		name = span_trim(span_cut(&rest, ','));
		if (name.len > 0 && name.p[0] != '*')
			return name;
	}
	return (struct span){ "", 0 };
}

static enum report_mark
judge_name(const struct judge *j, const char **detail)
{
	const struct tls_facts *cert = &j->facts->cert;
	struct report *report = j->exam->report;
	struct span better;

	if (cert->asked[0] == '\0')
		return REPORT_PLAIN;
	if (has_name(cert, span_str(cert->asked))) {
		*detail = report_quote(report, span_str(cert->asked));
		return REPORT_GOOD;
	}
	*detail = report_text(report, "asked for %s; the certificate is for "
	    "%s", report_quote(report, span_str(cert->asked)),
	    cert->names[0] != '\0' ? report_quote(report,
	    span_str(cert->names)) : "nobody");
	better = better_name(j);
	if (better.len > 0)
		*detail = report_text(report, "%s. Configure %s as the "
		    "server's name instead, if it leads to this server",
		    *detail, report_quote(report, better));
	return worst(j);
}

static const char *
days_text(const struct judge *j, int64_t days)
{
	return report_text(j->exam->report, "%lld day%s", (long long)days,
	    days == 1 ? "" : "s");
}

static enum report_mark
judge_date(const struct judge *j, const char **detail)
{
	const struct tls_cert_facts *leaf = &j->facts->cert.cert[0];
	int64_t now = (int64_t)(j->exam->report->begun_ms / 1000);
	int64_t days = (leaf->not_after - now) / 86400;

	if (now < leaf->not_before) {
		*detail = report_text(j->exam->report, "not valid for another "
		    "%s (are the clocks right?)", days_text(j,
		    (leaf->not_before - now) / 86400 + 1));
		return worst(j);
	}
	if (now > leaf->not_after) {
		*detail = report_text(j->exam->report, "it ended %s ago",
		    days_text(j, (now - leaf->not_after) / 86400));
		return worst(j);
	}
	*detail = report_text(j->exam->report, "%s left",
	    days_text(j, days));
	return days < SOON_DAYS ? REPORT_WARNING : REPORT_GOOD;
}

static bool
is_missing_issuer(int code)
{
	return code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	    code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	    code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static enum report_mark
judge_chain(const struct judge *j, const char **detail)
{
	const struct tls_facts *cert = &j->facts->cert;
	const struct tls_cert_facts *last = &cert->cert[cert->cert_n - 1];
	struct report *report = j->exam->report;

	if (cert->trust == TLS_TRUST_DANE) {
		*detail = "by DANE";
		return REPORT_GOOD;
	}
	if (cert->trust != TLS_BAD_CHAIN) {
		*detail = report_text(report, "%u certificates sent, issuer "
		    "%s", cert->cert_n, last->issuer);
		return cert->trust == TLS_TRUSTED ||
		    cert->trust == TLS_BAD_NAME ? REPORT_GOOD : REPORT_PLAIN;
	}
	*detail = cert->verdict;
	if (cert->cert_n == 1 && cert->cert[0].is_self_signed)
		*detail = "it is signed by itself: nobody vouches for it";
	else if (is_missing_issuer(cert->verify_code) && !last->is_self_signed)
		*detail = report_text(report, "the certificate of \"%s\" is "
		    "neither sent nor known here: an intermediate one is "
		    "missing, or the authority is a private one (--ca-file)",
		    last->issuer);
	return worst(j);
}

static enum report_mark
judge_order(const struct judge *j, const char **detail)
{
	const struct tls_facts *cert = &j->facts->cert;

	for (unsigned i = 0; i + 1 < cert->cert_n; i++)
		if (strcmp(cert->cert[i].issuer, cert->cert[i + 1].subject) !=
		    0) {
			*detail = report_text(j->exam->report, "behind \"%s\" "
			    "comes \"%s\", which did not sign it",
			    cert->cert[i].subject, cert->cert[i + 1].subject);
			return REPORT_WARNING;
		}
	if (cert->cert_n > 1 && cert->cert[cert->cert_n - 1].is_self_signed) {
		*detail = "the root is sent along, which nobody needs";
		return REPORT_NOTE;
	}
	return REPORT_PLAIN;
}

static enum report_mark
judge_key(const struct judge *j, const char **detail)
{
	const struct tls_cert_facts *leaf = &j->facts->cert.cert[0];
	bool is_small = strncmp(leaf->key, "RSA ", 4) == 0 &&
	    strtol(leaf->key + 4, NULL, 10) < 2048;
	bool is_old = strcasestr(leaf->signature, "sha1") != NULL ||
	    strcasestr(leaf->signature, "md5") != NULL;

	*detail = report_text(j->exam->report, "%s, signed by %s", leaf->key,
	    leaf->signature);
	return is_small || is_old ? REPORT_WARNING : REPORT_GOOD;
}

static const struct judge_row rows[] = {
	{ "certificate-name", judge_name, "the certificate has the right name",
	    "the certificate has another name",
	    "Clients warn or refuse. Get a certificate for the name that "
	    "people configure, or tell them the certificate's name.",
	    "RFC 7817 3, RFC 6125 6" },
	{ "certificate-date", judge_date, "the certificate is in date",
	    "the certificate is out of date",
	    "Renew it, restart or reload the server, and let it be renewed "
	    "by a program from now on.", "RFC 5280 4.1.2.5" },
	{ "certificate-chain", judge_chain, "the certificate is trusted",
	    "the certificate is not trusted",
	    "Use one of a public authority, and put its intermediate "
	    "certificates behind your own in the file the server reads "
	    "(\"fullchain.pem\").", "RFC 8446 4.4.2" },
	{ "certificate-order", judge_order, "",
	    "the chain is not as it should be",
	    "Leaf first, then each one's issuer; without the root.",
	    "RFC 8446 4.4.2" },
	{ "certificate-key", judge_key, "key and signature are strong",
	    "key or signature are weak",
	    "Make a new key: RSA of 2048 bits or more, or EC P-256; signed "
	    "with SHA-256.", "RFC 9325 4.5" },
};

void
judge_certificate(const struct judge *judge)
{
	if (judge->facts->cert.cert_n > 0)
		judge_rows(judge, rows, countof(rows));
}
