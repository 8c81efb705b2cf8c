/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords as servers print them; their order is that of enum cap. */
#include "smtp/cap.h"

#include "base/text.h"

static const char *const name[] = {
	[CAP_SIZE] = "SIZE",				/* RFC 1870 */
	[CAP_PIPELINING] = "PIPELINING",		/* RFC 2920 */
	[CAP_8BITMIME] = "8BITMIME",			/* RFC 6152 */
	[CAP_ENHANCEDSTATUSCODES] = "ENHANCEDSTATUSCODES", /* RFC 2034 */
	[CAP_CHUNKING] = "CHUNKING",			/* RFC 3030 */
	[CAP_BINARYMIME] = "BINARYMIME",		/* RFC 3030 */
	[CAP_SMTPUTF8] = "SMTPUTF8",			/* RFC 6531 */
	[CAP_DSN] = "DSN",				/* RFC 3461 */
	[CAP_STARTTLS] = "STARTTLS",			/* RFC 3207 */
	[CAP_AUTH] = "AUTH",				/* RFC 4954 */
	[CAP_HELP] = "HELP",				/* RFC 5321 */
	[CAP_VRFY] = "VRFY",
	[CAP_EXPN] = "EXPN",
	[CAP_ETRN] = "ETRN",				/* RFC 1985 */
	[CAP_TURN] = "TURN",				/* RFC 821 */
	[CAP_X_EXPS] = "X-EXPS",			/* Exchange */
	[CAP_X_ANONYMOUSTLS] = "X-ANONYMOUSTLS",
	[CAP_XEXCH50] = "XEXCH50",
	[CAP_XRDST] = "XRDST",
	[CAP_X_LINK2STATE] = "X-LINK2STATE",
	[CAP_REQUIRETLS] = "REQUIRETLS",		/* RFC 8689 */
	[CAP_DELIVERBY] = "DELIVERBY",			/* RFC 2852 */
	[CAP_FUTURERELEASE] = "FUTURERELEASE",		/* RFC 4865 */
	[CAP_XCLIENT] = "XCLIENT",			/* Postfix */
	[CAP_UNKNOWN] = "unknown",
};

_Static_assert(CAP_UNKNOWN <= 32, "a cap_set has 32 bits");

/* "AUTH=LOGIN" is what servers say to clients older than RFC 2554; the "="
 * ends a keyword as a space does. */
static size_t
keyword_len(struct span line)
{
	size_t n = 0;

	while (n < line.len && line.p[n] != ' ' && line.p[n] != '\t' &&
	    line.p[n] != '=')
		n++;
	return n;
}

enum cap
cap_parse(struct span line, struct span *args)
{
	struct span keyword = span_first(line, keyword_len(line));

	*args = span_trim(span_skip(line, keyword.len + 1));
	for (unsigned cap = 0; cap < CAP_UNKNOWN; cap++)
		if (span_caseeq(keyword, span_str(name[cap])))
			return (enum cap)cap;
	return CAP_UNKNOWN;
}

const char *
cap_name(enum cap cap)
{
	return name[cap];
}
