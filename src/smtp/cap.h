/* SPDX-License-Identifier: Apache-2.0 */
/* cap: EHLO keywords, one table for the server that offers them and for the
 * client that reads them (case-insensitively; "OK" is no keyword). */
#ifndef SMTP_CAP_H
#define SMTP_CAP_H

#include <stdint.h>

#include "base/span.h"

enum cap {
	CAP_SIZE, CAP_PIPELINING, CAP_8BITMIME, CAP_ENHANCEDSTATUSCODES,
	CAP_CHUNKING, CAP_BINARYMIME, CAP_SMTPUTF8, CAP_DSN, CAP_STARTTLS,
	CAP_AUTH, CAP_HELP, CAP_VRFY, CAP_EXPN, CAP_ETRN, CAP_TURN,
	CAP_X_EXPS, CAP_X_ANONYMOUSTLS, CAP_XEXCH50, CAP_XRDST,
	CAP_X_LINK2STATE, CAP_REQUIRETLS, CAP_DELIVERBY,
	CAP_FUTURERELEASE, CAP_XCLIENT,
	CAP_UNKNOWN
};

struct cap_set {
	uint32_t bits;		/* 1u << enum cap */
	uint64_t size;		/* of SIZE; 0: none given */
	uint64_t by_min;	/* seconds, of DELIVERBY; 0: none given */
};

/* One line of an EHLO answer without code and end: "SIZE 1000",
 * "AUTH=LOGIN". The arguments are left in `*args`. */
enum cap cap_parse(struct span line, struct span *args);
const char *cap_name(enum cap cap);

#endif
