/* SPDX-License-Identifier: Apache-2.0 */
/* What a session knows. */
#include "ehlo/session_priv.h"

int
session_fd(const struct session *session)
{
	return session->dial.fd;
}

bool
session_has_input(const struct session *session)
{
	return session->in.len != 0 || dial_has_input(&session->dial);
}

const struct answer *
session_answer(const struct session *session)
{
	return &session->answer;
}

const char *
session_why(const struct session *session)
{
	return session->why;
}

const struct smtp_client *
session_engine(const struct session *session)
{
	return &session->client;
}

const struct tls_facts *
session_tls(const struct session *session)
{
	return session->has_facts ? &session->facts : NULL;
}

struct ssl_st *
session_ssl(struct session *session)
{
	return session->dial.ssl;
}

const char *
session_peer(const struct session *session)
{
	return session->dial.peer;
}

const char *
session_local(const struct session *session)
{
	return session->dial.local;
}

const char *
session_own_name(const struct session *session)
{
	return session->own_name;
}

unsigned
session_connect_took(const struct session *session)
{
	return session->connect_took;
}

const struct sasl_client_mech *
session_mech(const struct session *session)
{
	return session->mech;
}
