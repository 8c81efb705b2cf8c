/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: whether, which, and how it begins. */
#include "ehlo/exam_judge.h"

static bool
offers_starttls(const struct judge *j)
{
	return (j->facts->clear.caps.bits & 1u << CAP_STARTTLS) != 0;
}

static enum report_mark
judge_starttls(const struct judge *j, const char **detail)
{
	(void)detail;
	if (j->place->is_implicit || !j->facts->clear.is_tried)
		return REPORT_PLAIN;
	if (offers_starttls(j))
		return REPORT_GOOD;
	return j->place->role == EXAM_OTHER ? REPORT_WARNING : REPORT_BAD;
}

static enum report_mark
judge_handshake(const struct judge *j, const char **detail)
{
	const struct exam_facts *f = j->facts;

	if (j->place->is_implicit ? !f->has_tls : !f->starttls.is_tried)
		return REPORT_PLAIN;
	if (f->has_tls && f->tls.is_tried) {
		*detail = report_text(j->exam->report, "%s, %s%s%s",
		    f->cert.protocol, f->cert.cipher,
		    f->cert.group[0] != '\0' ? ", " : "", f->cert.group);
		return REPORT_GOOD;
	}
	*detail = exam_words(j->exam, j->place->is_implicit ? &f->greeting :
	    &f->starttls);
	return REPORT_BAD;
}

static enum report_mark
judge_injection(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->injection;

	if (!a->is_tried)
		return REPORT_PLAIN;
	if (a->code == 221 || a->result != SESSION_OK)
		return REPORT_GOOD;
	*detail = "a NOOP that was sent in clear, behind STARTTLS, was "
	    "answered inside of TLS";
	return REPORT_BAD;
}

static enum report_mark
judge_again(const struct judge *j, const char **detail)
{
	const struct exam_hello *hello = &j->facts->tls;

	if (!hello->is_tried || j->place->is_implicit)
		return REPORT_PLAIN;
	if (!hello->is_extended) {
		*detail = "EHLO is refused behind STARTTLS";
		return REPORT_WARNING;
	}
	return (hello->caps.bits & 1u << CAP_STARTTLS) != 0 ?
	    REPORT_WARNING : REPORT_GOOD;
}

static enum report_mark
judge_old(const struct judge *j, const char **detail)
{
	const struct exam_version *v = j->facts->version;

	if (v[TLS_1_2].state == EXAM_UNTRIED)
		return REPORT_PLAIN;
	if (v[TLS_1_0].state != EXAM_ACCEPTED &&
	    v[TLS_1_1].state != EXAM_ACCEPTED)
		return REPORT_GOOD;
	*detail = v[TLS_1_0].state != EXAM_ACCEPTED ? "TLS 1.1" :
	    v[TLS_1_1].state != EXAM_ACCEPTED ? "TLS 1.0" :
	    "TLS 1.0 and 1.1";
	/* to the world, old TLS is still better than none (RFC 7435) */
	return j->place->role == EXAM_MX ? REPORT_NOTE : REPORT_WARNING;
}

static enum report_mark
judge_new(const struct judge *j, const char **detail)
{
	const struct exam_version *v = j->facts->version;

	if (v[TLS_1_3].state == EXAM_UNTRIED ||
	    v[TLS_1_2].state == EXAM_UNTRIED)
		return REPORT_PLAIN;
	if (v[TLS_1_3].state == EXAM_ACCEPTED)
		return REPORT_GOOD;
	*detail = v[TLS_1_2].state == EXAM_ACCEPTED ? "TLS 1.2 is the newest" :
	    "neither TLS 1.2 nor 1.3";
	return v[TLS_1_2].state == EXAM_ACCEPTED ? REPORT_NOTE : REPORT_BAD;
}

static enum report_mark
judge_weak(const struct judge *j, const char **detail)
{
	const struct exam_version *weak = &j->facts->weak;

	if (weak->state == EXAM_UNTRIED)
		return REPORT_PLAIN;
	*detail = weak->cipher;
	return weak->state == EXAM_ACCEPTED ? REPORT_BAD : REPORT_GOOD;
}

static enum report_mark
judge_anonymous(const struct judge *j, const char **detail)
{
	const struct exam_version *anonymous = &j->facts->anonymous;

	if (anonymous->state != EXAM_ACCEPTED)
		return REPORT_PLAIN;
	*detail = anonymous->cipher;
	return j->place->role == EXAM_SUBMISSION ? REPORT_WARNING :
	    REPORT_NOTE;
}

static const struct judge_row rows[] = {
	{ "starttls", judge_starttls, "STARTTLS is offered",
	    "STARTTLS is not offered: all goes in clear",
	    "Give the server a certificate (a free one does) and turn TLS on. "
	    "If it is on, look for a firewall that blanks out the word "
	    "(\"250-XXXXXXXA\").", "RFC 3207 4, RFC 8314 3" },
	{ "handshake", judge_handshake, "TLS works", "TLS does not work",
	    "Look into the server's log: a key that does not fit or cannot be "
	    "read, or no version or cipher in common.", "RFC 3207 4.1" },
	{ "injection", judge_injection,
	    "what is said in clear is forgotten by STARTTLS",
	    "commands in clear are obeyed inside of TLS",
	    "Somebody on the way can put commands of his into your people's "
	    "sessions. Update the server (or the proxy before it).",
	    "RFC 3207 6, CVE-2011-0411" },
	{ "ehlo-again", judge_again, "EHLO is answered anew behind STARTTLS",
	    "EHLO behind STARTTLS is not answered as it should be",
	    "STARTTLS must not be offered again inside of TLS.",
	    "RFC 3207 4.2" },
	{ "tls-old", judge_old, "old versions of TLS are refused",
	    "old versions of TLS are accepted",
	    "Turn TLS 1.0 and 1.1 off where people log in. At port 25 they may "
	    "stay for servers that would else send in clear.",
	    "RFC 8996 4, 5" },
	{ "tls-new", judge_new, "TLS 1.3 is accepted",
	    "TLS 1.3 is not accepted", "Update the server's TLS library.",
	    "RFC 9325 3.1.1" },
	{ "tls-weak", judge_weak, "weak ciphers are refused",
	    "ciphers that protect nothing are accepted",
	    "Remove NULL, export, RC4, DES and MD5 ciphers.",
	    "RFC 9325 4.1" },
	{ "tls-anonymous", judge_anonymous, "",
	    "TLS without a certificate is accepted, too",
	    "Only clients that ask for it get it, and they would not look at "
	    "a certificate; where people log in, turn it off (Postfix: "
	    "smtpd_tls_exclude_ciphers = aNULL).", "RFC 9325 4.1" },
};

void
judge_tls(const struct judge *judge)
{
	judge_rows(judge, rows, countof(rows));
	judge_certificate(judge);
}
