/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH, RFC 4954: base64 in, base64 out; what it means is the caller's. No
 * octet of a response is ever said back or shown. */
#include "smtp/server_private.h"

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"

#define DECODED_MAX (SMTP_AUTH_LINE_MAX / 4 * 3)
#define MECH_MAX    64	/* RFC 4422 3.1 has 20 */

_Static_assert(DECODED_MAX + MECH_MAX <= SMTP_AUTH_LINE_MAX,
    "response and mechanism share the scratch memory");

bool
engine_has_word(struct span list, struct span word)
{
	while (list.len != 0)
		if (span_caseeq(span_cut(&list, ' '), word))
			return word.len != 0;
	return false;
}

static struct span
mechanisms_behind_tls(const struct smtp_server *server, bool is_exps)
{
	return is_exps ? server->conf->exps_tls : server->conf->auth_tls;
}

struct span
engine_mechanisms(const struct smtp_server *server, bool is_exps)
{
	if (server->is_tls)
		return mechanisms_behind_tls(server, is_exps);
	return is_exps ? server->conf->exps_clear : server->conf->auth_clear;
}

static void
refuse_base64(struct smtp_server *server, enum base64_result result,
    size_t len, size_t at)
{
	char memory[20];
	struct put number = put_init(memory, sizeof memory);

	put_u64(&number, result == BASE64_BAD_CHAR ? at + 1 : len);
	if (result == BASE64_BAD_CHAR)
		engine_refuse(server,
		    REPLY_OF(BASE64_CHAR, put_span(&number)));
	else if (result == BASE64_BAD_LENGTH)
		engine_refuse(server,
		    REPLY_OF(BASE64_LENGTH, put_span(&number)));
	else if (result == BASE64_TOO_LONG)
		engine_refuse(server, REPLY_OF(AUTH_LINE_TOO_LONG));
	else
		engine_refuse(server, REPLY_OF(BASE64_PADDING));
}

/* Decodes into the event; if that fails, says so. */
static bool
take_response(struct smtp_server *server, struct span text,
    struct smtp_event *event)
{
	struct put out = put_init(event->scratch, DECODED_MAX);
	size_t at = 0;
	enum base64_result result = base64_decode(text, &out, &at);

	if (result != BASE64_OK) {
		server->has_failed_auth = true;
		refuse_base64(server, result, text.len, at);
		return false;
	}
	event->auth.has_response = true;
	event->auth.response = put_span(&out);
	return true;
}

/* Why this mechanism is not for this session; REPLY_COUNT if it is. */
static enum reply_id
mechanism_fault(const struct smtp_server *server, struct span mechanism,
    bool is_exps)
{
	struct span offered = engine_mechanisms(server, is_exps);
	struct span behind_tls = mechanisms_behind_tls(server, is_exps);

	if (server->is_authenticated)
		return REPLY_AUTH_ALREADY;
	if (offered.len == 0 && (server->is_tls || behind_tls.len == 0))
		return REPLY_AUTH_NOT_OFFERED;
	if (mechanism.len == 0)
		return REPLY_AUTH_SYNTAX;
	if (engine_has_word(offered, mechanism))
		return REPLY_COUNT;
	return !server->is_tls &&
		(offered.len == 0 || engine_has_word(behind_tls, mechanism))
	    ? REPLY_AUTH_NEEDS_TLS
	    : REPLY_AUTH_MECHANISM;
}

/* What is said where the mechanism has no challenge to begin with. */
static enum reply_id
words_to_go(struct span mechanism)
{
	if (span_caseeq(mechanism, SPAN("NTLM")))
		return REPLY_AUTH_GO_NTLM;
	if (span_caseeq(mechanism, SPAN("GSSAPI")))
		return REPLY_AUTH_GO_GSSAPI;
	return REPLY_AUTH_GO;
}

