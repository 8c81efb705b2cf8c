/* SPDX-License-Identifier: Apache-2.0 */
/* session_etrn: a site that is not always there asks for its mail (ETRN, RFC
 * 1985). */
#include "ehlod/session_state.h"

/* Mail of our own domains is delivered at once and waits for no caller; that
 * of others is not handed over. */
void
session_on_etrn(struct session *session, struct span domain)
{
	if (conf_find_domain(session->snapshot->conf, domain.p, domain.len))
		session_answer(session, REPLY_OF(ETRN_NONE, domain));
	else
		session_answer(session, REPLY_OF(ETRN_REFUSED, domain));
}
