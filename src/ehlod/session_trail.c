/* SPDX-License-Identifier: Apache-2.0 */
/* session_trail: the events of a session for the trail (trail/trail.h). What a
 * message goes through is told by transaction.c and deliver/. */
#include "ehlod/session_state.h"
#include "trail/trail.h"

static struct trail_event
event_of(const struct session *session, enum trail_kind kind)
{
	return (struct trail_event){ .kind = kind,
		.session = session->number, .peer = peer_of(session) };
}

void
session_trail_begin(const struct session *session)
{
	struct trail_event event = event_of(session, TRAIL_CONNECT);

	event.name = span_str(session->listener->conf->name);
	trail_event(&event);
}

void
session_trail_tls(const struct session *session)
{
	struct trail_event event = event_of(session, TRAIL_TLS);
	char text[128];

	if (!trail_is_on())
		return;
	conn_tls_text(session->conn, text, sizeof text);
	event.facts = span_str(text);
	trail_event(&event);
}

void
session_trail_login(const struct session *session, const struct login *login,
    const struct login_answer *result)
{
	struct trail_event event = event_of(session, result->is_good
	    ? TRAIL_LOGIN : TRAIL_LOGIN_FAILED);

	event.name = login_name(login);
	event.facts = span_str(login_mechanism(login));
	if (!result->is_good)
		event.words = span_str(result->why);
	trail_event(&event);
}

void
session_trail_refused(const struct session *session, const char *what,
    struct span address, const struct reply *reply)
{
	struct trail_event event = event_of(session, TRAIL_REFUSED);
	char text[REPLY_MAX];
	struct put out = put_init(text, sizeof text);

	if (!trail_is_on())
		return;
	reply_format(reply, session->listener->smtp.persona, &out);
	event.name = address;
	event.facts = span_str(what);
	event.words = span_first(put_span(&out),
	    span_find(put_span(&out), '\r'));
	trail_event(&event);
}

void
session_trail_end(const struct session *session, const char *why)
{
	struct trail_event event = event_of(session, TRAIL_END);

	event.words = span_str(why);
	event.number = session->mails;
	trail_event(&event);
}