bool
engine_auth_command(struct smtp_server *server, struct span args,
    bool is_exps, struct smtp_event *event)
{
	struct span mechanism = span_cut(&args, ' ');
	struct put name = put_init(event->scratch + DECODED_MAX, MECH_MAX);
	enum reply_id fault = mechanism_fault(server, mechanism, is_exps);

	args = span_trim(args);
	if (fault == REPLY_COUNT && span_find(args, ' ') != args.len)
		fault = REPLY_AUTH_SYNTAX;
	if (fault != REPLY_COUNT) {
		server->has_failed_auth = true;
		engine_refuse(server, &(struct reply){ .id = fault,
		    .arg = { engine_mechanisms(server, is_exps) } });
		return false;
	}
	event->auth.has_response = false;
	event->auth.response = SPAN("");
	/* "=" is the empty response, RFC 4954 4 */
	if (args.len != 0 && !take_response(server,
	    span_eq(args, SPAN("=")) ? SPAN("") : args, event))
		return false;
	for (size_t i = 0; i < mechanism.len; i++)
		put_char(&name, ascii_upper(mechanism.p[i]));
	must(!name.full);
	event->auth.mechanism = put_span(&name);
	server->auth_go = words_to_go(mechanism);
	engine_enter(server, SMTP_MODE_AUTH);
	return engine_ask(server, event, SMTP_AUTH);
}

static bool
end_exchange(struct smtp_server *server, const struct reply *reply,
    struct smtp_event *event)
{
	server->has_failed_auth = true;
	engine_enter(server, SMTP_MODE_READY);
	engine_refuse(server, reply);
	return engine_tell(event, SMTP_AUTH_OVER);
}

bool
engine_auth_line(struct smtp_server *server, enum line_result result,
    struct span line, struct smtp_event *event)
{
	switch (result) {
	case LINE_MORE:
		break;
	case LINE_BARE_LF:
		server->notes |= NOTE_LF_COMMAND;
		engine_hang_up(server, REPLY_OF(LINE_BARE_LF));
		return engine_tell(event, SMTP_AUTH_OVER);
	case LINE_BAD_BYTE:
		return end_exchange(server, REPLY_OF(AUTH_MALFORMED), event);
	case LINE_TOO_LONG:
		return end_exchange(server, REPLY_OF(AUTH_LINE_TOO_LONG),
		    event);
	case LINE_OK:
	case LINE_OK_LF:
		break;
	}
	line = engine_edit(server, line, event);
	if (span_eq(line, SPAN("*")))
		return end_exchange(server, REPLY_OF(AUTH_CANCELLED), event);
	event->auth.mechanism = SPAN("");
	if (take_response(server, line, event))
		return engine_ask(server, event, SMTP_AUTH);
	if (server->mode != SMTP_MODE_CLOSED)
		engine_enter(server, SMTP_MODE_READY);
	return engine_tell(event, SMTP_AUTH_OVER);
}

void
smtp_server_challenge(struct smtp_server *server, struct span challenge)
{
	char memory[REPLY_MAX];
	struct put out = put_init(memory, sizeof memory);

	if (server->mode == SMTP_MODE_CLOSED)
		return;
	must(server->question == SMTP_AUTH);
	server->question = 0;
	if (challenge.len == 0) {
		engine_say(server, &(struct reply){ .id = server->auth_go });
		server->auth_go = REPLY_AUTH_GO;
		return;
	}
	put_str(&out, "334 ");
	base64_encode(challenge, &out);
	put_str(&out, "\r\n");
	must(!out.full);
	engine_write(server, put_span(&out));
}

void
engine_answer_auth(struct smtp_server *server, const struct reply *reply)
{
	unsigned max = server->conf->auth_failures_max;

	engine_enter(server, SMTP_MODE_READY);
	if (reply_is_positive(reply->id)) {
		server->is_authenticated = true;
		engine_say(server, reply);
		return;
	}
	server->has_failed_auth = true;
	if (reply_code(reply->id, PERSONA_NATIVE) >= 500)
		server->auth_failures++;
	if (max != 0 && server->auth_failures >= max)
		engine_hang_up(server, REPLY_OF(AUTH_TOO_MANY));
	else
		engine_refuse(server, reply);
}
