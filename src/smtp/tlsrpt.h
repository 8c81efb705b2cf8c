/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt: the words of reports about TLS (RFC 8460): what can become of a
 * session, and the record in the name system that says who wants to hear of
 * it. */
#ifndef SMTP_TLSRPT_H
#define SMTP_TLSRPT_H

#include "base/put.h"
#include "base/span.h"

enum tlsrpt_result {
	TLSRPT_GOOD,
	TLSRPT_NO_STARTTLS,
	TLSRPT_WRONG_HOST,
	TLSRPT_NOT_TRUSTED,
	TLSRPT_EXPIRED,
	TLSRPT_VALIDATION,		/* anything else about the session */
	TLSRPT_TLSA_INVALID,
	TLSRPT_DNSSEC_INVALID,
	TLSRPT_DANE_REQUIRED,
	TLSRPT_STS_FETCH,
	TLSRPT_STS_INVALID,
	TLSRPT_STS_WEBPKI,
	TLSRPT_RESULTS
};
/* "starttls-not-supported"; "" of GOOD. */
const char *tlsrpt_result_name(enum tlsrpt_result result);

enum tlsrpt_kind { TLSRPT_NO_POLICY, TLSRPT_STS, TLSRPT_TLSA };
const char *tlsrpt_kind_name(enum tlsrpt_kind kind);

/* Is this TXT record one of TLS-RPT? More than one of them is none at all. */
bool tlsrpt_record_is_one(struct span text);
/* The addresses of its rua=mailto:…, decoded; whether they are addresses is
 * not looked at. Begin with *at = 0; false at the end. Other ways to report
 * are passed over. */
bool tlsrpt_record_next(struct span text, size_t *at, struct put *address);

#endif
