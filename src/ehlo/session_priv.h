/* SPDX-License-Identifier: Apache-2.0 */
/* session_priv: what session.c and session_auth.c share. */
#ifndef EHLO_SESSION_PRIV_H
#define EHLO_SESSION_PRIV_H

#include "base/buf.h"
#include "ehlo/session.h"
#include "ehlo/dial.h"

#define SESSION_LINE_MAX (SASL_CLIENT_OUT_MAX * 4 / 3 + 64)

struct session {
	struct session_options options;
	struct dial dial;
	struct buf in;			/* heard, not yet digested */
	struct smtp_client client;
	struct answer answer;		/* the last one, a copy */
	struct tls_client *own_tls;
	struct tls_facts facts;
	bool has_facts;
	const struct sasl_client_mech *mech;
	unsigned connect_took;
	char own_name[256];
	char why[512];
	char line[SESSION_LINE_MAX];	/* being said */
};

struct pump {
	session_read *read;
	void *read_arg;
	session_each *each;
	void *each_arg;
};

/* Until every step is told, or the dialogue is over. */
enum session_result session_pump(struct session *session,
    const struct pump *pump);
void session_told(struct session *session, enum session_news news,
    struct span text);
__attribute__((format(printf, 2, 3)))
void session_note(struct session *session, const char *format, ...);
/* Notes why, gives `result` back. */
__attribute__((format(printf, 3, 4)))
enum session_result session_fail(struct session *session,
    enum session_result result, const char *format, ...);

#endif
