/* SPDX-License-Identifier: Apache-2.0 */
/* exam_judge: the judgements behind exam_judge(). Private to the examination.
 */
#ifndef EHLO_EXAM_JUDGE_H
#define EHLO_EXAM_JUDGE_H

#include "ehlo/exam.h"

struct judge {
	const struct exam *exam;
	const struct exam_place *place;
	const struct exam_facts *facts;
};

struct judge_row {
	const char *id;
	/* REPORT_PLAIN: there is nothing to say. `*detail` is "" before. */
	enum report_mark (*judge)(const struct judge *judge,
	    const char **detail);
	const char *good, *bad;	/* the finding's title */
	const char *remedy, *reference;
};

/* What EHLO told where it counts: behind TLS if that stands. */
const struct exam_hello *judge_hello(const struct judge *judge);
/* Goes through a table, into the report. */
void judge_rows(const struct judge *judge, const struct judge_row *row,
    size_t n);
/* Versions, ciphers, and the certificate (exam_judge_tls.c, _cert.c). */
void judge_tls(const struct judge *judge);
void judge_certificate(const struct judge *judge);
/* What goes in clear, and who gets in (exam_judge_login.c). */
void judge_logins(const struct judge *judge);

#endif
