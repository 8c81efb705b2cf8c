/* SPDX-License-Identifier: Apache-2.0 */
/* param: the parameters behind MAIL FROM:<…> and RCPT TO:<…>, as values.
 * Sources: SIZE RFC 1870, BODY RFC 6152 and 3030, SMTPUTF8 RFC 6531,
 * RET ENVID NOTIFY ORCPT RFC 3461, AUTH RFC 4954 5, REQUIRETLS RFC 8689,
 * HOLDFOR HOLDUNTIL RFC 4865, BY RFC 2852. */
#ifndef SMTP_PARAM_H
#define SMTP_PARAM_H

#include <stdint.h>

#include "base/span.h"

#define PARAM_ENVID_MAX 100	/* octets as received (xtext), RFC 3461 4.4 */
#define PARAM_ORCPT_MAX 500	/* octets, RFC 3461 4.2 */
#define PARAM_AUTH_MAX  500

enum param_body { PARAM_BODY_7BIT, PARAM_BODY_8BITMIME, PARAM_BODY_BINARYMIME };
enum param_ret { PARAM_RET_UNSET, PARAM_RET_FULL, PARAM_RET_HDRS };
enum param_notify {	/* bits */
	PARAM_NOTIFY_NEVER = 1, PARAM_NOTIFY_SUCCESS = 2,
	PARAM_NOTIFY_FAILURE = 4, PARAM_NOTIFY_DELAY = 8
};

enum param_hold { PARAM_HOLD_NONE, PARAM_HOLD_FOR, PARAM_HOLD_UNTIL };
enum param_by {		/* what is to happen when the time is over */
	PARAM_BY_NONE,
	PARAM_BY_RETURN,	/* it goes back */
	PARAM_BY_NOTIFY		/* its sender is told, once */
};

struct mail_params {
	uint64_t size;		/* octets; 0: not declared */
	enum param_hold hold;
	uint64_t hold_s;	/* seconds: from now, or since 1970 */
	enum param_by by;
	bool by_trace;		/* every relay tells that it was one */
	int64_t by_s;		/* seconds from now, or ago */
	enum param_body body;
	enum param_ret ret;
	bool has_size;
	bool smtputf8;
	bool has_auth;
	bool requiretls;
	char envid[PARAM_ENVID_MAX + 1];	/* xtext as received, or "" */
	char auth[PARAM_AUTH_MAX + 1];		/* decoded; "<>" for none */
};

struct rcpt_params {
	unsigned notify;	/* bits; 0: not given */
	char orcpt[PARAM_ORCPT_MAX + 1];	/* "type;xtext" as received */
};

/* Which extensions are switched on: a parameter of one that is not is
 * unknown. */
struct param_allow {
	bool size, eightbit, binary, smtputf8, dsn, auth, requiretls, hold,
	    by;
};

enum param_result {
	PARAM_OK,
	PARAM_UNKNOWN,		/* 555 5.5.4 */
	PARAM_BAD,		/* 501 5.5.4 */
	PARAM_TWICE		/* 501 5.5.4 */
};

/* `text` is all behind the path. On failure `*bad` is the parameter at
 * fault. SIZE of more than 20 digits or past 2^64 is PARAM_BAD. */
enum param_result param_parse_mail(struct span text,
    const struct param_allow *allow, struct mail_params *out,
    struct span *bad);
enum param_result param_parse_rcpt(struct span text,
    const struct param_allow *allow, struct rcpt_params *out,
    struct span *bad);

#endif
